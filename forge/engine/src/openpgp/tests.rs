use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use sequoia_openpgp::cert::{Cert, CertBuilder, CipherSuite, SubkeyRevocationBuilder};
use sequoia_openpgp::crypto::KeyPair;
use sequoia_openpgp::packet::Packet;
use sequoia_openpgp::packet::key::{Key4, SubordinateRole};
use sequoia_openpgp::packet::signature::SignatureBuilder;
use sequoia_openpgp::packet::signature::subpacket::{Subpacket, SubpacketValue};
use sequoia_openpgp::parse::Parse;
use sequoia_openpgp::serialize::SerializeInto;
use sequoia_openpgp::types::{Curve, KeyFlags, ReasonForRevocation, SignatureType};

use super::*;

const INDEX: &[u8] = br#"{"format":1,"files":[]}"#;
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

fn now() -> SystemTime {
    SystemTime::now()
}

/// Keys made ten days ago.
fn keys(master: Duration, release: Duration) -> Keys {
    let validity = Validity { master, release };
    generate("Test release <release@test.example>", now() - 10 * DAY, validity).unwrap()
}

fn good_keys() -> Keys {
    keys(10 * YEAR, YEAR)
}

fn master(keys: &Keys) -> Cert {
    Cert::from_bytes(&keys.master[..]).unwrap()
}

fn public(certificate: Cert) -> Vec<u8> {
    certificate.strip_secret_key_material().to_vec().unwrap()
}

fn master_signer(certificate: &Cert) -> KeyPair {
    let key = certificate.primary_key().key().clone();
    key.parts_into_secret().unwrap().into_keypair().unwrap()
}

fn signed_by(signer: &mut KeyPair, at: SystemTime) -> Vec<u8> {
    let signature = SignatureBuilder::new(SignatureType::Binary)
        .set_signature_creation_time(at)
        .unwrap()
        .sign_message(signer, INDEX)
        .unwrap();
    Packet::from(signature).to_vec().unwrap()
}

/// Adds a subkey with these flags to the certificate, certified back or not.
fn with_subkey(certificate: Cert, flags: KeyFlags, validity: Duration, certify_back: bool) -> (Cert, KeyPair) {
    let made = now() - 9 * DAY;
    let mut key = Key4::<_, SubordinateRole>::generate_ecc(true, Curve::Ed25519).unwrap();
    key.set_creation_time(made).unwrap();
    let key = sequoia_openpgp::packet::Key::from(key);
    let mut signer = key.clone().into_keypair().unwrap();
    let mut binding = SignatureBuilder::new(SignatureType::SubkeyBinding)
        .set_signature_creation_time(made)
        .unwrap()
        .set_key_flags(flags)
        .unwrap()
        .set_key_validity_period(validity)
        .unwrap();
    if certify_back {
        let back = SignatureBuilder::new(SignatureType::PrimaryKeyBinding)
            .set_signature_creation_time(made)
            .unwrap()
            .sign_primary_key_binding(&mut signer, certificate.primary_key().key(), &key)
            .unwrap();
        binding = binding.set_embedded_signature(back).unwrap();
    }
    let binding = key.bind(&mut master_signer(&certificate), &certificate, binding).unwrap();
    let packets = [Packet::from(key), Packet::from(binding)];
    (certificate.insert_packets(packets).unwrap().0, signer)
}

#[test]
fn an_index_signed_by_the_release_subkey_is_trusted() {
    let keys = good_keys();
    let at = now() - HOUR;
    let signature = sign(INDEX, &keys.release, at).unwrap();
    let signer = verify(INDEX, &signature, &keys.certificate, now()).unwrap();
    assert_eq!(signer.certificate, keys.fingerprint);
    assert_ne!(signer.subkey, keys.fingerprint);
    assert!(at.duration_since(signer.made).unwrap() < Duration::from_secs(1));
}

