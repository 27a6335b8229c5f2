use super::{passphrase::Work, *};
use std::{
    fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
    str,
};

const TEXT: &[u8] = b"{\n  \"user\": { \"name\": \"ada\", \"password\": \"canary-of-six-words\" }\n}\n";
/// Enough to show the format, little enough for a test.
const LITTLE: Work = Work { memory_kib: 64, passes: 1, lanes: 2 };

fn secret(text: &str) -> Secret {
    Secret::new(text.into())
}

fn little() -> Vec<u8> {
    passphrase::seal_with(LITTLE, TEXT, &secret("correct horse")).unwrap()
}

fn refused(sealed: &[u8]) -> OpenError {
    open_with_passphrase(sealed, &secret("correct horse")).unwrap_err()
}

/// The file with another header (or body), and a checksum that fits again.
fn changed(change: impl FnOnce(String, String) -> (String, String)) -> Vec<u8> {
    let sealed = little();
    let mut lines = str::from_utf8(&sealed).unwrap().lines().map(str::to_owned);
    let (header, body) = change(lines.next().unwrap(), lines.next().unwrap());
    let both = format!("{header}\n{body}\n");
    format!("{both}{}\n", hex::encode(openssl::sha::sha256(both.as_bytes()))).into_bytes()
}

fn header(from: &str, to: &str) -> Vec<u8> {
    changed(|header, body| {
        assert!(header.contains(from), "{header}");
        (header.replacen(from, to, 1), body)
    })
}

#[test]
fn what_is_sealed_to_a_passphrase_is_opened_by_it() {
    let sealed = seal_to_passphrase(TEXT, &secret("correct horse")).unwrap();
    assert_eq!(*open_with_passphrase(&sealed, &secret("correct horse")).unwrap(), TEXT);
    assert_eq!(Kind::of(&sealed), Some(Kind::Passphrase));
    let text = str::from_utf8(&sealed).unwrap();
    assert!(text.contains("\"memory-kib\":262144,\"passes\":3,\"lanes\":4"), "{text}");
    assert!(text.is_ascii() && text.lines().count() == 3 && text.ends_with('\n'), "{text}");
}

#[test]
fn nothing_is_the_same_when_the_same_is_sealed_again() {
    let (one, two) = (little(), little());
    let lines = |sealed: &[u8]| -> Vec<String> { str::from_utf8(sealed).unwrap().lines().map(str::to_owned).collect() };
    let value = |header: &str, key: &str| serde_json::from_str::<serde_json::Value>(header).unwrap()[key].to_string();
    let (one, two) = (lines(&one), lines(&two));
    assert_ne!(one[1], two[1]);
    for key in ["salt", "nonce"] {
        assert_ne!(value(&one[0], key), value(&two[0], key));
    }
}

#[test]
fn a_text_of_any_length_comes_back() {
    for length in [0, 1, 63, 64, 65, TEXT_LIMIT] {
        let text = vec![b'x'; length];
        let sealed = passphrase::seal_with(LITTLE, &text, &secret("p")).unwrap();
        assert_eq!(*open_with_passphrase(&sealed, &secret("p")).unwrap(), text);
    }
    let error = seal_to_passphrase(&vec![0; TEXT_LIMIT + 1], &secret("p")).unwrap_err();
    assert!(matches!(error, SealError::TooLong), "{error:?}");
}

#[test]
fn another_passphrase_opens_nothing() {
    for other in ["correct horsf", "", "correct horse ", "Correct horse"] {
        let error = open_with_passphrase(&little(), &secret(other)).unwrap_err();
        assert!(matches!(error, OpenError::WrongPassphrase), "{error:?}");
    }
}

#[test]
fn an_empty_passphrase_and_nobody_are_refused() {
    let error = seal_to_passphrase(TEXT, &secret("")).unwrap_err();
    assert!(matches!(error, SealError::EmptyPassphrase), "{error:?}");
    let error = SealTo::default().seal(&Tools::default(), TEXT).unwrap_err();
    assert!(SealTo::default().is_nobody() && matches!(error, SealError::Nobody), "{error:?}");
}

