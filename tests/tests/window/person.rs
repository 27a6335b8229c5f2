//! What a person does on each page, with nothing but the keyboard.

use crate::{
    bench::{Bench, IDLE, Slow, Stopped, program},
    install::LONG,
};
use forge_dbus::status::Progress;
use forge_engine::efivars::{GLOBAL, PERSISTENT, Variable, Variables};
use forge_model::Stage;
use forge_tests::{
    desk::{
        Desk, Window, has,
        sight::{State, Thing},
    },
    payload::{TestPayload, shared},
    private::{Person, System, until},
};
use futures_util::{StreamExt, stream::BoxStream};
use std::{fs, path::PathBuf, sync::Arc};
use zbus::{MatchRule, MessageStream, fdo::PropertiesChanged, message::Type};

/// What the person types.
pub const PASSWORD: &str = "canary-feathers-of-a-bird-that-sings";

/// What opens the encrypted state.
pub const PASSPHRASE: &str = "canary-wings-over-a-quiet-lake";

/// The disk that [`forge_tests::private::LoopDisk::new`] makes, as the window names it.
pub const DISK: &str = "InterGenOS Forge Test Disk, 1.1 GB";
/// The size of a disk on which the small payload fits with as much room for files as the window asks for.
pub const SIZE: u64 = 1 << 30;

/// A system with a helper, and a desk at which a person sits.
pub struct Room<'a> {
    pub bench: Bench<'a>,
    pub desk: Desk<'a>,
}

impl<'a> Room<'a> {
    pub fn of(system: &'a System, person: Person) -> Self {
        Self::with(system, person, shared(), &["--idle-ms", IDLE, "--settle-ms", "0"])
    }

    /// The same with another payload, and other options for the helper.
    pub fn with(system: &'a System, person: Person, payload: Arc<TestPayload>, options: &[&str]) -> Self {
        let efivars = firmware(system);
        let options = [options, &["--efivars", efivars.to_str().unwrap()]].concat();
        let room = Self { bench: Bench::with(system, payload, &options), desk: Desk::of(system, person) };
        fs::copy(program("forge"), room.bench.path("forge")).unwrap();
        room
    }

    /// From now on each look at the seal of the system takes seconds, as from a worn-out stick: the small payload is
    /// checked before anybody could hear of it.
    pub fn medium_is_slow(&self) {
        let seal = self.bench.payload.directory().join("system.verity");
        let efivars = self.bench.system.disks().with_file_name("efivars");
        let strace = ["/usr/bin/strace", "--follow-forks", "--seccomp-bpf", "-qq", "-o", "/dev/null"];
        let reads =
            ["-e", "trace=read,pread64", "-e", "inject=read,pread64:delay_enter=4000000", "-P", seal.to_str().unwrap()];
        let options = ["--idle-ms", IDLE, "--settle-ms", "0", "--efivars", efivars.to_str().unwrap()];
        self.bench.helper_under(&[&strace[..], &reads].concat(), &options);
    }

    /// The window, when it has come up.
    pub fn window(&self, name: &str) -> Window<'_> {
        let window = self.desk.open(&self.bench.path("forge"), name);
        window.until("the window", |things| (!things.is_empty()).then_some(()));
        window
    }
}

/// A firmware that checks nothing and takes every request: without one, nobody would ask for a code.
fn firmware(system: &System) -> PathBuf {
    let efivars = system.disks().with_file_name("efivars");
    fs::create_dir(&efivars).unwrap();
    let off = Variable { attributes: PERSISTENT, data: vec![0] };
    Variables::at(&efivars).write("SecureBoot", GLOBAL, &off).unwrap();
    efivars
}

/// Whether the password is the person's own or Forge's.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Password {
    Typed,
    Made,
}

/// From the first page to the disk.
pub fn to_disks(window: &mut Window) {
    window.at("Welcome");
    window.choose("English");
    // The program starts itself again in that language.
    window.choose("Next");
    window.at("Keyboard");
    window.fill("Type Here to Test", "z y 1");
    // A hundred keyboards may lie between here and the button.
    window.press("Return");
    window.at("Time Zone");
    window.fill("Search Cities", "Berlin");
    window.choose("Berlin");
    window.choose("Next");
    window.at("Disk");
}

/// Chooses a disk.
pub fn take_disk(window: &mut Window, disk: &str) {
    window.choose(disk);
    window.until("the disk is chosen", |things| {
        things.iter().any(|thing| thing.name == disk && thing.is(State::Selected)).then_some(())
    });
}

/// Chooses a way to use the disk.
pub fn take_way(window: &mut Window, way: &str) {
    window.choose(way);
    window.until("the way is chosen", |things| {
        things.iter().any(|thing| thing.name == way && thing.is(State::Selected)).then_some(())
    });
}

/// From the disk to the page about encryption; a disk on which something is, is erased.
pub fn to_encryption(window: &mut Window) {
    window.choose("Next");
    let is_there = |things: &[Thing]| ["Use of the Disk", "Encryption"].into_iter().find(|name| is_title(things, name));
    if window.until("the page after the disk", is_there) == "Use of the Disk" {
        take_way(window, "Erase the Disk");
        window.choose("Next");
    }
    window.at("Encryption");
}

