//! The use of the disk: what is possible, what is chosen, what the answers say then.

use super::*;
use crate::{
    gateway::scripted::way_beside,
    session::{
        before_after::What,
        usage::{Choice, Offered},
    },
};
use forge_dbus::status::{Reached, Smaller};
use forge_model::{
    answers::{DiskAnswers, Shrink, Way},
    inventory::{Content, Gpt, GptFault},
    layout::bars::Fate,
    machine::{Staged, Staging},
    size::MIB,
};

const WINDOWS: &str = "/dev/nvme0n1";
const EARLIER: &str = "/dev/sda";
const FEDORA: &str = "/dev/sdc";

/// A session on a machine with disks that more than one system can be on.
fn shared() -> Session {
    shared_with(machine::shared_inventory())
}

fn shared_with(inventory: Inventory) -> Session {
    let mut session = Session::new(Some("en_US.UTF-8".into()));
    let offer = Offer { manifest: machine::manifest(), certificate: String::new() };
    session.apply(Change::Found(Box::new(Ok(Found { offer, inventory, running: None }))));
    session
}

/// Walks to a page with this disk, used like this.
fn walk_beside(session: &mut Session, page: Page, disk: &str, choices: &[Choice]) {
    for change in way_beside(page, disk, choices) {
        let effects = session.apply(change);
        answer(session, effects);
    }
    assert_eq!(session.page(), page);
}

fn offered(session: &Session, way: Way) -> Offered {
    session.ways().into_iter().find(|offered| offered.way == way).unwrap()
}

fn fate_of(session: &Session, number: u32) -> Fate {
    let mut fates = session.before_after().before.into_iter().filter_map(|piece| match piece.what {
        What::Old(found, fate) if found.number == number => Some(fate),
        _ => None,
    });
    fates.next().unwrap()
}

fn use_it(session: &mut Session, choice: Choice) {
    session.apply(Change::Use(choice));
}

#[test]
fn an_empty_disk_asks_nothing_and_is_taken_as_a_whole() {
    let mut session = ready();
    for change in way_to(Page::Disk) {
        session.apply(change);
    }
    session.apply(Change::Disk("/dev/nvme1n1".into()));
    session.apply(Change::Next);
    assert_eq!(session.page(), Page::Encryption);
    let answers = session.disk_answers().unwrap();
    assert!(answers.way.is_whole_disk() && answers.erase.is_some());
    session.apply(Change::Left(Page::Encryption));
    assert_eq!(session.page(), Page::Disk);
}

#[test]
fn a_table_that_is_damaged_or_was_not_read_is_not_taken_for_an_empty_one() {
    let asks = |change: &dyn Fn(&mut Option<Gpt>)| {
        let mut inventory = machine::inventory();
        if let Content::Table { partitions, gpt, .. } = &mut inventory.disks[0].content {
            partitions.clear();
            change(gpt);
        }
        let mut session = shared_with(inventory);
        session.apply(Change::Disk(WINDOWS.into()));
        session.asks_for_use()
    };
    assert!(!asks(&|_| ()));
    assert!(asks(&|gpt| *gpt = None));
    assert!(asks(&|gpt| gpt.as_mut().unwrap().fault = Some(GptFault::FirstCopy)));
}

#[test]
fn where_something_is_on_the_disk_nothing_is_chosen_for_anybody() {
    let mut session = ready();
    walk_beside(&mut session, Page::DiskUse, WINDOWS, &[]);
    assert_eq!(session.disk_way(), None);
    assert!(!session.may_go_on() && session.disk_answers().is_none());
    session.apply(Change::Next);
    assert_eq!(session.page(), Page::DiskUse);
    // Until something is, nothing is lost in the picture either.
    assert_eq!(fate_of(&session, 3), Fate::Stays);
    assert!(session.before_after().after.is_empty());
}

