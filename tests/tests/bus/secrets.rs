//! Where no secret may be: on the bus, in a log, in an environment, in an argument, in a file that others can read, in a core
//! dump. The same search finds a secret where one is planted.

use crate::{
    bench::{Bench, USUAL, program, said},
    caller::{Caller, helper},
};
use forge_dbus::{
    client::{Forge, Update},
    status::Outcome,
};
use forge_model::{Handover, Receipt, Secret, layout::Role};
use forge_tests::{
    installed::etc,
    job::ANSWERS,
    look::Ext4,
    private::{LoopDisk, Monitor, Person, System, system, until},
};
use futures_util::StreamExt;
use memchr::memmem;
use std::{
    collections::HashSet,
    fs,
    os::unix::{
        fs::{MetadataExt, PermissionsExt},
        process::{CommandExt, ExitStatusExt},
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// What a person types.
const TYPED: &str = "canary-feathers-of-a-bird-that-sings";
/// No file that is longer is looked into; an install leaves none of that size but the disk.
const MOST: u64 = 64 << 20;

/// Something that must be nowhere.
struct Needle {
    what: String,
    bytes: Vec<u8>,
}

/// A place, and what was read there.
type Place = (String, Vec<u8>);

#[test]
fn no_secret_of_an_install_can_be_read_anywhere_but_in_the_handover() {
    system(|system| {
        let (bench, watch) = (Bench::new(system), Watch::new(system));
        let execs = bench.path("execs");
        fs::write(&execs, "").unwrap();
        fs::set_permissions(&execs, fs::Permissions::from_mode(0o600)).unwrap();
        let strace =
            ["/usr/bin/strace", "--follow-forks", "--seccomp-bpf", "-v", "-s", "1000000", "-e", "trace=execve", "-o"];
        let under: Vec<_> = strace.into_iter().chain(execs.to_str()).collect();
        bench.helper_under(&under, &["--idle-ms", "2000", "--settle-ms", "0"]);

        let (typed_on, generated_on) =
            (LoopDisk::new(system, "TYPED", USUAL, 512), LoopDisk::new(system, "GENERATED", USUAL, 512));
        let log = bench.directory_of(Person::Allowed, "log").join("forgectl.log");
        let monitor = Monitor::start(system);
        let mut needles = Vec::new();
        let mut places = watch.during(|| {
            let (receipt, handover) = install_typed(system, &typed_on);
            needles.push(Needle { what: "the typed password".into(), bytes: TYPED.into() });
            assert!(handover.user_password.is_none());
            needles_of("typed", &handover, &mut needles);
            needles_on("typed", &typed_on, &receipt, &mut needles);

            let mut install = bench.install(Person::Allowed, &generated_on);
            let output = install.arg("--log").arg(&log).output().unwrap();
            assert!(output.status.success(), "{}\n{}", said(&output), system.log("helper"));
            let read = |name: &str| fs::read_to_string(bench.path("handover").join(name)).unwrap();
            let credentials: serde_json::Value = serde_json::from_str(&read("credentials")).unwrap();
            for (what, value) in [
                ("the generated password", &credentials["user"]["password"]),
                ("the second code", &credentials["mok"]["code"]),
                ("the second code in groups", &credentials["mok"]["grouped"]),
                ("the second token", &credentials["services"][forge_tests::payload::CREDENTIAL]),
            ] {
                needles.push(Needle { what: what.into(), bytes: value.as_str().unwrap().into() });
            }
            let receipt: Receipt = serde_json::from_str(&read("receipt.json")).unwrap();
            needles_on("generated", &generated_on, &receipt, &mut needles);
            places_said(&output, &mut needles.iter());
        });
        places.push(("the bus".into(), monitor.bytes()));
        places.push(("forgectl --log".into(), fs::read(&log).unwrap()));
        places.push(("what the helper executed".into(), fs::read(&execs).unwrap()));
        places.push(("the logs".into(), system.journal().into_bytes()));

        assert!(needles.len() >= 20, "{} secrets", needles.len());
        for needle in &needles {
            assert!(needle.bytes.len() >= 8, "{} is too short to look for", needle.what);
        }
        println!("{} secrets, {} places", needles.len(), places.len());
        // What was searched is what should be.
        let seen = |words: &str| places.iter().any(|(_, bytes)| memmem::find(bytes, words.as_bytes()).is_some());
        for words in
            ["org.intergenos.Forge1.Manager", "/usr/sbin/mke2fs", "/sbsign", "FORGE_PRIVATE_SYSTEM=", "on the bus as"]
        {
            assert!(seen(words), "nothing has {words}");
        }
        assert_eq!(found(&needles, &places), Vec::<String>::new());
    });
}

#[test]
fn the_search_finds_a_secret_wherever_it_is_planted() {
    system(|system| {
        let (_bench, watch) = (Bench::new(system), Watch::new(system));
        let needles = [Needle { what: "canary".into(), bytes: TYPED.into() }];
        let planted = tempfile::tempdir().unwrap();
        let file = planted.path().join("file");
        let monitor = Monitor::start(system);
        let mut places = watch.during(|| {
            fs::write(&file, format!("a {TYPED} b")).unwrap();
            for path in [planted.path(), &file] {
                fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
            }
            let sleep = |command: &mut Command| command.stdin(Stdio::null()).spawn().unwrap();
            let mut environment = sleep(Command::new("/usr/bin/sleep").arg("60").env("PASSWORD", TYPED));
            let mut argument = sleep(Command::new("/bin/sh").args(["-c", "sleep 60; exit $1", "sh", TYPED]));
            let caller = Caller::new(system, Person::Allowed);
            let _ = caller.prepare(TYPED, ANSWERS).unwrap_err();
            std::thread::sleep(Duration::from_secs(1));
            for child in [&mut environment, &mut argument] {
                child.kill().unwrap();
                child.wait().unwrap();
            }
        });
        places.push(("the bus".into(), monitor.bytes()));
        let found = found(&needles, &places);
        for place in ["environ", "cmdline", "the bus", &file.display().to_string()] {
            assert!(found.iter().any(|found| found.contains(place)), "not found in {place}: {found:?}");
        }
        // Where nobody else can read, there may be one.
        fs::set_permissions(planted.path(), fs::Permissions::from_mode(0o700)).unwrap();
        assert!(self::found(&needles, &Watch::new(system).during(|| fs::write(&file, TYPED).unwrap())).is_empty());
    });
}

#[test]
fn a_helper_that_is_shot_leaves_no_core() {
    system(|system| {
        let bench = Bench::new(system);
        let directory = tempfile::tempdir().unwrap();
        let (payload, certificate) = (bench.payload.directory(), bench.path("certificate.pgp"));
        // A program that may leave a core does so here: if not, this test could not fail.
        let with_cores = |program: &Path| {
            let mut command = Command::new("/usr/bin/prlimit");
            command.arg("--core=unlimited:unlimited").arg(program).current_dir(directory.path()).process_group(0);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            command
        };
        let shot = |mut child: std::process::Child, signal| {
            let process = rustix::process::Pid::from_raw(child.id().try_into().unwrap()).unwrap();
            // Rust has a handler for full stacks: it takes the first SIGSEGV, and the second one kills.
            until("it is dead", || {
                rustix::process::kill_process(process, signal).unwrap();
                std::thread::sleep(Duration::from_millis(50));
                child.try_wait().unwrap()
            })
        };
        use rustix::process::Signal;
        let sleep = with_cores(Path::new("/usr/bin/sleep")).arg("60").spawn().unwrap();
        let id = sleep.id();
        until("sleep sleeps", || {
            (fs::read_to_string(format!("/proc/{id}/comm")).unwrap().trim() == "sleep").then_some(())
        });
        assert!(shot(sleep, Signal::SEGV).core_dumped(), "nothing leaves a core here");
        let cores = || fs::read_dir(directory.path()).unwrap().count();
        let before = cores();

        // SIGQUIT is ignored here: the shell that made the private system runs it in the background.
        for signal in [Signal::SEGV, Signal::ABORT, Signal::TRAP] {
            let mut command = with_cores(&program("forge-helper"));
            command.arg("--payload").arg(&payload).arg("--certificate").arg(&certificate);
            let child = command.spawn().unwrap();
            let id = child.id();
            until("it is the helper", || (helper(system) == Some(id)).then_some(()));
            // Tools that it runs hold keys, too, and have what it has.
            let limits = fs::read_to_string(format!("/proc/{id}/limits")).unwrap();
            let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
            assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");
            let ended = shot(child, signal);
            assert_eq!(ended.signal(), Some(signal.as_raw()));
            assert!(!ended.core_dumped(), "{signal:?} left a core");
            until("its name is free", || helper(system).is_none().then_some(()));
        }
        assert_eq!(cores(), before);
    });
}

/// Installs with a typed password, as a window would; gives what is handed over.
fn install_typed(system: &System, disk: &LoopDisk<'_>) -> (Receipt, Handover) {
    let caller = Caller::new(system, Person::Allowed);
    let asks = ANSWERS.replace("{ generate = \"passphrase\" }", "{ ask = true }");
    system.block_on(async {
        let forge = Forge::on(&caller.bus).await.unwrap();
        let job = forge.prepare(&disk.node(), &asks, false).await.unwrap();
        let mut updates = job.updates().await.unwrap();
        job.run(&job.digest().await.unwrap(), Some(&Secret::new(TYPED.into()))).await.unwrap();
        let receipt = loop {
            match updates.next().await.unwrap() {
                Update::Progress(_) => {}
                Update::Finished(outcome) => match *outcome {
                    Outcome::Installed { receipt, .. } => break *receipt,
                    other => panic!("{other:?}"),
                },
                Update::Lost => panic!("lost"),
            }
        };
        let handover = job.handover().await.unwrap();
        job.close().await.unwrap();
        (receipt, handover)
    })
}

/// The secrets that a person is handed.
fn needles_of(run: &str, handover: &Handover, needles: &mut Vec<Needle>) {
    let mut add = |what: &str, text: &str| needles.push(Needle { what: format!("{what}, {run}"), bytes: text.into() });
    add("enrollment code", handover.enrollment_code.expose());
    for (name, secret) in &handover.services {
        add(name, secret.expose());
    }
}

/// The secrets that only the disk holds: the private keys, line by line and in bytes, and the password's hash.
fn needles_on(run: &str, disk: &LoopDisk<'_>, receipt: &Receipt, needles: &mut Vec<Needle>) {
    let offset = receipt.partitions.iter().find(|p| p.role == Role::State).unwrap().offset;
    let state = Ext4::at(disk.file(), offset);
    for key in ["boot", "module"] {
        let pem = state.read(&format!("/lib/forge/mok/{key}.key"));
        let lines: Vec<_> = pem.lines().filter(|line| line.len() == 64 && !line.starts_with('-')).collect();
        assert!(lines.len() > 8, "{key}: {} lines", lines.len());
        // The first lines are the same in every key of that kind.
        for n in [3, lines.len() / 2, lines.len() - 1] {
            needles.push(Needle { what: format!("{key} key as text, line {n}, {run}"), bytes: lines[n].into() });
            let bytes = openssl::base64::decode_block(lines[n]).unwrap();
            needles.push(Needle { what: format!("{key} key as bytes, line {n}, {run}"), bytes });
        }
    }
    let shadow = state.read(&etc("shadow"));
    let hash = shadow.lines().find_map(|line| line.strip_prefix("anna:")).unwrap().split(':').next().unwrap();
    assert!(hash.starts_with('$'), "{hash}");
    needles.push(Needle { what: format!("password hash, {run}"), bytes: hash.into() });
}

/// What `forgectl` says to a terminal holds none either.
fn places_said(output: &std::process::Output, needles: &mut dyn Iterator<Item = &Needle>) {
    for needle in needles {
        assert!(memmem::find(said(output).as_bytes(), &needle.bytes).is_none(), "forgectl says {}", needle.what);
    }
}

/// Every needle that is somewhere, by its name.
fn found(needles: &[Needle], places: &[Place]) -> Vec<String> {
    let mut found = Vec::new();
    for needle in needles {
        let finder = memmem::Finder::new(&needle.bytes);
        let in_it = places.iter().filter(|(_, bytes)| finder.find(bytes).is_some());
        found.extend(in_it.map(|(place, _)| format!("{} is in {place}", needle.what)));
    }
    found
}

/// Looks at all processes, and at all files that others can read, again and again.
struct Watch {
    disks: PathBuf,
    start: Duration,
}

impl Watch {
    fn new(system: &System) -> Self {
        // A file's time can be a tick older than the clock.
        let start = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() - Duration::from_millis(20);
        Self { disks: system.disks(), start }
    }

    /// Everything that could be read while something was done, and right after it.
    fn during(&self, done: impl FnOnce()) -> Vec<Place> {
        let (end, mut places) = (AtomicBool::new(false), Vec::new());
        std::thread::scope(|scope| {
            let processes = scope.spawn(|| {
                let mut seen = HashSet::new();
                while !end.load(Ordering::Relaxed) {
                    of_processes(&mut seen);
                }
                seen
            });
            let files = scope.spawn(|| {
                let mut seen = HashSet::new();
                loop {
                    let last = end.load(Ordering::Relaxed);
                    for top in ["/tmp", "/run", "/var", "/dev/shm"] {
                        self.files(Path::new(top), &mut seen);
                    }
                    if last {
                        return seen;
                    }
                    std::thread::sleep(Duration::from_millis(50));
                }
            });
            // Even when it panics, the two come to their end.
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(done));
            end.store(true, Ordering::Relaxed);
            places.extend(processes.join().unwrap());
            places.extend(files.join().unwrap());
            if let Err(panic) = result {
                std::panic::resume_unwind(panic);
            }
        });
        places
    }

    /// What changed since the start, below a directory that everybody may enter.
    fn files(&self, directory: &Path, seen: &mut HashSet<Place>) {
        let Ok(entries) = fs::read_dir(directory) else { return };
        for entry in entries.flatten() {
            let (path, Ok(about)) = (entry.path(), entry.metadata()) else { continue };
            if about.is_dir() {
                if about.mode() & 0o001 != 0 && path != self.disks {
                    self.files(&path, seen);
                }
            } else if about.is_file() && about.mode() & 0o004 != 0 && about.len() <= MOST && self.is_new(&about) {
                let Ok(bytes) = fs::read(&path) else { continue };
                seen.insert((path.display().to_string(), bytes));
            }
        }
    }

    fn is_new(&self, about: &fs::Metadata) -> bool {
        let changed = Duration::new(about.ctime().unsigned_abs(), about.ctime_nsec().try_into().unwrap_or(0));
        changed >= self.start
    }
}

/// The environments and arguments of all processes of the private system.
fn of_processes(seen: &mut HashSet<Place>) {
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let name = entry.file_name();
        if !name.to_string_lossy().bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        for file in ["environ", "cmdline"] {
            if let Ok(bytes) = fs::read(entry.path().join(file))
                && !bytes.is_empty()
            {
                seen.insert((file.to_owned(), bytes));
            }
        }
    }
}
