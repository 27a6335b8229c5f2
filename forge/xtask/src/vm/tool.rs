//! Standard tools, run by absolute path, without a shell, with a time-out.
use anyhow::{Context, Result, bail};
use std::ffi::OsStr;
use std::process::{Command, Stdio};

/// The longest that one tool may take.
const SECONDS: &str = "600";

/// Runs a tool and returns its standard output; a failure carries what it said.
///
/// The search path holds the system's own folders only: `ukify` and `virt-fw-vars` are Python
/// programs and must not meet another Python that a developer has installed.
pub(super) fn run<S: AsRef<OsStr>>(program: &str, args: &[S]) -> Result<Vec<u8>> {
    let mut command = Command::new("/usr/bin/timeout");
    command
        .args(["--kill-after=5", SECONDS, "/usr/bin/setpriv", "--pdeathsig", "KILL", program])
        .args(args)
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LC_ALL", "C.UTF-8")
        .env("MTOOLS_SKIP_CHECK", "1")
        .stdin(Stdio::null());
    let output = command.output().with_context(|| format!("{program} can not be started"))?;
    if !output.status.success() {
        let words: Vec<_> = args.iter().map(|a| a.as_ref().to_string_lossy()).collect();
        bail!(
            "{program} {} failed ({}): {}{}",
            words.join(" "),
            output.status,
            String::from_utf8_lossy(&output.stderr).trim(),
            String::from_utf8_lossy(&output.stdout).trim()
        );
    }
    Ok(output.stdout)
}