#[test]
fn a_file_that_is_cut_anywhere_is_said_to_be_cut() {
    let sealed = little();
    for length in 1..sealed.len() {
        let error = refused(&sealed[..length]);
        assert!(matches!(error, OpenError::Cut), "at {length}: {error:?}");
    }
    assert!(matches!(refused(b""), OpenError::NotSealed));
}

#[test]
fn a_bit_that_changed_anywhere_is_a_damaged_file() {
    let sealed = little();
    let mut told = 0;
    for byte in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[byte] ^= 1;
        match refused(&changed) {
            OpenError::NotSealed => assert!(byte < passphrase::BEGINNING.len()),
            OpenError::Damaged => told += 1,
            // The change made, or took away, the end of a line.
            OpenError::Cut => {}
            other => panic!("at {byte}: {other:?}"),
        }
    }
    assert!(told > sealed.len() - passphrase::BEGINNING.len() - 10, "{told}");
    let followed = [&sealed[..], b"more"].concat();
    assert!(matches!(refused(&followed), OpenError::Damaged));
}

#[test]
fn a_header_that_was_changed_on_purpose_opens_nothing() {
    // Each of these is a header that somebody could have sealed with: only the tag tells.
    for (from, to) in [
        ("\"memory-kib\":64", "\"memory-kib\":65"),
        ("\"passes\":1", "\"passes\":2"),
        ("\"lanes\":2", "\"lanes\":1"),
        ("\"version\":1", "\"version\": 1"),
    ] {
        let error = refused(&header(from, to));
        assert!(matches!(error, OpenError::WrongPassphrase), "{to}: {error:?}");
    }
    let error = refused(&changed(|header, _| {
        let other = little();
        (header, str::from_utf8(&other).unwrap().lines().nth(1).unwrap().to_owned())
    }));
    assert!(matches!(error, OpenError::WrongPassphrase), "{error:?}");
    let short = refused(&changed(|header, _| (header, "AAAA".into())));
    assert!(matches!(short, OpenError::Damaged), "{short:?}");
    let no_base64 = refused(&changed(|header, body| (header, body.replace('=', "") + "!!!")));
    assert!(matches!(no_base64, OpenError::Damaged), "{no_base64:?}");
}

#[test]
fn an_absurd_header_is_refused_before_any_work_is_done() {
    let begun = std::time::Instant::now();
    for (from, to, parameter) in [
        ("\"memory-kib\":64", "\"memory-kib\":4294967295", Parameter::Memory),
        ("\"memory-kib\":64", "\"memory-kib\":1048577", Parameter::Memory),
        ("\"memory-kib\":64", "\"memory-kib\":15", Parameter::Memory),
        ("\"passes\":1", "\"passes\":0", Parameter::Passes),
        ("\"passes\":1", "\"passes\":17", Parameter::Passes),
        ("\"lanes\":2", "\"lanes\":0", Parameter::Lanes),
        ("\"lanes\":2", "\"lanes\":4000000000", Parameter::Lanes),
        ("\"salt\":\"", "\"salt\":\"00", Parameter::Salt),
        ("\"nonce\":\"", "\"nonce\":\"00", Parameter::Nonce),
    ] {
        let error = refused(&header(from, to));
        let OpenError::Absurd { parameter: found, .. } = error else {
            panic!("{to}: {error:?}");
        };
        assert_eq!(found, parameter, "{to}");
        assert!(error.to_string().contains(&format!("\"{parameter}\"")), "{error}");
    }
    assert!(begun.elapsed().as_secs() < 5, "{:?}", begun.elapsed());
}

#[test]
fn a_file_that_asks_for_more_memory_than_there_is_is_refused_before_any_is_taken() {
    let asks = header("\"memory-kib\":64", "\"memory-kib\":524288");
    let passphrase = secret("correct horse");
    let error = passphrase::open_within(Some(524_287), &asks, &passphrase).unwrap_err();
    assert!(matches!(error, OpenError::NoMemory { mib: 512 }), "{error:?}");
    assert!(error.to_string().contains("512 MiB of memory, and they are not free"), "{error}");
    // What is enough, or not known, is no reason against it.
    for available in [Some(64), None] {
        assert_eq!(*passphrase::open_within(available, &little(), &passphrase).unwrap(), TEXT);
    }
}

