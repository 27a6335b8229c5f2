//! Callers who send what nobody should. They are people whom polkit lets in: all that stands between them and the disks is
//! the helper itself, which refuses each argument by its name, stays the same process and does not grow.

use crate::{
    bench::{Bench, USUAL},
    caller::{Caller, JOB, MANAGER, Raw, Refusal, ask, connection_of, helper, memory, resident},
};
use forge_dbus::{NAME, PATH};
use forge_tests::{
    job::ANSWERS,
    payload::shared,
    private::{LoopDisk, Person, system, until},
};
use rustix::fs::{MemfdFlags, OFlags, SealFlags, fcntl_add_seals, memfd_create};
use std::{
    collections::HashMap,
    fs::File,
    io::Write,
    os::{
        fd::{AsRawFd, OwnedFd as StdFd},
        unix::fs::{FileExt, OpenOptionsExt},
    },
    time::Duration,
};
use zbus::{OwnedFd, Variant};

/// KiB that it may have grown by after all that a test did to it. A parser takes 40 MiB for the largest text here, and each
/// thread that ran it keeps what it took for the next one.
const GROWTH: u64 = 192 << 10;
/// What a memfd can be sealed with here.
const SEALS: SealFlags = SealFlags::WRITE.union(SealFlags::GROW).union(SealFlags::SHRINK);

/// The helper before, so that it can be asked for afterwards.
struct Alive {
    process: u32,
    resident: u64,
}

impl Alive {
    fn now(caller: &Caller<'_>) -> Self {
        for _ in 0..20 {
            caller.manager::<String>("Inventory", &()).unwrap();
        }
        let process = helper(caller.system).unwrap();
        Self { process, resident: resident(process) }
    }

    /// Expects that it is the same process, works, and holds no more than it should.
    fn assert_still(&self, caller: &Caller<'_>, disk: &LoopDisk<'_>) {
        let verdict: String = caller.manager("Check", &(disk.node(), memory(ANSWERS.as_bytes()))).unwrap();
        assert!(verdict.contains("digest"), "{verdict}");
        assert_eq!(helper(caller.system), Some(self.process), "{}", caller.system.log("helper"));
        let (before, now) = (self.resident, resident(self.process));
        println!("the helper holds {now} KiB, before it was {before} KiB");
        assert!(now < before + GROWTH, "it holds {now} KiB, before it was {before} KiB");
    }
}

#[test]
fn an_argument_that_can_not_be_is_refused_by_its_name() {
    system(|system| {
        let (_bench, caller) = (Bench::new(system), Caller::new(system, Person::Allowed));
        let disk = LoopDisk::new(system, "ARGUMENTS", USUAL, 512);
        let alive = Alive::now(&caller);
        let answers = || memory(ANSWERS.as_bytes());
        let long = format!("/dev/{}", "a".repeat(300));
        let huge = format!("/dev/{}", "a".repeat(16 << 20));
        let names = [
            "",
            "/dev/",
            "/dev/s\nda",
            "/dev/../etc/passwd",
            "/dev/disk/by-id/x",
            "sda",
            "/dev/\u{202e}sda",
            &long,
            &huge,
        ];
        for name in names {
            for refusal in [
                caller.manager::<String>("Check", &(name, answers())).unwrap_err(),
                caller.manager::<zbus::OwnedObjectPath>("Prepare", &(name, answers(), true)).unwrap_err(),
            ] {
                assert_names(&refusal, "disk");
                assert!(refusal.text.len() < 200, "{} bytes", refusal.text.len());
            }
        }
        for (what, fd) in descriptors() {
            println!("{what}");
            for refusal in [
                caller.manager::<String>("Check", &(disk.node(), OwnedFd::from(fd.try_clone().unwrap()))).unwrap_err(),
                caller
                    .manager::<zbus::OwnedObjectPath>("Prepare", &(disk.node(), OwnedFd::from(fd), true))
                    .unwrap_err(),
            ] {
                assert_names(&refusal, "answers");
            }
        }
        alive.assert_still(&caller, &disk);
    });
}

