//! Does a plan.

pub mod openpgp;
