//! The account files: no empty and no known password, and root is locked.
//!
//! The evidence names accounts and the method of a hash. A hash is never part of it.

use super::{Look, Root};
use sha_crypt::{PasswordVerifier, ShaCrypt};
use zeroize::Zeroizing;

/// What images and installers are known to ship. The names of the account and of the system are tried, too.
const KNOWN: [&str; 4] = ["password", "intergenos", "live", "root"];
/// Methods of crypt(5) that take long enough to guess against.
const METHODS: [(&str, &str); 8] = [
    ("$y$", "yescrypt"),
    ("$gy$", "gost-yescrypt"),
    ("$7$", "scrypt"),
    (SHA_512, "SHA-512 crypt"),
    (SHA_256, "SHA-256 crypt"),
    ("$2b$", "bcrypt"),
    ("$2a$", "bcrypt"),
    ("$2y$", "bcrypt"),
];
const SHA_512: &str = "$6$";
const SHA_256: &str = "$5$";

/// Looks at `/etc/passwd`, which everybody can read, and `/etc/shadow`.
pub fn look(root: &Root) -> Look {
    let mut look = match root.text("/etc/passwd") {
        Ok(text) => passwd(&text),
        Err(error) => Look::unknown(error),
    };
    match root.text("/etc/shadow").map(Zeroizing::new) {
        Ok(text) => look.add(shadow(&text)),
        Err(error) => look.blind(error),
    }
    look
}

/// passwd(5): name, password or `x`, user id, …
fn passwd(text: &str) -> Look {
    let mut look = Look::default();
    for fields in text.lines().map(|line| line.split(':').collect::<Vec<_>>()).filter(|fields| fields.len() > 2) {
        let (name, password, uid) = (fields[0], fields[1], fields[2]);
        if password.is_empty() {
            look.fault(format_args!("/etc/passwd: {name} needs no password"));
        } else if !matches!(password, "x" | "*" | "!") {
            look.fault(format_args!("/etc/passwd: the password hash of {name} is for everybody to read"));
        }
        // A number, as the C library reads it: 00 is root, too.
        if uid.trim().parse::<u32>() == Ok(0) && name != "root" {
            look.fault(format_args!("/etc/passwd: {name} is root by another name"));
        }
    }
    look
}

/// shadow(5): name, hash, …
fn shadow(text: &str) -> Look {
    let mut look = Look::default();
    let (mut locked, mut root) = (0, false);
    for line in text.lines() {
        let mut fields = line.split(':');
        let (Some(name), Some(hash)) = (fields.next(), fields.next()) else { continue };
        root |= name == "root";
        match judge(name, hash) {
            Password::Locked => locked += 1,
            _ if name == "root" => look.fault("/etc/shadow: root is not locked"),
            Password::Empty => look.fault(format_args!("/etc/shadow: {name} has an empty password")),
            Password::Known => look.fault(format_args!("/etc/shadow: {name} has a password that everybody knows")),
            Password::Weak => {
                look.fault(format_args!("/etc/shadow: the password of {name} is hashed by a weak method"))
            }
            Password::Untried(method) => look.blind(format_args!(
                "/etc/shadow: whether everybody knows the password of {name} is not tried here ({method})"
            )),
            Password::Own(method) => {
                look.fact(format_args!("/etc/shadow: {name} has a password of its own ({method})"))
            }
        }
    }
    look.expect(root, "/etc/shadow: root has a line");
    look.fact(format_args!("/etc/shadow: locked: {locked}"));
    look
}

/// What the second field of a line says.
enum Password {
    Locked,
    Empty,
    Known,
    Weak,
    /// Hashed by a method that is not computed here.
    Untried(&'static str),
    Own(&'static str),
}

fn judge(name: &str, hash: &str) -> Password {
    if hash.is_empty() {
        return Password::Empty;
    }
    if hash.starts_with(['!', '*']) {
        return Password::Locked;
    }
    let Some((prefix, method)) = METHODS.iter().find(|(prefix, _)| hash.starts_with(prefix)) else {
        return Password::Weak;
    };
    if ![SHA_512, SHA_256].contains(prefix) {
        return Password::Untried(method);
    }
    match KNOWN.iter().chain([&name, &""]).any(|word| fits(word, hash)) {
        true => Password::Known,
        false => Password::Own(method),
    }
}

fn fits(word: &str, hash: &str) -> bool {
    ShaCrypt::default().verify_password(word.as_bytes(), hash).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use forge_model::audit::Finding;

    // openssl passwd -6 -salt saltsalt …
    const OF_LIVE: &str =
        "$6$saltsalt$lnz8B.EkP7gx/SsOOLQAcEU/F.7k3CE1I9HTM5hraWcxPafsvSqaJ9s7btu0bk1OOGYbFIG93bLmjZ/qM89J/1";
    const OWN: &str =
        "$6$saltsalt$G9wFFnnUFCPffgjGaIp8t6onbqx3zGbMIn93ecLfBFGJpBV3/0HPLZ17qYbjb.WJDtXbmuMlQ9NnvzVms5ZXj.";

    #[test]
    fn an_installed_system_passes() {
        let look = shadow(&format!("root:!*:20000:0:99999:7:::\ndaemon:*:20000::::::\nanna:{OWN}:20000::::::\n"));
        assert_eq!(look.finding(), Finding::Pass, "{look:?}");
        assert!(!format!("{look:?}").contains("G9wFFnnUFC") && !format!("{look:?}").contains("saltsalt"));
    }

    #[test]
    fn empty_known_and_weak_passwords_are_faults_that_name_the_account() {
        for hash in ["", OF_LIVE, "aajFhNGBLLjAk", "$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/"] {
            let look = shadow(&format!("root:*:1::::::\nguest:{hash}:20000::::::\n"));
            assert_eq!(look.faults.len(), 1, "{hash}: {look:?}");
            assert!(look.faults[0].contains("guest"), "{look:?}");
        }
    }

    #[test]
    fn a_password_that_can_not_be_tried_is_not_called_good() {
        let look = shadow("root:*:1::::::\nanna:$y$j9T$saltsalt$abcdefgh:20000::::::\n");
        assert_eq!(look.finding(), Finding::CannotTell, "{look:?}");
    }

    #[test]
    fn root_with_a_password_of_its_own_is_a_fault_and_so_is_no_root() {
        assert_eq!(shadow(&format!("root:{OWN}:1::::::\n")).faults, ["/etc/shadow: root is not locked"]);
        assert_eq!(shadow("root::1::::::\n").faults, ["/etc/shadow: root is not locked"]);
        assert_eq!(shadow("anna:!:1::::::\n").finding(), Finding::Fail);
    }

    #[test]
    fn what_everybody_can_read_of_the_accounts_is_judged_as_well() {
        assert!(passwd("root:x:0:0:root:/root:/bin/sh\nanna:x:1000:1000::/home/anna:/bin/sh\n").faults.is_empty());
        assert_eq!(passwd("root:x:0:0::/:\nguest::1001:1001::/:\n").faults.len(), 1);
        for uid in ["0", "00"] {
            let look = passwd(&format!("root:x:0:0::/:\ntoor:x:{uid}:0::/:\n"));
            assert_eq!(look.faults, ["/etc/passwd: toor is root by another name"]);
        }
    }
}