#[test]
fn answers_that_no_parser_should_be_given_are_refused_with_the_place() {
    system(|system| {
        let (_bench, caller) = (Bench::new(system), Caller::new(system, Person::Allowed));
        let disk = LoopDisk::new(system, "ANSWERS", USUAL, 512);
        let alive = Alive::now(&caller);
        let deep = |open: &str, close: &str, n: usize| format!("a = {}{}", open.repeat(n), close.repeat(n));
        let texts = [
            String::new(),
            "\0".repeat(1 << 20),
            "[".repeat(1 << 20),
            deep("[", "]", 500_000),
            deep("{a=", "}", 200_000),
            format!("{}\"x\"{}", "{\"a\":".repeat(100_000), "}".repeat(100_000)),
            format!("{} = 1", vec!["a"; 300_000].join(".")),
            (0..50_000).map(|n| format!("[a{n}.b]\n")).collect(),
            format!("{ANSWERS}\n\n[disk]\n"),
            ANSWERS.replace("quiet-otter", "quiet\\u0000otter"),
            ANSWERS.replace("Anna Müller", "Anna:0:0:root:/root:/bin/sh\\nroot2"),
            ANSWERS.replace("\"anna\"", "\"../../root\""),
            ANSWERS.replace("Europe/Berlin", "../../../etc/shadow"),
            ANSWERS.replace("version = 1", "version = 99999999999999999999999999"),
            ANSWERS.replace("esp-mib = 64", "esp-mib = 9223372036854775807"),
            ANSWERS.replace("esp-mib = 64", "esp-mib = -1"),
        ];
        for (n, text) in texts.iter().enumerate() {
            let start: String = text.chars().take(30).collect();
            let checked = caller.manager::<String>("Check", &(disk.node(), memory(text.as_bytes())));
            let refused = match &checked {
                // Answers that can be read but do not fit are a verdict.
                Ok(verdict) => verdict.contains("\"verdict\":\"issues\""),
                Err(refusal) => refusal.is_ours() && refusal.kind() == "BadAnswers" && refusal.text.contains("line"),
            };
            assert!(refused, "{n}, {start:?}: {checked:?}");
            let prepared = caller.prepare(&disk.node(), text).unwrap_err();
            assert!(matches!(prepared.kind(), "BadAnswers" | "Issues"), "{n}, {start:?}: {prepared:?}");
            assert!(prepared.text.len() < 4096, "{n}, {start:?}: {} bytes", prepared.text.len());
        }
        alive.assert_still(&caller, &disk);
    });
}

#[test]
fn digests_and_secrets_are_refused_by_their_names_and_the_job_stays_prepared() {
    system(|system| {
        let (_bench, caller) = (Bench::new(system), Caller::new(system, Person::Allowed));
        let disk = LoopDisk::new(system, "SECRETS", USUAL, 512);
        let alive = Alive::now(&caller);
        let asks = ANSWERS.replace("{ generate = \"passphrase\" }", "{ ask = true }");
        let job = caller.prepare(&disk.node(), &asks).unwrap();
        let digest = caller.text_of(&job, "Digest").unwrap();
        let run = |digest: &str, secrets: &[(&str, &[u8])]| {
            let secrets: HashMap<_, _> = secrets.iter().map(|(name, bytes)| (*name, memory(bytes))).collect();
            caller.call::<()>(&job, JOB, "Run", &(digest, secrets)).unwrap_err()
        };
        let password: &[(&str, &[u8])] = &[("user-password", b"six words or more")];
        let (capitals, spaced, long) = (digest.to_uppercase(), format!("{digest} "), "0".repeat(16 << 20));
        for wrong in ["", "0", &digest[1..], &capitals, &spaced, &long, &"ü".repeat(32), &"\n".repeat(64)] {
            assert_names(&run(wrong, password), "digest");
        }
        let other = run(&"0".repeat(64), password);
        assert_eq!((other.kind(), other.text.as_str()), ("OtherPlan", digest.as_str()));

        let long = vec![b'a'; 4097];
        let bad: [&[(&str, &[u8])]; 14] = [
            &[],
            &[("", b"x")],
            &[("root-password", b"x")],
            &[("user-password", b"x"), ("other", b"y")],
            &[("user-password\n", b"x")],
            // Nothing is left on the ESP, so there is nothing to seal.
            &[("user-password", b"six words or more"), ("seal-passphrase", b"x")],
            &[("user-password", b"six words or more"), ("seal-passphrase", b"nul\0")],
            &[("user-password", b"")],
            &[("user-password", &long)],
            &[("user-password", b"two\nlines")],
            &[("user-password", b"nul\0")],
            &[("user-password", b"esc\x1b[2J")],
            &[("user-password", b"\xff\xfe")],
            &[("user-password", b"del\x7f")],
        ];
        for secrets in bad {
            let refusal = run(&digest, secrets);
            assert_names(&refusal, "secrets");
            assert!(!refusal.text.contains('\n') && refusal.text.len() < 200, "{refusal:?}");
        }
        let name = "n".repeat(1 << 20);
        assert!(run(&digest, &[(&name, b"x")]).text.len() < 200);
        for (what, fd) in descriptors() {
            println!("{what}");
            let secrets = HashMap::from([("user-password", OwnedFd::from(fd))]);
            assert_names(&caller.call::<()>(&job, JOB, "Run", &(&digest, secrets)).unwrap_err(), "secrets");
        }
        // As many as the bus lets through in one message, all of them unknown.
        let many: HashMap<_, _> = (0..16).map(|n| (n.to_string(), memory(b"x"))).collect();
        assert_names(&caller.call::<()>(&job, JOB, "Run", &(&digest, many)).unwrap_err(), "secrets");
        assert_eq!(caller.text_of(&job, "State").unwrap(), "prepared");
        caller.close(&job);

        // A password that nobody asked for.
        let (job, digest) = caller.prepared(&disk.node());
        let secrets = HashMap::from([("user-password", memory(b"six words or more"))]);
        assert_names(&caller.call::<()>(&job, JOB, "Run", &(&digest, secrets)).unwrap_err(), "secrets");
        caller.close(&job);
        alive.assert_still(&caller, &disk);
    });
}

