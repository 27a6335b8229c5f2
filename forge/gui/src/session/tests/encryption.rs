//! Encryption: off until it is turned on, and nothing is installed before the recovery key is kept.

use super::*;
use forge_model::answers::{EncryptionAnswers, Generator, Password};

/// Does what a person does, with a machine that answers at once.
fn act(session: &mut Session, changes: impl IntoIterator<Item = Change>) {
    for change in changes {
        let effects = session.apply(change);
        answer(session, effects);
    }
}

/// A person who encrypted, up to the recovery key.
fn at_the_key(made: bool) -> Session {
    let mut session = ready();
    walk(&mut session, Page::Encryption);
    act(&mut session, encrypts(made));
    assert_eq!(session.page(), Page::RecoveryKey);
    session
}

/// From the page after the recovery key to the one with the plan.
fn go_on(session: &mut Session) {
    act(session, [Change::RecoveryKept(true)]);
    act(session, way_to(Page::Review).into_iter().skip(way_to(Page::Encryption).len()));
    assert_eq!(session.page(), Page::Review);
}

fn installs(session: &mut Session) -> Secrets {
    let effects = session.apply(Change::Confirm);
    let secrets = effects.into_iter().find_map(|effect| match effect {
        Effect::Install { secrets, .. } => Some(secrets),
        _ => None,
    });
    secrets.expect("it installs")
}

#[test]
fn nothing_is_encrypted_until_a_person_wants_it_and_then_there_is_one_page_more() {
    let mut session = ready();
    walk(&mut session, Page::Encryption);
    assert!(!session.encryption().is_wanted() && session.may_go_on());
    walk_one(&mut session, Page::Encryption);
    assert_eq!(session.page(), Page::Account);
    walk_one(&mut session, Page::Account);
    assert!(session.answers().unwrap().encryption.is_none());

    let mut session = at_the_key(false);
    assert!(!session.may_go_on());
    go_on(&mut session);
    let Judged::Plan { plan, .. } = session.verdict() else { panic!("a plan") };
    assert_eq!(plan.encryption, Some(forge_model::plan::PasswordKind::Typed));
    let secrets = installs(&mut session);
    assert_eq!(secrets.passphrase.unwrap().expose(), "velvet anchor mürmurs");
    assert_eq!(secrets.recovery_key.unwrap().expose(), machine::recovery_key().expose());
}

#[test]
fn without_a_good_passphrase_typed_twice_or_made_nobody_goes_on() {
    let mut session = ready();
    walk(&mut session, Page::Encryption);
    session.apply(Change::Encrypt(true));
    assert!(!session.may_go_on());
    session.apply(Change::Passphrase(Secret::new("velvet anchor murmurs".into())));
    assert!(!session.may_go_on());
    session.apply(Change::PassphraseAgain(Secret::new("velvet anchor murmur".into())));
    assert!(!session.may_go_on());
    session.apply(Change::PassphraseAgain(Secret::new("velvet anchor murmurs".into())));
    assert!(session.may_go_on() && !session.encryption().passphrase().is_unusual());
    session.apply(Change::MakePassphrase(true));
    assert!(session.may_go_on());
    // What was typed is not taken along where one is made.
    let mut session = at_the_key(true);
    go_on(&mut session);
    let secrets = installs(&mut session);
    assert!(secrets.passphrase.is_none() && secrets.recovery_key.is_some());
}

#[test]
fn nothing_is_installed_before_the_recovery_key_is_kept_and_it_stays_the_same_on_the_way_back() {
    let mut session = at_the_key(false);
    act(&mut session, [Change::Next]);
    assert_eq!(session.page(), Page::RecoveryKey);
    let first = session.encryption().recovery_key().unwrap().clone();
    // Another key that comes late is not the one on paper.
    session.apply(Change::RecoveryKey(Ok(Secret::new("other".into()))));
    go_on(&mut session);
    for page in [Page::Review, Page::SecureBoot, Page::Firmware, Page::Account, Page::RecoveryKey] {
        session.apply(Change::Left(page));
    }
    assert_eq!(session.page(), Page::Encryption);
    session.apply(Change::Encrypt(false));
    session.apply(Change::Encrypt(true));
    let effects = encrypts(false).into_iter().flat_map(|change| session.apply(change)).collect::<Vec<_>>();
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::MakeRecoveryKey)), "{effects:?}");
    assert_eq!(session.encryption().recovery_key().unwrap().expose(), first.expose());
    assert!(session.may_go_on(), "it is kept already");
    session.apply(Change::RecoveryKept(false));
    assert!(!session.may_go_on() && session.answers().is_none());
}

#[test]
fn a_recovery_key_that_is_not_there_can_not_be_kept_and_is_asked_for_again() {
    let mut session = ready();
    walk(&mut session, Page::Encryption);
    let effects: Vec<_> = encrypts(false).into_iter().flat_map(|change| session.apply(change)).collect();
    assert!(matches!(effects[..], [Effect::Push(Page::RecoveryKey), Effect::MakeRecoveryKey]), "{effects:?}");
    session.apply(Change::RecoveryKept(true));
    assert!(!session.may_go_on());
    let refused = ClientError::Refused(forge_dbus::Error::Failed("no memory".into()));
    session.apply(Change::RecoveryKey(Err(refused)));
    assert!(session.encryption().trouble().is_some());
    let effects = session.apply(Change::TryAgain);
    assert!(matches!(effects[..], [Effect::MakeRecoveryKey]));
    answer(&mut session, effects);
    assert!(session.encryption().trouble().is_none() && !session.may_go_on());
    session.apply(Change::RecoveryKept(true));
    assert!(session.may_go_on());
}

