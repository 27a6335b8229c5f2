//! Proprietary firmware: when it is a question, and what becomes of the answer.

use super::*;

/// The same machine without a device that wants firmware, and with one of another kind.
fn without_firmware() -> Change {
    let mut inventory = machine::inventory();
    inventory.devices.clear();
    Change::Disks(inventory)
}

fn accept(bundle: &str) -> Change {
    Change::Firmware { bundle: bundle.into(), accepted: true }
}

#[test]
fn firmware_is_a_question_only_where_a_device_wants_some_and_the_payload_has_it() {
    let mut session = ready();
    let rows: Vec<_> = session.wanted_firmware().iter().map(|row| row.bundle.name.clone()).collect();
    assert_eq!(rows, ["intel-wifi", "amd-graphics", "amd-microcode"]);
    // Without such a device the page is not there, neither forth nor back.
    session.apply(without_firmware());
    for change in way_to(Page::Firmware) {
        session.apply(change);
    }
    assert_eq!(session.page(), Page::SecureBoot);
    session.apply(Change::Left(Page::SecureBoot));
    assert_eq!(session.page(), Page::Account);
    // A payload without bundles asks nothing either.
    let mut manifest = machine::manifest();
    manifest.firmware.clear();
    let mut session = Session::new(Some("en_US.UTF-8".into()));
    let offer = Offer { manifest, certificate: "F0".into() };
    session.apply(Change::Found(Box::new(Ok(Found { offer, inventory: machine::inventory(), running: None }))));
    assert!(!session.wants_firmware() && !session.way().contains(&Page::Firmware));
}

#[test]
fn nothing_is_accepted_by_itself_and_to_go_on_without_is_the_plain_way() {
    let mut session = ready();
    walk(&mut session, Page::Firmware);
    assert!(session.may_go_on() && !session.accepts_any());
    walk_one(&mut session, Page::Firmware);
    assert!(session.answers().unwrap().firmware.is_empty());
    assert!(!session.answers_to_keep().unwrap().contains("firmware"));
}

#[test]
fn what_is_accepted_stands_in_the_answers_with_its_hash_and_can_be_taken_back() {
    let mut session = ready();
    walk(&mut session, Page::Firmware);
    session.apply(accept("intel-wifi"));
    session.apply(accept("amd-graphics"));
    session.apply(accept("amd-graphics"));
    let text = session.answers_to_keep().unwrap();
    let read = Answers::parse(&text).unwrap();
    let names: Vec<_> = read.firmware.iter().map(|answer| answer.bundle.as_str()).collect();
    assert_eq!(names, ["amd-graphics", "intel-wifi"]);
    assert_eq!(read.firmware[0].sha256, machine::manifest().firmware[1].image.sha256);
    session.apply(Change::Firmware { bundle: "intel-wifi".into(), accepted: false });
    assert!(!session.accepts("intel-wifi") && session.accepts("amd-graphics"));
    // What the payload has and nothing here wants can not be chosen by accident.
    session.apply(accept("intel-sound"));
    session.apply(accept("no-such-bundle"));
    assert!(!session.accepts("intel-sound") && !session.accepts("no-such-bundle"));
}

#[test]
fn another_disk_keeps_what_was_accepted_and_the_plan_names_it() {
    let mut session = ready();
    walk(&mut session, Page::Review);
    let Judged::Plan { plan, .. } = session.verdict() else { panic!("a plan") };
    assert!(plan.firmware.is_empty());
    let effects = session.apply(accept("intel-wifi"));
    answer(&mut session, effects);
    session.apply(Change::Disk("/dev/nvme1n1".into()));
    session.apply(Change::Disk("/dev/nvme0n1".into()));
    let effects = session.apply(Change::Use(Choice::Way(Way::WholeDisk)));
    answer(&mut session, effects);
    let Judged::Plan { plan, .. } = session.verdict() else { panic!("a plan") };
    assert_eq!(plan.firmware.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["intel-wifi"]);
}

