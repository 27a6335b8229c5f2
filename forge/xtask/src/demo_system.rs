//! The demo system: a small real system that stands in for InterGenOS, to the same contract.
//!
//! Its recipe is `data/demo/`: the list of Debian packages, the files laid over them, the script
//! that finishes the tree, the initrd's and GRUB's configuration. What comes out, for
//! `forgectl payload build`:
//!
//! ```text
//! root/  vmlinuz  initrd.img  shimx64.efi  mmx64.efi  fbx64.efi  grubx64.efi  payload.toml
//! ```
use crate::{command, paths, workbench};
use anyhow::{Context, Result, ensure};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

/// No file of the tree is newer than this (2026-11-01), so that two builds can be compared.
pub const EPOCH: &str = "1793491200";

/// Microsoft-signed, from Debian's packages.
const SIGNED: &[(&str, &str)] = &[
    ("/usr/lib/shim/shimx64.efi.signed", "shimx64.efi"),
    ("/usr/lib/shim/mmx64.efi.signed", "mmx64.efi"),
    ("/usr/lib/shim/fbx64.efi.signed", "fbx64.efi"),
];

/// The parts of GRUB that its configuration needs, and a few for a person at its prompt. Not `tpm`: it would measure each command,
/// which nobody reads, and fill the log of the TPM, after which systemd-stub takes its own measurements for failed.
const GRUB_MODULES: &[&str] = &[
    "normal",
    "configfile",
    "echo",
    "test",
    "true",
    "regexp",
    "search",
    "search_fs_file",
    "search_fs_uuid",
    "search_label",
    "part_gpt",
    "fat",
    "iso9660",
    "memdisk",
    "tar",
    "chain",
    "peimage",
    "all_video",
    "gfxterm",
    "boot",
    "reboot",
    "halt",
    "minicmd",
    "sleep",
    "efifwsetup",
    "ls",
    "cat",
    "serial",
    "terminal",
];

/// What GRUB does first: it lets the menu see where GRUB was started from, then shows the menu.
/// Debian's GRUB calls that place `fw_path`, others `cmdpath`.
const GRUB_START: &str = "export fw_path\nexport cmdpath\nnormal (memdisk)/grub.cfg\n";

/// Everything of the recipe that lies in this file.
const RECIPE: (&[(&str, &str)], &[&str], [&str; 3]) = (SIGNED, GRUB_MODULES, [GRUB_START, EPOCH, COMMAND_LINE]);

/// What the kernel is always told; the installer adds the root hash and the mounts.
const COMMAND_LINE: &str = "rd.shell=0 \
    rd.emergency=poweroff panic=-1 lsm=landlock,lockdown,yama,integrity,apparmor";

/// Makes the demo system, unless it is in the cache, and returns its directory.
pub fn make() -> Result<PathBuf> {
    workbench::enter()?;
    let data = paths::repository()?.join("data/demo");
    let recipe = (RECIPE, workbench::SUITE, workbench::EXCLUDED, contents(&data)?);
    let place = paths::cache()?.join(format!("demo-system-{}", paths::fingerprint(&recipe)));
    paths::once(&place, |partial| {
        eprintln!("Making the demo system from Debian packages, once, at {}", place.display());
        fs::create_dir(partial)?;
        tree(&data, partial)?;
        for (source, name) in SIGNED {
            fs::copy(source, partial.join(name)).with_context(|| format!("cannot copy {source}"))?;
        }
        grub(&fs::read_to_string(data.join("grub.cfg"))?, &[], &[], &partial.join("grubx64.efi"))?;
        describe(partial)
    })?;
    Ok(place)
}

