//! Does a plan: checks a payload, writes one exclusive target, and proves what it wrote. No bus, no window.
//!
//! Read [`install`] first: it is the order of writes, and everything else is called from there.
//!
//! | file | what it does |
//! |---|---|
//! | [`install`] | the stages, from check to receipt |
//! | [`prepare`] | everything that can fail without the disk, made in memory |
//! | [`payload`] | the signed payload; `payload::build` makes one |
//! | [`openpgp`] | the signature of its index |
//! | [`verity`], [`image`] | the hash tree; the checked write and the read-back proof |
//! | [`target`] | the one exclusive descriptor |
//! | [`gpt`], [`journal`] | the partition table; what an unfinished run leaves |
//! | [`system`], [`state`] | accounts and settings; the file system that holds them |
//! | [`luks`] | the encryption of that file system, made in memory |
//! | [`tpm2`] | what lets a TPM open the encrypted state |
//! | [`uki`], [`esp`] | the boot image; the partition that holds it |
//! | [`firmware`] | proprietary firmware that a person chose |
//! | [`mok`] | this machine's keys, their enrollment, signatures |
//! | [`efivars`] | the firmware's variables, and what they say about a machine |
//! | [`nvram`] | what an install leaves in the firmware: boot entry and request |
//! | [`preflight`] | what this machine's firmware would say to a boot chain |
//! | [`credentials`] | passwords and service credentials |
//! | [`seal`] | secrets that leave the machine: sealed to age keys or to a passphrase |
//! | [`audit`] | the running machine against what the system promises |
//! | [`verify`] | an installed disk against its receipt |
//! | [`probe`] | what is on a target now |
//! | [`filesystem`] | how small somebody else's file system can be made, and how much of it is free |
//! | [`tool`], [`memory`], [`watch`] | standard tools; files in memory; progress and cancel |

pub mod audit;
pub mod credentials;
pub mod efivars;
pub mod esp;
pub mod filesystem;
pub mod firmware;
pub mod gpt;
pub mod image;
pub mod install;
pub mod journal;
pub mod luks;
pub mod memory;
pub mod mok;
pub mod nvram;
pub mod openpgp;
pub mod payload;
pub mod preflight;
pub mod prepare;
pub mod probe;
pub mod seal;
pub mod state;
pub mod system;
pub mod target;
pub mod tool;
pub mod tpm2;
pub mod uki;
pub mod verify;
pub mod verity;
pub mod watch;