fn is_title(things: &[Thing], name: &str) -> bool {
    things.iter().any(|thing| thing.name == name && ["label", "heading"].contains(&&*thing.role))
}

/// From the disk to the plan, without encryption.
pub fn to_review(window: &mut Window, password: Password) {
    to_encryption(window);
    account_to_review(window, password);
}

/// From the page before the account to the plan.
pub fn account_to_review(window: &mut Window, password: Password) {
    window.choose("Next");
    window.at("Your Account");
    window.fill("Your Name", "Anna Test");
    match password {
        Password::Made => window.choose("Make a Password for Me"),
        Password::Typed => {
            window.fill("Password", PASSWORD);
            window.fill("Password Again", PASSWORD);
        }
    }
    window.choose("Next");
    // The demo's payload has microcode, which the processor of this very machine may want.
    let is_there = |things: &[Thing]| ["Continue Without", "Secure Boot"].into_iter().find(|name| has(things, name));
    if window.until("the page after the account", is_there) == "Continue Without" {
        window.choose("Continue Without");
    }
    window.at("Secure Boot");
    window.choose("Next");
    window.at("Review");
    window.reads("is installed");
}

/// All pages before the one that erases.
pub fn answer_everything(window: &mut Window, password: Password) {
    to_disks(window);
    take_disk(window, DISK);
    to_review(window, password);
}

/// Presses the button that erases, and says yes to the question where there is one.
pub fn begin(window: &mut Window) {
    begin_with(window, "Erase and Install");
}

/// The same, whatever the button reads.
pub fn begin_with(window: &mut Window, button: &str) {
    window.choose(button);
    let asks = |things: &[Thing]| has(things, "This cannot be undone.");
    window.until("a question, or the install", |things| (asks(things) || has(things, "Installing on")).then_some(()));
    if asks(&window.sees()) {
        window.choose_in_question(button);
    }
}

/// Begins, and lets the helper come as far as this; there it stands still.
pub fn stopped_when(room: &Room, window: &mut Window, is_it: impl Fn(&Progress) -> bool) -> Stopped {
    stopped_by(room, window, "Erase and Install", is_it)
}

/// The same, whatever the button reads.
pub fn stopped_by(room: &Room, window: &mut Window, button: &str, is_it: impl Fn(&Progress) -> bool) -> Stopped {
    let mut job = told_by_the_next_job(room.bench.system);
    let slow = Slow::by(room.bench.helper(), 2, 40);
    begin_with(window, button);
    loop {
        let next = room.bench.system.block_on(async { tokio::time::timeout(LONG, job.next()).await });
        let progress = next.ok().flatten().expect("it was over before it was met");
        if is_it(&progress) {
            return slow.stop();
        }
    }
}

/// How far the job is that somebody will begin. Asks the helper for nothing, so that no stage passes meanwhile.
fn told_by_the_next_job(system: &System) -> BoxStream<'static, Progress> {
    let rule = MatchRule::builder().msg_type(Type::Signal).member("PropertiesChanged");
    let rule = rule.path_namespace(forge_dbus::PATH).build().unwrap();
    let told = system.block_on(MessageStream::for_match_rule(rule, &system.connect(), None)).unwrap();
    let progress = told.filter_map(async |told| {
        let signal = PropertiesChanged::from_message(told.ok()?)?;
        let value = signal.args().ok()?.changed_properties.get("Progress")?.try_to_owned().ok()?;
        Progress::try_from(value).ok()
    });
    progress.boxed()
}

/// The same at the beginning of a stage; the window says that it is there.
pub fn stopped_at(room: &Room, window: &mut Window, stage: Stage) -> Stopped {
    let stopped = stopped_when(room, window, |progress| {
        assert!(progress.stage() <= Some(stage), "{stage:?} was over before it was met");
        progress.stage() == Some(stage)
    });
    let words = match stage {
        Stage::Check => "Checking the installation medium",
        Stage::Prepare => "Making the keys",
        Stage::Write => "Writing the system",
        Stage::Prove => "Reading the system back",
        Stage::Fill => "Writing settings",
        other => panic!("no words for {other:?}"),
    };
    window.reads(words);
    stopped
}

/// What polkit says to a person from now on, before the usual rules: to looking at disks, and to writing one.
pub fn rule(system: &System, person: Person, inspect: &str, install: &str) {
    let name = match person {
        Person::Refused => "games",
        Person::Asked => "mail",
        other => panic!("no rule for {other:?}"),
    };
    let known = system.log("polkitd").len();
    let script = format!(
        "polkit.addRule(function(action, subject) {{\n\
         if (subject.user != '{name}') return polkit.Result.NOT_HANDLED;\n\
         if (action.id == 'org.intergenos.Forge1.inspect') return polkit.Result.{inspect};\n\
         if (action.id == 'org.intergenos.Forge1.install') return polkit.Result.{install};\n\
         return polkit.Result.NOT_HANDLED;\n}});\n"
    );
    let rules = "/run/polkit-1/rules.d";
    // The rules are read by a user without powers, and in the order of their names.
    fs::write(format!("{rules}/00-a-desk.rules"), script).unwrap();
    until("polkit reads the rule", || {
        system.log("polkitd").get(known..).is_some_and(|new| new.contains("Finished loading")).then_some(())
    });
}
