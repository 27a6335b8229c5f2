//! The person and the computer's name: what is proposed, what is missing, how good a password is.

use forge_model::{
    Secret,
    names::{self, NameFault},
};

/// The fewest characters of a typed password.
pub const SHORTEST: usize = 8;

/// The person, as far as they are known.
#[derive(Debug)]
pub struct Account {
    full_name: String,
    user_name: String,
    /// Whether the person wrote the user name; then it is not proposed any more.
    own_user_name: bool,
    computer_name: String,
    make_password: bool,
    password: Secret,
    again: Secret,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            full_name: String::new(),
            user_name: String::new(),
            own_user_name: false,
            computer_name: "intergenos".into(),
            make_password: false,
            password: Secret::new(String::new()),
            again: Secret::new(String::new()),
        }
    }
}

/// How hard a password is to guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    /// Found within seconds by whoever has the disk.
    VeryWeak,
    /// Found within hours.
    Weak,
    /// Stands against guessing at the login screen.
    Fair,
    /// Stands against much effort.
    Good,
    /// Stands.
    Strong,
}

/// What stands against a typed password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordFault {
    /// Nothing was typed.
    Empty,
    /// It has fewer than [`SHORTEST`] characters.
    TooShort,
    /// It holds a character that can not be seen.
    Invisible,
    /// It is found at once.
    TooWeak,
    /// It was not typed again.
    NotRepeated,
    /// The two are not the same.
    Different,
}

impl Account {
    /// The name for people.
    pub fn full_name(&self) -> &str {
        &self.full_name
    }

    /// The login name.
    pub fn user_name(&self) -> &str {
        &self.user_name
    }

    /// The name of the computer.
    pub fn computer_name(&self) -> &str {
        &self.computer_name
    }

    /// Whether Forge makes the password.
    pub fn makes_password(&self) -> bool {
        self.make_password
    }

    /// Takes the person's name, and proposes a user name as long as they have not written one.
    pub fn set_full_name(&mut self, name: String) {
        if !self.own_user_name {
            self.user_name = propose(&name);
        }
        self.full_name = name;
    }

    /// Takes a user name. An empty one asks for the proposal again.
    pub fn set_user_name(&mut self, name: String) {
        if name == self.user_name {
            return;
        }
        self.own_user_name = !name.is_empty();
        self.user_name = name;
    }

    /// Takes the computer's name.
    pub fn set_computer_name(&mut self, name: String) {
        self.computer_name = name;
    }

    /// Whether Forge shall make the password. What was typed is forgotten then.
    pub fn set_make_password(&mut self, make: bool) {
        self.make_password = make;
        if make {
            self.password = Secret::new(String::new());
            self.again = Secret::new(String::new());
        }
    }

    /// Takes a typed password.
    pub fn set_password(&mut self, password: Secret) {
        self.password = password;
    }

    /// Takes its repetition.
    pub fn set_again(&mut self, again: Secret) {
        self.again = again;
    }

    /// The typed password, for the run.
    pub fn typed(&self) -> Option<Secret> {
        (!self.make_password).then(|| Secret::new(self.password.expose().to_owned()))
    }

    /// What stands against the name.
    pub fn full_name_fault(&self) -> Option<NameFault> {
        names::full_name(&self.full_name).err()
    }

    /// What stands against the user name.
    pub fn user_name_fault(&self) -> Option<NameFault> {
        names::user_name(&self.user_name, &[]).err()
    }

    /// What stands against the computer's name.
    pub fn computer_name_fault(&self) -> Option<NameFault> {
        names::host_name(&self.computer_name).err()
    }

    /// What stands against the password.
    pub fn password_fault(&self) -> Option<PasswordFault> {
        let (password, again) = (self.password.expose(), self.again.expose());
        if self.make_password {
            None
        } else if password.is_empty() {
            Some(PasswordFault::Empty)
        } else if password.chars().any(char::is_control) {
            Some(PasswordFault::Invisible)
        } else if password.chars().count() < SHORTEST {
            Some(PasswordFault::TooShort)
        } else if self.strength() == Some(Strength::VeryWeak) {
            Some(PasswordFault::TooWeak)
        } else if again.is_empty() {
            Some(PasswordFault::NotRepeated)
        } else if password != again {
            Some(PasswordFault::Different)
        } else {
            None
        }
    }

    /// How good the typed password is; none when nothing is typed.
    pub fn strength(&self) -> Option<Strength> {
        let password = self.password.expose();
        if password.is_empty() || self.make_password {
            return None;
        }
        // Whoever knows the person tries these first. A very long text is not looked at to its end.
        let whole: String = self.full_name.split_whitespace().collect();
        let others = [&*whole, &*self.user_name, &*self.computer_name, "intergenos"];
        let known: Vec<&str> = self.full_name.split_whitespace().chain(others).collect();
        let looked_at: String = password.chars().take(100).collect();
        let looked_at = zeroize::Zeroizing::new(looked_at);
        Some(match u8::from(zxcvbn::zxcvbn(&looked_at, &known).score()) {
            0 => Strength::VeryWeak,
            1 => Strength::Weak,
            2 => Strength::Fair,
            3 => Strength::Good,
            _ => Strength::Strong,
        })
    }

    /// Whether everything is answered.
    pub fn is_complete(&self) -> bool {
        self.full_name_fault().is_none()
            && self.user_name_fault().is_none()
            && self.computer_name_fault().is_none()
            && self.password_fault().is_none()
    }
}

/// A user name made of the first word of a name: `Anna-Lena Müller` gives `anna-lena`, `Émile` gives `emile`.
fn propose(full_name: &str) -> String {
    let first = full_name.split_whitespace().next().unwrap_or_default().to_lowercase();
    let plain: String = first.chars().filter_map(plain).collect();
    let mut proposed: String =
        plain.trim_start_matches(|c: char| !c.is_ascii_lowercase()).trim_end_matches('-').chars().take(31).collect();
    if names::user_name(&proposed, &[]).is_err() {
        proposed.clear();
    }
    proposed
}

/// The letter of a user name that a letter of a name is written with.
fn plain(letter: char) -> Option<char> {
    Some(match letter {
        'a'..='z' | '0'..='9' | '-' => letter,
        'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' | 'ā' | 'ă' | 'ą' => 'a',
        'ç' | 'ć' | 'č' => 'c',
        'ď' | 'đ' => 'd',
        'è' | 'é' | 'ê' | 'ë' | 'ē' | 'ě' | 'ę' => 'e',
        'ğ' => 'g',
        'ì' | 'í' | 'î' | 'ï' | 'ī' | 'ı' => 'i',
        'ł' => 'l',
        'ñ' | 'ń' | 'ň' => 'n',
        'ò' | 'ó' | 'ô' | 'õ' | 'ö' | 'ø' | 'ō' => 'o',
        'ř' => 'r',
        'ß' | 'ś' | 'š' | 'ş' | 'ș' => 's',
        'ť' | 'ţ' | 'ț' => 't',
        'ù' | 'ú' | 'û' | 'ü' | 'ū' | 'ů' => 'u',
        'ý' | 'ÿ' => 'y',
        'ź' | 'ż' | 'ž' => 'z',
        _ => return None,
    })
}
