//! Why an install did not end well, by a sentence and by a kind that a program can show, and what is on the target then.

use crate::{
    esp::EspError,
    firmware::chosen::ChosenError,
    gpt::GptError,
    image::ImageError,
    mok::PairError,
    payload::PayloadError,
    prepare::PrepareError,
    system::SystemError,
    target::{Target, TargetError},
};
use forge_model::{OldTable, RootHash, Stage};
use std::io;

/// Why an install did not end well.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// The payload is not the one that the plan names.
    #[error("the payload changed since the plan was made; make the plan again")]
    PayloadChanged,
    /// The payload is not as signed.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// Something could not be prepared.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// The target failed.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The image could not be written or proved.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// What was read back has another root hash.
    #[error("the disk holds the root hash {found}, not the signed one; the disk is faulty")]
    NotProved {
        /// The hash read back.
        found: RootHash,
    },
    /// The ESP could not be made.
    #[error(transparent)]
    Esp(#[from] EspError),
    /// The boot files could not be added to the ESP that is shared, after the table was written.
    #[error("the boot files could not be added to the EFI system partition that is shared: {0}")]
    SharedEsp(#[source] TargetError),
    /// The partition table could not be written.
    #[error(transparent)]
    Gpt(#[from] GptError),
    /// The receipt could not be signed.
    #[error("the receipt could not be signed: {0}")]
    Receipt(#[from] PairError),
    /// Memory or a descriptor failed.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// An install that did not end well: where, and what is on the target now.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct Failed {
    /// The stage in which it failed.
    pub stage: Stage,
    /// Whether anything was written; without it, the target is as it was.
    pub written: bool,
    /// What others have now, where they stay on the target; nothing when the whole of it was taken.
    pub beside: Option<Others>,
    /// Why.
    #[source]
    pub error: InstallError,
}

/// What others on the target have after an install that did not end well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Others {
    /// Their partition table.
    pub table: OldTable,
    /// How many partitions were to go. From the first write on they are lost, whatever the table says of them.
    pub removed: u16,
}

/// What a person can do about a failure differs by its kind: a program shows its own words for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// The payload is not as it was signed, or can not be read.
    Payload,
    /// The payload is another one than the plan's.
    PayloadChanged,
    /// Standard tools are missing.
    ToolsMissing,
    /// The account that was asked for can not be made.
    Accounts,
    /// Something else uses the disk.
    DiskBusy,
    /// It is not the disk that was confirmed.
    DiskChanged,
    /// A partition could not be made smaller.
    NotSmaller,
    /// The disk is no longer connected.
    DiskGone,
    /// The disk does not keep or take what is written.
    DiskFaulty,
    /// No room: the disk of the file, or the disk itself.
    NoRoom,
    /// Anything else: nothing that a person did or has.
    Internal,
}

impl FailureKind {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Payload,
        Self::PayloadChanged,
        Self::ToolsMissing,
        Self::Accounts,
        Self::DiskBusy,
        Self::DiskChanged,
        Self::NotSmaller,
        Self::DiskGone,
        Self::DiskFaulty,
        Self::NoRoom,
        Self::Internal,
    ];

    /// Its name for other programs; never changes.
    pub fn id(self) -> &'static str {
        match self {
            Self::Payload => "payload",
            Self::PayloadChanged => "payload-changed",
            Self::ToolsMissing => "tools-missing",
            Self::Accounts => "accounts",
            Self::DiskBusy => "disk-busy",
            Self::DiskChanged => "disk-changed",
            Self::NotSmaller => "not-smaller",
            Self::DiskGone => "disk-gone",
            Self::DiskFaulty => "disk-faulty",
            Self::NoRoom => "no-room",
            Self::Internal => "internal",
        }
    }

    /// The kind of a call on the target that failed.
    fn of_call(error: &io::Error) -> Self {
        use rustix::io::Errno;
        match error.raw_os_error().map(Errno::from_raw_os_error) {
            Some(Errno::NODEV | Errno::NXIO) => Self::DiskGone,
            Some(Errno::NOSPC | Errno::DQUOT | Errno::FBIG) => Self::NoRoom,
            Some(Errno::BUSY) => Self::DiskBusy,
            // The file became shorter than it was.
            None if error.kind() == io::ErrorKind::UnexpectedEof => Self::DiskChanged,
            // What block devices say of media, links and write protection that came up by itself; EIO for all else.
            Some(
                Errno::IO
                | Errno::NODATA
                | Errno::ILSEQ
                | Errno::REMOTEIO
                | Errno::BADE
                | Errno::NOLINK
                | Errno::TIMEDOUT
                | Errno::ROFS
                | Errno::PERM,
            ) => Self::DiskFaulty,
            _ => Self::Internal,
        }
    }
}

