//! A password or passphrase that is made, or typed twice: what stands against it, and how good it is.

use forge_model::Secret;

/// The fewest characters of what is typed.
pub const SHORTEST: usize = 8;

/// What was typed, or that something shall be made.
#[derive(Debug)]
pub struct TypedTwice {
    made: bool,
    first: Secret,
    again: Secret,
    forgotten: u32,
}

impl Default for TypedTwice {
    fn default() -> Self {
        Self { made: false, first: nothing(), again: nothing(), forgotten: 0 }
    }
}

fn nothing() -> Secret {
    Secret::new(String::new())
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

impl TypedTwice {
    /// Whether Forge makes it.
    pub fn is_made(&self) -> bool {
        self.made
    }

    /// Whether nothing was typed, neither first nor again.
    pub fn is_empty(&self) -> bool {
        self.first.expose().is_empty() && self.again.expose().is_empty()
    }

    /// How often what was typed was forgotten: fields that still show it are to be emptied.
    pub fn forgotten(&self) -> u32 {
        self.forgotten
    }

    /// Whether Forge shall make it. What was typed is forgotten then.
    pub fn set_made(&mut self, made: bool) {
        self.made = made;
        if made {
            self.forget();
        }
    }

    /// As at the beginning; fields are emptied all the same.
    pub fn forgotten_after(before: &Self) -> Self {
        Self { forgotten: before.forgotten + 1, ..Self::default() }
    }

    /// Forgets what was typed.
    pub fn forget(&mut self) {
        (self.first, self.again) = (nothing(), nothing());
        self.forgotten += 1;
    }

    /// Takes what was typed.
    pub fn set_first(&mut self, first: Secret) {
        self.first = first;
    }

    /// Takes its repetition.
    pub fn set_again(&mut self, again: Secret) {
        self.again = again;
    }

    /// What was typed, for the run; nothing when it is made.
    pub fn typed(&self) -> Option<Secret> {
        (!self.made).then(|| Secret::new(self.first.expose().to_owned()))
    }

    /// What stands against it. `known` is what somebody who knows the person tries first.
    pub fn fault(&self, known: &[&str]) -> Option<PasswordFault> {
        let (first, again) = (self.first.expose(), self.again.expose());
        if self.made {
            None
        } else if first.is_empty() {
            Some(PasswordFault::Empty)
        } else if first.chars().any(char::is_control) {
            Some(PasswordFault::Invisible)
        } else if first.chars().count() < SHORTEST {
            Some(PasswordFault::TooShort)
        } else if self.strength(known) == Some(Strength::VeryWeak) {
            Some(PasswordFault::TooWeak)
        } else if again.is_empty() {
            Some(PasswordFault::NotRepeated)
        } else if first != again {
            Some(PasswordFault::Different)
        } else {
            None
        }
    }

    /// How good it is; none when nothing is typed.
    pub fn strength(&self, known: &[&str]) -> Option<Strength> {
        let first = self.first.expose();
        if first.is_empty() || self.made {
            return None;
        }
        // A very long text is not looked at to its end.
        let looked_at: String = first.chars().take(100).collect();
        let looked_at = zeroize::Zeroizing::new(looked_at);
        Some(match u8::from(zxcvbn::zxcvbn(&looked_at, known).score()) {
            0 => Strength::VeryWeak,
            1 => Strength::Weak,
            2 => Strength::Fair,
            3 => Strength::Good,
            _ => Strength::Strong,
        })
    }

    /// Whether it has a character that is not on every keyboard (outside of printable ASCII).
    pub fn is_unusual(&self) -> bool {
        !self.first.expose().chars().all(|letter| (' '..='~').contains(&letter))
    }
}
