//! `forgectl`.
fn main() {}
