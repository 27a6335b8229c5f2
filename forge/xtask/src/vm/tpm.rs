//! A TPM for a machine: swtpm, which keeps its state in a folder from one start to the next.
use anyhow::{Context, Result, bail};
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// One that runs. It ends with the machine that it is plugged into, and with its owner.
pub(super) struct Tpm(Child);

impl Tpm {
    /// Starts one whose state lies in `folder`, and waits until it listens at `socket`.
    pub(super) fn start(folder: &Path, socket: &Path) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let log = File::create(folder.join("swtpm.txt"))?;
        let child = Command::new("/usr/bin/setpriv")
            .args(["--pdeathsig", "KILL", "/usr/bin/swtpm", "socket", "--tpm2", "--terminate"])
            .arg("--tpmstate")
            .arg(format!("dir={}", folder.display()))
            .arg("--ctrl")
            .arg(format!("type=unixio,path={}", socket.display()))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("/usr/bin/setpriv can not be started")?;
        let mut tpm = Self(child);
        let end = Instant::now() + Duration::from_secs(20);
        while !socket.exists() {
            if Instant::now() > end || tpm.0.try_wait()?.is_some() {
                bail!("swtpm did not start: {}", fs::read_to_string(folder.join("swtpm.txt"))?);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(tpm)
    }
}

impl Drop for Tpm {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
