//! The workbench: one place with every tool that Forge is built and tested with.
//!
//! A host that is new enough is the workbench itself. On an older one a Debian root directory
//! is made once, cached, and this same program runs itself again inside it. After [`enter`]
//! there is one code path: the tools are there, under their usual names.
use crate::{command, paths};
use anyhow::{Context, Result, bail, ensure};
use std::{
    collections::BTreeSet,
    env,
    ffi::OsString,
    os::unix::{fs::MetadataExt, process::CommandExt},
    path::{Path, PathBuf},
    process::Command,
};

/// Set inside, so that a command that needs the workbench knows that it has arrived.
const INSIDE: &str = "FORGE_WORKBENCH";
/// Names a Debian mirror; without it, the one that this host's apt uses.
const MIRROR: &str = "FORGE_MIRROR";
/// The Debian release whose tools are new enough.
pub const SUITE: &str = "forky";

/// What is installed into the workbench, and why.
const PACKAGES: &[(&str, &str)] = &[
    ("gcc", "links Rust programs"),
    ("libc6-dev", "links Rust programs"),
    ("pkgconf", "finds the C libraries to link"),
    ("libssl-dev", "OpenSSL: hashes, keys and signatures of the engine"),
    ("ca-certificates", "cargo fetches crates over TLS"),
    ("mount", "mmdebstrap mounts /proc for the packages it installs"),
    ("mmdebstrap", "makes the demo system"),
    ("debian-archive-keyring", "mmdebstrap checks Debian's signatures"),
    ("qemu-system-x86", "runs the VM scenarios"),
    ("qemu-utils", "overlays of disk images for VM scenarios"),
    ("ovmf", "UEFI firmware with Secure Boot for the VMs"),
    ("python3-virt-firmware", "puts keys into a VM's variable store"),
    ("shim-signed", "the Microsoft-signed shim of the demo"),
    ("shim-helpers-amd64-signed", "MokManager and fallback of the demo"),
    ("grub-efi-amd64-bin", "the parts GRUB is made of"),
    ("grub-common", "grub-mkimage"),
    ("systemd-ukify", "builds and signs unified kernel images"),
    ("systemd-boot-efi", "the stub inside a unified kernel image"),
    ("systemd-tpm", "systemd-measure: ukify signs with it what a TPM will have measured"),
    ("systemd-cryptsetup", "systemd-cryptenroll lets a TPM open a volume, in tests"),
    ("swtpm", "the TPM of a virtual machine"),
    ("libtss2-tcti-swtpm0t64", "systemd-cryptenroll talks to that TPM, in tests"),
    ("sbsigntool", "signs and checks boot programs"),
    ("mokutil", "the reference for staging a key"),
    ("openssl", "a second opinion on keys and signatures in tests"),
    ("sqv", "a second opinion on OpenPGP signatures in tests"),
    ("gpg", "names the fingerprint of a certificate that the live medium lists"),
    ("age", "seals credentials to somebody's age key"),
    ("erofs-utils", "makes the read-only system image"),
    ("cryptsetup-bin", "veritysetup, the reference for hash trees"),
    ("xorriso", "makes the ISO of the live medium, and lists it"),
    ("cpio", "packs what the live medium adds to the initrd"),
    ("faketime", "signatures of the live medium carry a fixed time, so that two builds are the same bytes"),
    ("mtools", "fills the EFI system partition without mounting"),
    ("dosfstools", "makes and checks FAT"),
    ("e2fsprogs", "makes and checks ext4"),
    ("fdisk", "reads partition tables in tests"),
    ("gdisk", "checks partition tables in tests"),
    ("ntfs-3g", "makes and checks NTFS, which installs beside it must not touch"),
    ("btrfs-progs", "makes and checks btrfs, the same"),
    ("lvm2", "makes and checks a physical volume, the same"),
    ("libarchive13t64", "mke2fs reads tar files through it"),
    ("bmap-tools", "a peer in the bench"),
    ("strace", "shows what a failing tool did, and which sockets a program makes"),
    ("dbus", "the system bus of a private system in tests"),
    ("polkitd", "who may do what, in a private system"),
    ("udev", "what is known of a device, in a private system"),
    ("udisks2", "hands out disks, in a private system"),
    ("umockdev", "shows recorded machines to UDisks2"),
    ("systemd", "systemd-analyze scores the helper's sandbox; PID 1 in user-mode Linux"),
    ("apparmor", "compiles the AppArmor profiles"),
    ("user-mode-linux", "a kernel with device-mapper, GPT and AppArmor, as a program"),
    ("kmod", "loads the modules of that kernel"),
    ("dmsetup", "holds a disk by device-mapper in tests"),
    ("meson", "installs what a distribution packages; runs the validators"),
    ("ninja-build", "meson's engine"),
    ("libxml2-utils", "xmllint checks D-Bus and polkit files"),
    ("libgtk-4-dev", "the window's toolkit"),
    ("libadwaita-1-dev", "the look and the widgets of GNOME"),
    ("libglib2.0-dev-bin", "glib-compile-resources packs style and icons"),
    ("libxkbcommon-dev", "which characters are on one key in two layouts: the enrollment code"),
    ("xkb-data", "the layouts themselves, and their names"),
    ("gettext", "xgettext reads Rust from 0.24 on; msgfmt compiles translations"),
    ("locales", "real locales for tests: gettext ignores LANGUAGE under C.UTF-8"),
    ("desktop-file-utils", "checks the desktop file"),
    ("appstream", "checks the metainfo file"),
    ("sway", "a Wayland compositor without a screen, for screenshots and tests of the window"),
    ("grim", "takes the screenshots"),
    ("dbus-daemon", "a private session bus for the window in tests"),
    ("dbus-bin", "dbus-run-session"),
    ("at-spi2-core", "accessibility in tests of the window"),
    ("adwaita-icon-theme", "the icons of GNOME"),
    ("gsettings-desktop-schemas", "settings that GTK reads"),
    ("fonts-adwaita", "the font of GNOME"),
    ("fonts-noto-core", "Arabic and other scripts"),
    ("librsvg2-common", "draws SVG icons"),
    ("git", "meson dist takes its files from it"),
    ("pngquant", "makes small pictures for the documentation"),
];