impl From<&TargetError> for FailureKind {
    fn from(error: &TargetError) -> Self {
        match error {
            TargetError::InUse { .. } => Self::DiskBusy,
            TargetError::Changed { .. } => Self::DiskChanged,
            TargetError::Gone { .. } => Self::DiskGone,
            TargetError::ReadBack { .. } => Self::DiskFaulty,
            TargetError::NoRoom { .. } => Self::NoRoom,
            TargetError::Open { source, .. } if source.kind() == io::ErrorKind::NotFound => Self::DiskGone,
            TargetError::Open { source, .. } => Self::of_call(source),
            TargetError::Io { source, .. } | TargetError::Call { source, .. } => Self::of_call(source),
            TargetError::NotAFile { .. }
            | TargetError::NotADisk { .. }
            | TargetError::NotWritable { .. }
            | TargetError::Image { .. } => Self::Internal,
        }
    }
}

impl From<&ImageError> for FailureKind {
    fn from(error: &ImageError) -> Self {
        match error {
            ImageError::ShortSource { .. }
            | ImageError::SourceBlock { .. }
            | ImageError::Tree(_)
            | ImageError::ReadSource { .. } => Self::Payload,
            ImageError::NoSpace { .. } => Self::NoRoom,
            ImageError::WriteTarget { source, .. } | ImageError::ReadTarget { source, .. } => Self::of_call(source),
            ImageError::Sync(source) => Self::of_call(source),
            ImageError::ShortTarget { .. } => Self::DiskChanged,
            ImageError::TargetBlock { .. }
            | ImageError::TargetTreeBlock { .. }
            | ImageError::TargetSuperblock { .. } => Self::DiskFaulty,
            ImageError::Place { .. } => Self::Internal,
        }
    }
}

impl InstallError {
    /// What kind of failure this is.
    pub fn kind(&self) -> FailureKind {
        match self {
            Self::PayloadChanged => FailureKind::PayloadChanged,
            Self::Payload(_) => FailureKind::Payload,
            Self::Prepare(error) => match error {
                PrepareError::Missing(_) => FailureKind::ToolsMissing,
                PrepareError::System(SystemError::NameTaken { .. }) => FailureKind::Accounts,
                PrepareError::Payload(_) | PrepareError::System(_) => FailureKind::Payload,
                PrepareError::Firmware(ChosenError::Payload(_) | ChosenError::NotThere { .. }) => FailureKind::Payload,
                PrepareError::Esp(EspError::Target(error)) => error.into(),
                _ => FailureKind::Internal,
            },
            Self::Target(error)
            | Self::SharedEsp(error)
            | Self::Esp(EspError::Target(error))
            | Self::Gpt(GptError::Target(error) | GptError::NotCommitted { source: error, .. }) => error.into(),
            Self::Image(error) => error.into(),
            Self::NotProved { .. } => FailureKind::DiskFaulty,
            Self::Gpt(GptError::Changed { .. }) => FailureKind::DiskChanged,
            Self::Esp(_) | Self::Gpt(_) | Self::Receipt(_) | Self::Io(_) => FailureKind::Internal,
        }
    }

    /// What became of the table that others need: it is written at the very end, and only then.
    pub(super) fn old_table(&self) -> OldTable {
        match self {
            Self::Gpt(GptError::NotCommitted { table, .. }) => *table,
            Self::SharedEsp(_) => OldTable::Replaced,
            _ => OldTable::Untouched,
        }
    }

