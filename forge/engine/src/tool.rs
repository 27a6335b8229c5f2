//! Standard tools: run by absolute path, without a shell, with a time-out, and never longer than we live.

use crate::{
    credentials::Brought,
    watch::{Stop, Watch},
};
use command_fds::CommandFdExt;
use forge_model::{Plan, layout::Role};
use rustix::{
    io::Errno,
    process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid},
};
use std::{
    ffi::OsString,
    io::{self, Read, Write},
    os::fd::{AsFd, AsRawFd, OwnedFd},
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Where the standard tools lie, which a test or another distribution may change, and what ends them early.
#[derive(Debug, Clone)]
pub struct Tools {
    /// setpriv(1): ends a tool when Forge ends.
    pub setpriv: PathBuf,
    /// mke2fs(8), of e2fsprogs 1.47.1 or later (it fills a file system from a tar stream).
    pub mke2fs: PathBuf,
    /// mkfs.fat(8)
    pub mkfs_fat: PathBuf,
    /// mmd(1) of mtools.
    pub mmd: PathBuf,
    /// mcopy(1) of mtools.
    pub mcopy: PathBuf,
    /// mdir(1) of mtools, for `forgectl verify`, and where an EFI system partition is shared.
    pub mdir: PathBuf,
    /// fsck.fat(8)
    pub fsck_fat: PathBuf,
    /// ukify(1)
    pub ukify: PathBuf,
    /// systemd-measure(1), for a TPM that opens the state.
    pub systemd_measure: PathBuf,
    /// The stub of addons of the boot image, for firmware that is needed early.
    pub addon_stub: PathBuf,
    /// sbsign(1)
    pub sbsign: PathBuf,
    /// mkfs.erofs(1), for payloads only.
    pub mkfs_erofs: PathBuf,
    /// cpio(1), for payloads only.
    pub cpio: PathBuf,
    /// localedef(1), for payloads only.
    pub localedef: PathBuf,
    /// sbverify(1), for `forgectl verify` and the audit.
    pub sbverify: PathBuf,
    /// dmsetup(8), for the audit.
    pub dmsetup: PathBuf,
    /// nft(8), for the audit.
    pub nft: PathBuf,
    /// systemctl(1), for the audit.
    pub systemctl: PathBuf,
    /// systemd-analyze(1), for the audit.
    pub systemd_analyze: PathBuf,
    /// cryptsetup(8), for an encrypted state.
    pub cryptsetup: PathBuf,
    /// age(1), for credentials that leave sealed.
    pub age: PathBuf,
    /// Ends the tool that runs, and lets none begin.
    pub stop: Stop,
}

impl Default for Tools {
    fn default() -> Self {
        Self {
            setpriv: "/usr/bin/setpriv".into(),
            mke2fs: "/usr/sbin/mke2fs".into(),
            mkfs_fat: "/usr/sbin/mkfs.fat".into(),
            mmd: "/usr/bin/mmd".into(),
            mcopy: "/usr/bin/mcopy".into(),
            mdir: "/usr/bin/mdir".into(),
            fsck_fat: "/usr/sbin/fsck.fat".into(),
            ukify: "/usr/bin/ukify".into(),
            systemd_measure: "/usr/lib/systemd/systemd-measure".into(),
            addon_stub: "/usr/lib/systemd/boot/efi/addonx64.efi.stub".into(),
            sbsign: "/usr/bin/sbsign".into(),
            cpio: "/usr/bin/cpio".into(),
            mkfs_erofs: "/usr/bin/mkfs.erofs".into(),
            localedef: "/usr/bin/localedef".into(),
            sbverify: "/usr/bin/sbverify".into(),
            dmsetup: "/usr/sbin/dmsetup".into(),
            nft: "/usr/sbin/nft".into(),
            systemctl: "/usr/bin/systemctl".into(),
            systemd_analyze: "/usr/bin/systemd-analyze".into(),
            cryptsetup: "/usr/sbin/cryptsetup".into(),
            age: "/usr/bin/age".into(),
            stop: Stop::default(),
        }
    }
}

impl Tools {
    /// The tools that the install of a plan needs, with what is brought along for it.
    pub fn needed(&self, plan: &Plan, brought: &Brought) -> Vec<&PathBuf> {
        let shared = plan.layout.find(Role::Esp).is_some_and(|esp| esp.shared);
        let always = [&self.setpriv, &self.mke2fs, &self.mmd, &self.mcopy, &self.fsck_fat, &self.ukify, &self.sbsign];
        let more = [
            (&self.mkfs_fat, !shared),
            (&self.mdir, shared),
            (&self.cryptsetup, brought.disk.is_some()),
            (&self.systemd_measure, plan.tpm2),
            (&self.addon_stub, plan.firmware.iter().any(|chosen| chosen.early)),
            (&self.age, brought.seal.as_ref().is_some_and(|to| !to.age.is_empty())),
        ];
        let more = more.into_iter().filter_map(|(tool, is_needed)| is_needed.then_some(tool));
        always.into_iter().chain(more).collect()
    }

    /// The tools that `verify` needs and that are not there; a good disk would look like a bad one without them.
    pub fn missing_to_verify(&self) -> Vec<PathBuf> {
        absent(vec![&self.setpriv, &self.mcopy, &self.mdir, &self.sbverify])
    }
}

/// Those that are not there.
pub(crate) fn absent(needed: Vec<&PathBuf>) -> Vec<PathBuf> {
    needed.into_iter().filter(|path| !path.is_file()).cloned().collect()
}

/// Why a tool did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// It could not be started.
    #[error("{tool} could not be started: {source}")]
    Start {
        /// Its path.
        tool: String,
        /// Why.
        source: io::Error,
    },
    /// It said that it failed.
    #[error("{tool} failed ({status}): {stderr}")]
    Failed {
        /// Its path.
        tool: String,
        /// Its exit status.
        status: String,
        /// The end of what it wrote to standard error.
        stderr: String,
    },
    /// It took too long and was ended.
    #[error("{tool} was ended after {seconds} s without a result")]
    TimedOut {
        /// Its path.
        tool: String,
        /// The limit.
        seconds: u64,
    },
    /// It was asked to stop, and was ended or never begun.
    #[error("{tool} was stopped")]
    Stopped {
        /// Its path.
        tool: String,
    },
}

