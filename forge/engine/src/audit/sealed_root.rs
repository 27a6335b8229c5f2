//! The root file system: read-only, on a dm-verity device, with the root hash of the receipt.

use super::{Look, Root};
use crate::tool::{Run, Tools};
use forge_model::Receipt;

/// The only directory that system extensions are laid over: bundles of firmware, and no program.
const FIRMWARE: &str = "/usr/lib/firmware";

/// What the kernel says about the mount of `/`.
struct Mount<'a> {
    /// Major and minor number of its device, as `254:0`.
    device: &'a str,
    file_system: &'a str,
    source: &'a str,
    /// The options of the file system itself: those of the mount are the ones of a sandbox.
    options: &'a str,
}

/// Looks at mount, device, command line and, with the rights for it, the kernel's own table. `accepted` are the extensions
/// that may be merged, and the root hash of each.
pub fn look(
    root: &Root,
    tools: &Tools,
    receipt: Result<&Receipt, &str>,
    accepted: Result<&[(String, String)], &String>,
) -> Look {
    let mounts = match root.text("/proc/self/mountinfo") {
        Ok(mounts) => mounts,
        Err(error) => return Look::unknown(error),
    };
    let Some(mount) = root_mount(&mounts) else { return Look::unknown("/proc/self/mountinfo names no mount of /") };
    let mut look = Look::default();
    let covered = covers(&mounts, mount.device);
    for (i, point) in covered.iter().copied().enumerate() {
        if covered[..i].contains(&point) {
            continue;
        }
        // One overlay is what systemd-sysext leaves. Of two, the upper one would show what the lower one brought as the
        // system's own.
        if covered[i + 1..].contains(&point) {
            look.fault(format_args!("/proc/self/mountinfo: {point} is covered more than once"));
            continue;
        }
        let known = |accepted: &[(String, String)], merged: &[&str]| -> Option<Vec<String>> {
            let hash = |name: &&str| accepted.iter().find(|(known, _)| known == name).map(|(_, hash)| hash.clone());
            merged.iter().map(hash).collect()
        };
        match (extensions(&mounts, point), accepted) {
            (Some(merged), Err(why)) if !merged.is_empty() => {
                look.blind(format_args!("who accepted what is merged into {point}: {why}"));
            }
            (Some(merged), Ok(accepted)) => match known(accepted, &merged) {
                Some(hashes) => proved(&mut look, tools, point, &merged, &hashes),
                None => look.fault(format_args!("/proc/self/mountinfo: something else is mounted on {point}")),
            },
            _ => look.fault(format_args!("/proc/self/mountinfo: something else is mounted on {point}")),
        }
    }
    let on = format!("/ is {} on {} ({})", mount.file_system, mount.source, mount.options);
    look.expect(mount.options.split(',').any(|option| option == "ro"), on);

    let at = format!("/sys/dev/block/{}", mount.device);
    match root.text(&format!("{at}/dm/uuid")) {
        Ok(uuid) => look.expect(uuid.starts_with("CRYPT-VERITY-"), format_args!("{at}/dm/uuid: {uuid}")),
        Err(error) if error.is_absent() => look.fault(format_args!("{} is no device-mapper device", mount.source)),
        Err(error) => look.blind(error),
    }
    let wanted = match receipt {
        Ok(receipt) => receipt.root_hash.to_string(),
        Err(why) => {
            look.blind(format_args!("the receipt, which names the root hash: {why}"));
            return look;
        }
    };
    match root.text("/proc/cmdline") {
        Ok(line) => {
            let said = line.split_whitespace().filter_map(|word| word.strip_prefix("roothash=")).next_back();
            let said = said.unwrap_or("none");
            look.expect(said == wanted, format_args!("/proc/cmdline: roothash={said}"));
        }
        Err(error) => look.blind(error),
    }
    match table(root, tools, &at) {
        Ok(table) => {
            let said = root_hash(&table).unwrap_or("none");
            look.expect(said == wanted, format_args!("the kernel's dm-verity table: root hash {said}"));
            if table.split_whitespace().any(|word| word == "ignore_corruption") {
                look.fault("the kernel's dm-verity table: ignore_corruption");
            }
        }
        Err(why) => look.blind(format_args!("the kernel's dm-verity table: {why}")),
    }
    look
}

