//! The people of a private system.

/// Who calls. What polkit is told of each is in `tests/private-system/polkit/rules.d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Person {
    /// uid 0: polkit says yes to everything.
    Root,
    /// A person who may, without a question: stands for whoever sits at a live system.
    Allowed,
    /// A person who may not, whatever they type.
    Refused,
    /// A person who may after an administrator's password: an [`Agent`](super::Agent) is asked.
    Asked,
    /// Anybody else: the actions' own defaults hold.
    Nobody,
}

impl Person {
    /// The numeric user, which is also the group. They are the same on every Debian.
    pub fn uid(self) -> u32 {
        match self {
            Self::Root => 0,
            Self::Allowed => 1,
            Self::Refused => 5,
            Self::Asked => 8,
            Self::Nobody => 65534,
        }
    }
}