/// One run of a tool.
pub struct Run<'a> {
    tools: &'a Tools,
    tool: &'a PathBuf,
    args: Vec<OsString>,
    env: Vec<(&'static str, &'static str)>,
    fds: Vec<OwnedFd>,
    limit: Duration,
}

impl<'a> Run<'a> {
    /// Prepares a run with an empty environment and a limit of two minutes.
    pub fn new(tools: &'a Tools, tool: &'a PathBuf) -> Self {
        let limit = Duration::from_secs(120);
        Self { tools, tool, args: Vec::new(), env: Vec::new(), fds: Vec::new(), limit }
    }

    /// Adds an argument.
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds arguments.
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets a variable of the tool's environment.
    pub fn env(mut self, name: &'static str, value: &'static str) -> Self {
        self.env.push((name, value));
        self
    }

    /// Lets the tool inherit a descriptor, and adds `prefix` and its path there as one argument.
    pub fn fd_arg(self, prefix: &str, fd: impl AsFd) -> Result<Self, ToolError> {
        self.fd_arg_between(prefix, fd, "")
    }

    /// The same, with a text behind the path.
    pub fn fd_arg_between(mut self, prefix: &str, fd: impl AsFd, suffix: &str) -> Result<Self, ToolError> {
        let start = |source| ToolError::Start { tool: self.tool.display().to_string(), source };
        let fd = fd.as_fd().try_clone_to_owned().map_err(start)?;
        self.args.push(format!("{prefix}/proc/self/fd/{}{suffix}", fd.as_raw_fd()).into());
        self.fds.push(fd);
        Ok(self)
    }

