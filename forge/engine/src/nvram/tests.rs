//! A directory plays the firmware: it has no immutable flag by itself, no limit of a store, and checks no names. The
//! store that is full is a limit on the length of files, which the kernel tells as it tells a full disk.

use super::*;
use crate::{
    efivars::{GLOBAL, PERSISTENT, SHIM_LOCK, Variable},
    mok::PasswordHash,
};
use load_option::Loader;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use std::{collections::BTreeMap, fs, path::Path, process::Command};
use uuid::Uuid;
use zeroize::Zeroizing;

const ESP: (u32, u64, u64, Uuid) = (1, 2048, 1 << 21, Uuid::from_u128(0x837c_dce3_3ef0_4943_a8f2_35a3_f586_c90a));
const OLD: Uuid = Uuid::from_u128(7);
const FOREIGN: Uuid = Uuid::from_u128(8);

fn firmware() -> (tempfile::TempDir, Variables) {
    let directory = tempfile::tempdir().unwrap();
    let variables = Variables::at(directory.path());
    set(&variables, "SecureBoot", &[1]);
    (directory, variables)
}

fn set(variables: &Variables, name: &str, data: &[u8]) {
    variables.write(name, GLOBAL, &Variable { attributes: PERSISTENT, data: data.to_vec() }).unwrap();
}

fn entry(id: Uuid, path: &str) -> Vec<u8> {
    load_option::bytes("Some system", &Loader { number: 1, start: 2048, sectors: 4096, id, path: path.into() })
}

fn ours() -> BootEntry {
    BootEntry::new("InterGenOS", "intergenos", ESP, vec![OLD])
}

fn request(code: &str) -> Request {
    let hash = PasswordHash::new(&Zeroizing::new(code.to_owned())).unwrap();
    Request::enroll(&[0x30; 800], &hash).unwrap()
}

/// Every file with its content.
fn everything(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    files.map(|file| (file.file_name().into_string().unwrap(), fs::read(file.path()).unwrap())).collect()
}

fn order(variables: &Variables) -> Vec<u16> {
    let order = variables.read("BootOrder", GLOBAL).unwrap().unwrap();
    order.data.chunks_exact(2).map(|two| u16::from_le_bytes([two[0], two[1]])).collect()
}

fn read(variables: &Variables, name: &str) -> Option<Vec<u8>> {
    variables.read(name, GLOBAL).unwrap().map(|variable| variable.data.clone())
}

#[test]
fn the_entry_is_the_one_that_other_boot_managers_write() {
    // HD(1,GPT,837cdce3-…,0x2800,0xf2000)/File(\EFI\arch\grubx64.efi), as efibootmgr made it on an Arch system.
    let loader =
        Loader { number: 1, start: 0x2800, sectors: 0xf_2000, id: ESP.3, path: "\\EFI\\arch\\grubx64.efi".into() };
    let expected = "010000005e004700520055004200000004012a0001000000002800000000000000200f0000000000e3dc7c83f03e4349\
                    a8f235a3f586c90a02020404300\
                    05c004500460049005c0061007200630068005c00670072007500620078003600340\
                    02e0065006600690000007fff0400";
    assert_eq!(hex::encode(load_option::bytes("GRUB", &loader)), expected);
    assert_eq!(load_option::loader(&hex::decode(expected).unwrap()), Some((loader.id, loader.path)));
}

#[test]
fn broken_entries_are_nothing_to_us() {
    let good = entry(OLD, "\\EFI\\intergenos\\shimx64.efi");
    for length in 0..good.len() - 4 {
        let _ = load_option::loader(&good[..length]);
    }
    for place in 0..good.len() {
        for value in [0, 1, 3, 0x7f, 0xff] {
            let mut broken = good.clone();
            broken[place] = value;
            let _ = load_option::loader(&broken);
        }
    }
}

#[test]
fn a_new_entry_is_the_first_one_and_the_others_stay_in_order() {
    let (_directory, variables) = firmware();
    set(&variables, "Boot0000", &entry(FOREIGN, "\\EFI\\Microsoft\\Boot\\bootmgfw.efi"));
    set(&variables, "Boot0002", b"a firmware's own, in no known form");
    set(&variables, "BootOrder", &[2, 0, 0, 0]);
    assert_eq!(stage(&variables, &ours(), &request("code")).boot_entry, Staging::Done);
    assert_eq!(order(&variables), [1, 2, 0]);
    let (partition, path) = load_option::loader(&read(&variables, "Boot0001").unwrap()).unwrap();
    assert_eq!((partition, path.as_str()), (ESP.3, "\\EFI\\intergenos\\shimx64.efi"));
}

#[test]
fn entries_of_the_replaced_install_go_and_those_of_other_disks_and_systems_stay() {
    let (_directory, variables) = firmware();
    let (same, other) = ("\\EFI\\InterGenOS\\SHIMX64.EFI", "\\EFI\\intergenos\\shimx64.efi");
    let windows = "\\EFI\\Microsoft\\Boot\\bootmgfw.efi";
    for (name, content) in [
        ("Boot0003", entry(OLD, same)),
        ("Boot000A", entry(OLD, other)),
        ("Boot0004", entry(FOREIGN, other)),
        ("Boot0005", entry(OLD, windows)),
    ] {
        set(&variables, name, &content);
    }
    set(&variables, "BootOrder", &[4, 0, 3, 0, 10, 0, 5, 0]);
    assert_eq!(stage(&variables, &ours(), &request("code")).boot_entry, Staging::Done);
    assert_eq!(order(&variables), [3, 4, 5]);
    assert_eq!(read(&variables, "Boot000A"), None);
    assert_eq!(read(&variables, "Boot0004"), Some(entry(FOREIGN, other)));
    assert_eq!(read(&variables, "Boot0005"), Some(entry(OLD, windows)));
    assert_eq!(load_option::loader(&read(&variables, "Boot0003").unwrap()).unwrap().0, ESP.3);
}

