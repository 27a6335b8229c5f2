//! The way into a private system.

use super::System;
use std::{
    any::type_name,
    env,
    io::Read,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// Where a test inside finds its system. `run` sets it.
pub(super) const DIRECTORY: &str = "FORGE_PRIVATE_SYSTEM";
/// How long one test may take.
const LIMIT: &str = "300";

/// Runs the body of a test in a private system of its own; panics when it does, or when it takes two minutes.
///
/// The test is found by the closure's place in the code, so call this with a closure written in the `#[test]` itself.
pub fn system<F: FnOnce(&System)>(body: F) {
    if let Some(directory) = env::var_os(DIRECTORY) {
        return body(&System::enter(PathBuf::from(directory)));
    }
    let ended = again(&test_of::<F>());
    print!("{}", ended.text);
    assert!(ended.passed, "the test failed in its private system, see above");
}

/// How a test ended that was run in a private system.
pub struct Ended {
    /// Whether it ran and passed.
    pub passed: bool,
    /// What it printed, and the daemons' logs when it failed.
    pub text: String,
    /// How long it took, with the daemons' start.
    pub took: Duration,
}

/// Runs one test of this binary in a private system, also one that is ignored otherwise.
pub fn again(test: &str) -> Ended {
    let program = env::current_exe().unwrap();
    let mut command = run(["timeout", "--kill-after=5", LIMIT]);
    command.arg(program).args(["--exact", test, "--nocapture", "--include-ignored"]);
    let ended = finish(command);
    Ended { passed: ended.passed && ended.text.contains("test result: ok. 1 passed"), ..ended }
}

/// The command that runs words in a private system. It ends with the thread that starts it.
pub fn run<const N: usize>(words: [&str; N]) -> Command {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("private-system/run");
    let mut command = Command::new("/usr/bin/setpriv");
    command.args(["--pdeathsig", "TERM"]).arg(script).args(words).env_remove(DIRECTORY).stdin(Stdio::null());
    command
}

/// Runs a command to its end; what it prints on both ways out comes in its order.
pub fn finish(mut command: Command) -> Ended {
    let start = Instant::now();
    let (mut reader, writer) = std::io::pipe().unwrap();
    let mut child = command.stdout(writer.try_clone().unwrap()).stderr(writer).spawn().unwrap();
    drop(command);
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).unwrap();
    let passed = child.wait().unwrap().success();
    Ended { passed, text: String::from_utf8_lossy(&bytes).into_owned(), took: start.elapsed() }
}

/// The name by which the test binary knows the test that this closure was written in: `crate::module::test::{{closure}}`
/// without its ends.
fn test_of<F>() -> String {
    let name = type_name::<F>();
    let inner = name.split_once("::").map_or(name, |(_, rest)| rest);
    inner.split("::{{closure}}").next().unwrap_or(inner).to_owned()
}