/// Without these files a host is too old, or lacks a package of the list above.
const PROOFS: &[&str] = &[
    "/usr/bin/cc",
    "/usr/bin/mmdebstrap",
    "/usr/bin/qemu-system-x86_64",
    "/usr/bin/virt-fw-vars",
    "/usr/bin/ukify",
    "/usr/bin/sbsign",
    "/usr/bin/mkfs.erofs",
    "/usr/bin/mcopy",
    "/usr/bin/xorriso",
    "/usr/bin/cpio",
    "/usr/bin/faketime",
    "/usr/bin/age",
    "/usr/bin/gpg",
    "/usr/bin/bmaptool",
    "/usr/bin/dbus-daemon",
    "/usr/lib/polkit-1/polkitd",
    "/usr/libexec/udisks2/udisksd",
    "/usr/bin/umockdev-run",
    "/usr/bin/linux.uml",
    "/usr/bin/meson",
    "/usr/bin/xmllint",
    "/usr/include/libadwaita-1/adwaita.h",
    "/usr/bin/glib-compile-resources",
    "/usr/bin/xgettext",
    "/usr/bin/sway",
    "/usr/bin/grim",
    "/usr/sbin/apparmor_parser",
    "/usr/sbin/veritysetup",
    "/usr/sbin/mke2fs",
    "/usr/sbin/sgdisk",
    "/usr/share/OVMF/OVMF_CODE_4M.secboot.fd",
    "/usr/lib/shim/shimx64.efi.signed",
    "/usr/lib/systemd/boot/efi/linuxx64.efi.stub",
    "/usr/lib/systemd/systemd-measure",
    "/usr/bin/systemd-cryptenroll",
    "/usr/bin/swtpm",
    // New in GRUB 2.14: the GRUB of an older host refuses a changed system image differently.
    "/usr/lib/grub/x86_64-efi/blsuki.mod",
];

/// Run in a mount namespace of its own. `$1` is the root, then the directories to bind, `--`,
/// and the command. The root is bound onto itself so that it is a mount point inside, too.
const CROSS: &str = r#"
set -eu
root=$1; shift
mount --bind "$root" "$root"
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
for file in /etc/resolv.conf /etc/hosts /etc/ssl/certs/ca-certificates.crt; do
    [ ! -e "$file" ] || { [ -e "$root$file" ] || : > "$root$file"; mount --bind "$file" "$root$file"; }
done
while [ "$1" != -- ]; do
    mkdir -p "$root$1"; mount --bind "$1" "$root$1"; shift
done
shift
exec chroot "$root" env -C "$PWD" "$@"
"#;

