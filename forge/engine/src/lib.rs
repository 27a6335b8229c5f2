//! Does a plan.
pub mod credentials;
pub mod esp;
pub mod gpt;
pub mod image;
pub mod journal;
pub mod mok;
pub mod openpgp;
pub mod payload;
pub mod probe;
pub mod state;
pub mod system;
pub mod target;
pub mod tool;
pub mod uki;
pub mod verity;
pub mod watch;