#[test]
fn staging_twice_leaves_one_entry_and_one_request() {
    let (directory, variables) = firmware();
    for code in ["first", "second"] {
        let staged = stage(&variables, &ours(), &request(code));
        assert_eq!(staged, Staged { boot_entry: Staging::Done, request: Staging::Done });
    }
    assert_eq!(order(&variables), [0]);
    let names: Vec<_> = everything(directory.path()).into_keys().collect();
    assert_eq!(names.len(), 6, "{names:?}");
}

#[test]
fn the_request_is_left_byte_for_byte() {
    let (_directory, variables) = firmware();
    let request = request("code");
    assert_eq!(stage_request(&variables, &request), Staging::Done);
    for wanted in request.variables() {
        let found = variables.read(wanted.name, wanted.guid).unwrap().unwrap();
        assert_eq!((found.attributes, &found.data), (wanted.attributes, &wanted.data), "{}", wanted.name);
    }
}

#[test]
fn without_uefi_nothing_is_left_and_nothing_is_said_to_have_failed() {
    let directory = tempfile::tempdir().unwrap();
    let variables = Variables::at(directory.path());
    assert_eq!(stage(&variables, &ours(), &request("code")), Staged::NOT_HERE);
    assert!(everything(directory.path()).is_empty());
}

/// Runs the staging test below in a process of its own, where no file may be longer than this.
fn in_a_store_of(bytes: u64) {
    let run = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "nvram::tests::a_full_store_child", "--include-ignored", "--nocapture"])
        .env("FORGE_TEST_LONGEST_FILE", bytes.to_string())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success() && said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&run.stderr));
}

#[test]
fn a_full_store_is_left_as_it_was_and_the_failure_says_so() {
    // The certificate does not fit; then the boot entry does not fit either.
    in_a_store_of(200);
    in_a_store_of(60);
}

#[test]
#[ignore = "part of the test above: it limits its process"]
fn a_full_store_child() {
    let Ok(longest) = std::env::var("FORGE_TEST_LONGEST_FILE") else { return };
    let longest: u64 = longest.parse().unwrap();
    let (directory, variables) = firmware();
    set(&variables, "Boot0003", &entry(OLD, "\\EFI\\intergenos\\shimx64.efi")[..40]);
    set(&variables, "BootOrder", &[3, 0]);
    variables.write("MokTimeout", SHIM_LOCK, &Variable { attributes: PERSISTENT, data: vec![9, 0, 0, 0] }).unwrap();
    let before = everything(directory.path());
    let maximum = getrlimit(Resource::Fsize).maximum;
    setrlimit(Resource::Fsize, Rlimit { current: Some(longest), maximum }).unwrap();
    let staged = stage(&variables, &ours(), &request("code"));
    let full = |staging: &Staging| matches!(staging, Staging::Failed { fault: StagingFault::NoRoom, .. });
    assert!(full(&staged.request), "{staged:?}");
    let mut after = everything(directory.path());
    match longest {
        60 => assert!(full(&staged.boot_entry), "{staged:?}"),
        _ => {
            assert_eq!(staged.boot_entry, Staging::Done);
            assert_eq!(order(&variables), [0, 3]);
            after.remove(&format!("Boot0000-{GLOBAL}"));
            after.insert(format!("BootOrder-{GLOBAL}"), before[&format!("BootOrder-{GLOBAL}")].clone());
        }
    }
    assert_eq!(after, before);
}

#[test]
fn firmware_tools_read_the_entry_as_it_is_meant() {
    let (tool, store) = ("/usr/bin/virt-fw-vars", "/usr/share/OVMF/OVMF_VARS_4M.ms.fd");
    if !Path::new(tool).exists() || !Path::new(store).exists() {
        eprintln!("not run: {tool} or {store} is not installed");
        return;
    }
    let (_directory, variables) = firmware();
    assert_eq!(stage(&variables, &ours(), &request("code")).boot_entry, Staging::Done);
    let other = tempfile::tempdir().unwrap();
    let set = json!({ "version": 2, "variables": [
        { "name": "Boot0000", "guid": GLOBAL, "attr": 7, "data": hex::encode(read(&variables, "Boot0000").unwrap()) },
    ]});
    fs::write(other.path().join("set.json"), set.to_string()).unwrap();
    let made = other.path().join("vars.fd");
    let run = |arguments: &[&std::ffi::OsStr]| {
        let run = Command::new(tool).args(arguments).output().unwrap();
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        String::from_utf8_lossy(&run.stdout).into_owned()
    };
    let set = other.path().join("set.json");
    run(&["--input".as_ref(), store.as_ref(), "--set-json".as_ref(), set.as_ref(), "--output".as_ref(), made.as_ref()]);
    let printed = run(&["--input".as_ref(), made.as_ref(), "--print".as_ref(), "--verbose".as_ref()]);
    let wanted = "title=\"InterGenOS\" devpath=Partition(nr=1)/FilePath(\\EFI\\intergenos\\shimx64.efi)";
    assert!(printed.contains(wanted), "{printed}");
}
