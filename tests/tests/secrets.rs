//! A canary in every place where a secret could show: logs, debug output, receipts, the ESP, other processes' arguments.

use forge_engine::{
    credentials::{Brought, UserPassword},
    install::End,
    seal::{Recipient, SealTo},
    watch::Unwatched,
};
use forge_model::firmware::How;
use forge_model::{Answers, Secret, layout::Role};
use forge_tests::{
    disk::{Disk, USUAL},
    installed::etc,
    job::{ANSWERS, Job, Recorder},
    look::{Ext4, part},
    payload::{self, CREDENTIAL},
};
use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Mutex,
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

/// A setpriv(1) that first notes its own arguments and environment: every tool that Forge runs is begun by it.
fn noting_setpriv(notes: &Path) -> PathBuf {
    let script = notes.join("setpriv");
    let notes = notes.display();
    let text = format!(
        "#!/bin/sh\n/bin/cat /proc/$$/cmdline > {notes}/$$.arguments\n/bin/cat /proc/$$/environ > {notes}/$$.environment\n\
         exec /usr/bin/setpriv \"$@\"\n"
    );
    fs::write(&script, text).unwrap();
    fs::set_permissions(&script, Permissions::from_mode(0o755)).unwrap();
    script
}

/// What was noted: arguments and environment of each tool.
fn noted(notes: &Path) -> Vec<(Vec<u8>, Vec<u8>)> {
    let files = fs::read_dir(notes).unwrap().map(|entry| entry.unwrap().path());
    let arguments = files.filter(|path| path.extension().is_some_and(|e| e == "arguments"));
    arguments.map(|path| (fs::read(&path).unwrap(), fs::read(path.with_extension("environment")).unwrap())).collect()
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

/// Somebody who could open what is sealed; nobody, where age is not installed.
fn age_recipients() -> Vec<Recipient> {
    let keys = std::process::Command::new("/usr/bin/age-keygen").output().map(|made| made.stdout).unwrap_or_default();
    let keys = String::from_utf8(keys).unwrap();
    keys.lines().filter_map(|line| line.strip_prefix("# public key: ")).map(|key| key.parse().unwrap()).collect()
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
    let mut job = Job::new(&payload, &disk.path, &directory);
    let (notes, recorder) = (tempfile::tempdir().unwrap(), Recorder::default());
    job.tools.setpriv = noting_setpriv(notes.path());
    let (opened, target, plan, _) = job.plan().unwrap();
    let passphrase = "the passphrase that seals";
    let seal = SealTo { age: age_recipients(), passphrase: Some(Secret::new(passphrase.into())) };
    let brought = Brought { password: UserPassword::Generate, disk: None, seal: Some(seal), consent: How::AtInstall };
    let end = forge_engine::install::run(&job.tools, &plan, &opened, &target, brought, &recorder);
    let Ok(End::Installed(installed)) = end else { panic!("it was not installed") };
    drop(target);
    let tools = noted(notes.path());
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
    for (arguments, environment) in &tools {
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
        assert!(places.iter().any(|(name, _)| name.contains(tool)), "{tool} was not seen running: {:?}", tools.len());
    }
    let fs = Ext4::at(&disk.path, state.offset);
    let (boot, module) = (fs.read("/lib/forge/mok/boot.key"), fs.read("/lib/forge/mok/module.key"));
    let shadow = fs.read(&etc("shadow"));
    let hash = shadow.lines().find(|line| line.starts_with("anna:")).unwrap().split(':').nth(1).unwrap();
    let credentials = &installed.credentials;
    let password = credentials.user_password.as_ref().unwrap().expose();
    let code = credentials.enrollment_code.expose();

    assert_nowhere(&places, "the passphrase", passphrase);
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
