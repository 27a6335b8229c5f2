//! The rules, without a display: every order, back, skip and issue.

mod encryption;
mod firmware;
mod usage;

use super::*;
use crate::gateway::scripted::{encrypts, machine, pages, way_to};
use crate::session::usage::Choice;
use forge_dbus::status::Progress;
use forge_model::{
    Handover, Secret,
    answers::{DiskAnswers, Way},
    inventory::Content,
};

fn found() -> Change {
    let offer = Offer { manifest: machine::manifest(), certificate: "F0".into() };
    Change::Found(Box::new(Ok(Found { offer, inventory: machine::inventory(), running: None })))
}

/// A session whose machine was looked at, of a program that speaks English already.
fn ready() -> Session {
    let mut session = Session::new(Some("en_US.UTF-8".into()));
    session.apply(found());
    session
}

/// What the helper would say to the last question among these effects.
fn answer(session: &mut Session, effects: Vec<Effect>) -> Vec<Effect> {
    let mut more = vec![];
    for effect in effects {
        if let Effect::Check { asked, disk, answers } = effect {
            let answers = forge_model::Answers::parse(&answers).unwrap();
            let inventory = session.inventory.clone();
            let verdict = match Plan::new(&inventory, &disk, &answers, &machine::manifest(), "00") {
                Ok(plan) => Verdict::Plan { digest: plan.digest(), plan: Box::new(plan) },
                Err(issues) => Verdict::Issues { issues },
            };
            more.extend(session.apply(Change::Checked { asked, verdict: Box::new(Ok(verdict)) }));
        } else if matches!(effect, Effect::MakeRecoveryKey) {
            more.extend(session.apply(Change::RecoveryKey(Ok(machine::recovery_key()))));
        } else {
            more.push(effect);
        }
    }
    more
}

/// Walks as a person does; the helper answers at once.
fn walk(session: &mut Session, page: Page) -> Vec<Effect> {
    let mut last = vec![];
    for change in way_to(page) {
        let effects = session.apply(change);
        last = answer(session, effects);
    }
    assert_eq!(session.page(), page);
    last
}

fn without(path: &str) -> Change {
    let mut inventory = machine::inventory();
    inventory.disks.retain(|disk| disk.identity.path != path);
    Change::Disks(inventory)
}

#[test]
fn a_person_walks_through_every_page_in_order_and_back() {
    let mut session = ready();
    walk(&mut session, Page::Review);
    for page in pages().rev() {
        assert_eq!(session.page(), page);
        assert!(session.is_complete(page), "{page:?}");
        session.apply(Change::Left(page));
    }
    assert_eq!(session.page(), Page::Welcome);
    // Nothing was forgotten on the way back.
    for _ in 1..pages().count() {
        let effects = session.apply(Change::Next);
        answer(&mut session, effects);
    }
    assert_eq!(session.page(), Page::Review);
    assert!(session.may_go_on());
}

#[test]
fn no_page_can_be_skipped() {
    for (missing, stops_at) in [Page::TimeZone, Page::Disk, Page::DiskUse, Page::Account].map(|page| (page, page)) {
        let mut session = ready();
        // Everything is done but what belongs to one page.
        for change in way_to(Page::Review) {
            let skipped = match &change {
                Change::TimeZone(_) => Page::TimeZone,
                Change::Disk(_) => Page::Disk,
                Change::Use(_) => Page::DiskUse,
                Change::Password(_) => Page::Account,
                _ => Page::Welcome,
            };
            if skipped != missing {
                session.apply(change);
            }
        }
        session.apply(Change::Confirm);
        assert_eq!(session.page(), stops_at);
        assert!(!session.may_go_on());
    }
}

#[test]
fn nothing_is_installed_before_it_is_confirmed_on_the_last_page() {
    let mut session = ready();
    for page in pages() {
        let effects = session.apply(Change::Confirm);
        if page == Page::Review {
            assert!(effects.iter().any(|effect| matches!(effect, Effect::Install { .. })));
            break;
        }
        assert!(effects.is_empty(), "{page:?}");
        walk_one(&mut session, page);
    }
}