#[test]
fn the_whole_disk_says_that_it_may_be_erased_and_no_other_way_does() {
    let mut session = ready();
    for (way, erases) in [(Way::WholeDisk, true), (Way::FreeSpace, false), (Way::Manual, false)] {
        walk_beside(&mut session, Page::DiskUse, WINDOWS, &[Choice::Way(way)]);
        assert!(session.may_go_on(), "{way:?}");
        let answers = session.disk_answers().unwrap();
        assert_eq!((answers.way, answers.erase.is_some()), (way, erases));
        let fate = if erases { Fate::Goes } else { Fate::Stays };
        assert!((1..=4).all(|number| fate_of(&session, number) == fate), "{way:?}");
        session = ready();
    }
}

#[test]
fn a_way_that_can_not_be_gone_says_why_and_can_not_be_chosen() {
    let mut session = ready();
    walk_beside(&mut session, Page::DiskUse, WINDOWS, &[Choice::Way(Way::Replace)]);
    assert!(matches!(offered(&session, Way::Replace).against[..], [Issue::NoEarlierSystem { .. }]));
    assert_eq!(session.disk_way(), None);
    // A table that was not read, or of another kind, can only be erased.
    let mut session = shared();
    walk_beside(&mut session, Page::DiskUse, "/dev/sdb", &[Choice::Way(Way::FreeSpace), Choice::Way(Way::Manual)]);
    for way in [Way::FreeSpace, Way::Manual] {
        assert!(offered(&session, way).against.iter().any(|issue| matches!(issue, Issue::NoGpt { .. })), "{way:?}");
    }
    assert_eq!(session.disk_way(), None);
    use_it(&mut session, Choice::Way(Way::WholeDisk));
    assert!(session.may_go_on());
}

#[test]
fn the_plan_is_that_of_the_way_that_was_chosen_and_nothing_that_stays_is_lost_in_it() {
    let mut session = ready();
    walk_beside(&mut session, Page::Review, WINDOWS, &[Choice::Way(Way::FreeSpace)]);
    let Judged::Plan { plan, .. } = session.verdict() else { panic!("{:?}", session.verdict()) };
    let beside = plan.layout.beside.as_ref().unwrap();
    assert_eq!((beside.way, beside.kept.len(), beside.removed.len()), (Way::FreeSpace, 4, 0));
    assert_eq!(plan.erased, Content::Empty);
    let told = BeforeAfter::of_plan(plan);
    assert_eq!(told, session.before_after(), "the page showed what the plan does");
    assert_eq!((told.lost().count(), told.kept().count()), (0, 4));
}

#[test]
fn what_has_to_be_made_smaller_is_proposed_and_is_the_persons_to_change() {
    let mut session = shared();
    walk_beside(&mut session, Page::DiskUse, WINDOWS, &[]);
    let free = offered(&session, Way::FreeSpace);
    assert!(free.against.is_empty(), "{free:?}");
    assert_eq!(free.shrinks.len(), 1);
    use_it(&mut session, Choice::Way(Way::FreeSpace));
    assert!(session.may_go_on());
    let [row] = &session.shrinkable()[..] else { panic!("one can be made smaller") };
    assert!(row.keeps < row.found.size && row.keeps > row.least, "half of what it does not need: {row:?}");
    assert!(matches!(fate_of(&session, 3), Fate::Shrinks { .. }));

    // As small as it can be, and never smaller.
    let least = row.least;
    use_it(&mut session, Choice::Shrink { number: 3, to: 1 });
    assert_eq!(session.shrinkable()[0].keeps, least);
    assert_eq!(session.disk_answers().unwrap().shrink, [Shrink { number: 3, to_mib: least / MIB }]);
    assert!(session.may_go_on());
    // As it is: then there is no room, and the page says so.
    use_it(&mut session, Choice::Shrink { number: 3, to: u64::MAX });
    assert!(session.disk_answers().unwrap().shrink.is_empty());
    assert!(matches!(session.layout(), Some(Err(issues)) if matches!(issues[..], [Issue::NoFreeRoom { .. }])));
    assert!(!session.may_go_on());
    // What can not be made smaller is not, whoever asks.
    use_it(&mut session, Choice::Shrink { number: 4, to: MIB });
    assert!(session.disk_answers().unwrap().shrink.is_empty());
    let left: Vec<u32> = session.left_alone().iter().map(|left| left.found.number).collect();
    assert_eq!(left, [4]);
}