/// Returns where every tool is at hand; on an older host, by running this program again inside.
pub fn enter() -> Result<()> {
    if env::var_os(INSIDE).is_some() || missing().is_empty() {
        return Ok(());
    }
    ensure!(
        is_root()?,
        "this host lacks tools that Forge needs and only root can set up the workbench that has them: \
         sudo -E env \"PATH=$PATH\" cargo xtask {}",
        env::args().skip(1).collect::<Vec<_>>().join(" ")
    );
    let mirror = mirror()?;
    let root = make(mirror.as_deref())?;
    cross(&root, mirror.as_deref())
}

/// Runs a person's own command in the workbench.
pub fn run(words: &[OsString]) -> Result<()> {
    enter()?;
    match words.split_first() {
        Some((program, arguments)) => {
            Err(Command::new(program).args(arguments).exec()).context("cannot start the command")
        }
        None => Ok(()),
    }
}

/// Whether this program may mount and install.
pub fn is_root() -> Result<bool> {
    Ok(std::fs::metadata("/proc/self").context("/proc is not mounted")?.uid() == 0)
}

fn missing() -> Vec<&'static str> {
    let absent = |file: &&&str| !Path::new(file).exists();
    PROOFS.iter().filter(absent).copied().collect()
}

/// Makes the root directory, unless it is in the cache.
fn make(mirror: Option<&str>) -> Result<PathBuf> {
    let place = paths::cache()?.join(format!("workbench-{}", paths::fingerprint(&(PACKAGES, SUITE, EXCLUDED))));
    paths::once(&place, |partial| {
        eprintln!("This host lacks tools that Forge is built and tested with:");
        for file in missing() {
            eprintln!("  {file}");
        }
        eprintln!(
            "Making a Debian {SUITE} directory with them, once, at {}.\nIt gets these packages:",
            place.display()
        );
        for (package, reason) in PACKAGES {
            eprintln!("  {package:26} {reason}");
        }
        install_mmdebstrap()?;
        let names: Vec<_> = PACKAGES.iter().map(|(package, _)| *package).collect();
        command::run(mmdebstrap("apt", &names).arg(SUITE).arg(partial).args(mirror))
    })?;
    Ok(place)
}

/// What no root directory of ours needs: it halves the time of unpacking.
pub const EXCLUDED: &[&str] = &[
    "/usr/share/man/*",
    "/usr/share/doc/*",
    "/usr/share/info/*",
    "/usr/share/help/*",
    "/usr/share/locale/*",
    "/usr/share/lintian/*",
];

