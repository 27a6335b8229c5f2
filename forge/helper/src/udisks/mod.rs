//! The disks of this machine: seen, handed out and looked at again through UDisks2. Never formats, never mounts.
//!
//! ```text
//! GetManagedObjects -> Objects ---+
//! sysfs ------------> Sysfs ------+--> inventory (pure) --> Inventory
//! mounts, EFI ------> BootMedium -+
//! ```
//!
//! | file | what |
//! |---|---|
//! | [`objects`] | what UDisks shows, as a typed and bounded view |
//! | [`sysfs`] | what sysfs adds |
//! | [`boot_medium`] | which disks the running system came from |
//! | `mounts` | `/proc/self/mountinfo` |
//! | [`inventory`] | all of it as disks, with what stands against taking each |
//! | `holding` | libblkid's names |
//! | `look` | how small a file system can be made, and how much of it is free |
//! | [`shrink`] | partitions made smaller |
//! | [`service`] | the calls: a descriptor of a disk, a rescan, news |
//! | [`error`] | why a call failed |

pub mod boot_medium;
pub mod error;
mod holding;
pub mod inventory;
mod look;
mod mounts;
pub mod objects;
pub mod service;
pub mod shrink;
pub mod sysfs;

pub use boot_medium::{BootMedium, Roots};
pub use error::UdisksError;
pub use objects::Objects;
pub use service::Udisks;
pub use sysfs::Sysfs;
