//! Why a target can not be taken, or not be used.

use forge_model::size::words;
use std::io;

/// Why a target can not be taken.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// It can not be opened.
    #[error("{path} can not be opened for writing: {source}")]
    Open {
        /// Its path.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// It is not a plain file.
    #[error("{path} is {what}, not a plain file")]
    NotAFile {
        /// Its path.
        path: String,
        /// What it is.
        what: &'static str,
    },
    /// It is not a whole disk.
    #[error("{path} is {what}, not a whole disk")]
    NotADisk {
        /// Its path.
        path: String,
        /// What it is.
        what: &'static str,
    },
    /// The descriptor can not both read and write.
    #[error("{path} is not open for reading and writing")]
    NotWritable {
        /// Its path.
        path: String,
    },
    /// Somebody else has it open.
    #[error("{path} is in use by {by}")]
    InUse {
        /// Its path.
        path: String,
        /// The process or device that has it.
        by: String,
    },
    /// It is not the target that was confirmed.
    #[error("{path} is not the target that was confirmed: {what} changed")]
    Changed {
        /// Its path.
        path: String,
        /// What differs.
        what: &'static str,
    },
    /// The disk is not connected any more.
    #[error("{path} is gone; it was taken out or switched off")]
    Gone {
        /// Its path.
        path: String,
    },
    /// A read or write failed.
    #[error("{what} failed at byte {offset}: {source}")]
    Io {
        /// Reading or writing.
        what: &'static str,
        /// Where.
        offset: u64,
        /// Why.
        source: io::Error,
    },
    /// A file system image could not be read out of memory; the target is not to blame.
    #[error("reading a file system image failed at byte {offset}: {source}")]
    Image {
        /// Where in the image.
        offset: u64,
        /// Why.
        source: io::Error,
    },
    /// The file system that holds it has no room for what will be written.
    #[error("the file system that holds {path} has no room: {} more are needed, {} are free", words(*.needs), words(*.has))]
    NoRoom {
        /// Its path.
        path: String,
        /// Bytes that are free.
        has: u64,
        /// Bytes that are needed.
        needs: u64,
    },
    /// What was read back is not what was written.
    #[error("{path} does not hold what was written to it, at byte {offset}; the disk is faulty")]
    ReadBack {
        /// Its path.
        path: String,
        /// Where.
        offset: u64,
    },
    /// Other calls on it failed.
    #[error("{what} failed: {source}")]
    Call {
        /// What was tried.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
}
