//! A canary in every place where a secret could show: logs, debug output, receipts, the ESP, other processes' arguments.

use forge_engine::{credentials::UserPassword, install::End, watch::Unwatched};
use forge_model::{Answers, Secret, layout::Role};
use forge_tests::{
    disk::{Disk, USUAL},
    installed::etc,
    job::{ANSWERS, Job, Recorder},
    look::{Ext4, part},
    payload::{self, CREDENTIAL},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// Keeps every line that anything logs.
struct Log(Mutex<String>);

impl log::Log for Log {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let line = format!("{} {} {}\n", record.level(), record.target(), record.args());
        self.0.lock().unwrap().push_str(&line);
    }

    fn flush(&self) {}
}

static LOG: Log = Log(Mutex::new(String::new()));

/// Arguments and environment of each process that descends from this one, looked at until told to stop.
fn watch_processes(stop: &AtomicBool) -> BTreeSet<(Vec<u8>, Vec<u8>)> {
    let mut seen = BTreeSet::new();
    let own = std::process::id();
    while !stop.load(Ordering::SeqCst) {
        let mut parents = BTreeMap::new();
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
            let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
            let parent = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1)?.parse().ok());
            parents.insert(pid, parent.unwrap_or(0));
        }
        for pid in parents.keys() {
            let mut above = *pid;
            while above > 1 && above != own {
                above = parents.get(&above).copied().unwrap_or(0);
            }
            if above == own && *pid != own {
                let read =
                    |what: &str| fs::read(Path::new("/proc").join(pid.to_string()).join(what)).unwrap_or_default();
                seen.insert((read("cmdline"), read("environ")));
            }
        }
        std::thread::sleep(Duration::from_micros(300));
    }
    seen
}

/// Every place but the state file system and the credentials, with its name.
type Places = Vec<(String, Vec<u8>)>;

fn assert_nowhere(places: &Places, what: &str, secret: &str) {
    assert!(secret.len() >= 12, "{what} is too short to be looked for");
    for (place, bytes) in places {
        let found = memchr::memmem::find(bytes, secret.as_bytes()).is_some();
        assert!(!found, "{what} shows in {place}");
    }
}

/// Lines of a PEM file that hold the key itself.
fn pem_body(pem: &str) -> Vec<&str> {
    let body: Vec<&str> = pem.lines().filter(|line| !line.starts_with('-') && line.len() > 40).collect();
    assert!(body.len() > 10, "a key has many lines");
    body
}

#[test]
fn no_secret_shows_anywhere_but_in_the_state_and_the_handover() {
    log::set_logger(&LOG).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    let (payload, disk, directory) = {
        let payload = payload::shared();
        let directory = payload.directory();
        (payload, Disk::empty(USUAL), directory)
    };
    let job = Job::new(&payload, &disk.path, &directory);
    let (stop, recorder) = (AtomicBool::new(false), Recorder::default());
    let (processes, plan, end) = std::thread::scope(|scope| {
        let watcher = scope.spawn(|| watch_processes(&stop));
        let (opened, target, plan, _) = job.plan().unwrap();
        let end = forge_engine::install::run(&job.tools, &plan, &opened, &target, UserPassword::Generate, &recorder);
        stop.store(true, Ordering::SeqCst);
        (watcher.join().unwrap(), plan, end)
    });
    let Ok(End::Installed(installed)) = end else { panic!("it was not installed") };
    let end = forge_engine::verify::verify(&job.tools, &disk.path, None, &Unwatched).unwrap();
    let (verified, _) = end.done().unwrap();

    let mut places: Places = vec![
        ("the log".into(), LOG.0.lock().unwrap().clone().into_bytes()),
        ("the plan's debug output".into(), format!("{plan:?} {plan:#?}").into_bytes()),
        ("the receipt's debug output".into(), format!("{:?} {verified:#?}", installed.receipt).into_bytes()),
        ("the credentials' debug output".into(), format!("{:?}", installed.credentials).into_bytes()),
        ("the progress".into(), format!("{:?}", recorder.seen()).into_bytes()),
        ("the receipt".into(), installed.receipt_json.clone()),
    ];
    for (arguments, environment) in &processes {
        let name = String::from_utf8_lossy(arguments).replace('\0', " ");
        places.push((format!("the arguments of {name}"), arguments.clone()));
        places.push((format!("the environment of {name}"), environment.clone()));
    }
    let scratch = tempfile::tempdir().unwrap();
    let state = installed.receipt.partitions.iter().find(|p| p.role == Role::State).unwrap();
    part(&disk.path, 0, state.offset, &scratch.path().join("before"));
    places.push(("the disk before the state".into(), fs::read(scratch.path().join("before")).unwrap()));

    // The controls: each place was really looked at.
    assert!(places[0].1.len() > 1000 && String::from_utf8_lossy(&places[0].1).contains("mke2fs"), "nothing was logged");
    for tool in ["ukify", "sbsign", "mke2fs", "mcopy"] {
        assert!(
            places.iter().any(|(name, _)| name.contains(tool)),
            "{tool} was not seen running: {:?}",
            processes.len()
        );
    }
    let fs = Ext4::at(&disk.path, state.offset);
    let (boot, module) = (fs.read("/lib/forge/mok/boot.key"), fs.read("/lib/forge/mok/module.key"));
    let shadow = fs.read(&etc("shadow"));
    let hash = shadow.lines().find(|line| line.starts_with("anna:")).unwrap().split(':').nth(1).unwrap();
    let credentials = &installed.credentials;
    let password = credentials.user_password.as_ref().unwrap().expose();
    let code = credentials.enrollment_code.expose();

    assert_nowhere(&places, "the credential", credentials.services[CREDENTIAL].expose());
    assert_nowhere(&places, "the password's hash", hash);
    for line in pem_body(&boot).into_iter().chain(pem_body(&module)) {
        assert_nowhere(&places, "a private key", line);
    }
    // These two are not even in the state: only their hashes are, or nothing at all.
    part(&disk.path, state.offset, state.size, &scratch.path().join("state"));
    places.push(("the state".into(), fs::read(scratch.path().join("state")).unwrap()));
    assert_nowhere(&places, "the password", password);
    assert_nowhere(&places, "the enrollment code", code);
}

#[test]
fn a_password_hash_or_a_typed_password_shows_in_no_debug_output() {
    let hash = format!("$6$saltsaltsalt${}", "h".repeat(86));
    let text = ANSWERS.replace("{ generate = \"passphrase\" }", &format!("{{ hash = \"{hash}\" }}"));
    let answers = Answers::parse(&text).unwrap();
    let password = UserPassword::Hash(Secret::new(hash));
    let shown =
        format!("{answers:?} {answers:#?} {password:?} {:?}", UserPassword::Typed(Secret::new("hhhhhhhh".into())));
    assert!(!shown.contains("hhhhhhhh"), "{shown}");
}
