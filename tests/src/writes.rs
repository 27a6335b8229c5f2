//! Every write that a program makes to one file, in order, as strace sees it: what a power cut would leave is made from it.

use crate::look::find;
use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
    path::Path,
    process::Command,
};

/// One thing that was done to the file.
#[derive(Debug, Clone)]
pub enum Act {
    /// Bytes at an offset.
    Write(u64, Vec<u8>),
    /// Zeros from an offset on, so many.
    Zero(u64, u64),
    /// Whatever was done before is on the disk from here on.
    Flush,
}

impl Act {
    /// First byte and end of what it changes; nothing for a flush.
    pub fn extent(&self) -> Option<(u64, u64)> {
        match self {
            Self::Write(offset, bytes) => Some((*offset, offset + bytes.len() as u64)),
            Self::Zero(offset, length) => Some((*offset, offset + length)),
            Self::Flush => None,
        }
    }

    /// Does it to another file.
    pub fn apply(&self, file: &File) {
        match self {
            Self::Write(offset, bytes) => file.write_all_at(bytes, *offset).unwrap(),
            Self::Zero(offset, length) => {
                let flags = rustix::fs::FallocateFlags::PUNCH_HOLE | rustix::fs::FallocateFlags::KEEP_SIZE;
                rustix::fs::fallocate(file, flags, *offset, *length).unwrap();
            }
            Self::Flush => {}
        }
    }
}

/// Runs a program, and gives everything that it did to `disk`. A call that is not understood is a panic, not a gap.
pub fn of(program: &str, args: &[&str], disk: &Path) -> Vec<Act> {
    let scratch = tempfile::tempdir().unwrap();
    let log = scratch.path().join("log");
    let calls = "trace=write,writev,pwrite64,pwritev,pwritev2,fallocate,ftruncate,fsync,fdatasync,sync_file_range,\
                 sendfile,splice,copy_file_range,mmap,ioctl";
    let output = Command::new(find("strace").unwrap())
        .args(["-f", "-xx", "-s", "16777216", "-e", calls, "-e", "signal=none", "-P"])
        .arg(disk)
        .arg("-o")
        .arg(&log)
        .arg(program)
        .args(args)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = fs::read_to_string(&log).unwrap();
    text.lines().filter_map(|line| act(line.split_once(' ').unwrap().1.trim_start())).collect()
}

/// One line of the log, without the process.
fn act(line: &str) -> Option<Act> {
    // The end of a call that another one came between; its beginning said everything.
    if line.starts_with("<...") || line.starts_with("+++") {
        return None;
    }
    let (name, rest) = line.split_once('(').unwrap();
    let words = |text: &str| text.trim_end_matches(')').split(", ").map(str::to_owned).collect::<Vec<_>>();
    let rest = rest.split(" <unfinished").next().unwrap();
    let (rest, result) = rest.rsplit_once(" = ").unwrap_or((rest, ""));
    let failed = result.starts_with('-');
    match name {
        "pwrite64" => {
            let (_, rest) = rest.split_once('"').unwrap();
            let (bytes, rest) = rest.split_once('"').unwrap();
            let rest = words(rest.trim_end().trim_start_matches(", "));
            let bytes: Vec<u8> = hex::decode(bytes.replace("\\x", "")).unwrap();
            assert_eq!(bytes.len().to_string(), rest[0], "all of it was logged");
            assert!(result.is_empty() || result == rest[0] || failed, "a part was written: {result}");
            (!failed).then(|| Act::Write(rest[1].parse().unwrap(), bytes))
        }
        "fallocate" => {
            let rest = words(rest.trim_end());
            let zeroes = rest[1].contains("PUNCH_HOLE") || rest[1].contains("ZERO_RANGE");
            // Room that is taken in a file reads as what was there.
            (zeroes && !failed).then(|| Act::Zero(rest[2].parse().unwrap(), rest[3].parse().unwrap()))
        }
        "fsync" | "fdatasync" => Some(Act::Flush),
        "ioctl" => None,
        other => panic!("{other} is not understood: {}", &line[..line.len().min(200)]),
    }
}
