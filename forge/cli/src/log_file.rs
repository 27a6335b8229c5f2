//! `--log`: what was done, line by line, in a file. Command lines and stages; secrets are in neither.

use crate::failure::Failure;
use log::{LevelFilter, Log, Metadata, Record};
use std::{
    fs::File,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::Path,
    time::{Duration, SystemTime},
};

struct LogFile(File);

/// Lets everything that Forge logs from now on go to the end of a file, which is made for its owner only.
pub fn start(path: &Path) -> Result<(), Failure> {
    let file = File::options().append(true).create(true).mode(0o600).open(path);
    into(file.map_err(|error| Failure::file(path, error))?);
    Ok(())
}

/// Lets everything that Forge logs from now on go into a file, where its position is.
pub fn into(file: File) {
    if log::set_boxed_logger(Box::new(LogFile(file))).is_ok() {
        log::set_max_level(LevelFilter::Debug);
    }
    log::info!("forgectl {}", env!("CARGO_PKG_VERSION"));
}

impl Log for LogFile {
    /// What libraries log is theirs; nobody looked through it for secrets.
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("forge")
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
            // One write for a line, so that the lines of threads stay whole. A full disk does not stop an install.
            let line = format!("{}.{:03} {}\n", now.as_secs(), now.subsec_millis(), record.args());
            let _ = (&self.0).write_all(line.as_bytes());
        }
    }

    fn flush(&self) {
        let _ = self.0.sync_data();
    }
}
