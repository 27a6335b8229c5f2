//! Names, order and focus on every page.

use crate::{
    install::LONG,
    person::{DISK, PASSWORD, Room, SIZE},
};
use forge_tests::{
    desk::{
        Window, has,
        sight::{State, Thing},
        told,
    },
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

/// Walks from the first page to the last and calls this on each.
fn on_each_page(system: &System, mut look: impl FnMut(&mut Window, &str)) {
    let room = Room::of(system, Person::Allowed);
    let _first = LoopDisk::new(system, "FIRST", SIZE, 512);
    let properties = &[("ID_MODEL", "Second_Disk")];
    let _second = LoopDisk::make(system, Make { serial: "SECOND", size: SIZE, properties, ..Make::default() });
    let mut window = room.window("window");
    let mut on = |window: &mut Window, page: &str| {
        window.at(page);
        look(window, page);
    };
    window.choose("English");
    on(&mut window, "Welcome");
    window.press("ctrl+Return");
    on(&mut window, "Keyboard");
    window.press("ctrl+Return");
    window.choose("Berlin");
    on(&mut window, "Time Zone");
    window.press("ctrl+Return");
    window.choose(DISK);
    on(&mut window, "Disk");
    window.press("ctrl+Return");
    window.fill("Your Name", "Anna Test");
    window.fill("Password", PASSWORD);
    window.fill("Password Again", PASSWORD);
    on(&mut window, "Your Account");
    window.press("ctrl+Return");
    on(&mut window, "Secure Boot");
    window.press("ctrl+Return");
    window.reads("is erased");
    on(&mut window, "Review");
    window.press("ctrl+Return");
    window.until_within(LONG, "the end", |things| has(things, "Your Code").then_some(()));
    on(&mut window, "Installed");
}

#[test]
fn everything_that_can_be_used_has_a_name() {
    system(|system| {
        let mut nameless = Vec::new();
        on_each_page(system, |window, page| {
            window.keep_picture("window-pictures", &page.to_lowercase().replace(' ', "-"));
            let things = window.sees();
            // A row that unfolds is a nameless row around one that has the name: the keyboard goes only to the inner one.
            let has_inner = |at: usize| {
                let inside = things[at + 1..].iter().take_while(|thing| thing.depth > things[at].depth);
                inside.into_iter().any(|thing| thing.role == "list item" && !thing.name.is_empty())
            };
            let is_nameless = |(at, thing): (usize, &Thing)| {
                let is_control = CONTROLS.contains(&thing.role.as_str());
                is_control && thing.name.trim().is_empty() && !(thing.role == "list item" && has_inner(at))
            };
            if things.iter().enumerate().any(is_nameless) {
                nameless.push(format!("{page}:\n{}", told(&things)));
            }
        });
        assert!(nameless.is_empty(), "{}", nameless.join("\n"));
    });
}

#[test]
fn tab_passes_every_control_once_in_the_order_in_which_they_are_read_and_is_seen_at_each() {
    system(|system| {
        let mut faults = Vec::new();
        on_each_page(system, |window, page| {
            let things = window.sees();
            let mut stops: Vec<(String, String)> = Vec::new();
            let mut pictures: Vec<Vec<u8>> = Vec::new();
            loop {
                window.press("Tab");
                std::thread::sleep(std::time::Duration::from_millis(120));
                let now = window.focused().map(|thing| (thing.role, thing.name)).unwrap_or_default();
                if stops.contains(&now) || stops.len() > 40 {
                    // Once around is enough; a control that is there twice in a row is one stop too many.
                    if stops.last() == Some(&now) {
                        faults.push(format!("{page}: two stops at {now:?}"));
                    }
                    break;
                }
                stops.push(now);
                let picture = window.picture();
                if pictures.last() == Some(&picture) {
                    faults.push(format!("{page}: the focus on {:?} is not seen", stops.last()));
                }
                pictures.push(picture);
            }
            println!("{page}: {stops:?}");
            let place = |stop: &(String, String)| things.iter().position(|t| (&t.role, &t.name) == (&stop.0, &stop.1));
            let places: Vec<usize> = stops.iter().filter(|stop| stop.1 != "Back").filter_map(place).collect();
            // It begins anywhere and goes around once. The way back lies behind all else.
            let turns = places.windows(2).filter(|two| two[1] < two[0]).count();
            if turns > 1 {
                faults.push(format!("{page}: the order of stops is not that of reading: {stops:?}"));
            }
            let stop = |thing: &&Thing| thing.is(State::Focusable) && thing.is(State::Sensitive);
            if things.iter().filter(stop).count() == 0 {
                faults.push(format!("{page}: nothing can be reached"));
            }
        });
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    });
}
