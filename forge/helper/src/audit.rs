//! The posture of this machine.
//!
//! The helper itself can not measure it: it sees no other process, no network and no password file, and that is as it
//! should be. It asks a service of its own (`forge-audit@.service`), which systemd starts for each connection to a
//! socket that only root can connect to. That service takes no input at all, measures, writes what it found and ends.

use forge_engine::{
    audit::{self, Root},
    tool::Tools,
};
use forge_model::audit::Audit;
use std::{
    io::{self, Read},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// No audit is longer.
const MOST: u64 = 4 << 20;
/// How long the service may take for the next piece: its tools have time-outs of their own.
const PATIENCE: Duration = Duration::from_secs(600);

/// Why there is no audit.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The service is not there, or ended before its time.
    #[error("{}: {source}", .socket.display())]
    Service {
        /// Its socket.
        socket: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It wrote something else.
    #[error("the audit can not be read: {0}")]
    Unreadable(#[from] serde_json::Error),
}

/// Asks the service. It blocks.
pub fn ask(socket: &Path) -> Result<Audit, AuditError> {
    let failed = |source| AuditError::Service { socket: socket.to_owned(), source };
    let stream = UnixStream::connect(socket).map_err(failed)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
    let mut json = Vec::new();
    stream.take(MOST).read_to_end(&mut json).map_err(failed)?;
    Ok(serde_json::from_slice(&json)?)
}

/// Measures, as the service: with the rights of whoever runs this.
pub fn measure() -> String {
    serde_json::json!(audit::measure(&Root::default(), &Tools::default(), SystemTime::now())).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{io::Write, os::unix::net::UnixListener, thread};

    fn answer(bytes: &'static [u8]) -> Result<Audit, AuditError> {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("socket");
        let listener = UnixListener::bind(&socket).unwrap();
        let service = thread::spawn(move || listener.accept().unwrap().0.write_all(bytes).unwrap());
        let asked = ask(&socket);
        service.join().unwrap();
        asked
    }

    #[test]
    fn what_the_service_writes_is_the_audit() {
        let line = r#"{"check":"firewall","result":"fail","evidence":["x"],"command":"y"}"#;
        let text = format!(r#"{{"measured":7,"lines":[{line}]}}"#);
        let audit = answer(text.leak().as_bytes()).unwrap();
        assert_eq!((audit.measured, audit.lines.len()), (7, 1));
    }

    #[test]
    fn a_service_that_died_and_one_that_is_not_there_are_errors() {
        assert!(matches!(answer(b"{\"measured\":7,"), Err(AuditError::Unreadable(_))));
        assert!(matches!(answer(b""), Err(AuditError::Unreadable(_))));
        let error = ask("/none/socket".as_ref()).unwrap_err().to_string();
        assert!(error.contains("/none/socket"), "{error}");
    }
}
