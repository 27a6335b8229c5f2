//! The words of Forge.
pub mod verity;