#[test]
fn a_device_that_goes_takes_its_firmware_along_and_the_way_back_is_made_anew() {
    for (page, shown) in [(Page::Firmware, Page::Account), (Page::Review, Page::Review)] {
        let mut session = ready();
        walk(&mut session, page);
        session.apply(accept("intel-wifi"));
        let effects = session.apply(without_firmware());
        assert!(!session.accepts_any(), "{page:?}");
        assert_eq!(session.page(), shown);
        assert!(matches!(effects[0], Effect::Show(to) if to == shown), "{effects:?}");
        assert!(matches!(effects[1], Effect::FirmwareWithdrawn), "nobody is told: {effects:?}");
        assert!(!session.way().contains(&Page::Firmware));
        // It comes again: it is a question again, and nothing is accepted.
        session.apply(Change::Disks(machine::inventory()));
        assert!(session.way().contains(&Page::Firmware) && !session.accepts_any());
    }
}

#[test]
fn answers_that_were_found_turn_nothing_on_and_the_page_says_what_they_ask_for() {
    let mut answers = {
        let mut session = ready();
        walk(&mut session, Page::Review);
        session.answers().unwrap()
    };
    let image = |bundle: &str| {
        machine::manifest().firmware.iter().find(|one| one.name == bundle).map(|one| one.image.sha256.clone()).unwrap()
    };
    let accepted = |bundle: &str, sha256: String| FirmwareAnswer { bundle: bundle.into(), sha256 };
    answers.firmware = vec![
        accepted("intel-wifi", image("intel-wifi")),
        accepted("intel-sound", image("intel-sound")),
        accepted("amd-graphics", "00".repeat(32)),
    ];
    let fill = || Change::FilledIn(Box::new(answers.clone()));
    for before in [true, false] {
        let mut session = Session::new(Some("en_US.UTF-8".into()));
        for change in if before { [fill(), found()] } else { [found(), fill()] } {
            session.apply(change);
        }
        assert!(!session.accepts_any(), "{before}: nobody signed the file, and it is not the person");
        assert!(session.is_asked_for("intel-wifi"));
        assert!(!session.is_asked_for("intel-sound"), "nothing here wants it");
        assert!(!session.is_asked_for("amd-graphics"), "it is another image than the one that was accepted");
        walk(&mut session, Page::Review);
        assert!(session.answers().unwrap().firmware.is_empty());
    }
}

#[test]
fn a_device_that_goes_while_it_is_installed_takes_nothing_along_until_it_is_tried_again() {
    let mut session = ready();
    walk(&mut session, Page::Review);
    let effects = session.apply(accept("intel-wifi"));
    answer(&mut session, effects);
    session.apply(Change::Confirm);
    assert_eq!(session.page(), Page::Installing);
    assert!(session.apply(without_firmware()).is_empty());
    assert!(session.accepts("intel-wifi"), "the install that runs has it");
    session.apply(Change::Ended(Box::new(Ended::Cancelled { stage: Stage::Check, written: false, smaller: vec![] })));
    assert!(session.apply(without_firmware()).is_empty());
    let effects = session.apply(Change::TryAgain);
    assert!(matches!(effects[..], [Effect::Show(Page::Review), Effect::FirmwareWithdrawn, Effect::Check { .. }]));
    assert!(!session.accepts_any());
}

#[test]
fn a_licence_is_fetched_by_the_name_of_its_bundle() {
    let mut session = ready();
    let effects = session.apply(Change::Licence("intel-wifi".into()));
    assert!(
        matches!(&effects[..], [Effect::Licence { bundle, id }] if bundle == "intel-wifi" && id.contains("intel-wifi"))
    );
    assert!(session.apply(Change::Licence("x".into())).is_empty());
    let text = change::Text("a\n".repeat(1000));
    assert_eq!(format!("{text:?}"), "Text(2000 bytes)");
}
