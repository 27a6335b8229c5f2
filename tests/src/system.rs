//! A system tree of a few MiB: too small to start, but with everything that Forge reads from a real one.

use std::{fs, path::Path};

/// Bytes of noise in the tree, so that the image has several pieces of 4 MiB.
const NOISE: usize = 11 << 20;

const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
bin:x:2:2:bin:/bin:/usr/sbin/nologin
games:x:5:60:games:/usr/games:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
systemd-network:x:998:998:systemd Network Management:/:/usr/sbin/nologin
";
const GROUP: &str = "root:x:0:
daemon:x:1:
tty:x:5:
sudo:x:27:
audio:x:29:
shadow:x:42:
users:x:100:
games:x:60:
nogroup:x:65534:
systemd-network:x:998:
";
/// Root has a password here, which must not come through.
const SHADOW: &str = "root:$6$abcdefgh$tooShortToBeReal:19700:0:99999:7:::
daemon:*:19700:0:99999:7:::
bin:*:19700:0:99999:7:::
games:*:19700:0:99999:7:::
nobody:*:19700:0:99999:7:::
systemd-network:!*:19700::::::
";
const GSHADOW: &str = "root:*::
daemon:*::
tty:*::
sudo:*::
audio:*::
shadow:*::
users:*::
games:*::
nogroup:*::
systemd-network:!*::
";
const OS_RELEASE: &str =
    "NAME=\"Forge test system\"\nID=forgetest\nVERSION_ID=1\nPRETTY_NAME=\"Forge test system 1\"\n";
const KEYBOARDS: &str = "# console keymap, XKB layout, model, variant, options
us us pc105+inet - terminate:ctrl_alt_bksp
de de pc105 - terminate:ctrl_alt_bksp
de-latin1-nodeadkeys de pc105 nodeadkeys terminate:ctrl_alt_bksp
fr fr pc105 - terminate:ctrl_alt_bksp
";

/// Makes the tree below `root`.
pub fn make(root: &Path) {
    let put = |path: &str, bytes: &[u8]| {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    put("etc/passwd", PASSWD.as_bytes());
    put("etc/group", GROUP.as_bytes());
    put("etc/shadow", SHADOW.as_bytes());
    put("etc/gshadow", GSHADOW.as_bytes());
    // No subgid: Debian's own base has empty files, and some systems have none.
    put("etc/subuid", b"");
    put("usr/lib/os-release", OS_RELEASE.as_bytes());
    put("usr/share/systemd/kbd-model-map", KEYBOARDS.as_bytes());
    for locale in ["C.utf8", "de_DE.utf8", "en_US.utf8"] {
        put(&format!("usr/lib/locale/{locale}/LC_CTYPE"), b"stands for a compiled locale");
    }
    for zone in ["Europe/Berlin", "America/New_York", "Etc/UTC"] {
        let real = fs::read(Path::new("/usr/share/zoneinfo").join(zone));
        put(&format!("usr/share/zoneinfo/{zone}"), &real.unwrap_or_else(|_| b"TZif2 stands for a zone".to_vec()));
    }
    put("usr/share/zoneinfo/zone.tab", b"# no zone, and not offered\n");
    put("usr/lib/noise", &noise(NOISE));
}

/// Bytes that no compressor shortens, the same in every run.
pub fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
