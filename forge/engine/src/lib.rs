//! Does a plan.

pub mod mok;
pub mod openpgp;
