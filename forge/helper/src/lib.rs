//! The parts of `forge-helper`: the one program of Forge that runs as root, and the only one that writes to a real disk.
//!
//! The bus starts it, polkit decides about every call, UDisks2 hands it the disk. It holds no device node, and of
//! root's powers only the one that unprotects a firmware variable. It leaves when nobody needs it.
//!
//! | file | what it does |
//! |---|---|
//! | `arguments` | where the payload is, how long to stay |
//! | `service` | the manager: inventory, plans, jobs |
//! | `job` | one install: its life, its owner, its end |
//! | `brought` | what a client brings to it, held against its answers |
//! | `runner` | the engine on a thread of its own, and its progress |
//! | `udisks` | the disks of this machine, and the exclusive descriptor |
//! | `audit` | the posture of this machine, asked from a service of its own |
//! | `accepted` | the proprietary firmware of this machine: listed, added, taken away |
//! | [`devices`] | the devices that firmware is a question for |
//! | `dmi` | which machine this is |
//! | `firmware` | what the firmware says, and a new request to enroll the key |
//! | `authority`, `clients`, `inhibitor` | polkit; who is on the bus; no sleep while it works |
//! | `subscribers` | who hears of disks that come and go |
//! | `life` | stays while it is needed, and leaves without losing a call |
//! | `log_lines` | the journal |

pub mod accepted;
pub mod arguments;
pub mod audit;
pub mod authority;
pub mod brought;
pub mod clients;
pub mod devices;
pub mod dmi;
pub mod firmware;
pub mod inhibitor;
pub mod job;
pub mod life;
pub mod log_lines;
pub mod runner;
pub mod service;
pub mod subscribers;
pub mod udisks;
