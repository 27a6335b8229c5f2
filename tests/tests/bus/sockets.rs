//! Which sockets the helper and `forgectl` make, as the kernel saw it during a whole install.

use crate::bench::{Bench, USUAL, said};
use forge_tests::private::{LoopDisk, Person, system, until};
use std::{fs, path::Path, process::Command};

/// What is traced. `io_uring` could make sockets without a call of its own, so it is traced, too.
const CALLS: &str = "trace=socket,socketpair,connect,bind,listen,io_uring_setup,execve";
/// The system bus, by either name; glibc looks for its name cache when a tool asks for a user's name, and finds none. systemd's
/// socket is told to services in their environment; here there is none.
const PLACES: [&str; 3] = ["/run/dbus/system_bus_socket", "/var/run/dbus/system_bus_socket", "/var/run/nscd/socket"];

#[test]
fn an_install_makes_unix_sockets_only_and_speaks_to_the_bus_only() {
    system(|system| {
        let bench = Bench::new(system);
        let disk = LoopDisk::new(system, "SOCKETS", USUAL, 512);
        let (helper, client) =
            (bench.path("helper.trace"), bench.directory_of(Person::Allowed, "trace").join("forgectl"));
        let options = |trace: &Path| {
            ["--follow-forks", "--seccomp-bpf", "-e", CALLS, "-o"]
                .map(str::to_owned)
                .into_iter()
                .chain([trace.display().to_string()])
                .collect::<Vec<_>>()
        };
        let under: Vec<_> = ["/usr/bin/strace".to_owned()].into_iter().chain(options(&helper)).collect();
        let under: Vec<_> = under.iter().map(String::as_str).collect();
        bench.helper_under(&under, &["--idle-ms", "500", "--settle-ms", "0"]);

        let mut install = system.command_as(Person::Allowed, "/usr/bin/strace");
        install.args(options(&client)).arg(bench.path("forgectl")).args([
            "install",
            "--target",
            &disk.node(),
            "--answers",
        ]);
        install.arg(bench.path("answers.toml")).arg("--output").arg(bench.directory_of(Person::Allowed, "handover"));
        let output = install.output().unwrap();
        assert!(output.status.success(), "{}\n{}", said(&output), system.log("helper"));
        bench.assert_installed(&disk);
        until("the helper leaves", || system.log("helper").contains("nobody needs it").then_some(()));

        for (trace, least) in [(helper, ["/mke2fs\"", "/sbsign\""].as_slice()), (client, &["/forgectl\""])] {
            // The whole tree of processes was looked at, to its end.
            let text = until("the trace ends", || {
                fs::read_to_string(&trace).ok().filter(|text| text.ends_with("+++ exited with 0 +++\n"))
            });
            for program in least {
                assert!(text.contains(program), "{program} was not seen\n{text}");
            }
            assert!(text.contains("dbus/system_bus_socket\"}"), "{text}");
            let (sockets, strange) = judge(&text);
            println!("{}: {sockets} sockets", trace.display());
            assert!(sockets > 0 && strange.is_empty(), "{strange:#?}");
        }
    });
}

#[test]
fn the_judge_of_traces_sees_a_socket_of_the_network() {
    let directory = tempfile::tempdir().unwrap();
    let trace = directory.path().join("trace");
    let mut traced = Command::new("/usr/bin/strace");
    traced.args(["--follow-forks", "--seccomp-bpf", "-e", CALLS, "-o"]).arg(&trace);
    traced.args(["/bin/bash", "-c", "(exec 3<>/dev/tcp/127.0.0.1/1) 2>/dev/null; exit 0"]);
    assert!(traced.status().unwrap().success());
    let text = fs::read_to_string(&trace).unwrap();
    let (_, strange) = judge(&text);
    assert!(strange.iter().any(|line| line.contains("AF_INET")), "{strange:?}");
    assert!(strange.iter().any(|line| line.contains("127.0.0.1")), "{strange:?}");
}

/// Counts the sockets of a trace, and gives the calls that none of ours should make.
fn judge(trace: &str) -> (usize, Vec<&str>) {
    let (mut sockets, mut strange) = (0, Vec::new());
    for line in trace.lines() {
        // The process comes first.
        let call = line.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start();
        let fine = match call.split('(').next().unwrap_or_default() {
            "socket" | "socketpair" => {
                sockets += 1;
                call.contains("(AF_UNIX, ")
            }
            "connect" => {
                let goes = |place: &&str| call.contains(&format!("sa_family=AF_UNIX, sun_path=\"{place}\""));
                PLACES.iter().any(goes)
            }
            "bind" | "listen" | "io_uring_setup" => false,
            _ => true,
        };
        if !fine {
            strange.push(line);
        }
    }
    (sockets, strange)
}
