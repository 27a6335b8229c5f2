use super::*;
use forge_dbus::Error;
use forge_model::{
    Secret,
    machine::{Firmware, Key},
};

fn key() -> Key {
    Key { subject: "a key".into(), sha1: "ab".repeat(20), sha256: "cd".repeat(32) }
}

fn machine(enrollment: Enrollment, writable: bool) -> Machine {
    let secure_boot = if enrollment == Enrollment::Enforced { SecureBoot::On } else { SecureBoot::Off };
    let firmware = Firmware { secure_boot, shim_validates: true, writable, free: None };
    Machine { firmware: Some(firmware), enrollment, key: Some(key()), dmi: Default::default() }
}

fn found(guide: &mut Guide, enrollment: Enrollment) -> Vec<Effect> {
    guide.apply(Change::Found(Box::new(Ok(machine(enrollment, true)))))
}

fn ends(effects: &[Effect]) -> bool {
    matches!(effects, [Effect::End])
}

fn request(staged: bool) -> Arc<Request> {
    Arc::new(Request { code: Secret::new("hdjkufgs".into()), key: key(), staged })
}

fn failed() -> ClientError {
    ClientError::Refused(Error::Failed("no".into()))
}

#[test]
fn when_all_is_done_and_was_told_it_never_comes_back() {
    let mut guide = Guide::new(true, Some("enforced".into()));
    assert!(ends(&found(&mut guide, Enrollment::Enforced)));
    // A person who left Secure Boot off is not asked at each login.
    let mut guide = Guide::new(true, Some("enrolled".into()));
    assert!(ends(&found(&mut guide, Enrollment::Enrolled)));
}

#[test]
fn it_comes_back_when_the_state_changes() {
    for (told, now) in
        [("pending", Enrollment::Enforced), ("enforced", Enrollment::Enrolled), ("enforced", Enrollment::Lost)]
    {
        let mut guide = Guide::new(true, Some(told.into()));
        let effects = found(&mut guide, now);
        let name = told::name(now);
        let [Effect::Present, Effect::Remember(kept), Effect::Measure] = effects[..] else { panic!("{effects:?}") };
        assert_eq!(kept, name);
    }
}

#[test]
fn while_something_is_left_to_do_it_comes_at_each_login() {
    for (told, now) in [("pending", Enrollment::Pending), ("lost", Enrollment::Lost)] {
        let mut guide = Guide::new(true, Some(told.into()));
        assert!(matches!(found(&mut guide, now)[..], [Effect::Present, Effect::Measure]));
    }
}

#[test]
fn by_itself_it_says_nothing_on_a_live_medium_or_without_a_helper() {
    let mut guide = Guide::new(true, None);
    assert!(ends(&found(&mut guide, Enrollment::Unknown)));
    let mut guide = Guide::new(true, Some("lost".into()));
    assert!(ends(&guide.apply(Change::Found(Box::new(Err(failed()))))));
    // A machine that had a key is told that it is gone.
    let mut guide = Guide::new(true, Some("enforced".into()));
    assert!(matches!(found(&mut guide, Enrollment::Unknown)[..], [Effect::Present, Effect::Remember("unknown"), ..]));
}

#[test]
fn who_asks_for_the_guide_always_gets_it() {
    let mut guide = Guide::new(false, Some("enforced".into()));
    assert!(matches!(found(&mut guide, Enrollment::Enforced)[..], [Effect::Present, Effect::Measure]));
    let mut guide = Guide::new(false, None);
    assert!(matches!(guide.apply(Change::Found(Box::new(Err(failed()))))[..], [Effect::Present]));
    assert_eq!(guide.remedy(), Remedy::LookAgain);
}

#[test]
fn every_state_has_one_thing_that_mends_it() {
    let remedies = [
        (Enrollment::Enforced, true, Remedy::Close),
        (Enrollment::Enrolled, true, Remedy::TurnOn),
        (Enrollment::Pending, true, Remedy::Restart),
        (Enrollment::Lost, true, Remedy::Enroll),
        (Enrollment::Lost, false, Remedy::FromDisk),
        (Enrollment::Unknown, true, Remedy::Close),
    ];
    for (enrollment, writable, remedy) in remedies {
        let mut guide = Guide::new(false, None);
        guide.apply(Change::Found(Box::new(Ok(machine(enrollment, writable)))));
        assert_eq!(guide.remedy(), remedy, "{enrollment:?}");
    }
}

#[test]
fn a_lost_request_is_made_again_and_its_code_is_shown_and_kept_from_closing() {
    let mut guide = Guide::new(false, None);
    found(&mut guide, Enrollment::Lost);
    assert!(matches!(guide.apply(Change::Mend)[..], [Effect::Enroll]));
    assert!(guide.apply(Change::Mend).is_empty(), "it is asked for once");
    let effects = guide.apply(Change::Enrolled(Ok(request(true))));
    assert!(matches!(effects[..], [Effect::Push(Step::Code), Effect::Look]), "{effects:?}");
    // The machine now says that a request waits: the page stays.
    assert!(matches!(found(&mut guide, Enrollment::Pending)[..], [Effect::Remember("pending")]));
    assert_eq!((guide.step(), guide.may_close()), (Step::Code, false));
    assert!(matches!(guide.apply(Change::Restart)[..], [Effect::Restart]));
    assert!(!format!("{guide:?}").contains("hdjkufgs"));
}

#[test]
fn what_the_firmware_does_not_take_leads_to_the_way_from_disk() {
    let mut guide = Guide::new(false, None);
    found(&mut guide, Enrollment::Lost);
    guide.apply(Change::Mend);
    let effects = guide.apply(Change::Enrolled(Ok(request(false))));
    assert!(matches!(effects[..], [Effect::Push(Step::FromDisk), Effect::Look]), "{effects:?}");
    assert!(guide.may_close(), "a code that nothing asks for is no loss");
}

#[test]
fn a_request_that_failed_says_why_and_can_be_made_again() {
    let mut guide = Guide::new(false, None);
    found(&mut guide, Enrollment::Lost);
    guide.apply(Change::Mend);
    assert!(guide.apply(Change::Enrolled(Err(failed()))).is_empty());
    assert!(guide.trouble().is_some());
    assert!(matches!(guide.apply(Change::Mend)[..], [Effect::Enroll]));
    assert!(guide.trouble().is_none());
}

#[test]
fn a_page_is_left_once_and_no_code_is_shown_before_there_is_one() {
    let mut guide = Guide::new(false, None);
    found(&mut guide, Enrollment::Enrolled);
    assert!(guide.apply(Change::Open(Step::Code)).is_empty());
    guide.apply(Change::Mend);
    assert_eq!(guide.step(), Step::TurnOn);
    guide.apply(Change::Left(Step::Checks));
    assert_eq!(guide.step(), Step::TurnOn);
    guide.apply(Change::Left(Step::TurnOn));
    assert_eq!(guide.step(), Step::State);
    assert!(guide.apply(Change::Enroll).is_empty(), "what is enrolled needs no code");
}