    /// Sets another limit.
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Runs the tool to its end and gives what it wrote to standard output.
    pub fn run(self) -> Result<Vec<u8>, ToolError> {
        self.run_with(|_| Ok(()))
    }

    /// Runs the tool while `feed` writes its standard input.
    pub fn run_with(self, feed: impl FnOnce(&mut dyn Write) -> io::Result<()> + Send) -> Result<Vec<u8>, ToolError> {
        let tool = self.tool.display().to_string();
        let start = |source| ToolError::Start { tool: tool.clone(), source };
        if !self.tool.is_file() {
            return Err(start(io::ErrorKind::NotFound.into()));
        }
        if self.tools.stop.cancelled() {
            return Err(ToolError::Stopped { tool });
        }
        log::debug!("run {tool} {:?}", self.args);
        let mut command = Command::new(&self.tools.setpriv);
        command.args(["--pdeathsig", "KILL", "--"]).arg(self.tool).args(&self.args);
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("LC_ALL", "C.UTF-8").envs(self.env);
        command.process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.preserved_fds(self.fds);
        let mut child = command.spawn().map_err(start)?;
        drop(command);

        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (status, output, errors) = thread::scope(|scope| {
            let output = scope.spawn(move || read_all(stdout));
            let errors = scope.spawn(move || read_all(stderr));
            scope.spawn(move || {
                if let Some(mut stdin) = stdin {
                    // A tool that ends early closes its input; its exit status tells why.
                    let _ = feed(&mut stdin);
                }
            });
            let status = wait(&mut child, self.limit, &self.tools.stop);
            (status, output.join().unwrap_or_default(), errors.join().unwrap_or_default())
        });
        let errors = String::from_utf8_lossy(&errors).trim().to_owned();
        if !errors.is_empty() {
            log::debug!("{tool} said: {errors}");
        }
        match status.map_err(|source| ToolError::Start { tool: tool.clone(), source })? {
            Ended::Itself(status) if status.success() => Ok(output),
            Ended::Itself(status) => Err(ToolError::Failed { tool, status: status.to_string(), stderr: tail(&errors) }),
            Ended::AtLimit => Err(ToolError::TimedOut { tool, seconds: self.limit.as_secs() }),
            Ended::Stopped => Err(ToolError::Stopped { tool }),
        }
    }
}

/// How a tool came to its end.
enum Ended {
    Itself(ExitStatus),
    AtLimit,
    Stopped,
}

/// What ended the wait for a tool.
enum Why {
    Itself,
    AtLimit,
    Stopped,
}

/// Waits for the child; ends it at the limit, or when it is to stop. Whatever happens, nothing of it runs on.
fn wait(child: &mut Child, limit: Duration, stop: &Stop) -> io::Result<Ended> {
    let pid = Pid::from_child(child);
    let why = until_end(pid, limit, stop);
    // With the programs that the tool started itself: they would hold the pipes open. The tool is waited for after that:
    // until then its number is nobody else's.
    if kill_process_group(pid, Signal::KILL).is_err() {
        child.kill()?;
    }
    let status = child.wait()?;
    Ok(match why? {
        Why::Itself => Ended::Itself(status),
        Why::AtLimit => Ended::AtLimit,
        Why::Stopped => Ended::Stopped,
    })
}

