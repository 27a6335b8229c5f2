//! Names, order and focus on every page and in every question.

use crate::{
    install::LONG,
    person::{DISK, PASSPHRASE, PASSWORD, Password, Room, SIZE, stopped_at, take_disk, take_way, to_disks, to_review},
};
use forge_model::Stage;
use forge_tests::{
    desk::{
        Window, has, question,
        sight::{State, Thing},
        told,
    },
    installed,
    look::run,
    private::{LoopDisk, Make, Person, System, system},
};

/// What a person can do something with.
const CONTROLS: [&str; 11] = [
    "button",
    "toggle button",
    "check box",
    "switch",
    "radio button",
    "entry",
    "text",
    "password text",
    "list item",
    "combo box",
    "progress bar",
];

/// A page, and what a person answers on it.
type Step = (&'static str, fn(&mut Window));

const STEPS: [Step; 9] = [
    ("Welcome", |window| window.choose("English")),
    ("Keyboard", |_| {}),
    ("Time Zone", |window| window.choose("Berlin")),
    ("Disk", |window| window.choose(DISK)),
    ("Encryption", |window| {
        window.choose("Encrypt This System");
        window.fill("Passphrase", PASSPHRASE);
        window.fill("Passphrase Again", PASSPHRASE);
    }),
    ("Recovery Key", |window| {
        window.choose("I Have Kept the Recovery Key");
        window.until("it is kept", |things| {
            things.iter().any(|thing| thing.name == "Next" && thing.is(State::Sensitive)).then_some(())
        });
    }),
    ("Your Account", |window| {
        window.fill("Your Name", "Anna Test");
        window.fill("Password", PASSWORD);
        window.fill("Password Again", PASSWORD);
    }),
    ("Secure Boot", |_| {}),
    ("Review", |window| window.reads("is erased")),
];

/// Walks from the first page to the last and calls this on each.
fn on_each_page(system: &System, mut look: impl FnMut(&mut Window, &str)) {
    let room = Room::of(system, Person::Allowed);
    let _first = LoopDisk::new(system, "FIRST", SIZE, 512);
    let properties = &[("ID_MODEL", "Second_Disk")];
    let _second = LoopDisk::make(system, Make { serial: "SECOND", size: SIZE, properties, ..Make::default() });
    let mut window = room.window("window");
    for (page, answer) in STEPS {
        window.at(page);
        arrived(&window, page);
        answer(&mut window);
        look(&mut window, page);
        window.press("ctrl+Return");
    }
    window.until_within(LONG, "the end", |things| has(things, "Your Code").then_some(()));
    arrived(&window, "Your Code");
    look(&mut window, "Installed");
}

/// Walks through what the usual way does not show: questions, the page that installs, and the one after it was stopped.
fn on_each_page_of_a_stop(system: &System, mut look: impl FnMut(&mut Window, &str)) {
    let room = Room::of(system, Person::Allowed);
    let installed = installed::shared();
    let content = Some(installed.disk.path.as_path());
    let disk = LoopDisk::make(system, Make { serial: "STOP", size: SIZE, content, ..Make::default() });
    // The disk is larger than the one that was installed: its table takes the room, and its partitions are seen.
    let said = run("sgdisk", &["--move-second-header", &disk.node()]);
    assert!(said.well, "{}", said.text);
    assert!(disk.tell_kernel() >= 6);
    let mut window = room.window("window");
    to_disks(&mut window);
    take_disk(&mut window, DISK);
    window.choose("Next");
    window.at("Use of the Disk");
    arrived(&window, "Use of the Disk");
    look(&mut window, "Use of the Disk");
    for (way, row) in
        [("Choose by Hand", "Boot Files"), ("Replace the Earlier Forge test system", "Keep Personal Files")]
    {
        take_way(&mut window, way);
        window.reads(row);
        look(&mut window, way);
    }
    window.press("alt+Left");
    window.at("Disk");
    to_review(&mut window, Password::Made);
    window.choose("Erase and Install");
    window.reads("This cannot be undone.");
    arrived(&window, "the question before it erases");
    look(&mut window, "Erase");
    window.press("Escape");
    window.until("the question is gone", |things| question(things).is_none().then_some(()));
    let stopped = stopped_at(&room, &mut window, Stage::Write);
    arrived(&window, "Installing");
    look(&mut window, "Installing");
    window.choose("Cancel…");
    window.reads("Stop the Installation?");
    arrived(&window, "the question before it stops");
    look(&mut window, "Stop");
    window.choose_in_question("Stop");
    drop(stopped);
    window.at("Not Installed");
    window.reads("The Installation Was Cancelled");
    arrived(&window, "Not Installed");
    look(&mut window, "Not Installed");
    window.choose("Show Details");
    window.reads("Copy");
    look(&mut window, "Details");
}

/// Expects that what has the keyboard first says what it is, and is not the way back or out.
fn arrived(window: &Window, page: &str) {
    window.until(&format!("the keyboard on {page}"), |things| {
        let first = things.iter().rfind(|thing| thing.is(State::Focused))?;
        (!first.name.is_empty() && !["Back", "Close", "Forge"].contains(&&*first.name)).then_some(())
    });
}

/// What can be used now: the question, where one is asked.
fn in_front(things: &[Thing]) -> &[Thing] {
    question(things).unwrap_or(things)
}

/// Things that can be used and are not called anything.
fn nameless(window: &mut Window, page: &str) -> Option<String> {
    window.keep_picture("window-pictures", &page.to_lowercase().replace(' ', "-"));
    let things = window.sees();
    // A row that unfolds is a nameless row around one that has the name: the keyboard goes only to the inner one.
    let has_inner = |at: usize| {
        let inside = things[at + 1..].iter().take_while(|thing| thing.depth > things[at].depth);
        inside.into_iter().any(|thing| thing.role == "list item" && !thing.name.is_empty())
    };
    // What a combo box shows of its choice is no stop of the keyboard: the name is that of the combo box.
    let is_shown_choice = |at: usize| {
        let mut depth = things[at].depth;
        let above = things[..at].iter().rev().filter(|thing| {
            let is_above = thing.depth < depth;
            depth = depth.min(thing.depth);
            is_above
        });
        above.into_iter().any(|thing| thing.role == "combo box")
    };
    let is_nameless = |(at, thing): (usize, &Thing)| {
        let is_control = CONTROLS.contains(&thing.role.as_str());
        let is_inner = thing.role == "list item" && (has_inner(at) || is_shown_choice(at));
        is_control && thing.name.trim().is_empty() && !is_inner
    };
    things.iter().enumerate().any(is_nameless).then(|| format!("{page}:\n{}", told(&things)))
}

/// A place where the keyboard stops: role, name, description.
type Stop = (String, String, String);

/// Goes around with Tab; what is wrong with the way.
fn faults_of_the_way(window: &mut Window, page: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let things = window.sees();
    let things = in_front(&things);
    let mut stops: Vec<Stop> = Vec::new();
    let mut before = window.picture();
    loop {
        let now = window.tab().map(|thing| (thing.role, thing.name, thing.description)).unwrap_or_default();
        if stops.contains(&now) || stops.len() > 40 {
            // Once around is enough; a control that is there twice in a row is one stop too many.
            if stops.last() == Some(&now) && stops.len() > 1 {
                faults.push(format!("{page}: two stops at {now:?}"));
            }
            break;
        }
        stops.push(now);
        match window.picture_after(&before) {
            Some(picture) => before = picture,
            None => faults.push(format!("{page}: the focus on {:?} is not seen", stops.last())),
        }
    }
    println!("{page}: {stops:?}");
    let is_it = |stop: &Stop, t: &Thing| (&t.role, &t.name, &t.description) == (&stop.0, &stop.1, &stop.2);
    let place = |stop: &Stop| things.iter().position(|thing| is_it(stop, thing));
    faults
        .extend(stops.iter().filter(|stop| place(stop).is_none()).map(|s| format!("{page}: {s:?} came from nowhere")));
    let places: Vec<usize> = stops.iter().filter(|stop| stop.1 != "Back").filter_map(place).collect();
    // It begins anywhere and goes around once. The way back lies behind all else.
    let turns = places.windows(2).filter(|two| two[1] < two[0]).count();
    if turns > 1 {
        faults.push(format!("{page}: the order of stops is not that of reading: {stops:?}"));
    }
    if places.is_empty() {
        faults.push(format!("{page}: nothing can be reached"));
    }
    faults
}

#[test]
fn everything_that_can_be_used_has_a_name() {
    system(|system| {
        let mut found = Vec::new();
        on_each_page(system, |window, page| found.extend(nameless(window, page)));
        assert!(found.is_empty(), "{}", found.join("\n"));
    });
}

#[test]
fn everything_that_can_be_used_in_questions_while_it_installs_and_after_a_stop_has_a_name() {
    system(|system| {
        let mut found = Vec::new();
        on_each_page_of_a_stop(system, |window, page| found.extend(nameless(window, page)));
        assert!(found.is_empty(), "{}", found.join("\n"));
    });
}

#[test]
fn tab_passes_every_control_once_in_the_order_in_which_they_are_read_and_is_seen_at_each() {
    system(|system| {
        let mut faults = Vec::new();
        on_each_page(system, |window, page| faults.extend(faults_of_the_way(window, page)));
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    });
}

#[test]
fn tab_passes_every_control_of_questions_of_the_page_that_installs_and_of_the_one_after_a_stop() {
    system(|system| {
        let mut faults = Vec::new();
        on_each_page_of_a_stop(system, |window, page| faults.extend(faults_of_the_way(window, page)));
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    });
}