/// Whether each extension that is merged is behind dm-verity with the root hash that was accepted: the image beside it may
/// have been exchanged since the merge.
fn proved(look: &mut Look, tools: &Tools, point: &str, merged: &[&str], hashes: &[String]) {
    let tables = match Run::new(tools, &tools.dmsetup).args(["table", "--target", "verity"]).run() {
        Ok(said) => String::from_utf8_lossy(&said).into_owned(),
        Err(why) => return look.blind(format_args!("the kernel's dm-verity tables: {why}")),
    };
    let is_open = |hash: &str| tables.lines().any(|table| root_hash(table) == Some(hash));
    let mut all = true;
    for (name, hash) in merged.iter().zip(hashes) {
        if !is_open(hash) {
            all = false;
            look.fault(format_args!("{point}: {name}: the kernel has no dm-verity table with the root hash {hash}"));
        }
    }
    if all {
        look.fact(format_args!("{point}: with {}, which was accepted", merged.join(", ")));
    }
}

/// Major and minor number of the device that `/` is on.
pub(super) fn device(root: &Root) -> Result<String, String> {
    let mounts = root.text("/proc/self/mountinfo").map_err(|e| e.to_string())?;
    let mount = root_mount(&mounts).ok_or("/proc/self/mountinfo names no mount of /")?;
    Ok(mount.device.to_owned())
}

/// Directories of the system on which something else than the root device is mounted, such as an overlay.
fn covers<'a>(mountinfo: &'a str, root: &str) -> Vec<&'a str> {
    const SYSTEM: [&str; 10] =
        ["/usr", "/usr/bin", "/usr/sbin", "/usr/lib", "/usr/lib64", "/bin", "/sbin", "/lib", "/lib64", FIRMWARE];
    let mounts = mountinfo.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(2);
        Some((fields.next()?, fields.nth(1)?))
    });
    mounts.filter(|(device, point)| *device != root && SYSTEM.contains(point)).map(|(_, point)| point).collect()
}

/// The system extensions that the uppermost mount of [`FIRMWARE`] consists of, if it is what systemd-sysext makes of them and
/// nothing else: a read-only overlay of its notes, of extensions and of the system's own directory (merge_hierarchy in
/// systemd's `src/sysext/sysext.c`).
fn extensions<'a>(mountinfo: &'a str, point: &str) -> Option<Vec<&'a str>> {
    const OWN: [&str; 2] = [FIRMWARE, "/sysroot/usr/lib/firmware"];
    const PLACE: &str = "/run/systemd/sysext/";
    let here = |line: &&str| line.split(' ').nth(4) == Some(point);
    let (_, back) = mountinfo.lines().rfind(here).filter(|_| point == FIRMWARE)?.split_once(" - ")?;
    let options: Vec<&str> = back.strip_prefix("overlay sysext ")?.split(',').collect();
    let lower = options.iter().find_map(|option| option.strip_prefix("lowerdir="))?;
    let mut layers: Vec<&'a str> = lower.split(':').collect();
    // A directory that is empty in the system image is no layer.
    layers.pop_if(|last| OWN.contains(last));
    if !options.contains(&"ro") || options.iter().any(|option| option.starts_with("upperdir=")) {
        return None;
    }
    let (first, layers) = layers.split_first()?;
    let name = |layer: &'a str| layer.strip_prefix(PLACE)?.strip_prefix("extensions/")?.strip_suffix(FIRMWARE);
    let notes = first.strip_prefix(PLACE)?.strip_prefix("meta")? == FIRMWARE;
    notes.then(|| layers.iter().copied().map(name).collect()).flatten()
}

/// The uppermost mount of `/` (proc_pid_mountinfo(5)).
fn root_mount(mountinfo: &str) -> Option<Mount<'_>> {
    let mount = |line| {
        let (front, back) = str::split_once(line, " - ")?;
        let mut front = front.split(' ').skip(2);
        let (device, _, point) = (front.next()?, front.next()?, front.next()?);
        let mut back = back.splitn(3, ' ');
        let (file_system, source, options) = (back.next()?, back.next()?, back.next()?);
        (point == "/").then_some(Mount { device, file_system, source, options })
    };
    mountinfo.lines().filter_map(mount).next_back()
}