/// From a page to the next one.
fn walk_one(session: &mut Session, from: Page) {
    let next = pages().skip_while(|page| *page != from).nth(1).unwrap();
    let already = way_to(from).len();
    for change in way_to(next).into_iter().skip(already) {
        let effects = session.apply(change);
        answer(session, effects);
    }
    assert_eq!(session.page(), next);
}

#[test]
fn a_second_confirmation_does_nothing() {
    let mut session = ready();
    walk(&mut session, Page::Installing);
    assert!(session.apply(Change::Confirm).is_empty());
}

#[test]
fn with_several_disks_none_is_chosen_and_with_one_it_is() {
    assert!(ready().disk().is_none());
    let mut session = Session::new(Some("en_US.UTF-8".into()));
    let mut inventory = machine::inventory();
    inventory.disks.retain(|disk| disk.identity.path != "/dev/nvme1n1");
    let offer = Offer { manifest: machine::manifest(), certificate: String::new() };
    session.apply(Change::Found(Box::new(Ok(Found { offer, inventory, running: None }))));
    assert_eq!(session.disk().unwrap().identity.path, "/dev/nvme0n1");
}

#[test]
fn a_disk_that_can_not_be_taken_can_not_be_chosen() {
    let mut session = ready();
    for path in ["/dev/sda", "/dev/sdb", "/dev/sdc", "/dev/absent"] {
        session.apply(Change::Disk(path.into()));
        assert!(session.disk().is_none(), "{path}");
    }
}

#[test]
fn a_disk_on_which_the_system_does_not_fit_is_shown_with_numbers_and_can_not_be_chosen() {
    let mut inventory = machine::inventory();
    let has = 6_000_000_000;
    inventory.disks.iter_mut().filter(|disk| disk.identity.path == "/dev/nvme1n1").for_each(|disk| disk.size = has);
    let offer = Offer { manifest: machine::manifest(), certificate: String::new() };
    let mut session = Session::new(Some("en_US.UTF-8".into()));
    session.apply(Change::Found(Box::new(Ok(Found { offer, inventory, running: None }))));
    // The other one is the only one on which it fits.
    assert_eq!(session.disk().unwrap().identity.path, "/dev/nvme0n1");
    let shown = session.shown_disks();
    let small = shown.iter().find(|shown| shown.disk.identity.path == "/dev/nvme1n1").unwrap();
    assert!(matches!(small.against, Some(Issue::TooSmall { has: 6_000_000_000, needs }) if needs > has), "{small:?}");
    session.apply(Change::Disk("/dev/nvme1n1".into()));
    assert_eq!(session.disk().unwrap().identity.path, "/dev/nvme0n1");
}

#[test]
fn the_installation_medium_is_not_among_the_disks_that_are_shown() {
    let session = ready();
    let shown = session.shown_disks();
    let paths: Vec<_> = shown.iter().map(|shown| shown.disk.identity.path.as_str()).collect();
    assert_eq!(paths, ["/dev/nvme0n1", "/dev/nvme1n1", "/dev/sda", "/dev/sdb"]);
}

#[test]
fn a_disk_that_is_pulled_out_withdraws_the_choice_and_leads_back_to_the_disks() {
    for page in
        [Page::Disk, Page::DiskUse, Page::Encryption, Page::RecoveryKey, Page::Account, Page::SecureBoot, Page::Review]
    {
        let mut session = ready();
        walk(&mut session, page);
        let effects = session.apply(without("/dev/nvme0n1"));
        assert!(matches!(effects[0], Effect::DiskWithdrawn), "{page:?}");
        assert_eq!(session.page(), Page::Disk);
        // What is left over is not chosen for anybody.
        assert!(session.disk().is_none() && !session.may_go_on());
    }
}

#[test]
fn another_disk_that_comes_or_goes_changes_no_choice_and_the_plan_stays_while_it_is_asked_for_again() {
    let mut session = ready();
    walk(&mut session, Page::Review);
    let effects = session.apply(without("/dev/nvme1n1"));
    assert!(matches!(effects[..], [Effect::Check { .. }]));
    assert_eq!(session.disk().unwrap().identity.path, "/dev/nvme0n1");
    assert!(session.may_go_on(), "what is confirmed is the digest of what was read");
    answer(&mut session, effects);
    assert!(matches!(session.verdict(), Judged::Plan { changed: false, .. }));
}

