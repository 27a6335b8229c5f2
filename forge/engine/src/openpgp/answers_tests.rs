use std::time::{Duration, SystemTime};

use sequoia_openpgp::cert::{Cert, CertBuilder, CertRevocationBuilder, CipherSuite};
use sequoia_openpgp::crypto::KeyPair;
use sequoia_openpgp::packet::Packet;
use sequoia_openpgp::packet::signature::SignatureBuilder;
use sequoia_openpgp::parse::Parse;
use sequoia_openpgp::serialize::SerializeInto;
use sequoia_openpgp::types::{HashAlgorithm, KeyFlags, ReasonForRevocation, SignatureType};

use super::*;

const ANSWERS: &[u8] = b"version = 1\n";
const DAY: Duration = Duration::from_secs(86_400);
const YEAR: Duration = Duration::from_secs(365 * 86_400);

fn now() -> SystemTime {
    SystemTime::now()
}

/// A certificate as people have them: the primary key signs. Made ten days ago.
fn administrator(validity: Duration) -> (Vec<u8>, Cert) {
    let (certificate, _) = CertBuilder::new()
        .set_creation_time(now() - 10 * DAY)
        .set_cipher_suite(CipherSuite::Cv25519)
        .set_primary_key_flags(KeyFlags::empty().set_certification().set_signing())
        .set_validity_period(validity)
        .add_userid("Administrator <admin@test.example>")
        .generate()
        .unwrap();
    (public(&certificate), certificate)
}

fn public(certificate: &Cert) -> Vec<u8> {
    certificate.clone().strip_secret_key_material().to_vec().unwrap()
}

fn secret(certificate: &Cert) -> Vec<u8> {
    certificate.as_tsk().to_vec().unwrap()
}

fn primary(certificate: &Cert) -> KeyPair {
    certificate.primary_key().key().clone().parts_into_secret().unwrap().into_keypair().unwrap()
}

fn revoked(certificate: &Cert) -> Vec<u8> {
    let revocation = CertRevocationBuilder::new()
        .set_reason_for_revocation(ReasonForRevocation::KeyCompromised, b"test")
        .unwrap()
        .build(&mut primary(certificate), certificate, None)
        .unwrap();
    public(&certificate.clone().insert_packets(revocation).unwrap().0)
}

fn release_keys() -> Keys {
    let validity = Validity { master: 10 * YEAR, release: YEAR };
    generate("Test <test@test.example>", now() - 10 * DAY, validity).unwrap()
}

#[test]
fn answers_signed_by_a_primary_key_or_by_a_subkey_are_taken() {
    let (listed, administrator) = administrator(YEAR);
    let signature = sign_answers(ANSWERS, &secret(&administrator), now()).unwrap();
    let keys = release_keys();
    // The right one is found wherever it stands in the list.
    for list in [[listed.clone(), keys.certificate.clone()], [keys.certificate.clone(), listed.clone()]] {
        assert_eq!(signed_by(ANSWERS, &signature, &list, now()).unwrap(), administrator.fingerprint());
        let signature = sign_answers(ANSWERS, &keys.release, now()).unwrap();
        assert_eq!(signed_by(ANSWERS, &signature, &list, now()).unwrap(), keys.fingerprint);
    }
    assert_eq!(fingerprint(&listed).unwrap(), administrator.fingerprint());
}

#[test]
fn a_key_made_by_gpg_signs_answers() {
    let file = |name: &str| {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/openpgp/");
        std::fs::read(format!("{directory}{name}")).unwrap()
    };
    let (answers, signature, certificate) = (file("by-gpg.toml"), file("by-gpg.toml.sig"), file("by-gpg.pgp"));
    // A day in 2026: the test does not depend on the clock.
    let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_780_000_000);
    let list = [certificate.clone()];
    assert_eq!(signed_by(&answers, &signature, &list, then).unwrap(), fingerprint(&certificate).unwrap());
    let changed = [&answers[..], b"\n"].concat();
    let error = signed_by(&changed, &signature, &list, then).unwrap_err();
    assert!(matches!(error, AnswersSignatureError::Bad { .. }), "{error:?}");
}

#[test]
fn the_same_settings_in_other_bytes_are_not_what_was_signed() {
    let (listed, administrator) = administrator(YEAR);
    let signature = sign_answers(b"version = 1\nuser.name = \"a\"\n", &secret(&administrator), now()).unwrap();
    for other in [&b"version = 1\n[user]\nname = \"a\"\n"[..], b"version = 1\r\nuser.name = \"a\"\r\n", b""] {
        let error = signed_by(other, &signature, std::slice::from_ref(&listed), now()).unwrap_err();
        assert!(matches!(error, AnswersSignatureError::Bad { .. }), "{error:?}");
        assert!(error.to_string().contains("changed after they were signed"), "{error}");
    }
}

#[test]
fn an_empty_signature_and_an_empty_list_are_said() {
    let (listed, administrator) = administrator(YEAR);
    let error = signed_by(ANSWERS, b"", &[listed], now()).unwrap_err();
    assert!(matches!(error, AnswersSignatureError::NoSignature), "{error:?}");
    let signature = sign_answers(ANSWERS, &secret(&administrator), now()).unwrap();
    let error = signed_by(ANSWERS, &signature, &[], now()).unwrap_err();
    assert!(matches!(error, AnswersSignatureError::NoCertificate), "{error:?}");
}

#[test]
fn a_key_that_is_not_listed_is_named() {
    let ((listed, _), (_, stranger)) = (administrator(YEAR), administrator(YEAR));
    let signature = sign_answers(ANSWERS, &secret(&stranger), now()).unwrap();
    let error = signed_by(ANSWERS, &signature, &[listed, release_keys().certificate], now()).unwrap_err();
    assert!(matches!(error, AnswersSignatureError::UnknownKey(Some(_))), "{error:?}");
    assert!(error.to_string().contains(&stranger.fingerprint().to_hex()), "{error}");
}

