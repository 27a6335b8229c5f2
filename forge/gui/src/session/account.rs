//! The person and the computer's name: what is proposed, what is missing, how good a password is.

use super::typed_twice::{PasswordFault, Strength, TypedTwice};
use forge_model::{
    Secret,
    names::{self, NameFault},
};

/// The person, as far as they are known.
#[derive(Debug)]
pub struct Account {
    full_name: String,
    user_name: String,
    /// Whether the person wrote the user name; then it is not proposed any more.
    own_user_name: bool,
    computer_name: String,
    password: TypedTwice,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            full_name: String::new(),
            user_name: String::new(),
            own_user_name: false,
            computer_name: "intergenos".into(),
            password: TypedTwice::default(),
        }
    }
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

    /// The password: typed twice, or made.
    pub fn password(&self) -> &TypedTwice {
        &self.password
    }

    /// The same, to be changed.
    pub fn password_mut(&mut self) -> &mut TypedTwice {
        &mut self.password
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

    /// The typed password, for the run.
    pub fn typed(&self) -> Option<Secret> {
        self.password.typed()
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

    /// What somebody who knows the person tries first as a password.
    fn known(&self) -> Vec<String> {
        let whole: String = self.full_name.split_whitespace().collect();
        let others = [&*whole, &*self.user_name, &*self.computer_name, "intergenos"];
        self.full_name.split_whitespace().chain(others).map(str::to_owned).collect()
    }

    /// What stands against the password.
    pub fn password_fault(&self) -> Option<PasswordFault> {
        self.password.fault(&self.known().iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// How good the typed password is; none when nothing is typed.
    pub fn strength(&self) -> Option<Strength> {
        self.password.strength(&self.known().iter().map(String::as_str).collect::<Vec<_>>())
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