#[test]
fn wrong_types_and_places_are_refused_by_the_names_that_d_bus_has_for_them() {
    system(|system| {
        let (_bench, caller) = (Bench::new(system), Caller::new(system, Person::Allowed));
        let disk = LoopDisk::new(system, "TYPES", USUAL, 512);
        let alive = Alive::now(&caller);
        let fd = || memory(ANSWERS.as_bytes());
        let kinds = |told: Result<(), Refusal>, expected: &str| {
            let refusal = told.unwrap_err();
            assert_eq!(refusal.name, format!("org.freedesktop.DBus.Error.{expected}"), "{refusal:?}");
        };
        kinds(caller.manager("Check", &()), "InvalidArgs");
        kinds(caller.manager("Check", &(1_u32, fd())), "InvalidArgs");
        kinds(caller.manager("Check", &(disk.node(), ANSWERS)), "InvalidArgs");
        kinds(caller.manager("Check", &(disk.node(), 0_u32)), "InvalidArgs");
        kinds(caller.manager("Check", &(disk.node().into_bytes(), fd())), "InvalidArgs");
        kinds(caller.manager("Prepare", &(disk.node(), fd(), "yes")), "InvalidArgs");
        kinds(caller.manager("Prepare", &(disk.node(), fd())), "InvalidArgs");
        kinds(caller.manager("Erase", &(disk.node(),)), "UnknownMethod");
        // More than is asked for is not read.
        let nested = (0..30).fold(Variant::from(1_u32), |inner, _| Variant::new(inner));
        let told: Result<(), _> = caller.manager("Check", &(nested,));
        assert!(told.is_err(), "a value in thirty values is a disk");

        let (job, digest) = caller.prepared(&disk.node());
        kinds(caller.call(&job, JOB, "Run", &(&digest,)), "InvalidArgs");
        kinds(caller.call(&job, JOB, "Run", &(&digest, HashMap::from([("user-password", "plain")]))), "InvalidArgs");
        kinds(caller.call(&job, JOB, "Run", &(&digest, HashMap::from([(7_u32, fd())]))), "InvalidArgs");
        let properties = "org.freedesktop.DBus.Properties";
        // Nothing can be set, and so nothing is known that could be.
        kinds(caller.call(&job, properties, "Set", &(JOB, "State", Variant::from("finished"))), "UnknownProperty");
        kinds(
            caller.call::<zbus::OwnedVariant>(&job, properties, "Get", &(JOB, "Password")).map(drop),
            "UnknownProperty",
        );
        kinds(caller.call(PATH, JOB, "Run", &(&digest, HashMap::<String, OwnedFd>::new())), "UnknownInterface");
        caller.close(&job);
        for path in ["/org/intergenos/Forge1/job/99999999", "/org/intergenos/Forge1/job/0", "/", "/a", &job] {
            let told: Result<(), _> = caller.call(path, JOB, "Cancel", &());
            let refusal = told.unwrap_err();
            assert!(matches!(refusal.kind(), "UnknownObject" | "UnknownInterface"), "{path}: {refusal:?}");
        }
        alive.assert_still(&caller, &disk);
    });
}