#[test]
fn armored_and_binary_files_are_both_read() {
    let keys = good_keys();
    let signature = sign(INDEX, &keys.release, now()).unwrap();
    let packet = Packet::from_bytes(&signature).unwrap();
    let mut writer = sequoia_openpgp::armor::Writer::new(Vec::new(), sequoia_openpgp::armor::Kind::Signature).unwrap();
    sequoia_openpgp::serialize::Serialize::serialize(&packet, &mut writer).unwrap();
    let armored = writer.finalize().unwrap();
    let binary = Cert::from_bytes(&keys.certificate).unwrap().to_vec().unwrap();
    verify(INDEX, &armored, &binary, now()).unwrap();
}

#[test]
fn the_release_key_holds_no_master_secret() {
    let keys = good_keys();
    let release = Cert::from_bytes(&keys.release[..]).unwrap();
    let usable = |key: &sequoia_openpgp::packet::Key<_, _>| key.has_unencrypted_secret();
    let keys_of = |certificate: &Cert| -> Vec<bool> { certificate.keys().map(|key| usable(key.key())).collect() };
    assert_eq!(keys_of(&release), [false, true]);
    assert_eq!(keys_of(&master(&keys)), [true, true]);
    let public = Cert::from_bytes(&keys.certificate).unwrap();
    assert!(!public.is_tsk());
}

#[test]
fn one_changed_bit_of_the_index_is_refused() {
    let keys = good_keys();
    let signature = sign(INDEX, &keys.release, now()).unwrap();
    for bit in [0, 77, INDEX.len() * 8 - 1] {
        let mut changed = INDEX.to_vec();
        changed[bit / 8] ^= 1 << (bit % 8);
        let error = verify(&changed, &signature, &keys.certificate, now()).unwrap_err();
        assert!(matches!(error, SignatureError::DataChanged { .. }), "{error:?}");
    }
}