#[test]
fn an_answer_to_an_older_question_is_not_taken() {
    let mut session = ready();
    walk(&mut session, Page::Review);
    let old = session.asked;
    session.apply(without("/dev/nvme1n1"));
    let verdict = Box::new(Ok(Verdict::Issues { issues: vec![Issue::EraseNotConfirmed] }));
    session.apply(Change::Checked { asked: old, verdict });
    assert!(matches!(session.verdict(), Judged::Plan { .. }));
    let effects = session.apply(Change::ComputerName("loud-otter".into()));
    assert!(matches!(effects[..], [Effect::Check { asked, .. }] if asked > old));
    let verdict = Box::new(Ok(Verdict::Issues { issues: vec![Issue::EraseNotConfirmed] }));
    session.apply(Change::Checked { asked: old + 1, verdict });
    assert!(matches!(session.verdict(), Judged::Waiting));
}

#[test]
fn an_answer_that_is_told_twice_keeps_the_plan_and_another_one_asks_again() {
    let mut session = ready();
    walk(&mut session, Page::Review);
    assert!(session.apply(Change::FullName("Anna Schmidt".into())).is_empty());
    assert!(session.may_go_on());
    let effects = session.apply(Change::ComputerName("loud-otter".into()));
    assert!(matches!(effects[..], [Effect::Check { .. }]) && !session.may_go_on());
}

#[test]
fn every_issue_keeps_the_last_page_from_going_on() {
    let mut session = ready();
    walk(&mut session, Page::Review);
    session.apply(without("/dev/nvme1n1"));
    let issues = vec![Issue::TooSmall { has: 1, needs: 2 }];
    let verdict = Box::new(Ok(Verdict::Issues { issues }));
    session.apply(Change::Checked { asked: session.asked, verdict });
    assert!(!session.may_go_on());
    assert!(session.apply(Change::Confirm).is_empty());
}

#[test]
fn what_would_be_done_now_is_shown_again_when_it_differs_from_what_was_confirmed() {
    let mut session = ready();
    walk(&mut session, Page::Installing);
    let plan = session.run().plan.clone().unwrap();
    let effects = session.apply(Change::PlanChanged { digest: "1".repeat(64), plan });
    assert!(matches!(effects[..], [Effect::Close, Effect::Show(Page::Review)]));
    assert!(matches!(session.verdict(), Judged::Plan { changed: true, .. }));
}

#[test]
fn another_language_is_spoken_before_the_next_page_is_built() {
    let mut session = ready();
    session.apply(Change::Language("de_DE.UTF-8".into()));
    let effects = session.apply(Change::Next);
    assert!(matches!(&effects[..], [Effect::Speak(language)] if language == "de_DE.UTF-8"));
    assert_eq!(session.page(), Page::Welcome);
}

#[test]
fn the_keyboard_that_is_proposed_follows_the_language_until_one_is_chosen() {
    for (locale, layout) in [
        ("de_DE.UTF-8", "de"),
        ("de_CH.UTF-8", "ch"),
        ("de_AT.UTF-8", "at"),
        ("en_US.UTF-8", "us"),
        ("en_GB.UTF-8", "gb"),
        ("ar_EG.UTF-8", "ara"),
        ("sv_SE.UTF-8", "se"),
        ("ja_JP.UTF-8", "jp"),
        ("pt_BR.UTF-8", "br"),
        ("fr_FR.UTF-8", "fr"),
        ("es_ES.UTF-8", "es"),
        ("uk_UA.UTF-8", "ua"),
        ("xx_XX.UTF-8", "us"),
    ] {
        let proposed = choices::keyboard(&machine::manifest().offered, locale).unwrap();
        assert_eq!(proposed.layout, layout, "{locale}");
    }
}

#[test]
fn a_user_name_is_proposed_until_the_person_writes_one() {
    let mut account = Account::default();
    for (name, proposed) in [
        ("Anna Schmidt", "anna"),
        ("Émile Zola", "emile"),
        ("Anna-Lena M", "anna-lena"),
        ("Root", ""),
        ("عنا", ""),
        ("7of9", "of9"),
        ("", ""),
    ] {
        account.set_full_name(name.into());
        assert_eq!(account.user_name(), proposed, "{name}");
    }
    account.set_user_name("ann".into());
    account.set_full_name("Berta".into());
    assert_eq!(account.user_name(), "ann");
    account.set_user_name(String::new());
    account.set_full_name("Clara".into());
    assert_eq!(account.user_name(), "clara");
}