    /// A disk that is pulled out answers with whatever error comes first: then this one says what happened.
    pub(super) fn or_gone(self, target: &Target) -> Self {
        match self.kind() {
            FailureKind::DiskFaulty | FailureKind::DiskChanged | FailureKind::NoRoom if target.is_gone() => {
                log::warn!("{} is gone: {self}", target.path());
                Self::Target(TargetError::Gone { path: target.path().into() })
            }
            _ => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use FailureKind as Kind;

    fn path() -> String {
        "/dev/sdz".into()
    }

    fn system(errno: rustix::io::Errno) -> io::Error {
        errno.into()
    }

    fn kind(error: impl Into<InstallError>) -> Kind {
        error.into().kind()
    }

    #[test]
    fn each_kind_has_an_id_of_its_own_in_small_letters() {
        let mut ids: Vec<_> = Kind::ALL.map(Kind::id).into();
        assert!(ids.iter().all(|id| id.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')));
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), Kind::ALL.len());
    }

    #[test]
    fn what_the_system_says_of_the_disk_decides_whether_it_is_gone_faulty_full_or_busy() {
        use rustix::io::Errno;
        for (errno, wanted) in [
            (Errno::NODEV, Kind::DiskGone),
            (Errno::NXIO, Kind::DiskGone),
            (Errno::IO, Kind::DiskFaulty),
            (Errno::NODATA, Kind::DiskFaulty),
            (Errno::ROFS, Kind::DiskFaulty),
            (Errno::NOSPC, Kind::NoRoom),
            (Errno::BUSY, Kind::DiskBusy),
            (Errno::NOMEM, Kind::Internal),
            (Errno::INVAL, Kind::Internal),
        ] {
            let io = || TargetError::Io { what: "writing", offset: 0, source: system(errno) };
            assert_eq!(kind(io()), wanted, "{errno:?}");
            assert_eq!(kind(EspError::Target(io())), wanted, "{errno:?}");
            assert_eq!(kind(GptError::Target(io())), wanted, "{errno:?}");
            assert_eq!(kind(TargetError::Call { what: "flushing", source: system(errno) }), wanted, "{errno:?}");
            assert_eq!(kind(ImageError::WriteTarget { offset: 0, source: system(errno) }), wanted, "{errno:?}");
            assert_eq!(kind(ImageError::ReadTarget { offset: 0, source: system(errno) }), wanted, "{errno:?}");
            assert_eq!(kind(ImageError::Sync(system(errno))), wanted, "{errno:?}");
        }
    }

    #[test]
    fn the_target_and_the_payload_are_told_apart() {
        assert_eq!(kind(TargetError::InUse { path: path(), by: "x".into() }), Kind::DiskBusy);
        assert_eq!(kind(TargetError::Changed { path: path(), what: "its size" }), Kind::DiskChanged);
        assert_eq!(kind(TargetError::Gone { path: path() }), Kind::DiskGone);
        assert_eq!(kind(TargetError::ReadBack { path: path(), offset: 0 }), Kind::DiskFaulty);
        assert_eq!(kind(TargetError::NoRoom { path: path(), has: 0, needs: 1 }), Kind::NoRoom);
        assert_eq!(kind(TargetError::Image { offset: 0, source: system(rustix::io::Errno::IO) }), Kind::Internal);
        assert_eq!(kind(ImageError::SourceBlock { block: 0, offset: 0 }), Kind::Payload);
        let unreadable = ImageError::ReadSource { offset: 0, source: system(rustix::io::Errno::IO) };
        assert_eq!(kind(unreadable), Kind::Payload);
        assert_eq!(kind(ImageError::TargetBlock { block: 0, offset: 0 }), Kind::DiskFaulty);
        assert_eq!(kind(ImageError::ShortTarget { offset: 0 }), Kind::DiskChanged);
        let found = "11".repeat(32).parse().unwrap();
        assert_eq!(InstallError::NotProved { found }.kind(), Kind::DiskFaulty);
        assert_eq!(InstallError::PayloadChanged.kind(), Kind::PayloadChanged);
        assert_eq!(kind(PayloadError::Hash { path: path() }), Kind::Payload);
    }

    #[test]
    fn missing_tools_and_a_taken_name_have_kinds_of_their_own() {
        assert_eq!(kind(PrepareError::Missing(Vec::new())), Kind::ToolsMissing);
        assert_eq!(kind(PrepareError::System(SystemError::NameTaken { name: "root".into() })), Kind::Accounts);
        let shadow = SystemError::NoLine { path: "shadow".into(), name: "root".into() };
        assert_eq!(kind(PrepareError::System(shadow)), Kind::Payload);
        assert_eq!(kind(PrepareError::Stopped), Kind::Internal);
    }
}