#[test]
fn what_was_sealed_can_not_be_shortened_while_it_is_read() {
    let fd = StdFd::from(memory(b"answers"));
    let file = File::from(fd);
    assert!(file.set_len(0).is_err() && file.set_len(1 << 20).is_err() && file.write_at(b"x", 0).is_err());
    // Nor can the seals be taken off, through whatever other way to the same file.
    let other = File::options().write(true).open(format!("/proc/self/fd/{}", file.as_raw_fd()));
    assert!(other.is_err() || other.unwrap().set_len(0).is_err());
}

#[test]
fn ten_thousand_secrets_and_descriptors_that_are_not_there_are_refused() {
    system(|system| {
        let (_bench, caller) = (Bench::new(system), Caller::new(system, Person::Allowed));
        let disk = LoopDisk::new(system, "RAW", USUAL, 512);
        let alive = Alive::now(&caller);
        let (job, digest) = caller.prepared(&disk.node());
        // A descriptor is a number on the wire, and so it can be many that do not exist.
        let numbers: HashMap<_, _> = (0..10_000_u32).map(|n| (format!("user-password-{n}"), n)).collect();
        let one = HashMap::from([("user-password".to_owned(), 0_u32)]);
        for secrets in [numbers, one] {
            let message = zbus::Message::method_call(&*job, "Run").destination(NAME).interface(JOB);
            let message = message.build(&(&digest, secrets)).unwrap();
            assert_disturbs_nobody(message.data().bytes(), b"sa{su}", b"sa{sh}");
        }
        let message = zbus::Message::method_call(PATH, "Check").destination(NAME).interface(MANAGER);
        let message = message.build(&(disk.node(), 7_u32)).unwrap();
        assert_disturbs_nobody(message.data().bytes(), b"su\0", b"sh\0");
        assert_eq!(caller.text_of(&job, "State").unwrap(), "prepared");
        caller.close(&job);
        alive.assert_still(&caller, &disk);
    });
}

#[test]
fn hundreds_of_calls_at_once_are_all_answered() {
    system(|system| {
        let (_bench, caller) = (Bench::new(system), Caller::new(system, Person::Allowed));
        let disk = LoopDisk::new(system, "PARALLEL", USUAL, 512);
        let alive = Alive::now(&caller);
        for round in 0..3 {
            let told = system.block_on(async {
                let mut calls = Vec::new();
                for n in 0..10 {
                    let bus = connection_of(if n == 9 { Person::Nobody } else { Person::Allowed }.uid()).await;
                    for m in 0..50 {
                        let (bus, node) = (bus.clone(), disk.node());
                        calls.push(tokio::spawn(async move {
                            let answers = memory(ANSWERS.as_bytes());
                            match m % 4 {
                                0 => ask::<String>(&bus, true, PATH, MANAGER, "Inventory", &()).await.map(drop),
                                1 => {
                                    ask::<String>(&bus, true, PATH, MANAGER, "Check", &(node, answers)).await.map(drop)
                                }
                                2 => ask::<String>(&bus, true, PATH, MANAGER, "Check", &("x", answers)).await.map(drop),
                                _ => ask::<()>(&bus, true, PATH, MANAGER, "Subscribe", &()).await,
                            }
                        }));
                    }
                }
                let mut told = HashMap::<String, usize>::new();
                for call in calls {
                    let kind = call
                        .await
                        .unwrap()
                        .map_or_else(|refusal| format!("{}: {}", refusal.name, refusal.text), |()| "answered".into());
                    *told.entry(kind).or_default() += 1;
                }
                told
            });
            println!("round {round}: {told:?}");
            // One in four of nine calls names no disk; Nobody's other calls are refused by polkit.
            assert_eq!(told.values().sum::<usize>(), 500);
            let of = |name: &str| told.iter().filter(|(told, _)| told.contains(name)).map(|(_, n)| n).sum::<usize>();
            assert_eq!((of("BadArgument"), of("NotAllowed"), of("answered")), (120, 38, 342), "{told:?}");
        }
        alive.assert_still(&caller, &disk);
    });
}