#[test]
fn turned_off_it_forgets_what_was_typed_and_its_page_is_gone() {
    let mut session = at_the_key(false);
    session.apply(Change::Left(Page::RecoveryKey));
    let before = session.encryption().passphrase().forgotten();
    session.apply(Change::Encrypt(false));
    assert!(session.encryption().passphrase().is_empty() && session.may_go_on());
    assert!(session.encryption().passphrase().forgotten() > before, "the fields are emptied");
    assert!(!session.way().contains(&Page::RecoveryKey));
    session.apply(Change::Encrypt(true));
    assert!(!session.may_go_on());
    session.apply(Change::Encrypt(false));
    act(&mut session, way_to(Page::Review).into_iter().skip(way_to(Page::Encryption).len()));
    let secrets = installs(&mut session);
    assert!(secrets.passphrase.is_none() && secrets.recovery_key.is_none());
}

#[test]
fn another_keyboard_asks_for_the_passphrase_again_and_the_same_one_does_not() {
    let mut session = at_the_key(false);
    assert!(session.encryption().passphrase().is_unusual());
    for page in [Page::RecoveryKey, Page::Encryption, Page::DiskUse, Page::Disk, Page::TimeZone] {
        session.apply(Change::Left(page));
    }
    assert_eq!(session.page(), Page::Keyboard);
    let keyboard = session.keyboard().unwrap().clone();
    session.apply(Change::Keyboard(keyboard));
    assert!(!session.encryption().passphrase().is_empty());
    session.apply(Change::Keyboard(KeyboardAnswers { layout: "de".into(), variant: String::new() }));
    assert!(session.encryption().passphrase().is_empty() && session.encryption().has_other_keyboard());
    act(&mut session, [Change::Next, Change::Next, Change::Next, Change::Next, Change::Next]);
    assert_eq!(session.page(), Page::Encryption);
    act(&mut session, encrypts(false));
    assert!(!session.encryption().has_other_keyboard());
    assert_eq!(session.page(), Page::RecoveryKey);
}

#[test]
fn answers_to_keep_have_a_passphrase_made_and_answers_that_were_found_turn_encryption_on() {
    let mut session = at_the_key(false);
    go_on(&mut session);
    let text = session.answers_text().unwrap();
    assert_eq!(Answers::parse(&text).unwrap().encryption.unwrap().passphrase, Password::Ask { ask: true });
    let kept = session.answers_to_keep().unwrap();
    assert!(!kept.contains("velvet") && !kept.contains("cbde"), "{kept}");
    let made = EncryptionAnswers { passphrase: Password::Generate { generate: Generator::Passphrase }, tpm2: false };
    let kept = Answers::parse(&kept).unwrap();
    assert_eq!(kept.encryption, Some(made));
    for (answers, is_made) in [(kept, true), (Answers::parse(&text).unwrap(), false)] {
        let mut session = ready();
        session.apply(Change::FilledIn(Box::new(answers)));
        assert!(session.encryption().is_wanted());
        assert_eq!(session.encryption().passphrase().is_made(), is_made);
        // A person still keeps the recovery key.
        act(&mut session, way_to(Page::Encryption));
        assert_eq!(session.may_go_on(), is_made);
        assert!(session.answers().is_none());
    }
}

#[test]
fn a_name_that_is_written_later_does_not_make_the_passphrase_weak_behind_the_persons_back() {
    let mut session = ready();
    walk(&mut session, Page::Encryption);
    let typed = || Secret::new("quentin-otterbein-quiet".into());
    let way = [Change::Encrypt(true), Change::Passphrase(typed()), Change::PassphraseAgain(typed()), Change::Next];
    act(&mut session, way);
    go_on(&mut session);
    session.apply(Change::FullName("Quentin-Otterbein-Quiet".into()));
    assert!(session.answers().is_some());
}

#[test]
fn a_security_chip_opens_it_only_if_a_person_wants_that_and_only_what_is_encrypted() {
    let mut session = ready();
    walk(&mut session, Page::Encryption);
    assert!(!session.offers_tpm2(), "there is nothing to open");
    session.apply(Change::Encrypt(true));
    assert!(session.offers_tpm2() && !session.encryption().is_tpm2_wanted());
    session.apply(Change::UnlockWithChip(true));
    session.apply(Change::Encrypt(false));
    act(&mut session, encrypts(false));
    assert!(!session.encryption().is_tpm2_wanted(), "it is forgotten with the rest");
    session.apply(Change::UnlockWithChip(true));
    go_on(&mut session);
    let Judged::Plan { plan, .. } = session.verdict() else { panic!("a plan") };
    assert!(plan.tpm2);
    let kept = Answers::parse(&session.answers_to_keep().unwrap()).unwrap();
    assert!(kept.encryption.as_ref().unwrap().tpm2);

    // Answers that ask for it turn it on, on a machine without one, too: there the switch is shown to turn it off again.
    let mut session = ready();
    session.apply(Change::FilledIn(Box::new(kept)));
    session.apply(Change::Disks(Inventory { tpm2: false, ..machine::inventory() }));
    assert!(session.offers_tpm2() && session.encryption().is_tpm2_wanted());
    session.apply(Change::UnlockWithChip(false));
    assert!(!session.offers_tpm2());
}
