//! Forge's own part of the demo system: `forgectl`, the helper, and what belongs to them, as meson installs them.
//!
//! The tree of Debian packages is made once and kept ([`demo_system`](crate::demo_system)); the programs change often.
//! So they are laid over a copy of it, last. What the window needs is left out: the demo system has no desktop.
use crate::{command, demo_system, paths, validate};
use anyhow::{Context, Result};
use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

/// What of an installed Forge a machine without a desktop has.
const FILES: &[&str] = &[
    "etc/apparmor.d/forge-audit",
    "etc/apparmor.d/usr.bin.forgectl",
    "etc/apparmor.d/usr.libexec.forge-helper",
    "usr/bin/forgectl",
    "usr/lib/forge/sign-module",
    "usr/lib/systemd/system/forge-audit.socket",
    "usr/lib/systemd/system/forge-audit@.service",
    "usr/lib/systemd/system/forge-console.service",
    "usr/lib/systemd/system/forge-helper.service",
    "usr/libexec/forge-helper",
    "usr/share/dbus-1/system-services/org.intergenos.Forge1.service",
    "usr/share/dbus-1/system.d/org.intergenos.Forge1.conf",
    "usr/share/polkit-1/actions/org.intergenos.Forge1.policy",
    "usr/share/polkit-1/rules.d/50-org.intergenos.Forge1.rules",
];
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
    let mut hasher = DefaultHasher::new();
    (base, ENABLED).hash(&mut hasher);
    for name in FILES {
        let file = stage.join(name);
        (name, fs::read(&file).with_context(|| file.display().to_string())?).hash(&mut hasher);
    }
    let system = place.join(format!("system-{:016x}", hasher.finish()));
    if !system.exists() {
        forget_others(place)?;
    }
    paths::once(&system, |partial| {
        copy(base, partial)?;
        let root = partial.join("root");
        for name in FILES {
            let to = root.join(name);
            fs::create_dir_all(to.parent().context("a file lies in a directory")?)?;
            fs::copy(stage.join(name), &to).with_context(|| to.display().to_string())?;
        }
        for (link, to) in ENABLED {
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
        fs::write(programs.join(name), "")?;
    }
    for name in ["forgectl", "forge-helper"] {
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