#[test]
fn a_caller_who_never_reads_and_one_who_sends_endless_descriptors_hold_up_nobody() {
    system(|system| {
        let (_bench, caller) = (Bench::new(system), Caller::new(system, Person::Allowed));
        let disk = LoopDisk::new(system, "DEAF", USUAL, 512);
        let alive = Alive::now(&caller);
        let mut deaf: Vec<_> = (0..3).map(|_| Raw::new(Person::Allowed)).collect();
        let message = zbus::Message::method_call(PATH, "Inventory").destination(NAME).interface(MANAGER);
        let message = message.build(&()).unwrap();
        for raw in &mut deaf {
            raw.impatient();
            for _ in 0..2000 {
                if raw.send(message.data().bytes()).is_err() {
                    break;
                }
            }
        }
        caller.manager::<String>("Inventory", &()).unwrap();
        // Sixteen descriptors in each of a thousand calls, ten callers at once, to a job that is not there and to one that is.
        let (job, digest) = caller.prepared(&disk.node());
        system.block_on(async {
            let mut callers = Vec::new();
            for n in 0..10 {
                let (path, digest) = (if n % 2 == 0 { job.to_string() } else { format!("{job}0") }, digest.clone());
                callers.push(tokio::spawn(async move {
                    let bus = connection_of(Person::Allowed.uid()).await;
                    for _ in 0..10 {
                        let calls = (0..10).map(|_| async {
                            let secrets: HashMap<_, _> = (0..16).map(|n| (n.to_string(), memory(b"x"))).collect();
                            ask::<()>(&bus, true, &path, JOB, "Run", &(&digest, secrets)).await.unwrap_err()
                        });
                        for refusal in futures_util::future::join_all(calls).await {
                            let kind = refusal.kind();
                            assert!(
                                matches!(kind, "BadArgument" | "UnknownObject" | "UnknownInterface"),
                                "{refusal:?}"
                            );
                        }
                    }
                }));
            }
            for caller in callers {
                caller.await.unwrap();
            }
        });
        caller.close(&job);
        until("the descriptors are closed", || (descriptors_of(alive.process) < 60).then_some(()));
        alive.assert_still(&caller, &disk);
        drop(deaf);
    });
}

#[test]
fn thousands_of_subscribers_come_and_go_and_leave_nothing_behind() {
    system(|system| {
        // It is to leave in the end, and soon.
        let _bench = Bench::with(system, shared(), &["--idle-ms", "2000", "--settle-ms", "0"]);
        let caller = Caller::new(system, Person::Allowed);
        let disk = LoopDisk::new(system, "CROWD", USUAL, 512);
        let alive = Alive::now(&caller);
        let bus = system.block_on(async {
            let mut crowds = Vec::new();
            for _ in 0..8 {
                crowds.push(tokio::spawn(async {
                    for n in 0..250 {
                        let bus = connection_of(Person::Allowed.uid()).await;
                        ask::<()>(&bus, true, PATH, MANAGER, "Subscribe", &()).await.unwrap();
                        if n % 3 == 0 {
                            ask::<()>(&bus, true, PATH, MANAGER, "Unsubscribe", &()).await.unwrap();
                        }
                    }
                }));
            }
            for crowd in crowds {
                crowd.await.unwrap();
            }
            // One who can not make up their mind.
            let bus = connection_of(Person::Allowed.uid()).await;
            for _ in 0..2000 {
                ask::<()>(&bus, true, PATH, MANAGER, "Subscribe", &()).await.unwrap();
                ask::<()>(&bus, true, PATH, MANAGER, "Unsubscribe", &()).await.unwrap();
            }
            ask::<()>(&bus, true, PATH, MANAGER, "Subscribe", &()).await.unwrap();
            bus
        });
        // One change is told a few times at most, however many have listened before.
        let mut changes = system.block_on(async {
            let proxy = forge_dbus::manager::ManagerProxy::new(&bus).await.unwrap();
            proxy.receive_inventory_changed().await.unwrap()
        });
        let another = LoopDisk::new(system, "ANOTHER", 64 << 20, 512);
        let told = system.block_on(async {
            let (mut told, pause) = (0, Duration::from_secs(3));
            while let Ok(Some(_)) = tokio::time::timeout(pause, futures_util::StreamExt::next(&mut changes)).await {
                told += 1;
            }
            told
        });
        // Other systems share the kernel, and so its loop devices; each change of theirs is told, too.
        assert!((1..100).contains(&told), "one change was told {told} times");
        alive.assert_still(&caller, &disk);
        drop((caller, bus, changes, another));
        until("it leaves when nobody listens", || helper(system).is_none().then_some(()));
    });
}