#[test]
fn a_header_of_another_version_or_kind_is_refused() {
    assert!(matches!(refused(&header("\"version\":1", "\"version\":2")), OpenError::Version(2)));
    for (from, to) in [
        ("\"version\":1", "\"version\":-1"),
        ("\"version\":1,", ""),
        ("argon2id", "argon2i"),
        ("chacha20-poly1305", "aes-256-gcm"),
        ("\"passes\":1", "\"passes\":1,\"passes\":1"),
        ("\"passes\":1", "\"passes\":1,\"more\":1"),
        ("\"salt\":\"", "\"salt\":\"zz"),
    ] {
        let error = refused(&header(from, to));
        assert!(matches!(error, OpenError::Header(_)), "{to}: {error:?}");
    }
    assert!(matches!(refused(b"{\"format\":\"other\"}\n\n\n"), OpenError::NotSealed));
    assert!(matches!(refused(&vec![b'{'; SEALED_LIMIT + 1]), OpenError::TooLong));
}

#[test]
fn no_error_and_no_debug_output_holds_a_secret() {
    let (passphrase, other) = (secret("canary-passphrase"), secret("canary-other"));
    let sealed = passphrase::seal_with(LITTLE, TEXT, &passphrase).unwrap();
    let mut said = format!("{:?}", SealTo { age: Vec::new(), passphrase: Some(secret("canary")) });
    let mut damaged = sealed.clone();
    damaged[200] ^= 1;
    for (file, passphrase) in [(&sealed[..], &other), (&damaged, &passphrase), (&sealed[..100], &passphrase)] {
        let error = open_with_passphrase(file, passphrase).unwrap_err();
        said += &format!("{error} {error:?}");
    }
    let error =
        open_with_age(&Tools::default(), b"age-encryption.org/v1", b"canary AGE-SECRET-KEY-1CANARY").unwrap_err();
    said += &format!("{error} {error:?} {:?}", str::from_utf8(&sealed).unwrap());
    assert!(!said.to_lowercase().contains("canary"), "{said}");
}

