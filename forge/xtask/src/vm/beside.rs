//! A disk that other systems live on: theirs is the same, byte for byte, after each install and each start.
use super::anew;
use super::attached::Attached;
use super::checks;
use super::demo::Demo;
use super::firmware::Store;
use super::guest::Guest;
use super::machine::{Machine, Parts};
use super::mokmanager;
use super::scenarios::Stage;
use super::tool;
use anyhow::{Result, ensure};
use sha2::{Digest, Sha256};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::Path;

const MIB: u64 = 1 << 20;
const CONSOLE: &str = "console=ttyS0 loglevel=4 systemd.log_level=warning";
/// What stands for the loader of another system.
const WINDOWS: &str = "::/EFI/Microsoft/bootmgfw.efi";
const ERASE: &str = "erase = \"all-data-on-this-disk\"";

/// Somebody else's partitions: number, first MiB, MiB, type, name. Each is of a kind that a system could take for its own:
/// an EFI system partition, a root, swap, a home.
const OTHERS: [(u32, u64, u64, &str, &str); 5] = [
    (1, 1, 100, "c12a7328-f81f-11d2-ba4b-00a0c93ec93b", "EFI system partition"),
    (2, 101, 300, "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7", "Basic data partition"),
    (3, 401, 200, "4f68bce3-e8cd-4db1-96e7-fbcaf984b709", "another root"),
    (4, 601, 64, "0657fd6d-a4ab-43c4-84e5-0933c84b4f4f", "swap"),
    (7, 665, 100, "933ac7e1-2eb4-4f13-b844-0e14e2aef915", "another home"),
];

/// Installs beside them, boots, writes into `/home`, replaces that install, and boots that.
pub(super) fn run(stage: &Stage) -> Result<()> {
    let folder = stage.out().join("beside");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir(&folder)?;
    let before = install(stage, &folder)?;
    let (disk, again) = (folder.join("disk.img"), folder.join("again"));
    let answers = anew::usual(stage)?.replace(ERASE, "use = \"replace\"\nkeep-home = true");
    let demo = anew::install(stage, &again, &answers, &disk)?;
    ensure!(digests(&disk)? == before, "replacing it changed something that is not its own");
    start(stage, &demo, "beside-replaced", |guest| {
        checks::all(guest, &demo)?;
        alone(guest)?;
        guest.says("runuser -u anna -- cat /home/anna/kept", &["what anna wrote"]).map(drop)
    })?;
    ensure!(digests(&disk)? == before, "the system that replaced it changed something that is not its own");
    Ok(fs::remove_dir_all(folder)?)
}

/// Makes the disk, installs into its free space and boots that; the digests of what the others have.
fn install(stage: &Stage, folder: &Path) -> Result<Vec<[u8; 32]>> {
    let disk = folder.join("disk.img");
    others(&disk, folder)?;
    let before = digests(&disk)?;
    let answers = anew::usual(stage)?.replace(ERASE, "use = \"free-space\"\nstate-mib = 2048");
    let demo = anew::install(stage, folder, &answers, &disk)?;
    ensure!(digests(&disk)? == before, "the install changed something that is not its own");
    start(stage, &demo, "beside", |guest| {
        checks::all(guest, &demo)?;
        alone(guest)?;
        guest.output("echo 'what anna wrote' > /home/anna/kept && chown anna: /home/anna/kept && sync").map(drop)
    })?;
    ensure!(digests(&disk)? == before, "the system changed something that is not its own");
    Ok(before)
}

/// Enrolls the key, looks around inside, and lets the system write to its disk.
fn start(stage: &Stage, demo: &Demo, name: &str, look: impl FnOnce(&mut Guest) -> Result<()>) -> Result<()> {
    let store = Store::microsoft(stage.store(name))?;
    store.set(&demo.variables)?;
    let attached = Attached { more_words: Some(CONSOLE), ..Attached::default() };
    let parts = Parts { name, disk: &demo.disk, snapshot: false, store: &store, out: stage.out(), attached: &attached };
    let mut machine = Machine::start(&parts)?;
    mokmanager::enroll(&mut machine, &demo.mok_code)?;
    let mut guest = Guest::root(&mut machine, demo)?;
    look(&mut guest)?;
    guest.power_off()
}

