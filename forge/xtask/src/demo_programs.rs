//! Forge's own part of the demo system: the programs and what belongs to them, as meson installs them.
//!
//! The tree of Debian packages is made once and kept ([`demo_system`](crate::demo_system)); the programs change often.
//! So they are laid over a copy of it, last.
use crate::{command, demo_system, paths, validate};
use anyhow::{Context, Result};
use std::{
    fs::{self, Permissions},
    hash::{DefaultHasher, Hash, Hasher},
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
};

/// What of an installed Forge nobody reads in the demo system.
const LEFT_OUT: &[&str] =
    &["etc/xdg", "usr/share/bash-completion", "usr/share/fish", "usr/share/man", "usr/share/metainfo", "usr/share/zsh"];
/// Where the live medium has the payload: the system that it starts is the one that it installs, so this lies in both.
const PAYLOAD: (&str, &str) = ("usr/share/forge/payload", "/run/forge/medium/payload");
/// The certificate that has to have signed the payload lies in the sealed image.
const CERTIFICATE: &str = "usr/share/forge/payload-certificate.pgp";
/// What the preset enables, as `systemctl preset` would.
const ENABLED: [(&str, &str); 2] = [
    ("etc/systemd/system/sockets.target.wants/forge-audit.socket", "/usr/lib/systemd/system/forge-audit.socket"),
    (
        "etc/systemd/system/multi-user.target.wants/forge-console.service",
        "/usr/lib/systemd/system/forge-console.service",
    ),
];

/// Lays the programs over a copy of `base` and returns the copy, which has another name when anything is different.
pub fn lay(base: &Path, place: &Path) -> Result<PathBuf> {
    let stage = stage()?;
    let certificate = fs::read(place.join("keys/certificate.pgp")).context("the demo's certificate can not be read")?;
    let mut files = demo_system::contents(&stage)?;
    files.retain(|(name, ..)| !LEFT_OUT.iter().any(|left_out| name.starts_with(left_out)));
    files.push((CERTIFICATE.into(), false, certificate));
    let mut links = ENABLED.to_vec();
    links.push(PAYLOAD);
    let mut hasher = DefaultHasher::new();
    (base, &links, &files).hash(&mut hasher);
    let system = place.join(format!("system-{:016x}", hasher.finish()));
    if !system.exists() {
        forget_others(place)?;
    }
    paths::once(&system, |partial| {
        copy(base, partial)?;
        let root = partial.join("root");
        for (name, runs, content) in &files {
            let to = root.join(name);
            fs::create_dir_all(to.parent().context("a file lies in a directory")?)?;
            fs::write(&to, content).with_context(|| to.display().to_string())?;
            fs::set_permissions(&to, Permissions::from_mode(if *runs { 0o755 } else { 0o644 }))?;
        }
        for (link, to) in links {
            let link = root.join(link);
            fs::create_dir_all(link.parent().context("a link lies in a directory")?)?;
            symlink(to, link)?;
        }
        demo_system::settle_times(&root)
    })?;
    Ok(system)
}

/// What meson installs, with the programs that were built before, without what a debugger reads.
fn stage() -> Result<PathBuf> {
    let (target, work) = (paths::target()?, paths::target()?.join("demo-programs"));
    let programs = work.join("programs");
    fs::create_dir_all(&programs)?;
    for name in validate::PROGRAMS {
        let mut strip = Command::new("/usr/bin/strip");
        command::run(strip.arg("-o").arg(programs.join(name)).arg(target.join("debug").join(name)))?;
    }
    let (build, stage) = (work.join("meson"), work.join("stage"));
    validate::set_up(&build, &programs, false)?;
    validate::install(&build, &stage)?;
    Ok(stage)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    command::run(Command::new("/usr/bin/cp").args(["--archive", "--reflink=auto"]).arg(from).arg(to))
}

/// Removes what was made of other programs.
fn forget_others(place: &Path) -> Result<()> {
    for entry in fs::read_dir(place)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("system-") && path.is_dir() {
            fs::remove_dir_all(&path).with_context(|| path.display().to_string())?;
        }
    }
    Ok(())
}