/// The example of docs/sealed.md, word for word: another program, with nothing of ours.
#[test]
fn the_program_in_the_documentation_opens_what_is_sealed() {
    let page = include_str!("../../../../docs/sealed.md");
    let program = page.split("```python\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let able = "from cryptography.hazmat.primitives.kdf.argon2 import Argon2id; Argon2id";
    if !Command::new("/usr/bin/python3").args(["-c", able]).output().is_ok_and(|output| output.status.success()) {
        eprintln!("not run: python3-cryptography is not installed, or too old");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("credentials.sealed");
    fs::write(&file, seal_to_passphrase(TEXT, &secret("pässphrase")).unwrap()).unwrap();
    let open = |passphrase: &str| {
        let mut python = Command::new("/usr/bin/python3");
        python.args(["-c", program]).arg(&file).env("PASSPHRASE", passphrase).output().unwrap()
    };
    let opened = open("pässphrase");
    assert_eq!(opened.stdout, TEXT, "{}", String::from_utf8_lossy(&opened.stderr));
    assert!(!open("other").status.success());
}

#[test]
fn only_the_form_of_an_age_key_is_a_recipient() {
    let key = format!("age1{}", "q".repeat(58));
    let hybrid = format!("age1pq1{}", "q".repeat(1952));
    for good in [&key, &hybrid] {
        assert_eq!(good.parse::<Recipient>().unwrap().to_string(), *good);
    }
    let plugin = format!("age1yubikey1{}", "q".repeat(50));
    let short = key[..61].to_owned();
    for bad in [
        "",
        "age1",
        "ssh-ed25519 AAAA",
        "--output=/etc/passwd",
        &plugin,
        &short,
        &key.to_uppercase(),
        &format!("{key}\n"),
    ] {
        assert!(bad.parse::<Recipient>().is_err(), "{bad}");
    }
}

/// An identity file and its public key, made by age-keygen.
fn age_keys(options: &[&str]) -> Option<(Vec<u8>, Recipient)> {
    let keygen = Path::new("/usr/bin/age-keygen");
    if !keygen.exists() {
        eprintln!("not run: {} is not installed", keygen.display());
        return None;
    }
    let made = Command::new(keygen).args(options).output().unwrap();
    if !made.status.success() {
        eprintln!("not run: this age-keygen does not know {options:?}");
        return None;
    }
    let public = str::from_utf8(&made.stdout).unwrap().lines().find_map(|line| line.strip_prefix("# public key: "));
    let recipient = public.unwrap().parse().unwrap();
    Some((made.stdout, recipient))
}

#[test]
fn what_is_sealed_to_age_keys_is_opened_by_each_of_them_with_age_itself() {
    let (Some(one), Some(two), Some(stranger)) = (age_keys(&[]), age_keys(&[]), age_keys(&[])) else {
        return;
    };
    let tools = Tools::default();
    let sealed = seal_to_age(&tools, TEXT, &[one.1, two.1]).unwrap();
    assert_eq!(Kind::of(&sealed), Some(Kind::Age));
    let directory = tempfile::tempdir().unwrap();
    let (file, key) = (directory.path().join("credentials.age"), directory.path().join("key"));
    fs::write(&file, &sealed).unwrap();
    for (identity, opens) in [(&one.0, true), (&two.0, true), (&stranger.0, false)] {
        fs::write(&key, identity).unwrap();
        let output =
            Command::new("/usr/bin/age").args(["--decrypt", "--identity"]).arg(&key).arg(&file).output().unwrap();
        assert_eq!(output.status.success(), opens);
        assert_eq!(output.stdout == TEXT, opens);
        match open_with_age(&tools, &sealed, identity) {
            Ok(text) => assert!(opens && *text == TEXT),
            Err(error) => assert!(!opens && matches!(error, OpenError::Age(_)), "{error:?}"),
        }
    }
}

#[test]
fn what_age_itself_sealed_is_opened() {
    let Some((identity, recipient)) = age_keys(&[]) else {
        return;
    };
    for armor in [&["--armor"][..], &[]] {
        let mut age = Command::new("/usr/bin/age");
        age.args(armor).arg("--recipient").arg(recipient.to_string());
        let mut child = age.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(TEXT).unwrap();
        let sealed = child.wait_with_output().unwrap().stdout;
        assert_eq!(*open_with_age(&Tools::default(), &sealed, &identity).unwrap(), TEXT);
        let cut = open_with_age(&Tools::default(), &sealed[..sealed.len() - 5], &identity).unwrap_err();
        assert!(matches!(cut, OpenError::Age(_)), "{cut:?}");
    }
}

#[test]
fn a_post_quantum_key_of_age_is_a_recipient() {
    let Some((identity, recipient)) = age_keys(&["-pq"]) else {
        return;
    };
    let tools = Tools::default();
    let sealed = seal_to_age(&tools, TEXT, &[recipient]).unwrap();
    assert_eq!(*open_with_age(&tools, &sealed, &identity).unwrap(), TEXT);
}

#[test]
fn a_mistyped_age_key_or_a_missing_age_is_found_in_the_rehearsal() {
    let Some((_, recipient)) = age_keys(&[]) else {
        return;
    };
    let typed = recipient.to_string();
    let other = if typed.ends_with('q') { "p" } else { "q" };
    let mistyped: Recipient = format!("{}{other}", &typed[..typed.len() - 1]).parse().unwrap();
    let to = |key| SealTo { age: vec![key], passphrase: None };
    to(recipient.clone()).rehearse(&Tools::default()).unwrap();
    let error = to(mistyped).rehearse(&Tools::default()).unwrap_err();
    assert!(matches!(error, SealError::Age(_)), "{error:?}");
    let without = Tools { age: "/none/age".into(), ..Tools::default() };
    let error = to(recipient).rehearse(&without).unwrap_err();
    assert!(matches!(error, SealError::Age(_)), "{error:?}");
}

#[test]
fn a_locked_identity_is_left_to_age_itself() {
    let sealed = b"age-encryption.org/v1\n";
    for identities in [&b""[..], b"# only a comment\n", b"age-encryption.org/v1\n...", b"AGE-PLUGIN-X-1QQQ", &[0xff; 9]]
    {
        let error = open_with_age(&Tools::default(), sealed, identities).unwrap_err();
        assert!(matches!(error, OpenError::NoIdentity), "{error:?}");
    }
}