#[test]
fn an_earlier_system_is_replaced_and_its_personal_files_stay_unless_somebody_says_otherwise() {
    let mut session = shared();
    walk_beside(&mut session, Page::DiskUse, EARLIER, &[Choice::Way(Way::Replace)]);
    assert!(session.may_go_on(), "{:?}", session.layout());
    assert!(session.keeps_home() && session.disk_answers().unwrap().keep_home);
    assert_eq!(
        (fate_of(&session, 6), fate_of(&session, 7), fate_of(&session, 2)),
        (Fate::Home, Fate::Stays, Fate::Goes)
    );
    use_it(&mut session, Choice::KeepHome(false));
    assert!(!session.disk_answers().unwrap().keep_home);
    assert_eq!(fate_of(&session, 6), Fate::Goes);
    // Beside it there is no way: two systems would share their slots.
    assert!(matches!(offered(&session, Way::FreeSpace).against[..], [Issue::SlotsThere { .. }]));
    // Encrypted, they can not be kept; the page says why.
    let mut inventory = machine::shared_inventory();
    for disk in &mut inventory.disks {
        if let Content::Table { partitions, .. } = &mut disk.content {
            let state = partitions.iter_mut().filter(|found| found.label == "state");
            state.for_each(|found| found.holding = Some(forge_model::inventory::Holding::Luks));
        }
    }
    let mut session = shared_with(inventory.clone());
    walk_beside(&mut session, Page::DiskUse, EARLIER, &[]);
    assert!(offered(&session, Way::Replace).loses_home, "the way says so before it is chosen");
    use_it(&mut session, Choice::Way(Way::Replace));
    assert!(!session.keeps_home() && session.may_go_on());
    assert!(matches!(session.against_home()[..], [Issue::HomeEncrypted { number: 6 }]));
    // Whoever wants them all the same is not overruled.
    use_it(&mut session, Choice::KeepHome(true));
    assert!(session.keeps_home() && !session.may_go_on());
}

#[test]
fn personal_files_that_can_not_be_kept_any_more_are_not_given_up_behind_the_person() {
    let mut session = shared();
    walk_beside(&mut session, Page::Review, EARLIER, &[Choice::Way(Way::Replace)]);
    assert!(!offered(&session, Way::Replace).loses_home);
    let mut inventory = machine::shared_inventory();
    for disk in &mut inventory.disks {
        if let Content::Table { partitions, .. } = &mut disk.content {
            let state = partitions.iter_mut().filter(|found| found.label == "state");
            state.for_each(|found| found.holding = Some(forge_model::inventory::Holding::Luks));
        }
    }
    // The partition has the same number and length: what it holds is another thing.
    let effects = session.apply(Change::Disks(inventory));
    assert!(matches!(effects[..], [Effect::DiskChanged, Effect::Show(Page::DiskUse)]), "{effects:?}");
    assert_eq!(session.disk_way(), None);
    use_it(&mut session, Choice::Way(Way::Replace));
    assert!(session.keeps_home() && !session.may_go_on(), "what was wanted stays wanted, and blocks the page");
    assert!(
        matches!(session.layout(), Some(Err(issues)) if matches!(issues[..], [Issue::HomeEncrypted { number: 6 }]))
    );
    use_it(&mut session, Choice::KeepHome(false));
    assert!(session.may_go_on() && !session.disk_answers().unwrap().keep_home);
    assert!(offered(&session, Way::Replace).loses_home);
}

#[test]
fn what_nobody_said_of_personal_files_is_not_taken_as_said_that_they_go() {
    let mut session = shared();
    walk_beside(&mut session, Page::Encryption, EARLIER, &[Choice::Way(Way::WholeDisk)]);
    session.apply(Change::Encrypt(true));
    session.apply(Change::Left(Page::Encryption));
    use_it(&mut session, Choice::Way(Way::Replace));
    assert!(!session.keeps_home() && offered(&session, Way::Replace).loses_home);
    session.apply(Change::Encrypt(false));
    assert!(session.keeps_home() && !offered(&session, Way::Replace).loses_home);
}

