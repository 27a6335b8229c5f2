//! Names that end up in system files: what is allowed, and why not.

/// Why a name can not be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NameFault {
    /// Nothing was written.
    Empty,
    /// It is longer than the limit.
    TooLong {
        /// The most characters it may have.
        most: usize,
    },
    /// Its first or last character is not allowed there.
    BadEnd {
        /// The character.
        found: char,
    },
    /// A character is not allowed.
    BadCharacter {
        /// The character.
        found: char,
    },
    /// The system uses this name itself.
    Reserved,
}

/// Checks a user name: a lower-case letter, then lower-case letters, digits, `-` and `_`, 31 at most
/// (systemd's strict rule, <https://systemd.io/USER_NAMES/>, without upper case).
pub fn user_name(name: &str, reserved: &[String]) -> Result<(), NameFault> {
    limits(name, 31)?;
    let first = name.chars().next().unwrap_or('-');
    if !first.is_ascii_lowercase() {
        return Err(NameFault::BadEnd { found: first });
    }
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    if let Some(found) = name.chars().find(|c| !allowed(*c)) {
        return Err(NameFault::BadCharacter { found });
    }
    if name == "root" || name == "nobody" || reserved.iter().any(|r| r == name) {
        return Err(NameFault::Reserved);
    }
    Ok(())
}

/// Checks a host name: labels of letters, digits and `-`, joined by dots, 64 characters at most (`HOST_NAME_MAX`).
pub fn host_name(name: &str) -> Result<(), NameFault> {
    limits(name, 64)?;
    if let Some(found) = name.chars().find(|c| !(c.is_ascii_alphanumeric() || *c == '-' || *c == '.')) {
        return Err(NameFault::BadCharacter { found });
    }
    for label in name.split('.') {
        for end in [label.chars().next(), label.chars().last()] {
            match end {
                None => return Err(NameFault::BadEnd { found: '.' }),
                Some('-') => return Err(NameFault::BadEnd { found: '-' }),
                Some(_) => {}
            }
        }
        limits(label, 63)?;
    }
    Ok(())
}

/// Checks a full name for the account file's comment field: any text without `:`, `,`, `=` or control characters.
pub fn full_name(name: &str) -> Result<(), NameFault> {
    if name.chars().count() > 128 {
        return Err(NameFault::TooLong { most: 128 });
    }
    match name.chars().find(|c| c.is_control() || matches!(c, ':' | ',' | '=' | '\\')) {
        Some(found) => Err(NameFault::BadCharacter { found }),
        None => Ok(()),
    }
}

fn limits(name: &str, most: usize) -> Result<(), NameFault> {
    if name.is_empty() {
        return Err(NameFault::Empty);
    }
    if name.len() > most {
        return Err(NameFault::TooLong { most });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_names_are_taken() {
        for name in ["anna", "j_doe", "a", "x-1"] {
            assert_eq!(user_name(name, &[]), Ok(()), "{name}");
        }
        for name in ["forge", "pc-7", "a.example.org", "X230"] {
            assert_eq!(host_name(name), Ok(()), "{name}");
        }
        assert_eq!(full_name("Anna-Lena Müller (عنا)"), Ok(()));
    }

    #[test]
    fn impossible_user_names_are_refused_with_the_character() {
        assert_eq!(user_name("", &[]), Err(NameFault::Empty));
        assert_eq!(user_name("Anna", &[]), Err(NameFault::BadEnd { found: 'A' }));
        assert_eq!(user_name("an:na", &[]), Err(NameFault::BadCharacter { found: ':' }));
        assert_eq!(user_name("root", &[]), Err(NameFault::Reserved));
        assert_eq!(user_name("games", &["games".into()]), Err(NameFault::Reserved));
        assert_eq!(user_name(&"a".repeat(32), &[]), Err(NameFault::TooLong { most: 31 }));
    }

    #[test]
    fn impossible_host_names_are_refused() {
        assert_eq!(host_name("-a"), Err(NameFault::BadEnd { found: '-' }));
        assert_eq!(host_name("a..b"), Err(NameFault::BadEnd { found: '.' }));
        assert_eq!(host_name("ä"), Err(NameFault::BadCharacter { found: 'ä' }));
        assert_eq!(host_name("a_b"), Err(NameFault::BadCharacter { found: '_' }));
    }

    #[test]
    fn a_line_break_can_not_reach_an_account_file() {
        assert_eq!(full_name("a\nroot:x:0"), Err(NameFault::BadCharacter { found: '\n' }));
    }
}
