//! Standard output, whose reader may go away at any time (`forgectl … | head`).

use crate::failure::Failure;
use std::{
    fmt::Display,
    fs::File,
    io::{self, Write},
    os::fd::AsFd,
};

/// Prints the result of a command. A reader that went away has seen enough.
pub fn print(text: impl Display) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    seen(writeln!(out, "{text}").and_then(|()| out.flush()))
}

/// Prints bytes as they are. They do not go through a buffer that outlives them.
pub fn print_bytes(bytes: &[u8]) -> Result<(), Failure> {
    let out = io::stdout().as_fd().try_clone_to_owned();
    seen(out.and_then(|out| File::from(out).write_all(bytes)))
}

fn seen(printed: io::Result<()>) -> Result<(), Failure> {
    match printed {
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