/// mmdebstrap with the options that every root directory of ours is made with.
pub fn mmdebstrap(variant: &str, packages: &[&str]) -> Command {
    let mut command = Command::new("/usr/bin/timeout");
    command
        .args(["--kill-after=10", "1200", "/usr/bin/mmdebstrap", "--mode=root"])
        .arg("--format=directory")
        .arg(format!("--variant={variant}"))
        .arg(format!("--include={}", packages.join(",")))
        .arg("--aptopt=APT::Install-Recommends \"false\"")
        .arg("--aptopt=Acquire::Languages \"none\"");
    if keeps_old_lists() {
        command.arg("--aptopt=Acquire::Check-Valid-Until \"false\"");
    }
    // A directory that a power cut spoils is made again: no need to wait for the disk.
    command.arg("--dpkgopt=force-unsafe-io");
    for pattern in EXCLUDED {
        command.arg(format!("--dpkgopt=path-exclude={pattern}"));
    }
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

/// Whether this host's apt is told to accept a mirror whose lists are past their date.
pub fn keeps_old_lists() -> bool {
    command::output(Command::new("/usr/bin/apt-config").arg("dump"))
        .is_ok_and(|dump| dump.contains("Acquire::Check-Valid-Until \"false\""))
}

fn install_mmdebstrap() -> Result<()> {
    if Path::new("/usr/bin/mmdebstrap").exists() {
        return Ok(());
    }
    ensure!(
        Path::new("/usr/bin/apt-get").exists(),
        "the workbench is made by mmdebstrap: install it with this system's package manager, then run this again"
    );
    eprintln!("Installing mmdebstrap on this host: it makes the directory.");
    let apt = || {
        let mut command = Command::new("/usr/bin/apt-get");
        command.arg("-qq").env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    command::run(apt().arg("update"))?;
    command::run(apt().args(["install", "-y", "--no-install-recommends", "mmdebstrap"]))
}

/// The mirror that `FORGE_MIRROR` names or that this host's apt uses; mmdebstrap knows one, too.
pub fn mirror() -> Result<Option<String>> {
    if let Ok(mirror) = env::var(MIRROR) {
        return Ok(Some(mirror));
    }
    if !Path::new("/usr/bin/apt-get").exists() {
        return Ok(None);
    }
    let targets = command::output(Command::new("/usr/bin/apt-get").args([
        "indextargets",
        "--format",
        "$(REPO_URI) $(RELEASE)",
        "Component: main",
    ]))?;
    Ok(first_mirror(&targets))
}

/// The first archive of the list that is not one for security updates, which lacks the release.
fn first_mirror(targets: &str) -> Option<String> {
    let mut pairs = targets.lines().filter_map(|line| line.split_once(' '));
    pairs
        .find(|(address, release)| !release.contains("security") && !address.contains("security"))
        .map(|(address, _)| address.to_owned())
}

/// Replaces this process by itself, inside.
fn cross(root: &Path, mirror: Option<&str>) -> Result<()> {
    let program = env::current_exe().context("cannot find this program")?;
    let program_directory = program.parent().context("a program lies in a directory")?;
    let home = paths::home()?;
    let cargo_home = env::var_os("CARGO_HOME").map_or(home.join(".cargo"), PathBuf::from);
    let rustup_home = env::var_os("RUSTUP_HOME").map_or(home.join(".rustup"), PathBuf::from);
    // Macros are built against the newer C library and cannot be loaded by the host's rustc:
    // what is built inside has a directory of its own.
    let target = paths::target()?.join("workbench");
    std::fs::create_dir_all(&target)?;
    let toolchain = toolchain(&rustup_home)?;
    let mut wanted = vec![
        paths::repository()?,
        program_directory.to_owned(),
        target.clone(),
        cargo_home.clone(),
        rustup_home,
        toolchain.clone(),
        paths::cache()?,
        PathBuf::from("/tmp"),
        env::current_dir()?,
    ];
    // `demo --gui` opens the window there.
    wanted.extend(paths::wayland().and_then(|socket| Some(socket.parent()?.to_owned())));
    let path = env::join_paths(
        [toolchain.join("bin"), cargo_home.join("bin")]
            .into_iter()
            .chain(env::split_paths("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")),
    )?;
    let mut command = Command::new("/usr/bin/unshare");
    command
        .args(["--mount", "--propagation", "private", "/bin/sh", "-c", CROSS, "sh"])
        .arg(root)
        .args(outermost(&wanted))
        .arg("--")
        .arg(program)
        .args(env::args_os().skip(1).collect::<Vec<OsString>>())
        .env(INSIDE, "1")
        .env("CARGO_TARGET_DIR", target)
        .env("PATH", path)
        .env_remove("LD_LIBRARY_PATH")
        .envs(mirror.map(|mirror| (MIRROR, mirror)));
    Err(command.exec()).context("cannot start unshare (util-linux)")
}

/// The directory of the Rust toolchain that built this program.
fn toolchain(rustup_home: &Path) -> Result<PathBuf> {
    let cargo = env::var_os("CARGO").map(PathBuf::from);
    let Some(directory) = cargo.as_deref().and_then(Path::parent).and_then(Path::parent) else {
        return Ok(rustup_home.to_owned());
    };
    if directory == Path::new("/usr") || directory == Path::new("/") {
        bail!("cargo comes from {}: the workbench needs one from rustup", directory.display());
    }
    Ok(directory.to_owned())
}

/// The directories that are not inside another one of the list, each once.
fn outermost(directories: &[PathBuf]) -> Vec<&Path> {
    let sorted: BTreeSet<&Path> =
        directories.iter().map(PathBuf::as_path).filter(|directory| directory.exists()).collect();
    let mut kept: Vec<&Path> = Vec::new();
    for directory in sorted {
        if !kept.iter().any(|parent| directory.starts_with(parent)) {
            kept.push(directory);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_security_archive_is_never_taken_as_the_mirror() {
        let targets = "http://one.invalid/debian-security/ bookworm-security\nhttp://two.invalid/debian/ bookworm\n";
        assert_eq!(first_mirror(targets).as_deref(), Some("http://two.invalid/debian/"));
        assert_eq!(first_mirror(""), None);
    }

    #[test]
    fn a_directory_inside_another_is_not_bound_twice() {
        let base = env::temp_dir().join(format!("forge-binds-{}", std::process::id()));
        let inner = base.join("inner");
        std::fs::create_dir_all(&inner).unwrap();
        let absent = base.with_extension("absent");
        let wanted = [inner.clone(), base.clone(), absent];
        assert_eq!(outermost(&wanted), [base.as_path()]);
        std::fs::remove_dir_all(base).unwrap();
    }
}