/// Sends bytes with one part exchanged, and looks that the bus or the helper answers with an error or closes the connection.
fn assert_disturbs_nobody(bytes: &[u8], from: &[u8], to: &[u8]) {
    let mut bytes = bytes.to_vec();
    let at = memchr::memmem::find(&bytes, from).unwrap();
    bytes[at..at + to.len()].copy_from_slice(to);
    let mut raw = Raw::new(Person::Allowed);
    raw.read(Duration::from_millis(200));
    // It may be closed already while it is written to.
    let _ = raw.send(&bytes);
    let said = String::from_utf8_lossy(&raw.read(Duration::from_secs(2))).into_owned();
    println!("{said:?}");
    assert!(said.is_empty() || said.contains(".Error."), "{said:?}");
}

/// The open descriptors of a process.
fn descriptors_of(process: u32) -> usize {
    std::fs::read_dir(format!("/proc/{process}/fd")).unwrap().count()
}

/// Descriptors that nobody should read from.
fn descriptors() -> Vec<(&'static str, StdFd)> {
    let sealed = |bytes: &[u8], seals| {
        let mut file = File::from(memfd_create(c"hostile", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap());
        file.write_all(bytes).unwrap();
        fcntl_add_seals(&file, seals).unwrap();
        file
    };
    let sparse = |length| {
        let file = sealed(b"", SealFlags::empty());
        file.set_len(length).unwrap();
        fcntl_add_seals(&file, SEALS).unwrap();
        file
    };
    let again = |options: &mut std::fs::OpenOptions| {
        let file = sealed(ANSWERS.as_bytes(), SEALS);
        options.open(format!("/proc/self/fd/{}", file.as_raw_fd())).ok()
    };
    let open = |path: &str| File::open(path).unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    let (socket, _) = std::os::unix::net::UnixStream::pair().unwrap();
    let mut all: Vec<(&'static str, StdFd)> = vec![
        ("64 MiB", sealed(&vec![b'#'; 64 << 20], SEALS).into()),
        ("a TiB of nothing", sparse(1 << 40).into()),
        ("unsealed", sealed(ANSWERS.as_bytes(), SealFlags::empty()).into()),
        ("can shrink", sealed(ANSWERS.as_bytes(), SealFlags::WRITE | SealFlags::GROW).into()),
        ("can be written to", sealed(ANSWERS.as_bytes(), SealFlags::GROW | SealFlags::SHRINK).into()),
        ("not UTF-8", sealed(b"version = \xff\xfe", SEALS).into()),
        ("a pipe", reader.into()),
        ("a pipe's other end", writer.into()),
        ("a socket", socket.into()),
        ("zeros", open("/dev/zero").into()),
        ("a directory", open("/").into()),
        ("a file", open("/etc/passwd").into()),
        (
            "a path",
            File::options().read(true).custom_flags(OFlags::PATH.bits() as i32).open("/etc/passwd").unwrap().into(),
        ),
    ];
    all.extend(again(File::options().write(true)).map(|file| ("can not be read", file.into())));
    all
}

/// Expects the typed refusal that names an argument.
fn assert_names(refusal: &Refusal, argument: &str) {
    assert!(
        refusal.is_ours() && refusal.kind() == "BadArgument" && refusal.text.starts_with(&format!("{argument}: ")),
        "{argument}: {refusal:?}"
    );
}