#[test]
fn a_password_is_looked_at_from_every_side() {
    use typed_twice::PasswordFault::*;
    let fault = |first: &str, again: &str| {
        let mut account = Account::default();
        account.set_full_name("Anna Schmidt".into());
        account.password_mut().set_first(Secret::new(first.into()));
        account.password_mut().set_again(Secret::new(again.into()));
        account.password_fault()
    };
    assert_eq!(fault("", ""), Some(Empty));
    assert_eq!(fault("short", "short"), Some(TooShort));
    assert_eq!(fault("12345678", "12345678"), Some(TooWeak));
    assert_eq!(fault("annaschmidt", "annaschmidt"), Some(TooWeak));
    assert_eq!(fault("copper lantern walks", ""), Some(NotRepeated));
    assert_eq!(fault("copper lantern walks", "copper lantern walk"), Some(Different));
    assert_eq!(fault("copper\tlantern walks", "copper\tlantern walks"), Some(Invisible));
    assert_eq!(fault("copper lantern walks", "copper lantern walks"), None);
}

#[test]
fn a_password_that_is_made_needs_none_typed_and_forgets_what_was() {
    let mut session = ready();
    walk(&mut session, Page::Account);
    session.apply(Change::MakePassword(true));
    assert!(session.may_go_on() && session.account().typed().is_none());
    session.apply(Change::MakePassword(false));
    assert!(!session.may_go_on());
    assert_eq!(session.account().typed().unwrap().expose(), "");
}

#[test]
fn it_can_be_cancelled_until_the_commit_and_once() {
    for (stage, cancels) in
        [(Stage::Check, true), (Stage::Write, true), (Stage::Commit, false), (Stage::Receipt, false)]
    {
        let mut session = ready();
        walk(&mut session, Page::Installing);
        session.apply(Change::Progress(Progress { stage: stage.id().into(), ..Progress::default() }));
        assert_eq!(session.apply(Change::Cancel).len(), usize::from(cancels), "{stage:?}");
        assert!(session.apply(Change::Cancel).is_empty());
    }
}

#[test]
fn the_bar_never_goes_back_from_stage_to_stage() {
    let mut run = Run::default();
    let mut last = 0.0;
    for stage in Stage::ALL {
        for done in 0..=4 {
            run.progress = Progress { stage: stage.id().into(), done, total: 4, rate: 0, left: -1 };
            assert!(run.fraction() >= last, "{stage:?} {done}");
            last = run.fraction();
        }
    }
    assert!((last - 1.0).abs() < 1e-9);
}

#[test]
fn the_end_leads_to_its_page_and_the_window_closes_only_when_nothing_is_lost() {
    let mut session = ready();
    walk(&mut session, Page::Installing);
    assert!(!session.may_close());
    let plan = session.run().plan.clone().unwrap();
    let receipt = Box::new(machine::receipt(&plan));
    let effects = session.apply(Change::Ended(Box::new(Ended::Installed { receipt })));
    assert!(matches!(effects[..], [Effect::Show(Page::Done), Effect::Take]));
    session.apply(Change::HandedOver(Ok(Credentials::new(machine::handover()))));
    assert!(!session.is_enrolled_by_hand());
    assert!(!session.may_close());
    session.apply(Change::Kept);
    assert!(session.may_close());
    assert!(matches!(session.apply(Change::Restart)[..], [Effect::Close, Effect::Restart]));
}

#[test]
fn a_request_that_the_firmware_refused_leaves_a_step_by_hand() {
    let mut session = ready();
    walk(&mut session, Page::Installing);
    let receipt = Box::new(machine::receipt(&session.run().plan.clone().unwrap()));
    session.apply(Change::Ended(Box::new(Ended::Installed { receipt })));
    let staged = machine::refused_request();
    session.apply(Change::HandedOver(Ok(Credentials::new(Handover { staged, ..machine::handover() }))));
    assert!(session.is_enrolled_by_hand() && !session.was_without_uefi());
    // Where there was nothing to leave a request in, nobody asks for a code either.
    let staged = forge_model::machine::Staged::NOT_HERE;
    session.apply(Change::HandedOver(Ok(Credentials::new(Handover { staged, ..machine::handover() }))));
    assert!(session.is_enrolled_by_hand() && session.was_without_uefi());
}