/// Nothing of the others is mounted or swapped to.
fn alone(guest: &mut Guest) -> Result<()> {
    guest.output("test -z \"$(swapon --show --noheadings)\"")?;
    for (number, ..) in OTHERS {
        guest.output(&format!("! grep -E '^/dev/[sv]da{number} ' /proc/mounts"))?;
    }
    println!("    ok      nothing of the other systems is in use");
    Ok(())
}

/// Makes the disk with what the others have, each made by its own tool.
fn others(disk: &Path, folder: &Path) -> Result<()> {
    File::create_new(disk)?.set_len(crate::demo::DISK_BYTES + 1024 * MIB)?;
    let lines = OTHERS.iter().map(|(number, at, mib, kind, name)| {
        format!("{number} : start={}, size={}, type={kind}, name=\"{name}\"\n", at * MIB / 512, mib * MIB / 512)
    });
    let table = folder.join("table");
    fs::write(&table, format!("label: gpt\n{}", lines.collect::<String>()))?;
    let script = format!("/usr/sbin/sfdisk --quiet {} < {}", disk.display(), table.display());
    tool::run("/bin/sh", &["-c", &script])?;
    let tree = folder.join("tree");
    fs::create_dir(&tree)?;
    fs::write(tree.join("thesis"), vec![0x42; 5 << 20])?;
    let file = folder.join("partition");
    for (number, at, mib, ..) in OTHERS {
        File::create(&file)?.set_len(mib * MIB)?;
        let file_word = file.as_os_str();
        let word = OsStr::new;
        match number {
            1 => {
                tool::run("/usr/sbin/mkfs.fat", &[word("-F"), word("32"), file_word])?;
                let folders = [word("::/EFI"), word("::/EFI/Microsoft")];
                tool::run("/usr/bin/mmd", &[&[word("-i"), file_word][..], &folders].concat())?;
                let thesis = tree.join("thesis");
                tool::run("/usr/bin/mcopy", &[word("-i"), file_word, thesis.as_os_str(), word(WINDOWS)])?
            }
            2 => tool::run("/usr/sbin/mkntfs", &[word("--force"), word("--fast"), word("--quiet"), file_word])?,
            4 => tool::run("/usr/sbin/mkswap", &[file_word])?,
            _ => tool::run(
                "/usr/sbin/mke2fs",
                &[word("-q"), word("-t"), word("ext4"), word("-d"), tree.as_os_str(), file_word],
            )?,
        };
        let mut to = File::options().write(true).open(disk)?;
        to.seek(SeekFrom::Start(at * MIB))?;
        std::io::copy(&mut File::open(&file)?, &mut to)?;
    }
    Ok(fs::remove_file(file)?)
}

/// SHA-256 of each of the others' partitions; of their ESP that of what is in it. systemd-stub finds an ESP by its type: it
/// leaves its `loader/random-seed` in the first one of the disk, whichever it was started from (docs/disk.md).
fn digests(disk: &Path) -> Result<Vec<[u8; 32]>> {
    let esp = format!("{}@@{}M", disk.display(), OTHERS[0].1);
    let files = tool::run("/usr/bin/mdir", &["-/", "-b", "-i", &esp, "::"])?;
    let files = String::from_utf8(files)?;
    let theirs: Vec<&str> = files.lines().filter(|name| !name.starts_with("::/loader/")).collect();
    ensure!(theirs == ["::/EFI/", "::/EFI/Microsoft/", WINDOWS], "the ESP of the others has {theirs:?}");
    let loader = Sha256::digest(tool::run("/usr/bin/mcopy", &["-i", &esp, WINDOWS, "-"])?).into();
    let digest = |(_, at, mib, ..): &(u32, u64, u64, &str, &str)| {
        let mut bytes = vec![0; (mib * MIB) as usize];
        File::open(disk)?.read_exact_at(&mut bytes, at * MIB)?;
        Ok(Sha256::digest(bytes).into())
    };
    std::iter::once(Ok(loader)).chain(OTHERS[1..].iter().map(digest)).collect()
}