#[test]
fn files_that_are_kept_are_not_lost_by_turning_encryption_on_and_with_it_on_they_are_not_kept() {
    let mut session = shared();
    walk_beside(&mut session, Page::Encryption, EARLIER, &[Choice::Way(Way::Replace)]);
    assert!(session.keeps_home());
    session.apply(Change::Encrypt(true));
    assert!(session.keeps_home() && !session.encryption().is_wanted());
    // The way back: without them it can be encrypted.
    session.apply(Change::Left(Page::Encryption));
    use_it(&mut session, Choice::KeepHome(false));
    session.apply(Change::Next);
    session.apply(Change::Encrypt(true));
    assert!(session.encryption().is_wanted());
    // With encryption on they are not kept, and the page says why.
    session.apply(Change::Left(Page::Encryption));
    assert_eq!(session.against_home(), [Issue::HomeNotEncrypted]);
    assert!(offered(&session, Way::Replace).loses_home && !session.keeps_home());
    // Who wants both is led no further than the page about encryption, and out of it either way.
    use_it(&mut session, Choice::KeepHome(true));
    session.apply(Change::Next);
    assert_eq!(session.page(), Page::Encryption);
    for change in encrypts(true).into_iter().filter(|change| !matches!(change, Change::Next)) {
        session.apply(change);
    }
    assert!(session.encryption().is_decided() && !session.may_go_on());
    session.apply(Change::Encrypt(false));
    assert!(session.may_go_on() && session.against_home().is_empty());
    assert!(session.disk_answers().unwrap().keep_home);
}

#[test]
fn a_system_that_only_a_boot_entry_starts_says_so_where_the_firmware_took_none() {
    let ends = |session: &mut Session, staged: Staged| {
        let receipt = Box::new(machine::receipt(&session.run().plan.clone().unwrap()));
        session.apply(Change::Ended(Box::new(Ended::Installed { receipt })));
        session.apply(Change::HandedOver(Ok(Credentials::new(Handover { staged, ..machine::handover() }))));
        session.without_boot_entry().map(|receipt| (receipt.starts_only_by_entry(), receipt.boot_entry_command()))
    };
    let shares = [Choice::Way(Way::Manual), Choice::Delete { number: 4, goes: true }, Choice::ShareEsp(Some(1))];
    for (choices, only) in [(&shares[..], true), (&shares[..2], false)] {
        let mut session = shared();
        walk_beside(&mut session, Page::Installing, FEDORA, choices);
        let (said, command) = ends(&mut session, machine::refused_request()).unwrap();
        assert_eq!(said, only);
        let number = if only { 1 } else { 5 };
        assert!(command.unwrap().starts_with(&format!("efibootmgr --create --disk {FEDORA} --part {number} ")));
    }
    let mut session = shared();
    walk_beside(&mut session, Page::Installing, FEDORA, &shares);
    let there = Staged { boot_entry: Staging::Done, ..machine::refused_request() };
    assert_eq!(ends(&mut session, there), None);
    let mut session = ready();
    walk(&mut session, Page::Installing);
    assert_eq!(ends(&mut session, machine::refused_request()), None, "the whole disk starts by itself");
}

#[test]
fn by_hand_nothing_goes_but_what_was_turned_on() {
    let mut session = shared();
    walk_beside(&mut session, Page::DiskUse, FEDORA, &[Choice::Way(Way::Manual)]);
    assert!(session.deletable().iter().all(|(_, goes)| !goes));
    assert_eq!(session.disk_answers().unwrap().delete, [0; 0]);
    for number in [99, 4, 1] {
        use_it(&mut session, Choice::Delete { number, goes: true });
    }
    use_it(&mut session, Choice::Delete { number: 1, goes: false });
    assert_eq!(session.disk_answers().unwrap().delete, [4]);
    assert_eq!((fate_of(&session, 4), fate_of(&session, 1)), (Fate::Goes, Fate::Stays));

    // An EFI system partition is shared only while it is there and has room.
    use_it(&mut session, Choice::ShareEsp(Some(2)));
    assert_eq!(session.shared_esp(), None, "it is none");
    use_it(&mut session, Choice::ShareEsp(Some(1)));
    assert_eq!(session.disk_answers().unwrap().shared_esp, Some(1));
    assert_eq!(fate_of(&session, 1), Fate::Shared);
    use_it(&mut session, Choice::Delete { number: 1, goes: true });
    assert_eq!(session.shared_esp(), None);

    // The state gets what is left, or what is asked for.
    let room = session.state_room().unwrap();
    assert_eq!(room.gets, room.most);
    use_it(&mut session, Choice::State(20_000 * MIB));
    assert_eq!(session.disk_answers().unwrap().state_mib, Some(20_000));
    assert_eq!(session.state_room().unwrap().gets, 20_000 * MIB);
    use_it(&mut session, Choice::State(u64::MAX));
    assert_eq!(session.disk_answers().unwrap().state_mib, None);
    // Another way knows nothing of all this.
    use_it(&mut session, Choice::Way(Way::FreeSpace));
    let answers = session.disk_answers().unwrap_or_default();
    assert!(answers.delete.is_empty() && answers.shared_esp.is_none());
}