#[test]
fn after_a_failure_the_disk_is_chosen_again_and_the_rest_is_kept() {
    let mut session = ready();
    walk(&mut session, Page::Installing);
    session.apply(Change::Ended(Box::new(Ended::Lost { stage: Some(Stage::Write) })));
    assert_eq!(session.page(), Page::Failure);
    let effects = session.apply(Change::TryAgain);
    assert!(matches!(effects[..], [Effect::Show(Page::Disk), Effect::Look]));
    assert!(session.disk().is_none());
    session.apply(Change::Disk("/dev/nvme0n1".into()));
    session.apply(Change::Next);
    assert!(!session.may_go_on(), "its use is decided again, too");
    session.apply(Change::Use(Choice::Way(Way::WholeDisk)));
    for _ in 0..5 {
        let effects = session.apply(Change::Next);
        answer(&mut session, effects);
    }
    assert_eq!(session.page(), Page::Review);
    assert!(session.may_go_on());
}

#[test]
fn when_the_helper_goes_away_the_stage_that_was_heard_of_last_is_known() {
    let lost_at = |stage: &str| {
        let mut session = ready();
        walk(&mut session, Page::Installing);
        session.apply(Change::Progress(Progress { stage: stage.into(), ..Progress::default() }));
        session.apply(Change::Ended(Box::new(Ended::Lost { stage: None })));
        session
    };
    for stage in Stage::ALL {
        assert!(matches!(lost_at(stage.id()).ended(), Some(Ended::Lost { stage: Some(known) }) if *known == stage));
    }
    let session = lost_at("");
    let told = crate::sentences::errors::ended(session.ended().unwrap(), None).text;
    assert!(told.contains("It is not known whether anything was written.") && !told.contains("as it was"), "{told}");
    assert!(told.contains("look at what is on the disk"), "{told}");
    // A window that comes back hears of the stage before it listens.
    let mut second = Session::new(None);
    let offer = Offer { manifest: machine::manifest(), certificate: String::new() };
    let progress = Progress { stage: Stage::Write.id().into(), ..Progress::default() };
    let running = Some(Running { plan: session.run().plan.clone().unwrap(), progress, ended: None });
    second.apply(Change::Found(Box::new(Ok(Found { offer, inventory: machine::inventory(), running }))));
    second.apply(Change::Ended(Box::new(Ended::Lost { stage: None })));
    let told = crate::sentences::errors::ended(second.ended().unwrap(), None).text;
    assert!(told.contains("The disk will not start a computer now."), "{told}");
}

#[test]
fn where_no_other_try_is_offered_the_computer_can_be_restarted() {
    let failed_while = |stage| {
        let mut session = ready();
        walk(&mut session, Page::Installing);
        let shrink = vec![forge_model::answers::Shrink { number: 3, to_mib: 300_000 }];
        let disk = DiskAnswers { way: Way::FreeSpace, shrink, ..DiskAnswers::default() };
        session.run.plan = Some(Box::new(machine::plan(&machine::shared_inventory(), "/dev/nvme0n1", disk)));
        assert!(session.apply(Change::Restart).is_empty(), "not while it runs");
        session.apply(Change::Ended(Box::new(Ended::Lost { stage: Some(stage) })));
        session
    };
    let mut half = failed_while(Stage::Shrink);
    assert!(!half.may_try_again() && half.apply(Change::TryAgain).is_empty());
    assert!(matches!(half.apply(Change::Restart)[..], [Effect::Restart]));
    let mut other = failed_while(Stage::Write);
    assert!(other.may_try_again() && other.apply(Change::Restart).is_empty());
}

