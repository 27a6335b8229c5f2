//! Standard output, whose reader may go away at any time (`forgectl … | head`).

use crate::failure::Failure;
use std::{
    fmt::Display,
    io::{self, Write},
};

/// Prints the result of a command. A reader that went away has seen enough.
pub fn print(text: impl Display) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::file("standard output".as_ref(), error))
        }
        _ => Ok(()),
    }
}

/// Says how far an install is. Whatever becomes of the words, the install goes on.
pub fn tell(text: impl Display) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}