fn table(root: &Root, tools: &Tools, at: &str) -> Result<String, String> {
    let name = root.text(&format!("{at}/dm/name")).map_err(|e| e.to_string())?;
    let said = Run::new(tools, &tools.dmsetup).args(["table", "--target", "verity", &name]).run();
    said.map(|said| String::from_utf8_lossy(&said).into_owned()).map_err(|e| e.to_string())
}

/// The root hash in a table (Linux, `Documentation/admin-guide/device-mapper/verity.rst`): start, length, `verity`,
/// version, two devices, two block sizes, number of blocks, start of the tree, algorithm, root hash, salt.
fn root_hash(table: &str) -> Option<&str> {
    let words: Vec<&str> = table.split_whitespace().collect();
    let verity = words.iter().position(|word| *word == "verity")?;
    words.get(verity + 9).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mount_that_covers_the_others_counts() {
        let text = "22 1 0:2 / / rw - rootfs rootfs rw\n\
                    29 22 254:0 / / ro,relatime shared:1 - erofs /dev/mapper/root ro,user_xattr\n\
                    30 29 0:6 / /dev rw - devtmpfs devtmpfs rw\n";
        let mount = root_mount(text).unwrap();
        assert_eq!((mount.device, mount.file_system, mount.options), ("254:0", "erofs", "ro,user_xattr"));
        assert!(root_mount("30 29 0:6 / /dev rw - devtmpfs devtmpfs rw\n").is_none());
    }

    #[test]
    fn what_is_mounted_over_the_system_is_seen() {
        let text = "29 22 254:0 / / ro - erofs /dev/mapper/root ro\n\
                    30 29 254:0 /usr /usr ro - erofs /dev/mapper/root ro\n\
                    31 29 0:44 / /home rw - ext4 /dev/vda6 rw\n";
        assert!(covers(text, "254:0").is_empty());
        let text = format!("{text}32 29 0:50 / /usr rw - overlay overlay rw,lowerdir=/usr\n");
        assert_eq!(covers(&text, "254:0"), ["/usr"]);
    }

    #[test]
    fn what_systemd_sysext_merged_is_told_from_any_other_overlay() {
        let mount =
            |rest: &str| format!("91 41 0:38 / /usr/lib/firmware ro,nodev,relatime shared:4 - overlay {rest}\n");
        let of = |rest: &str| extensions(&mount(rest), FIRMWARE).map(|names| names.join(" "));
        let meta = "/run/systemd/sysext/meta/usr/lib/firmware";
        let one = "/run/systemd/sysext/extensions/firmware-e100/usr/lib/firmware";
        // As systemd 262 mounts it in the initrd, and later.
        for own in ["/sysroot/usr/lib/firmware", FIRMWARE] {
            let real = format!("sysext ro,lowerdir={meta}:{one}:{own},redirect_dir=on");
            assert_eq!(of(&real).as_deref(), Some("firmware-e100"));
        }
        // As it does where the system image has no firmware of its own.
        assert_eq!(of(&format!("sysext ro,lowerdir={meta}:{one},redirect_dir=on")).as_deref(), Some("firmware-e100"));
        for other in [
            format!("overlay ro,lowerdir={meta}:{one}:{FIRMWARE}"),
            format!("sysext rw,lowerdir={meta}:{one}:{FIRMWARE}"),
            format!("sysext ro,lowerdir={meta}:{one}:{FIRMWARE},upperdir=/var/x"),
            format!("sysext ro,lowerdir={meta}:/tmp/usr:{FIRMWARE}"),
            format!("sysext ro,lowerdir={meta}:{one}:/tmp/usr"),
            format!("sysext ro,lowerdir={one}:{one}:{FIRMWARE}"),
            format!("sysext ro,lowerdir={FIRMWARE}"),
        ] {
            assert_eq!(of(&other), None, "{other}");
        }
        assert_eq!(
            extensions(
                &mount(&format!("sysext ro,lowerdir={meta}:{one}:{FIRMWARE}")).replace(" /usr/lib/firmware ", " /usr "),
                "/usr"
            ),
            None
        );
    }

    #[test]
    fn the_root_hash_stands_behind_its_algorithm() {
        let table = "0 265352 verity 1 254:2 254:3 4096 4096 33169 1 sha256 ef6fc09d 8f00 1 panic_on_corruption\n";
        assert_eq!(root_hash(table), Some("ef6fc09d"));
        assert_eq!(root_hash("0 265352 linear 254:2 0"), None);
    }
}
