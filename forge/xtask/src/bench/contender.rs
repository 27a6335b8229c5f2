//! The programs that are compared.
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::stage::{SALT, Stage, UUID};

/// Seconds after which a tool is given up.
const TIME_OUT: &str = "900";

/// One way to do a piece of work.
#[derive(Clone, Copy)]
pub enum Contender {
    /// The engine makes the tree.
    Build,
    /// The engine opens the tree and writes image and tree.
    Write,
    /// The same, and it reads back.
    WriteAndProve,
    /// `dd` writes the image past the page cache.
    Dd,
    /// The same, then `veritysetup verify` reads it.
    DdAndVerify,
    /// `veritysetup format` makes the tree.
    Format,
    /// `bmaptool copy` writes the image and checks its ranges.
    Bmaptool,
}

/// One run of a contender.
pub struct Run {
    /// From start to end of its processes.
    pub time: Duration,
    /// Processor time of them all, in seconds; other programs on the machine disturb it least.
    pub cpu: f64,
    /// What the engine's program says of itself; nothing for the others.
    pub told: Option<Told>,
}

/// What the engine's program prints.
#[derive(Deserialize)]
pub struct Told {
    /// The most memory that it ever had, in KiB.
    pub peak_kib: u64,
    /// How long each stage took.
    pub seconds: BTreeMap<String, f64>,
}

impl Contender {
    /// The name in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Build => "tree build",
            Self::Write => "checked write",
            Self::WriteAndProve => "write + read-back",
            Self::Dd => "dd, direct, fsync",
            Self::DdAndVerify => "dd + veritysetup verify",
            Self::Format => "veritysetup format",
            Self::Bmaptool => "bmaptool copy",
        }
    }

    /// Does the work once, on a new target and with the image in the page cache.
    pub fn run(self, stage: &Stage) -> Result<Run> {
        stage.renew_target()?;
        let commands = self.commands(stage);
        let mut last = Vec::new();
        let before = cpu_of_children()?;
        let start = Instant::now();
        for command in commands {
            last = output(command)?.stdout;
        }
        let time = start.elapsed();
        let cpu = cpu_of_children()? - before;
        let told = match self {
            Self::Build | Self::Write | Self::WriteAndProve => Some(serde_json::from_slice(&last)?),
            _ => None,
        };
        Ok(Run { time, cpu, told })
    }

    fn commands(self, stage: &Stage) -> Vec<Command> {
        let engine = |verb: &str| {
            let mut command = tool(&stage.program);
            command.arg(verb).arg(&stage.image);
            command
        };
        let install = |verb| {
            let mut command = engine(verb);
            command.arg(&stage.tree).arg(&stage.root).arg(&stage.target);
            command
        };
        let dd = || {
            let mut command = tool("/usr/bin/dd");
            command.arg(setting("if=", &stage.image)).arg(setting("of=", &stage.target));
            command.args(["bs=4M", "oflag=direct", "conv=fsync,notrunc", "status=none"]);
            command
        };
        match self {
            Self::Build => {
                let mut command = engine("build");
                command.arg(&stage.other_tree);
                vec![command]
            }
            Self::Write => vec![install("write")],
            Self::WriteAndProve => vec![install("prove")],
            Self::Dd => vec![dd()],
            Self::DdAndVerify => {
                let mut verify = tool("/usr/sbin/veritysetup");
                verify.arg("verify").args([&stage.target, &stage.tree]).arg(&stage.root);
                vec![dd(), verify]
            }
            Self::Format => vec![format(&stage.image, &stage.other_tree)],
            Self::Bmaptool => {
                let mut copy = tool("/usr/bin/bmaptool");
                copy.args(["--quiet", "copy", "--bmap"]);
                copy.args([&stage.bmap, &stage.image, &stage.target]);
                vec![copy]
            }
        }
    }
}

/// `veritysetup format` of `image` into `tree`.
pub fn format(image: &Path, tree: &Path) -> Command {
    let mut command = tool("/usr/sbin/veritysetup");
    command.args(["format", "--salt", SALT, "--uuid", UUID]).args([image, tree]);
    command
}

/// A tool by its absolute path, which ends at the latest after [`TIME_OUT`].
pub fn tool(path: impl AsRef<Path>) -> Command {
    let mut command = Command::new("/usr/bin/timeout");
    command.arg(TIME_OUT).arg(path.as_ref()).env("LC_ALL", "C").stdin(Stdio::null());
    command
}

/// Runs a command to its end; a failure carries the command line and what it said.
pub fn output(mut command: Command) -> Result<Output> {
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?} failed ({}): {said}", output.status);
    Ok(output)
}

/// Seconds of processor time of all processes that were started here and have ended.
///
/// From `/proc/self/stat` (proc_pid_stat(5)): cutime and cstime, in ticks of 10 ms.
fn cpu_of_children() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // The name, in parentheses, can hold anything; field 3 comes after it.
    let (_, fields) = stat.rsplit_once(')').context("/proc/self/stat has no name in it")?;
    let ticks: Result<Vec<u64>, _> = fields.split_whitespace().skip(16 - 3).take(2).map(str::parse).collect();
    Ok(ticks?.iter().sum::<u64>() as f64 / 100.0)
}

fn setting(name: &str, path: &Path) -> std::ffi::OsString {
    let mut setting = std::ffi::OsString::from(name);
    setting.push(path);
    setting
}

/// Compiles the engine's program for release and tells where it lies.
pub fn compile() -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").context("run this as `cargo xtask bench`")?;
    let mut command = Command::new(cargo);
    command.args(["build", "--release", "--package", "forge-engine", "--example", "bench_image"]);
    command.arg("--message-format=json-render-diagnostics").stderr(Stdio::inherit());
    let messages = output(command)?.stdout;
    let mut messages = serde_json::Deserializer::from_slice(&messages).into_iter::<serde_json::Value>();
    let program = messages.find_map(|message| {
        let message = message.ok()?;
        let is_ours = message["target"]["name"] == "bench_image";
        message["executable"].as_str().filter(|_| is_ours).map(PathBuf::from)
    });
    program.context("cargo did not tell where it put the program")
}