fn until_end(pid: Pid, limit: Duration, stop: &Stop) -> io::Result<Why> {
    let end = Instant::now() + limit;
    let mut pause = Duration::from_millis(1);
    loop {
        match waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT) {
            Ok(Some(_)) => return Ok(Why::Itself),
            Ok(None) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        match Instant::now() >= end {
            _ if stop.cancelled() => return Ok(Why::Stopped),
            true => return Ok(Why::AtLimit),
            false => {}
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

fn read_all(pipe: Option<impl Read>) -> Vec<u8> {
    let mut all = Vec::new();
    if let Some(pipe) = pipe {
        // More than this is no message; the tool then sees a closed pipe.
        let _ = pipe.take(16 << 20).read_to_end(&mut all);
    }
    all
}

/// The end of a message, where tools say why they failed.
fn tail(text: &str) -> String {
    text[text.ceil_char_boundary(text.len().saturating_sub(800))..].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> (Tools, PathBuf, [String; 2]) {
        (Tools::default(), "/bin/sh".into(), ["-c".into(), script.into()])
    }

    #[test]
    fn a_tool_gets_its_input_and_gives_its_output() {
        let (tools, cat) = (Tools::default(), PathBuf::from("/bin/cat"));
        let output = Run::new(&tools, &cat).run_with(|stdin| stdin.write_all(b"through")).unwrap();
        assert_eq!(output, b"through");
    }

    #[test]
    fn a_failing_tool_says_why() {
        let (tools, sh, args) = sh("echo no room >&2; exit 3");
        let error = Run::new(&tools, &sh).args(args).run().unwrap_err().to_string();
        assert!(error.contains("/bin/sh") && error.contains("no room") && error.contains('3'), "{error}");
    }

    #[test]
    fn a_tool_that_hangs_is_ended_with_the_programs_that_it_started() {
        // The inner sleep holds the output open: this returns early only if it is ended, too.
        let (tools, sh, args) = sh("sleep 600 & wait");
        let error = Run::new(&tools, &sh).args(args).limit(Duration::from_millis(50)).run().unwrap_err();
        assert!(matches!(error, ToolError::TimedOut { .. }), "{error}");
    }

    #[test]
    fn what_a_tool_started_ends_with_it_also_when_it_ends_by_itself() {
        for (script, well) in [("sleep 600 & exit 0", true), ("sleep 600 & exit 3", false)] {
            let (tools, sh, args) = sh(script);
            let begun = Instant::now();
            assert_eq!(Run::new(&tools, &sh).args(args).run().is_ok(), well);
            assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
        }
    }

    #[test]
    fn a_stop_ends_a_running_tool_with_the_programs_that_it_started() {
        let (tools, sh, args) = sh("sleep 60 & wait");
        let stop = tools.stop.clone();
        let asks = thread::spawn(move || {
            thread::sleep(Duration::from_millis(100));
            stop.request();
        });
        let begun = Instant::now();
        let error = Run::new(&tools, &sh).args(args).run().unwrap_err();
        asks.join().unwrap();
        assert!(matches!(error, ToolError::Stopped { .. }), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    }

    #[test]
    fn a_stop_ends_a_tool_that_does_not_read_its_input() {
        let (tools, sleep) = (Tools::default(), PathBuf::from("/bin/sleep"));
        let (stop, begun) = (tools.stop.clone(), Instant::now());
        let feed = |stdin: &mut dyn Write| {
            stop.request();
            stdin.write_all(&vec![0; 1 << 20])
        };
        let error = Run::new(&tools, &sleep).arg("60").run_with(feed).unwrap_err();
        assert!(matches!(error, ToolError::Stopped { .. }), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    }

    #[test]
    fn after_a_stop_no_tool_begins() {
        let (tools, sh, _) = sh("");
        let scratch = tempfile::tempdir().unwrap();
        let mark = scratch.path().join("mark");
        tools.stop.request();
        let error = Run::new(&tools, &sh).args(["-c", &format!("> {}", mark.display())]).run().unwrap_err();
        assert!(matches!(error, ToolError::Stopped { .. }) && !mark.exists(), "{error}");
    }

    #[test]
    fn a_missing_tool_is_named() {
        let (tools, tool) = (Tools::default(), PathBuf::from("/usr/bin/no-such-tool"));
        let error = Run::new(&tools, &tool).run().unwrap_err().to_string();
        assert!(error.contains("/usr/bin/no-such-tool"), "{error}");
    }

    #[test]
    fn a_tool_inherits_only_the_descriptors_it_is_given() {
        let (tools, cat) = (Tools::default(), PathBuf::from("/bin/cat"));
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"by descriptor").unwrap();
        let output = Run::new(&tools, &cat).fd_arg("", &file).unwrap().run().unwrap();
        assert_eq!(output, b"by descriptor");
    }
}