#[test]
fn another_disk_is_another_decision() {
    let mut session = shared();
    walk_beside(
        &mut session,
        Page::DiskUse,
        FEDORA,
        &[Choice::Way(Way::Manual), Choice::Delete { number: 4, goes: true }],
    );
    session.apply(Change::Left(Page::DiskUse));
    assert_eq!(session.page(), Page::Disk);
    // The same one again: nothing was forgotten.
    session.apply(Change::Disk(FEDORA.into()));
    assert_eq!(session.disk_answers().unwrap().delete, [4]);
    session.apply(Change::Disk(WINDOWS.into()));
    assert_eq!(session.disk_way(), None);
    session.apply(Change::Disk(FEDORA.into()));
    assert_eq!(session.disk_way(), None);
}

#[test]
fn a_disk_that_changes_is_decided_about_again_but_one_that_is_erased_is_erased() {
    let changed = || {
        let mut inventory = machine::inventory();
        if let Content::Table { partitions, .. } = &mut inventory.disks[0].content {
            partitions.pop();
        }
        Change::Disks(inventory)
    };
    let mut session = ready();
    walk_beside(&mut session, Page::Review, WINDOWS, &[Choice::Way(Way::FreeSpace)]);
    let effects = session.apply(changed());
    assert!(matches!(effects[..], [Effect::DiskChanged, Effect::Show(Page::DiskUse)]), "{effects:?}");
    assert_eq!((session.page(), session.disk_way()), (Page::DiskUse, None));
    let mut session = ready();
    walk(&mut session, Page::Review);
    let effects = session.apply(changed());
    assert!(matches!(effects[..], [Effect::Check { .. }]), "{effects:?}");
    // How much is free in a partition is no change.
    let mut session = ready();
    walk_beside(&mut session, Page::Review, WINDOWS, &[Choice::Way(Way::FreeSpace)]);
    let mut inventory = machine::inventory();
    if let Content::Table { partitions, .. } = &mut inventory.disks[0].content {
        partitions[0].esp = Some(forge_model::esp::Content::Fat { free: Some(1), files: None });
    }
    let effects = session.apply(Change::Disks(inventory));
    assert!(matches!(effects[..], [Effect::Check { .. }]), "{effects:?}");
}

#[test]
fn a_disk_that_became_empty_asks_nothing_any_more() {
    let mut session = ready();
    walk_beside(&mut session, Page::DiskUse, WINDOWS, &[]);
    let mut inventory = machine::inventory();
    inventory.disks[0].content = Content::Empty;
    let effects = session.apply(Change::Disks(inventory));
    assert!(matches!(effects[..], [Effect::Show(Page::Disk)]), "{effects:?}");
    session.apply(Change::Next);
    assert_eq!(session.page(), Page::Encryption);
}

