//! Something that lines are written to, and that may be slow, stuck or gone: an install never waits for it.
//!
//! Each outlet has a thread of its own and a queue that can be full. A line that finds no room is lost, for this outlet only.

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::OFlags,
    io::Errno,
};
use std::{
    fs::File,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::mpsc::{self, Receiver, SyncSender},
    time::{Duration, Instant},
};

/// So many lines wait for a slow one.
const QUEUE: usize = 256;
/// A line that can not be written for so long is given up. A serial line of 9600 baud takes a tenth of a second for one.
const PATIENCE: Duration = Duration::from_secs(3);

/// Lines go in; whatever becomes of them, nobody waits.
pub struct Outlet {
    lines: Option<SyncSender<Vec<u8>>>,
    ended: Receiver<()>,
}

impl Outlet {
    /// Opens a device, such as a console, without waiting for its carrier and without making it ours.
    pub fn open(path: &Path) -> io::Result<File> {
        let flags = OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let open = |read| File::options().read(read).write(true).custom_flags(flags.bits().cast_signed()).open(path);
        // One that can only be written to shows everything; its keys are not heard.
        open(true).or_else(|_| open(false))
    }

    /// Writes to a device that was opened with [`Outlet::open`].
    pub fn to(device: File) -> io::Result<Self> {
        Self::with(device, PATIENCE)
    }

    fn with(mut device: File, patience: Duration) -> io::Result<Self> {
        let (lines, queue) = mpsc::sync_channel::<Vec<u8>>(QUEUE);
        let (end, ended) = mpsc::channel();
        std::thread::Builder::new().name("outlet".into()).spawn(move || {
            let mut cut = false;
            for mut line in queue {
                // What was cut in the middle ends here, so that the next line is a line again.
                if std::mem::take(&mut cut) {
                    line.insert(0, b'\n');
                }
                match write(&mut device, &line, patience) {
                    Ok(Written::Whole | Written::Nothing) => {}
                    Ok(Written::Part) => cut = true,
                    Err(_) => break,
                }
            }
            drop(end);
        })?;
        Ok(Self { lines: Some(lines), ended })
    }

    /// Puts a line into the queue, if there is room.
    pub fn put(&self, line: &str) {
        if let Some(lines) = &self.lines {
            let _ = lines.try_send([line.as_bytes(), b"\n"].concat());
        }
    }

    /// Waits a moment for what is in the queue.
    pub fn finish(&mut self, patience: Duration) {
        drop(self.lines.take());
        // Its sender is never used: it goes with the thread, and that is what is waited for.
        let _ = self.ended.recv_timeout(patience);
    }
}

enum Written {
    Whole,
    Part,
    Nothing,
}

fn write(device: &mut File, line: &[u8], patience: Duration) -> io::Result<Written> {
    let (mut rest, end) = (line, Instant::now() + patience);
    while !rest.is_empty() {
        match device.write(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => rest = &rest[n..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let left = end.saturating_duration_since(Instant::now());
                if left.is_zero() || !is_ready(device, PollFlags::OUT, left)? {
                    return Ok(if rest.len() == line.len() { Written::Nothing } else { Written::Part });
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(Written::Whole)
}

/// Whether a device can be written to, or read from, before the time is up.
pub fn is_ready(device: &File, what: PollFlags, patience: Duration) -> io::Result<bool> {
    let mut polled = [PollFd::new(device, what)];
    match poll(&mut polled, Some(&timespec(patience))) {
        Ok(_) if polled[0].revents().intersects(what) => Ok(true),
        // A port whose other end is closed says that it hangs, at once: it is looked at again in a while.
        Ok(n) => {
            if n > 0 {
                std::thread::sleep(patience.min(Duration::from_millis(200)));
            }
            Ok(false)
        }
        Err(Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// A duration as poll(2) takes it.
pub fn timespec(duration: Duration) -> Timespec {
    Timespec { tv_sec: duration.as_secs().try_into().unwrap_or(i64::MAX), tv_nsec: duration.subsec_nanos().into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn lines_come_out_in_their_order() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("plain");
        File::create(&path).unwrap();
        let mut outlet = Outlet::to(Outlet::open(&path).unwrap()).unwrap();
        (0..100).for_each(|n| outlet.put(&n.to_string()));
        outlet.finish(Duration::from_secs(5));
        let expected: String = (0..100).map(|n| format!("{n}\n")).collect();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
    }

    #[test]
    fn one_that_is_stuck_holds_nobody_up_and_one_that_is_gone_neither() {
        let (reader, writer) = std::io::pipe().unwrap();
        rustix::io::ioctl_fionbio(&writer, true).unwrap();
        let mut stuck = Outlet::to(File::from(std::os::fd::OwnedFd::from(writer))).unwrap();
        let begin = Instant::now();
        (0..10_000).for_each(|_| stuck.put(&"x".repeat(1000)));
        assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
        stuck.finish(Duration::from_millis(100));
        assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
        drop(reader);
        stuck.put("to nobody");
    }

    #[test]
    fn a_line_that_was_cut_does_not_spoil_the_next_one() {
        let (mut reader, writer) = std::io::pipe().unwrap();
        rustix::io::ioctl_fionbio(&writer, true).unwrap();
        let patience = Duration::from_millis(50);
        let mut outlet = Outlet::with(File::from(std::os::fd::OwnedFd::from(writer)), patience).unwrap();
        // A pipe holds 64 KiB.
        outlet.put(&"x".repeat(100_000));
        std::thread::sleep(4 * patience);
        let reading = std::thread::spawn(move || {
            let mut all = Vec::new();
            reader.read_to_end(&mut all).map(|_| all)
        });
        outlet.put("first");
        outlet.put("second");
        outlet.finish(Duration::from_secs(5));
        let all = reading.join().unwrap().unwrap();
        assert!(all.len() < 70_000 && all.ends_with(b"xx\nfirst\nsecond\n"), "{}", all.len());
    }
}
