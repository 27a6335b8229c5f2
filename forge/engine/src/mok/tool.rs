//! Runs one standard tool on open files, with a time limit and without a shell.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use command_fds::CommandFdExt;
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::{Pid, Signal, kill_process_group};
use thiserror::Error;

/// How much of what a tool complains is kept.
const STDERR_LIMIT: u64 = 4096;
const POLL: Duration = Duration::from_millis(10);

/// Why a tool did not do its work.
#[derive(Debug, Error)]
pub enum ToolError {
    /// The tool is not installed.
    #[error("{} is not installed", .tool.display())]
    Missing {
        /// The tool's path.
        tool: PathBuf,
    },
    /// The tool could not be started or waited for, or its files could not be passed.
    #[error("{} could not be run", .tool.display())]
    Run {
        /// The tool's path.
        tool: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The tool took too long and was killed.
    #[error("{} was stopped after {} seconds: {stderr}", .tool.display(), .limit.as_secs())]
    TimedOut {
        /// The tool's path.
        tool: PathBuf,
        /// How long it had.
        limit: Duration,
        /// What it had complained so far.
        stderr: String,
    },
    /// The tool failed.
    #[error("{} failed ({status}): {stderr}", .tool.display())]
    Failed {
        /// The tool's path.
        tool: PathBuf,
        /// Its exit status.
        status: ExitStatus,
        /// What it complained.
        stderr: String,
    },
}

/// Bytes in memory that a tool can open as a file; wiped when dropped.
pub(super) struct Hidden {
    file: File,
    length: usize,
}

impl Hidden {
    pub(super) fn new(bytes: &[u8]) -> io::Result<Self> {
        let mut hidden = Self { file: memory()?, length: bytes.len() };
        hidden.file.write_all(bytes)?;
        Ok(hidden)
    }
}

impl AsFd for Hidden {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        // The kernel does not clear a page when it is given back, only before it is given out again.
        if self.file.seek(SeekFrom::Start(0)).is_ok() {
            let _ = self.file.write_all(&vec![0; self.length]);
        }
    }
}

/// An empty file in memory that nothing can execute.
pub(super) fn memory() -> io::Result<File> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::NOEXEC_SEAL;
    Ok(memfd_create("forge", flags)?.into())
}

/// One run of a tool.
pub(super) struct Run {
    tool: PathBuf,
    command: Command,
    files: Vec<OwnedFd>,
}

impl Run {
    /// Prepares to run `tool` with an empty environment.
    pub(super) fn new(tool: PathBuf) -> Self {
        let mut command = Command::new(&tool);
        command.env_clear().current_dir("/").process_group(0);
        Self { tool, command, files: Vec::new() }
    }

    /// Adds a plain argument.
    pub(super) fn argument(mut self, argument: &str) -> Self {
        self.command.arg(argument);
        self
    }

    /// Adds an open file as an argument: the tool opens `/proc/self/fd/N`.
    pub(super) fn file(mut self, file: impl AsFd) -> Result<Self, ToolError> {
        let file = file.as_fd().try_clone_to_owned();
        let file = file.map_err(|source| self.failed(source))?;
        self.command.arg(format!("/proc/self/fd/{}", file.as_raw_fd()));
        self.files.push(file);
        Ok(self)
    }

    /// Runs the tool to its end, or kills it when `limit` has passed.
    pub(super) fn finish(mut self, limit: Duration) -> Result<(), ToolError> {
        let stderr = memory().map_err(|source| self.failed(source))?;
        let copy = stderr.try_clone().map_err(|source| self.failed(source))?;
        self.command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(copy);
        // The crate lets the child, after the fork, keep these descriptors. To do it here in the parent instead would
        // leak them into any other program that another thread starts at the same moment.
        let files = std::mem::take(&mut self.files);
        self.command.preserved_fds(files);
        let mut child = match self.command.spawn() {
            Ok(child) => child,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(ToolError::Missing { tool: self.tool });
            }
            Err(source) => return Err(self.failed(source)),
        };
        let status = wait(&mut child, limit).map_err(|source| self.failed(source))?;
        let stderr = complaint(stderr);
        let tool = self.tool;
        match status {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(ToolError::Failed { tool, status, stderr }),
            None => Err(ToolError::TimedOut { tool, limit, stderr }),
        }
    }

    fn failed(&self, source: io::Error) -> ToolError {
        ToolError::Run { tool: self.tool.clone(), source }
    }
}

/// Waits for the child; kills it and all that it started when the time is over.
fn wait(child: &mut Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let started = Instant::now();
    while started.elapsed() < limit {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        sleep(POLL);
    }
    kill_process_group(Pid::from_child(child), Signal::KILL)?;
    child.wait()?;
    Ok(None)
}

fn complaint(mut stderr: File) -> String {
    let mut bytes = Vec::new();
    if stderr.seek(SeekFrom::Start(0)).is_ok() {
        let _ = stderr.take(STDERR_LIMIT).read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).trim().to_owned()
}
