//! The pages and their order.

/// A page of the wizard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Page {
    /// What this is, and the language.
    #[default]
    Welcome,
    /// The keyboard.
    Keyboard,
    /// The time zone.
    TimeZone,
    /// Which disk.
    Disk,
    /// Which part of it; only where there is something on it.
    DiskUse,
    /// Whether the state is encrypted, and the passphrase.
    Encryption,
    /// The recovery key; only where the state is encrypted.
    RecoveryKey,
    /// The person and the computer's name.
    Account,
    /// Which proprietary firmware; only where a device wants some.
    Firmware,
    /// What the machine's own key is.
    SecureBoot,
    /// The plan.
    Review,
    /// It goes on.
    Installing,
    /// It did not work.
    Failure,
    /// It is installed.
    Done,
}

impl Page {
    /// The pages that a person may walk through, in order; not every machine and every answer leads through each.
    pub const ORDER: [Self; 11] = [
        Self::Welcome,
        Self::Keyboard,
        Self::TimeZone,
        Self::Disk,
        Self::DiskUse,
        Self::Encryption,
        Self::RecoveryKey,
        Self::Account,
        Self::Firmware,
        Self::SecureBoot,
        Self::Review,
    ];

    /// Every page.
    pub const ALL: [Self; 14] = [
        Self::Welcome,
        Self::Keyboard,
        Self::TimeZone,
        Self::Disk,
        Self::DiskUse,
        Self::Encryption,
        Self::RecoveryKey,
        Self::Account,
        Self::Firmware,
        Self::SecureBoot,
        Self::Review,
        Self::Installing,
        Self::Failure,
        Self::Done,
    ];

    /// Its name in the window and in scripts.
    pub fn tag(self) -> &'static str {
        match self {
            Self::Welcome => "welcome",
            Self::Keyboard => "keyboard",
            Self::TimeZone => "timezone",
            Self::Disk => "disk",
            Self::DiskUse => "disk-use",
            Self::Encryption => "encryption",
            Self::RecoveryKey => "recovery-key",
            Self::Account => "account",
            Self::Firmware => "firmware",
            Self::SecureBoot => "secure-boot",
            Self::Review => "review",
            Self::Installing => "installing",
            Self::Failure => "failure",
            Self::Done => "done",
        }
    }

    /// The page with this name.
    pub fn from_tag(tag: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|page| page.tag() == tag)
    }
}