/// The files below a directory with their names and whether they can be run, sorted.
pub fn contents(directory: &Path) -> Result<Vec<(PathBuf, bool, Vec<u8>)>> {
    let mut found = Vec::new();
    let mut left = vec![directory.to_owned()];
    while let Some(next) = left.pop() {
        for entry in fs::read_dir(&next).with_context(|| format!("cannot list {}", next.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                left.push(path);
            } else {
                let runs = path.metadata()?.permissions().mode() & 0o100 != 0;
                let text = fs::read(&path)?;
                found.push((path.strip_prefix(directory)?.to_owned(), runs, text));
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The words of `data/demo/packages`: all packages, and those needed only while building.
fn packages(list: &str) -> (Vec<&str>, Vec<&str>) {
    let lines =
        || list.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(char::is_whitespace));
    let all = lines().map(|(name, _)| name).collect();
    let build_only =
        lines().filter(|(_, reason)| reason.trim_start().starts_with("build-only")).map(|(name, _)| name).collect();
    (all, build_only)
}

/// Installs the packages into `root/`, lays our files over them and runs the finishing script.
fn tree(data: &Path, out: &Path) -> Result<()> {
    let list = fs::read_to_string(data.join("packages"))?;
    let (all, build_only) = packages(&list);
    let root = out.join("root");
    // The hooks are shell by mmdebstrap's design; `$1` is the tree.
    let lay = format!(
        "umask 022; cp -R --no-preserve=ownership,timestamps '{data}/files/.' \"$1\"; \
         mkdir \"$1/forge-build\"; cp '{data}/initrd.conf' '{data}/finish.sh' \"$1/forge-build\"; \
         echo '{names}' > \"$1/forge-build/build-only\"",
        data = data.display(),
        names = build_only.join(" ")
    );
    let finish = r#"chroot "$1" sh /forge-build/finish.sh"#;
    let mut command = workbench::mmdebstrap("essential", &all);
    command
        .arg(format!("--customize-hook={lay}"))
        .arg(format!("--customize-hook={finish}"))
        .args([workbench::SUITE.as_ref(), root.as_os_str()])
        .args(workbench::mirror()?)
        .env("SOURCE_DATE_EPOCH", EPOCH)
        // Debian's kernel package would make an initrd of its own.
        .env("INITRD", "No");
    command::run(&mut command)?;
    let build = root.join("forge-build");
    for name in ["vmlinuz", "initrd.img", "kernel-release"] {
        fs::rename(build.join(name), out.join(name)).with_context(|| format!("no {name} was made"))?;
    }
    fs::remove_dir_all(build)?;
    for name in ["etc/resolv.conf", "etc/hostname"] {
        let file = root.join(name);
        if file.exists() {
            fs::remove_file(file)?;
        }
    }
    fs::set_permissions(out.join("initrd.img"), fs::Permissions::from_mode(0o644))?;
    settle_times(&root)
}

/// Makes no file of a tree newer than the demo system.
pub fn settle_times(root: &Path) -> Result<()> {
    let newer = format!("@{EPOCH}");
    command::run(Command::new("/usr/bin/find").arg(root).args([
        "-newermt",
        &newer,
        "-exec",
        "/usr/bin/touch",
        "-h",
        "-d",
        &newer,
        "{}",
        "+",
    ]))
}

/// Puts a GRUB together, unsigned: its configuration inside, SBAT as shim demands. More files (name and text) lie beside
/// the configuration; more modules are for what it does with them.
pub fn grub(configuration: &str, files: &[(String, String)], modules: &[&str], to: &Path) -> Result<()> {
    let version =
        command::output(Command::new("/usr/bin/dpkg-query").args(["-W", "-f", "${Version}", "grub-efi-amd64-bin"]))?;
    let work = to.with_extension("work");
    fs::create_dir(&work)?;
    let sbat = fs::read_to_string(paths::repository()?.join("data/demo/sbat.csv"))?.replace("@VERSION@", &version);
    fs::write(work.join("sbat.csv"), sbat)?;
    fs::write(work.join("early.cfg"), GRUB_START)?;
    fs::write(work.join("grub.cfg"), configuration)?;
    for (name, text) in files {
        fs::write(work.join(name), text)?;
    }
    let time = format!("--mtime=@{EPOCH}");
    command::run(
        Command::new("/usr/bin/tar")
            .args(["--format=ustar", "--owner=0", "--group=0", "--mode=0644", &time])
            .arg("-cf")
            .arg(work.join("memdisk.tar"))
            .arg("-C")
            .arg(&work)
            .arg("grub.cfg")
            .args(files.iter().map(|(name, _)| name)),
    )?;
    command::run(
        Command::new("/usr/bin/grub-mkimage")
            .args(["-O", "x86_64-efi", "-p", "/EFI/intergenos", "-o"])
            .arg(to)
            .arg("-c")
            .arg(work.join("early.cfg"))
            .arg("-m")
            .arg(work.join("memdisk.tar"))
            .arg("--sbat")
            .arg(work.join("sbat.csv"))
            .args(GRUB_MODULES)
            .args(modules),
    )?;
    fs::remove_dir_all(work)?;
    Ok(())
}

/// Writes `payload.toml`, which says what each file is.
fn describe(out: &Path) -> Result<()> {
    let file = out.join("kernel-release");
    let kernel_release = fs::read_to_string(&file)?;
    fs::remove_file(file)?;
    let kernel_release = kernel_release.trim();
    ensure!(
        !kernel_release.is_empty() && !kernel_release.contains(['"', '\\', '\n']),
        "the tree has not exactly one kernel: {kernel_release:?}"
    );
    let text = format!(
        r#"version = 1
id = "intergenos"
name = "InterGenOS demo (stand-in made of Debian packages)"
release = "2026.11"
root = "root"
kernel = "vmlinuz"
kernel_release = "{kernel_release}"
initrd = "initrd.img"
command_line = "{COMMAND_LINE}"
shim = "shimx64.efi"
mok_manager = "mmx64.efi"
fallback = "fbx64.efi"
grub = "grubx64.efi"
firmware = "firmware"
minimum_state_bytes = 268435456
groups = ["sudo"]

[[credential]]
name = "forge-demo.token"
kind = "hex"
bytes = 32
unit = "forge-demo.service"
"#
    );
    fs::write(out.join("payload.toml"), text)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_packages_says_which_are_removed_again() {
        let list = "# a comment\nsystemd   the contract\ndracut    build-only: makes the initrd\n";
        assert_eq!(packages(list), (vec!["systemd", "dracut"], vec!["dracut"]));
    }

    #[test]
    fn every_package_of_the_demo_system_has_a_reason() {
        let list = include_str!("../../../data/demo/packages");
        let named = list.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(packages(list).0.len(), named);
    }

    #[test]
    fn system_extensions_are_merged_only_from_images_that_are_checked_in_the_initrd_and_after_it() {
        let initrd = include_str!(
            "../../../data/demo/files/usr/lib/systemd/system/systemd-sysext-sysroot.service.d/50-forge.conf"
        );
        let system =
            include_str!("../../../data/demo/files/usr/lib/systemd/system/systemd-sysext.service.d/50-forge.conf");
        let words =
            "--mutable=no --image-policy=root=verity+signed+absent:usr=verity+signed+absent:=unused+absent refresh";
        for (unit, expected) in [
            (initrd, vec!["ExecStart=", "ExecStart=systemd-sysext --root=/sysroot WORDS"]),
            (
                system,
                vec!["ExecStart=", "ExecStart=systemd-sysext WORDS", "ExecReload=", "ExecReload=systemd-sysext WORDS"],
            ),
        ] {
            let lines = unit.lines().filter(|line| line.starts_with("Exec")).map(|line| line.replace(words, "WORDS"));
            assert_eq!(lines.collect::<Vec<_>>(), expected);
        }
        for file in [include_str!("../../../data/demo/initrd.conf"), include_str!("../../../data/demo/finish.sh")] {
            assert!(file.contains("systemd-sysext-sysroot.service.d/50-forge.conf"), "the initrd would lack it");
        }
    }
}
