//! One line for each event, on standard error, with the priority that journald reads (sd-daemon(3)). No line holds a
//! secret: types that hold one do not print it.

use log::{Level, LevelFilter, Log, Metadata, Record};
use std::io::Write;

struct Lines;

/// Starts logging.
pub fn start() {
    if log::set_logger(&Lines).is_ok() {
        log::set_max_level(LevelFilter::Debug);
    }
}

impl Log for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // What libraries log is theirs; nobody looked through it for secrets.
        metadata.target().starts_with("forge")
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let priority = match record.level() {
            Level::Error => 3,
            Level::Warn => 4,
            Level::Info => 6,
            Level::Debug | Level::Trace => 7,
        };
        let text = record.args().to_string().replace('\n', " | ");
        let _ = writeln!(std::io::stderr(), "<{priority}>{text}");
    }

    fn flush(&self) {}
}