#[test]
fn answers_that_were_found_choose_only_what_destroys_nothing_and_the_rest_is_said() {
    let found = |words: &str| {
        let text = format!(
            "version = 1\n[disk]\n{words}\n[system]\nhostname = \"desk\"\nlocale = \"en_US.UTF-8\"\ntimezone = \"UTC\"\n\
             keyboard = {{ layout = \"de\" }}\n[user]\nname = \"desk\"\npassword = {{ generate = \"passphrase\" }}\n"
        );
        Change::FilledIn(Box::new(Answers::parse(&text).unwrap()))
    };
    for (words, way, chosen) in [
        ("use = \"free-space\"", Way::FreeSpace, Some(Way::FreeSpace)),
        ("erase = \"all-data-on-this-disk\"", Way::WholeDisk, None),
        ("use = \"manual\"\ndelete = [3]", Way::Manual, None),
    ] {
        let mut session = ready();
        session.apply(found(words));
        session.apply(Change::Disk(WINDOWS.into()));
        assert_eq!(session.disk_way(), chosen, "{words}");
        assert!(session.ways().iter().all(|offered| offered.is_asked_for == (offered.way == way)));
        // The numbers in a file are those of another disk.
        use_it(&mut session, Choice::Way(Way::Manual));
        assert!(session.disk_answers().unwrap().delete.is_empty());
    }
    for words in ["use = \"replace\"", "use = \"replace\"\nkeep-home = false", "use = \"replace\"\nkeep-home = true"] {
        let mut session = shared();
        session.apply(found(words));
        session.apply(Change::Disk(EARLIER.into()));
        assert_eq!(session.disk_way(), None);
        use_it(&mut session, Choice::Way(Way::Replace));
        assert!(session.keeps_home(), "that they are lost is for the person to say: {words}");
    }
    // Where Windows would have to be made smaller for it, it is not chosen.
    let mut session = shared();
    session.apply(found("use = \"free-space\""));
    session.apply(Change::Disk(WINDOWS.into()));
    assert_eq!(session.disk_way(), None);
}

#[test]
fn what_is_kept_as_a_file_says_the_way() {
    let mut session = ready();
    walk_beside(&mut session, Page::Review, WINDOWS, &[Choice::Way(Way::FreeSpace)]);
    let kept = session.answers_to_keep().unwrap();
    assert!(kept.contains("use = \"free-space\"") && !kept.contains("erase"), "{kept}");
    let read = Answers::parse(&kept).unwrap();
    assert_eq!(read.disk, DiskAnswers { way: Way::FreeSpace, ..DiskAnswers::default() });
}

#[test]
fn after_a_failure_beside_other_systems_the_disk_and_its_use_are_chosen_again() {
    let mut session = ready();
    walk_beside(&mut session, Page::Installing, WINDOWS, &[Choice::Way(Way::FreeSpace)]);
    session.apply(Change::Ended(Box::new(Ended::Lost { stage: Some(Stage::Write) })));
    let effects = session.apply(Change::TryAgain);
    assert!(matches!(effects[..], [Effect::Show(Page::Disk), Effect::Look]));
    assert_eq!(session.disk_way(), None);
}

#[test]
fn while_a_partition_may_be_half_way_to_its_smaller_size_nothing_is_tried_again() {
    let smaller = |reached| vec![Smaller { number: 3, before: 2 * MIB, wanted: MIB, reached }];
    let cancelled = |reached| Ended::Cancelled { stage: Stage::Shrink, written: false, smaller: smaller(reached) };
    for (ended, may) in [
        (Ended::Lost { stage: Some(Stage::Shrink) }, false),
        (Ended::Lost { stage: None }, false),
        (Ended::Lost { stage: Some(Stage::Check) }, true),
        (cancelled(Reached::Begun), false),
        (cancelled(Reached::FileSystem), true),
        (cancelled(Reached::Partition), true),
    ] {
        let mut session = shared();
        walk_beside(&mut session, Page::Installing, WINDOWS, &[Choice::Way(Way::FreeSpace)]);
        let said = format!("{ended:?}");
        session.apply(Change::Ended(Box::new(ended)));
        assert_eq!(session.may_try_again(), may, "{said}");
        session.apply(Change::TryAgain);
        assert_eq!(session.page() == Page::Failure, !may, "{said}");
    }
    // Where nothing was to be smaller, nothing is half way.
    let mut session = ready();
    walk_beside(&mut session, Page::Installing, WINDOWS, &[Choice::Way(Way::FreeSpace)]);
    session.apply(Change::Ended(Box::new(Ended::Lost { stage: None })));
    assert!(session.may_try_again());
}
