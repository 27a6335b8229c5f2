//! Asks for a password or a passphrase on the terminal.

use crate::failure::Failure;
use forge_model::Secret;
use std::{
    fs::File,
    io::{self, IsTerminal},
};

/// Asks twice, without showing what is typed.
pub fn ask() -> Result<Secret, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::TypedPassword);
    }
    twice("Password for the new account: ", "A password can not be empty.")
}

/// Asks for the passphrase that opens the disk: twice.
pub fn ask_disk() -> Result<Secret, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::TypedPassword);
    }
    twice("Passphrase of the disk, asked for at each start: ", "A passphrase can not be empty.")
}

/// Asks for a passphrase to seal with: twice.
pub fn new_passphrase() -> Result<Secret, Failure> {
    someone_types()?;
    twice("Passphrase to seal with: ", "A passphrase can not be empty.")
}

/// Asks for the passphrase of a sealed file: once, because a wrong one is noticed.
pub fn passphrase() -> Result<Secret, Failure> {
    someone_types()?;
    read("Passphrase: ")
}

fn someone_types() -> Result<(), Failure> {
    // rpassword asks the terminal itself, so standard input may be a file.
    match File::open("/dev/tty") {
        Ok(_) => Ok(()),
        Err(_) => Err(Failure::TypedPassphrase),
    }
}

fn twice(prompt: &str, empty: &str) -> Result<Secret, Failure> {
    loop {
        let first = read(prompt)?;
        let again = read("The same once more: ")?;
        if first.expose().is_empty() {
            eprintln!("{empty}");
        } else if first.expose() != again.expose() {
            eprintln!("The two are not the same.");
        } else {
            return Ok(first);
        }
    }
}

fn read(prompt: &str) -> Result<Secret, Failure> {
    rpassword::prompt_password(prompt).map(Secret::new).map_err(Failure::Terminal)
}