#[test]
fn no_changed_bit_of_the_signature_makes_another_signer() {
    let keys = good_keys();
    let signature = sign(INDEX, &keys.release, now() - HOUR).unwrap();
    let signer = verify(INDEX, &signature, &keys.certificate, now()).unwrap();
    let mut refused = 0;
    for byte in 0..signature.len() {
        let mut changed = signature.clone();
        changed[byte] ^= 1;
        match verify(INDEX, &changed, &keys.certificate, now()) {
            // The part that OpenPGP leaves unsigned is only a hint.
            Ok(found) => assert_eq!(found, signer),
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 100, "{refused} of {}", signature.len());
}

#[test]
fn an_empty_signature_file_is_no_signature() {
    let keys = good_keys();
    let error = verify(INDEX, b"", &keys.certificate, now()).unwrap_err();
    assert!(matches!(error, SignatureError::NoSignature), "{error:?}");
}

#[test]
fn garbage_and_other_openpgp_data_are_malformed() {
    let keys = good_keys();
    let signature = sign(INDEX, &keys.release, now()).unwrap();
    let mut followed = signature.clone();
    followed.extend_from_slice(b"and something else");
    for bytes in
        [&b"this is not a signature"[..], &[0xff; 300], &signature[..signature.len() / 2], &keys.certificate, &followed]
    {
        let error = verify(INDEX, bytes, &keys.certificate, now()).unwrap_err();
        assert!(matches!(error, SignatureError::Malformed(_)), "{error:?}");
    }
}

#[test]
fn sizes_are_bounded() {
    let keys = good_keys();
    let signature = sign(INDEX, &keys.release, now()).unwrap();
    let large = vec![b' '; 17 << 20];
    let refused = |index, signature, trusted| match verify(index, signature, trusted, now()) {
        Err(SignatureError::TooLarge { input, .. }) => Some(input),
        _ => None,
    };
    let certificate = &keys.certificate[..];
    assert_eq!(refused(&large, &signature, certificate), Some(Input::Index));
    assert_eq!(refused(INDEX, &large, certificate), Some(Input::Signature));
    assert_eq!(refused(INDEX, &signature, &large), Some(Input::Certificate));
    let error = verify(INDEX, &signature.repeat(9), certificate, now()).unwrap_err();
    assert!(matches!(error, SignatureError::TooManySignatures { .. }), "{error:?}");
}

#[test]
fn another_distributor_is_an_unknown_key() {
    let (ours, theirs) = (good_keys(), good_keys());
    let signature = sign(INDEX, &theirs.release, now()).unwrap();
    let signer = verify(INDEX, &signature, &theirs.certificate, now()).unwrap();
    let error = verify(INDEX, &signature, &ours.certificate, now()).unwrap_err();
    let SignatureError::UnknownKey { key: Some(seen) } = error else {
        panic!("{error:?}");
    };
    assert_eq!(seen, KeyHandle::from(signer.subkey));
}

#[test]
fn a_trusted_file_with_two_certificates_or_none_is_refused() {
    let (ours, theirs) = (good_keys(), good_keys());
    let signature = sign(INDEX, &ours.release, now()).unwrap();
    let both = [public(master(&ours)), public(master(&theirs))].concat();
    let error = verify(INDEX, &signature, &both, now()).unwrap_err();
    assert!(matches!(error, SignatureError::NotOneCertificate), "{error:?}");
    for nothing in [&b""[..], b"no certificate"] {
        let error = verify(INDEX, &signature, nothing, now()).unwrap_err();
        assert!(matches!(error, SignatureError::NotOneCertificate | SignatureError::Certificate(_)), "{error:?}");
    }
}

#[test]
fn an_expired_subkey_is_refused_even_for_what_it_signed_before() {
    let keys = keys(10 * YEAR, DAY);
    let then = now() - 10 * DAY + HOUR;
    let signature = sign(INDEX, &keys.release, then).unwrap();
    verify(INDEX, &signature, &keys.certificate, then + HOUR).unwrap();
    let error = verify(INDEX, &signature, &keys.certificate, now()).unwrap_err();
    let SignatureError::SubkeyExpired { when: Some(when), .. } = error else {
        panic!("{error:?}");
    };
    let expected = now() - 9 * DAY;
    assert!(when <= expected && expected.duration_since(when).unwrap() < HOUR);
}

#[test]
fn an_expired_master_key_is_refused() {
    let keys = keys(DAY, 30 * YEAR);
    let then = now() - 10 * DAY + HOUR;
    let signature = sign(INDEX, &keys.release, then).unwrap();
    verify(INDEX, &signature, &keys.certificate, then + HOUR).unwrap();
    let error = verify(INDEX, &signature, &keys.certificate, now()).unwrap_err();
    assert!(matches!(error, SignatureError::MasterExpired { when: Some(_) }), "{error:?}");
}

#[test]
fn a_revoked_subkey_is_refused_whether_it_leaked_or_was_only_replaced() {
    let keys = good_keys();
    let signature = sign(INDEX, &keys.release, now() - 2 * DAY).unwrap();
    for reason in [ReasonForRevocation::KeyCompromised, ReasonForRevocation::KeySuperseded] {
        let certificate = master(&keys);
        let subkey = certificate.keys().subkeys().next().unwrap().key().clone();
        let revocation = SubkeyRevocationBuilder::new()
            .set_reason_for_revocation(reason, b"test")
            .unwrap()
            .set_signature_creation_time(now() - DAY)
            .unwrap()
            .build(&mut master_signer(&certificate), &certificate, &subkey, None)
            .unwrap();
        let certificate = certificate.insert_packets(revocation).unwrap().0;
        let error = verify(INDEX, &signature, &public(certificate), now()).unwrap_err();
        assert!(matches!(error, SignatureError::SubkeyRevoked { .. }), "{error:?}");
    }
}

#[test]
fn a_revoked_master_key_is_refused() {
    let keys = good_keys();
    let signature = sign(INDEX, &keys.release, now()).unwrap();
    let error = verify(INDEX, &signature, &keys.revocation, now()).unwrap_err();
    assert!(matches!(error, SignatureError::MasterRevoked), "{error:?}");
}

#[test]
fn a_subkey_that_did_not_certify_back_is_not_bound() {
    let certificate = master(&good_keys());
    let sign = KeyFlags::empty().set_signing();
    let (bound, mut signer) = with_subkey(certificate.clone(), sign.clone(), YEAR, true);
    verify(INDEX, &signed_by(&mut signer, now()), &public(bound), now()).unwrap();
    let (unbound, mut signer) = with_subkey(certificate, sign, YEAR, false);
    let signature = signed_by(&mut signer, now());
    let error = verify(INDEX, &signature, &public(unbound), now()).unwrap_err();
    assert!(matches!(error, SignatureError::SubkeyNotBound { .. }), "{error:?}");
}

#[test]
fn a_subkey_that_another_master_key_bound_is_not_bound() {
    let (ours, theirs) = (master(&good_keys()), master(&good_keys()));
    let sign = KeyFlags::empty().set_signing();
    let (theirs, mut signer) = with_subkey(theirs, sign, YEAR, true);
    let subkey = signer.public().fingerprint();
    let stolen: Vec<Packet> = theirs
        .strip_secret_key_material()
        .into_packets()
        .skip_while(|packet| !matches!(packet, Packet::PublicSubkey(key) if key.fingerprint() == subkey))
        .take(2)
        .collect();
    assert_eq!(stolen.len(), 2);
    let ours = ours.insert_packets(stolen).unwrap().0;
    let error = verify(INDEX, &signed_by(&mut signer, now()), &public(ours), now()).unwrap_err();
    assert!(matches!(error, SignatureError::SubkeyNotBound { .. }), "{error:?}");
}

#[test]
fn a_subkey_that_is_not_for_signing_is_refused() {
    let flags = KeyFlags::empty().set_authentication();
    let (certificate, mut signer) = with_subkey(master(&good_keys()), flags, YEAR, true);
    let signature = signed_by(&mut signer, now());
    let error = verify(INDEX, &signature, &public(certificate), now()).unwrap_err();
    assert!(matches!(error, SignatureError::NotASigningSubkey { .. }), "{error:?}");
}

#[test]
fn the_master_key_itself_may_not_sign_an_index() {
    let ours = master(&good_keys());
    let able = CertBuilder::new()
        .set_creation_time(now() - DAY)
        .set_cipher_suite(CipherSuite::Cv25519)
        .set_primary_key_flags(KeyFlags::empty().set_certification().set_signing())
        .add_userid("able to sign")
        .generate()
        .unwrap()
        .0;
    for certificate in [ours, able] {
        let signature = signed_by(&mut master_signer(&certificate), now());
        let error = verify(INDEX, &signature, &public(certificate), now()).unwrap_err();
        assert!(matches!(error, SignatureError::NotASigningSubkey { .. }), "{error:?}");
    }
}

#[test]
fn one_bad_signature_beside_a_good_one_is_refused() {
    let (ours, theirs) = (good_keys(), good_keys());
    let good = sign(INDEX, &ours.release, now()).unwrap();
    let other_data = sign(b"other", &ours.release, now()).unwrap();
    let unknown = sign(INDEX, &theirs.release, now()).unwrap();
    verify(INDEX, &good.repeat(2), &ours.certificate, now()).unwrap();
    for (pair, changed) in [
        ([&good[..], &other_data], true),
        ([&other_data, &good], true),
        ([&good, &unknown], false),
        ([&unknown, &good], false),
    ] {
        let error = verify(INDEX, &pair.concat(), &ours.certificate, now()).unwrap_err();
        match error {
            SignatureError::DataChanged { .. } => assert!(changed),
            SignatureError::UnknownKey { .. } => assert!(!changed),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn an_expired_subkey_cannot_hide_behind_the_name_of_a_valid_one() {
    // Once the expired subkey is the second, once the first: the order in the certificate must not matter.
    for (first, second) in [(YEAR, DAY), (DAY, YEAR)] {
        let old = master(&keys(10 * YEAR, first));
        let release = old.keys().subkeys().next().unwrap().key().clone();
        let flags = KeyFlags::empty().set_signing();
        let (certificate, added) = with_subkey(old, flags, second, true);
        let release = release.parts_into_secret().unwrap().into_keypair().unwrap();
        let (valid, mut expired, made) = match first {
            YEAR => (release, added, now() - 9 * DAY + HOUR),
            _ => (added, release, now() - 10 * DAY + HOUR),
        };
        let mut signature = SignatureBuilder::new(SignatureType::Binary)
            .set_signature_creation_time(made)
            .unwrap()
            .sign_message(&mut expired, INDEX)
            .unwrap();
        let also = SubpacketValue::Issuer(valid.public().keyid());
        let also = Subpacket::new(also, false).unwrap();
        signature.unhashed_area_mut().add(also).unwrap();
        let signature = Packet::from(signature).to_vec().unwrap();
        let error = verify(INDEX, &signature, &public(certificate), now()).unwrap_err();
        assert!(matches!(error, SignatureError::SubkeyExpired { .. }), "{error:?}");
    }
}

#[test]
fn a_signature_from_the_future_is_refused() {
    let keys = good_keys();
    let signature = sign(INDEX, &keys.release, now() + HOUR).unwrap();
    let error = verify(INDEX, &signature, &keys.certificate, now()).unwrap_err();
    assert!(matches!(error, SignatureError::MadeInTheFuture { .. }), "{error:?}");
}

#[test]
fn a_signature_older_than_its_key_is_refused() {
    let keys = good_keys();
    let release = Cert::from_bytes(&keys.release[..]).unwrap();
    let key = release.keys().subkeys().next().unwrap().key().clone();
    let mut signer = key.parts_into_secret().unwrap().into_keypair().unwrap();
    let signature = signed_by(&mut signer, now() - 20 * DAY);
    let error = verify(INDEX, &signature, &keys.certificate, now()).unwrap_err();
    assert!(matches!(error, SignatureError::NotValidWhenMade { .. }), "{error:?}");
}

#[test]
fn only_a_signing_subkey_with_its_secret_signs() {
    let keys = good_keys();
    let error = sign(INDEX, &keys.certificate, now()).unwrap_err();
    assert!(matches!(error, SignError::NoSigningSubkey), "{error:?}");
    let error = sign(INDEX, &keys.release, now() + 2 * YEAR).unwrap_err();
    assert!(matches!(error, SignError::NoSigningSubkey), "{error:?}");
    let error = sign(INDEX, b"no key", now()).unwrap_err();
    assert!(matches!(error, SignError::Key(_)), "{error:?}");
}

#[test]
fn the_standard_tool_sqv_agrees() {
    let tool = Path::new("/usr/bin/sqv");
    if !tool.exists() {
        eprintln!("not run: {} is not installed", tool.display());
        return;
    }
    let keys = good_keys();
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = directory.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let certificate = file("master.asc", &keys.certificate);
    let signature = file("manifest.json.sig", &sign(INDEX, &keys.release, now()).unwrap());
    let index = file("manifest.json", INDEX);
    let changed = file("changed.json", b"{}");
    let agrees = |data: &Path| {
        let mut command = Command::new(tool);
        command.arg("--keyring").arg(&certificate);
        command.arg("--signature-file").arg(&signature).arg(data);
        command.output().unwrap().status.success()
    };
    assert!(agrees(&index));
    assert!(!agrees(&changed));
}
