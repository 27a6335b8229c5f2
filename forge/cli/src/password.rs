//! Asks for a password on the terminal.

use crate::failure::Failure;
use forge_model::Secret;
use std::io::{self, IsTerminal};

/// Asks twice, without showing what is typed.
pub fn ask() -> Result<Secret, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::TypedPassword);
    }
    let read = |prompt| rpassword::prompt_password(prompt).map(Secret::new).map_err(Failure::Terminal);
    loop {
        let first = read("Password for the new account: ")?;
        let again = read("The same once more: ")?;
        if first.expose().is_empty() {
            eprintln!("A password can not be empty.");
        } else if first.expose() != again.expose() {
            eprintln!("The two are not the same.");
        } else {
            return Ok(first);
        }
    }
}
