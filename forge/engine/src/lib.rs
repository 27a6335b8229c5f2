//! Does a plan.
