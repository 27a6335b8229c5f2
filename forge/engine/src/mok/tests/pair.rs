use std::fs;

use super::*;

fn described(pair: &Pair, options: &[&str]) -> String {
    let arguments = [&["x509", "-noout"], options].concat();
    text(openssl(&arguments, &pair.certificate_pem().unwrap()))
}

#[test]
fn a_boot_key_is_a_code_signing_leaf_of_rsa_2048() {
    if !installed("/usr/bin/openssl") {
        return;
    }
    let shown = described(&boot_pair(), &["-text"]);
    let flat = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    for expected in [
        "Version: 3 (0x2)",
        "Signature Algorithm: sha256WithRSAEncryption",
        "Public-Key: (2048 bit)",
        "Issuer: CN=InterGenOS boot key test",
        "Subject: CN=InterGenOS boot key test",
        "X509v3 Basic Constraints: critical CA:FALSE",
        "X509v3 Key Usage: critical Digital Signature X509v3",
        "X509v3 Extended Key Usage: Code Signing X509v3",
        "X509v3 Subject Key Identifier:",
    ] {
        assert!(flat.contains(expected), "no {expected:?} in {shown}");
    }
}

#[test]
fn a_module_key_says_module_signing_and_nothing_else() {
    if !installed("/usr/bin/openssl") {
        return;
    }
    let pair = Pair::generate(Kind::Module, "modules", SystemTime::now()).unwrap();
    let shown = described(&pair, &["-ext", "extendedKeyUsage"]);
    assert_eq!(shown.lines().last().map(str::trim), Some("1.3.6.1.4.1.2312.16.1.2"), "{shown}");
}

#[test]
fn a_certificate_is_valid_since_yesterday_and_for_more_than_ten_years() {
    if !installed("/usr/bin/openssl") {
        return;
    }
    // 2026-01-01 00:00:00 UTC
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600);
    let pair = Pair::generate(Kind::Boot, "dates", now).unwrap();
    let shown = described(&pair, &["-dates", "-dateopt", "iso_8601"]);
    assert_eq!(shown, "notBefore=2025-12-31 00:00:00Z\nnotAfter=2045-12-27 00:00:00Z\n");
}

#[test]
fn a_machine_whose_clock_is_at_1970_gets_a_key_too() {
    let pair = Pair::generate(Kind::Boot, "no battery", SystemTime::UNIX_EPOCH).unwrap();
    assert!(!pair.certificate_der().unwrap().is_empty());
}

#[test]
fn serial_numbers_are_long_positive_and_different() {
    if !installed("/usr/bin/openssl") {
        return;
    }
    let serials = [boot_pair(), boot_pair()].map(|pair| described(&pair, &["-serial"]));
    assert_ne!(serials[0], serials[1]);
    for serial in serials {
        let digits = serial.trim().strip_prefix("serial=").unwrap();
        assert_eq!(digits.len(), 40, "{serial}");
        assert!(digits.as_bytes()[0] < b'8', "{serial}");
    }
}

#[test]
fn fingerprints_are_those_that_openssl_shows() {
    if !installed("/usr/bin/openssl") {
        return;
    }
    let pair = boot_pair();
    let shown = |digest: &str| {
        let line = described(&pair, &["-fingerprint", digest]);
        let (_, value) = line.trim().split_once('=').unwrap();
        value.replace(':', " ").to_lowercase()
    };
    assert_eq!(pair.sha1().unwrap().to_string(), shown("-sha1"));
    assert_eq!(pair.sha256().unwrap().to_string(), shown("-sha256"));
}

#[test]
fn names_that_no_certificate_can_carry_are_refused() {
    for name in ["", "two\nlines", &"x".repeat(65)] {
        let error = Pair::generate(Kind::Boot, name, SystemTime::now()).unwrap_err();
        assert!(matches!(error, PairError::CommonName), "{error:?}");
    }
}

#[test]
fn a_pair_does_not_print_its_key() {
    let pair = boot_pair();
    let printed = format!("{pair:?} {pair:#?}");
    assert_eq!(printed, "Pair { kind: Boot, .. } Pair {\n    kind: Boot,\n    ..\n}");
    let pem = pair.private_key_pem().unwrap();
    assert!(pem.starts_with(b"-----BEGIN PRIVATE KEY-----"));
}

#[test]
fn openssl_verifies_a_detached_signature_and_refuses_changed_data() {
    if !installed("/usr/bin/openssl") {
        return;
    }
    let pair = boot_pair();
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("public.pem"), described(&pair, &["-pubkey"])).unwrap();
    fs::write(path("signature"), pair.sign_detached(b"receipt").unwrap()).unwrap();
    let (key, signature) = (path("public.pem"), path("signature"));
    let arguments = ["dgst", "-sha256", "-verify", &key, "-signature", &signature];
    assert_eq!(text(openssl(&arguments, b"receipt")), "Verified OK\n");
    assert!(!openssl(&arguments, b"Receipt").status.success());
}
