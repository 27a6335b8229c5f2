//! What is mounted where, from `/proc/self/mountinfo` (proc_pid_mountinfo(5)).

use std::path::{Path, PathBuf};

/// One mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mount {
    /// The device number of the files on it, as `major:minor`; major 0 stands for no block device.
    pub device: String,
    /// Where it is.
    pub at: PathBuf,
    /// The file system's type.
    pub file_system: String,
    /// What was mounted.
    pub source: String,
    /// The file system's own options.
    pub options: String,
}

/// Every mount, in order; lines of another shape are left out.
pub(super) fn parse(mountinfo: &str) -> Vec<Mount> {
    mountinfo.lines().filter_map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<Mount> {
    let (of_mount, of_file_system) = line.split_once(" - ")?;
    let mut of_mount = of_mount.split(' ').skip(2);
    let mut of_file_system = of_file_system.split(' ');
    Some(Mount {
        device: of_mount.next()?.to_owned(),
        at: unescape(of_mount.nth(1)?).into(),
        file_system: of_file_system.next()?.to_owned(),
        source: unescape(of_file_system.next()?),
        options: unescape(of_file_system.next().unwrap_or_default()),
    })
}

/// The mount that holds a path: the longest one above it, and of those at one place the last, which covers the others.
pub(super) fn holding<'a>(mounts: &'a [Mount], path: &Path) -> Option<(usize, &'a Mount)> {
    let above = mounts.iter().enumerate().filter(|(_, mount)| path.starts_with(&mount.at));
    above.max_by_key(|(place, mount)| (mount.at.iter().count(), *place))
}

/// The layers of an overlay: `lowerdir` and its newer forms, and `upperdir`.
pub(super) fn layers(options: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for (name, value) in split(options, ',').iter().filter_map(|option| option.split_once('=')) {
        if matches!(name, "lowerdir" | "lowerdir+" | "datadir+" | "upperdir") {
            let one = split(value, ':');
            found.extend(one.iter().filter(|layer| !layer.is_empty()).map(|layer| layer.replace('\\', "").into()));
        }
    }
    found
}

/// Splits at a character that has no backslash before it.
fn split(text: &str, at: char) -> Vec<&str> {
    let mut escaped = false;
    text.split(|c: char| {
        let splits = c == at && !escaped;
        escaped = c == '\\' && !escaped;
        splits
    })
    .collect()
}

/// Octal escapes of three digits, as the kernel writes space, tab, newline, backslash and `#`.
fn unescape(text: &str) -> String {
    let mut parts = text.split('\\');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let byte = part.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok()).filter(u8::is_ascii);
        match byte {
            Some(byte) => {
                plain.push(char::from(byte));
                plain.push_str(&part[3..]);
            }
            None => {
                plain.push('\\');
                plain.push_str(part);
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIVE: &str = "\
1 1 0:2 / / rw - rootfs rootfs rw
27 1 8:17 / / ro,relatime shared:1 - iso9660 /dev/sdb1 ro
28 27 0:40 / /run/a\\040b rw - tmpfs tmpfs rw
no mount at all
";

    #[test]
    fn the_last_mount_at_a_place_covers_the_others() {
        let mounts = parse(LIVE);
        assert_eq!(mounts.len(), 3);
        assert_eq!(holding(&mounts, Path::new("/etc")).unwrap().1.device, "8:17");
        assert_eq!(holding(&mounts, Path::new("/run/a b/c")).unwrap().1.device, "0:40");
        assert_eq!(holding(&mounts, Path::new("/run/a bc")).unwrap().1.device, "8:17");
    }

    #[test]
    fn layers_of_an_overlay_are_found_with_escaped_colons_and_in_new_forms() {
        let old = layers(r"rw,lowerdir=/a:/b\:c::/d,upperdir=/u,workdir=/w");
        assert_eq!(old, ["/a", "/b:c", "/d", "/u"].map(PathBuf::from));
        assert_eq!(layers("ro,lowerdir+=/a,lowerdir+=/b,datadir+=/c"), ["/a", "/b", "/c"].map(PathBuf::from));
    }
}