#[test]
fn where_nothing_was_written_the_plan_is_shown_again() {
    for ended in [
        Ended::Refused(ClientError::Refused(forge_dbus::Error::Dismissed(String::new()))),
        Ended::Cancelled { stage: Stage::Check, written: false, smaller: vec![] },
    ] {
        let mut session = ready();
        walk(&mut session, Page::Installing);
        session.apply(Change::Ended(Box::new(ended)));
        let effects = session.apply(Change::TryAgain);
        assert!(matches!(effects[..], [Effect::Show(Page::Review), Effect::Check { .. }]));
    }
    // A disk that went meanwhile has to be chosen.
    let mut session = ready();
    walk(&mut session, Page::Installing);
    session.apply(without("/dev/nvme0n1"));
    session.apply(Change::Ended(Box::new(Ended::Cancelled { stage: Stage::Check, written: false, smaller: vec![] })));
    session.apply(Change::TryAgain);
    assert_eq!(session.page(), Page::Disk);
}

#[test]
fn a_window_that_comes_back_shows_the_install_that_goes_on() {
    let mut session = ready();
    walk(&mut session, Page::Installing);
    let plan = session.run().plan.clone().unwrap();
    let mut second = Session::new(None);
    let offer = Offer { manifest: machine::manifest(), certificate: String::new() };
    let running = Some(Running { plan, progress: Progress::default(), ended: None });
    let effects = second.apply(Change::Found(Box::new(Ok(Found { offer, inventory: machine::inventory(), running }))));
    assert!(matches!(effects[..], [Effect::Show(Page::Installing), Effect::Follow]));
}

#[test]
fn the_answers_are_an_answer_file_and_hold_no_password() {
    let mut session = ready();
    walk(&mut session, Page::Review);
    let text = session.answers_text().unwrap();
    assert_eq!(forge_model::Answers::parse(&text).unwrap(), session.answers().unwrap());
    assert!(text.contains("ask = true") && !text.contains("copper"), "{text}");
    let kept = session.answers_to_keep().unwrap();
    assert!(kept.contains("generate = \"passphrase\"") && !kept.contains("copper"), "{kept}");
}

#[test]
fn no_debug_output_shows_a_secret() {
    let mut session = ready();
    let mut shown = String::new();
    let encrypted = encrypts(false).into_iter().chain([Change::RecoveryKept(true)]);
    let rest = way_to(Page::Installing).into_iter().skip(way_to(Page::Encryption).len());
    for change in way_to(Page::Encryption).into_iter().chain(encrypted).chain(rest) {
        shown += &format!("{change:?}");
        let effects = session.apply(change);
        shown += &format!("{effects:?}{session:?}");
        let effects = answer(&mut session, effects);
        shown += &format!("{effects:?}{session:?}");
    }
    assert_eq!(session.page(), Page::Installing, "the whole way was walked");
    let made = Change::RecoveryKey(Ok(machine::recovery_key()));
    let disk = Some(machine::disk_keys(forge_model::plan::PasswordKind::Generated));
    let handed = Change::HandedOver(Ok(Credentials::new(Handover { disk, ..machine::handover() })));
    shown += &format!("{made:#?}{handed:#?}");
    session.apply(handed);
    shown += &format!("{session:#?}");
    for secret in ["copper", "lantern", "velvet", "mürmurs", "marble", "cbdefghi", "jklnrtuv", "hdjk", "5e5e"] {
        assert!(!shown.contains(secret), "{secret}");
    }
}

#[test]
fn the_time_zone_of_a_country_is_proposed_and_never_put_over_a_choice() {
    let zones =
        || [("DE", "Europe/Berlin"), ("XX", "Nowhere/At_All")].map(|(c, z)| (c.to_owned(), z.to_owned())).into();
    for is_late in [false, true] {
        let mut session = Session::new(Some("de_DE.UTF-8".into()));
        if is_late {
            session.apply(found());
            assert_eq!(session.timezone(), None);
            session.apply(Change::Zones(zones()));
        } else {
            session.apply(Change::Zones(zones()));
            session.apply(found());
        }
        assert_eq!(session.timezone(), Some("Europe/Berlin"));
    }
    // The United States have several clocks: only the person knows.
    let mut session = ready();
    session.apply(Change::Zones(zones()));
    assert_eq!(session.timezone(), None);
    session.apply(Change::TimeZone("Asia/Tokyo".into()));
    session.apply(Change::Language("de_DE.UTF-8".into()));
    session.apply(Change::Zones(zones()));
    assert_eq!(session.timezone(), Some("Asia/Tokyo"));
    // What the payload does not offer is not proposed.
    assert_eq!(choices::timezone(&machine::manifest().offered, "xx_XX.UTF-8", &zones()), None);
}

