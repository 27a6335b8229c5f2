//! The words of Forge, as pure values: nothing here does I/O, prints, translates or reads the environment.
//!
//! ```text
//! Inventory (found) + Answers (wanted) + Manifest (what is installed)
//!                      |
//!                 Plan::new          Err = Vec<Issue>
//!                      |
//!        confirmed by its digest, done by forge-engine
//!                      |
//!                   Receipt
//! ```
//!
//! | word | file |
//! |---|---|
//! | [`Answers`]: what a person, or an answer file, wants | [`answers`] |
//! | [`Inventory`]: what this machine has | [`inventory`] |
//! | [`Manifest`]: what a payload carries, signed | [`payload`] |
//! | [`Layout`]: where each partition lies | [`layout`] |
//! | [`Plan`]: exactly what will be done, and its digest | [`plan`] |
//! | [`Bundle`](firmware::Bundle): proprietary firmware that a person can choose | [`firmware`] |
//! | [`Issue`]: why it can not be done, with the place and the numbers | [`issue`] |
//! | [`Stage`], [`Progress`]: how far it is | [`progress`] |
//! | [`Pace`]: how fast, and how long it still takes | [`pace`] |
//! | [`Receipt`]: what was done | [`receipt`] |
//! | [`esp`]: what an EFI system partition holds, and whose it is | [`esp`] |
//! | [`Handover`]: what a person gets, once | [`handover`] |
//! | [`MachineFacts`]: which machine it is | [`dmi`] |
//! | [`Recorded`]: a machine as a file, without private data | [`recorded`] |
//! | [`disk::choose`]: which disk the answers mean | [`disk`] |
//! | [`unattended::decide`]: whether nobody is needed | [`unattended`] |
//! | [`Machine`]: what the firmware says, and how far the key's enrollment is | [`machine`] |
//! | [`Audit`]: the posture of an installed machine, promise by promise | [`audit`] |
//! | [`Secret`]: a value that does not print | [`secret`] |

pub mod answers;
pub mod audit;
pub mod disk;
pub mod dmi;
pub mod esp;
pub mod firmware;
pub mod handover;
pub mod inventory;
pub mod issue;
pub mod layout;
pub mod machine;
pub mod names;
pub mod old_table;
pub mod pace;
pub mod payload;
pub mod plan;
pub mod progress;
pub mod receipt;
pub mod recorded;
pub mod secret;
pub mod size;
pub mod unattended;
pub mod verity;

pub use answers::Answers;
pub use audit::Audit;
pub use dmi::MachineFacts;
pub use handover::Handover;
pub use inventory::{Disk, Inventory};
pub use issue::Issue;
pub use layout::Layout;
pub use machine::Machine;
pub use old_table::OldTable;
pub use pace::Pace;
pub use payload::Manifest;
pub use plan::Plan;
pub use progress::{Progress, Stage};
pub use receipt::Receipt;
pub use recorded::Recorded;
pub use secret::Secret;
pub use verity::RootHash;
