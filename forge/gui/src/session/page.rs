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
    /// The pages that a person walks through, in order.
    pub const ORDER: [Self; 8] = [
        Self::Welcome,
        Self::Keyboard,
        Self::TimeZone,
        Self::Disk,
        Self::Account,
        Self::Firmware,
        Self::SecureBoot,
        Self::Review,
    ];

    /// Every page.
    pub const ALL: [Self; 11] = [
        Self::Welcome,
        Self::Keyboard,
        Self::TimeZone,
        Self::Disk,
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

    /// The page after this one, in the part that a person walks through.
    pub fn next(self) -> Option<Self> {
        let at = Self::ORDER.iter().position(|page| *page == self)?;
        Self::ORDER.get(at + 1).copied()
    }

    /// The page before this one; none where there is no way back.
    pub fn previous(self) -> Option<Self> {
        let at = Self::ORDER.iter().position(|page| *page == self)?;
        Self::ORDER.get(at.checked_sub(1)?).copied()
    }
}