#[test]
fn a_cancel_that_is_refused_is_told_while_it_matters() {
    let refused = || Change::CancelRefused(ClientError::Refused(forge_dbus::Error::WrongState("too late".into())));
    let mut session = ready();
    walk(&mut session, Page::Installing);
    assert!(matches!(session.apply(refused())[..], [Effect::Tell(Notice::Trouble(Trouble::NotStopped(_)))]));
    assert!(ready().apply(refused()).is_empty());
}

#[test]
fn answers_that_were_found_fill_in_what_they_say_and_never_choose_a_disk() {
    let text = r#"version = 1
[disk]
erase = "all-data-on-this-disk"
[system]
hostname = "front-desk"
locale = "de_DE.UTF-8"
timezone = "Asia/Tokyo"
keyboard = { layout = "de" }
[user]
name = "desk"
full-name = "Front Desk"
password = { generate = "passphrase" }
"#;
    let answers = || Box::new(Answers::parse(text).unwrap());
    for is_late in [false, true] {
        let mut session = Session::new(Some("en_US.UTF-8".into()));
        let told = [found(), Change::FilledIn(answers())];
        let order = if is_late {
            told
        } else {
            {
                let [a, b] = told;
                [b, a]
            }
        };
        for change in order {
            session.apply(change);
        }
        assert_eq!(session.keyboard().map(|keyboard| keyboard.layout.as_str()), Some("de"));
        assert!(session.is_filled_in());
        assert_eq!(session.language(), Some("de_DE.UTF-8"));
        assert_eq!(session.timezone(), Some("Asia/Tokyo"));
        assert_eq!(session.account().user_name(), "desk");
        assert_eq!(session.account().computer_name(), "front-desk");
        assert!(session.account().is_complete());
        assert_eq!(session.disk(), None);
    }
    // A language that the person chose stays: else the program would start itself again for ever.
    let mut session = Session::new(Some("en_US.UTF-8".into()));
    session.apply(Change::Language("en_US.UTF-8".into()));
    session.apply(found());
    session.apply(Change::FilledIn(answers()));
    assert_eq!(session.language(), Some("en_US.UTF-8"));
    // So does a keyboard, which the medium's screen begins again with.
    let mut session = Session::new(Some("en_US.UTF-8".into()));
    session.apply(Change::Keyboard(KeyboardAnswers { layout: "fr".into(), variant: String::new() }));
    session.apply(found());
    assert!(session.apply(Change::FilledIn(answers())).is_empty());
    assert_eq!(session.keyboard().map(|keyboard| keyboard.layout.as_str()), Some("fr"));
}

#[test]
fn a_plan_that_became_another_one_while_it_was_read_says_so() {
    let mut session = ready();
    walk(&mut session, Page::Review);
    let changed = |session: &Session| matches!(session.verdict(), Judged::Plan { changed: true, .. });
    assert!(!changed(&session));
    // A disk beside it changes nothing of the plan.
    let effects = session.apply(without("/dev/nvme1n1"));
    answer(&mut session, effects);
    assert!(!changed(&session));
    let mut inventory = machine::inventory();
    let chosen = inventory.disks.iter_mut().find(|disk| disk.identity.path == "/dev/nvme0n1").unwrap();
    chosen.content = Content::Empty;
    let effects = session.apply(Change::Disks(inventory.clone()));
    assert!(!session.may_go_on(), "until the helper has answered");
    answer(&mut session, effects);
    assert!(changed(&session));
    // The disk beside it is no reason to forget that this is news.
    inventory.disks.retain(|disk| disk.identity.path != "/dev/nvme1n1");
    let effects = session.apply(Change::Disks(inventory));
    answer(&mut session, effects);
    assert!(changed(&session));
    // Who goes back and comes again reads it anew.
    session.apply(Change::Left(Page::Review));
    let effects = session.apply(Change::Next);
    answer(&mut session, effects);
    assert!(session.may_go_on() && !changed(&session));
}