#[test]
fn an_expired_certificate_does_not_count_even_for_what_it_signed_before() {
    let (listed, administrator) = administrator(3 * DAY);
    let then = now() - 9 * DAY;
    let signature = sign_answers(ANSWERS, &secret(&administrator), then).unwrap();
    signed_by(ANSWERS, &signature, std::slice::from_ref(&listed), then + DAY).unwrap();
    let error = signed_by(ANSWERS, &signature, &[listed], now()).unwrap_err();
    assert!(matches!(error, AnswersSignatureError::Expired { .. }), "{error:?}");
}

#[test]
fn a_signature_that_was_made_with_an_end_does_not_count_after_it() {
    let (listed, administrator) = administrator(YEAR);
    let signature = SignatureBuilder::new(SignatureType::Binary)
        .set_signature_creation_time(now() - 3 * DAY)
        .unwrap()
        .set_signature_validity_period(DAY)
        .unwrap()
        .sign_message(&mut primary(&administrator), ANSWERS)
        .unwrap();
    let signature = Packet::from(signature).to_vec().unwrap();
    let error = signed_by(ANSWERS, &signature, &[listed], now()).unwrap_err();
    assert!(matches!(error, AnswersSignatureError::Expired { .. }), "{error:?}");
}

#[test]
fn a_revoked_key_does_not_come_back_by_an_older_copy_of_its_certificate() {
    let (old, administrator) = administrator(YEAR);
    let signature = sign_answers(ANSWERS, &secret(&administrator), now()).unwrap();
    let new = revoked(&administrator);
    for list in [vec![new.clone()], vec![new.clone(), old.clone()], vec![old.clone(), new.clone()]] {
        let error = signed_by(ANSWERS, &signature, &list, now()).unwrap_err();
        assert!(matches!(error, AnswersSignatureError::Revoked { .. }), "{error:?}");
    }
}

#[test]
fn a_key_that_may_not_sign_and_a_weak_hash_are_not_used() {
    let keys = release_keys();
    let master = Cert::from_bytes(&keys.master[..]).unwrap();
    let made = |signer: &Cert, hash| {
        let signature = SignatureBuilder::new(SignatureType::Binary)
            .set_hash_algo(hash)
            .sign_message(&mut primary(signer), ANSWERS)
            .unwrap();
        Packet::from(signature).to_vec().unwrap()
    };
    let refusal = |signer: &Cert, hash, listed: &[u8]| match signed_by(
        ANSWERS,
        &made(signer, hash),
        &[listed.to_vec()],
        now() + DAY,
    ) {
        Err(AnswersSignatureError::NotUsed(error)) => error,
        other => panic!("{other:?}"),
    };
    let error = refusal(&master, HashAlgorithm::SHA512, &keys.certificate);
    assert!(matches!(error, SignatureError::NotASigningSubkey { .. }), "{error:?}");
    let (listed, administrator) = administrator(YEAR);
    let error = refusal(&administrator, HashAlgorithm::SHA1, &listed);
    assert!(matches!(error, SignatureError::TooWeak { .. }), "{error:?}");
}

#[test]
fn a_signature_from_the_future_and_other_files_are_not_used() {
    let (listed, administrator) = administrator(YEAR);
    let future = sign_answers(ANSWERS, &secret(&administrator), now() + DAY).unwrap();
    for signature in [&future[..], b"no signature", &listed] {
        let error = signed_by(ANSWERS, signature, std::slice::from_ref(&listed), now()).unwrap_err();
        assert!(matches!(error, AnswersSignatureError::NotUsed(_)), "{error:?}");
    }
}

#[test]
fn a_second_signature_by_a_stranger_spoils_a_good_one() {
    let ((listed, ours), (_, stranger)) = (administrator(YEAR), administrator(YEAR));
    let sign = |certificate: &Cert| sign_answers(ANSWERS, &secret(certificate), now()).unwrap();
    let both = [sign(&ours), sign(&stranger)].concat();
    let error = signed_by(ANSWERS, &both, &[listed], now()).unwrap_err();
    assert!(matches!(error, AnswersSignatureError::UnknownKey(_)), "{error:?}");
}

#[test]
fn a_file_in_the_list_that_is_no_certificate_is_told_by_its_number() {
    let (listed, administrator) = administrator(YEAR);
    let signature = sign_answers(ANSWERS, &secret(&administrator), now()).unwrap();
    let error = signed_by(ANSWERS, &signature, &[listed, b"garbage".to_vec()], now()).unwrap_err();
    assert!(matches!(error, AnswersSignatureError::Certificate(1, _)), "{error:?}");
    assert!(error.to_string().contains("certificate 2 "), "{error}");
}

#[test]
fn an_expired_or_revoked_or_locked_key_does_not_sign() {
    let (public_only, old) = administrator(DAY);
    let refused = |secret: &[u8]| sign_answers(ANSWERS, secret, now()).unwrap_err();
    assert!(matches!(refused(&secret(&old)), SignError::NotValid));
    let (public_good, good) = administrator(YEAR);
    assert!(matches!(refused(&public_good), SignError::NoSigningSubkey));
    drop(public_only);
    let locked = good.primary_key().key().clone().parts_into_secret().unwrap().encrypt_secret(&"x".into()).unwrap();
    let locked = good.insert_packets(Packet::from(locked)).unwrap().0;
    assert!(matches!(refused(&secret(&locked)), SignError::NoSigningSubkey));
}
