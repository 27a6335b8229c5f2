//! The system bus, at which nobody waits for ever: nobody is there to see that somebody hangs.

use std::{io, time::Duration};
use tokio::time::timeout;
use zbus::{Connection, Result, connection::Builder};

/// How long any call may take. The longest that is made is the look at many disks that do not answer.
const PATIENCE: Duration = Duration::from_secs(300);

/// Connects to it.
pub async fn connect() -> Result<Connection> {
    within(Builder::system(), PATIENCE).await
}

async fn within(builder: Builder<'_>, patience: Duration) -> Result<Connection> {
    // The first call, which asks for a name, has no limit otherwise.
    let connected = timeout(patience, builder.method_timeout(patience).build()).await;
    connected.map_err(|late| io::Error::new(io::ErrorKind::TimedOut, late))?
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io::{BufRead, BufReader, Write},
        os::unix::net::UnixStream,
        thread,
    };

    /// A bus that lets everybody in and answers no call. It ends with the other side.
    fn silent(stream: UnixStream) -> io::Result<()> {
        let mut to = stream.try_clone()?;
        let mut from = BufReader::new(stream);
        let mut line = String::new();
        while from.read_line(&mut line)? > 0 && !line.starts_with("BEGIN") {
            match line.trim_start_matches('\0') {
                auth if auth.starts_with("AUTH") => to.write_all(b"OK 0123456789abcdef0123456789abcdef\r\n")?,
                _ => to.write_all(b"AGREE_UNIX_FD\r\n")?,
            }
            line.clear();
        }
        io::copy(&mut from, &mut io::sink()).map(drop)
    }

    #[tokio::test]
    async fn a_call_that_nobody_answers_ends() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let bus = thread::spawn(move || silent(theirs));
        let connected = within(Builder::unix_stream(ours), Duration::from_millis(100));
        let connected = timeout(Duration::from_secs(30), connected).await.expect("it does not wait for ever");
        assert!(matches!(&connected, Err(zbus::Error::InputOutput(_))), "{connected:?}");
        drop(connected);
        let _ = bus.join().unwrap();
    }
}
