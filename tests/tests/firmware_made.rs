//! Bundles of firmware as `forgectl payload firmware` makes them, judged by other people's tools.

use forge_engine::{
    firmware::make::{self, LIST, Made, MakeError},
    payload::build::{self, BuildError},
    tool::Tools,
    watch::Unwatched,
};
use forge_tests::{
    firmware::{self, MICROCODE, WIFI},
    look::{self, run},
    payload, system,
};
use std::{fs, path::Path, time::SystemTime};
use tempfile::TempDir;

/// The small linux-firmware, a system tree, and the bundles made from them in `firmware`.
fn made() -> (TempDir, Made) {
    let scratch = tempfile::tempdir().unwrap();
    system::make(&scratch.path().join("root"));
    firmware::lay_out(scratch.path());
    let made = firmware::make(scratch.path(), &scratch.path().join("root"), "firmware");
    (scratch, made)
}

#[test]
fn a_bundle_is_a_sealed_image_by_the_word_of_gdisk_veritysetup_and_erofs() {
    let (scratch, made) = made();
    for bundle in &made.bundles {
        let image = scratch.path().join("firmware").join(format!("{}.raw", bundle.name));
        let text = image.display().to_string();
        let said = run("sgdisk", &["-v", &text]).text;
        assert!(said.contains("No problems found") && !said.contains("aution"), "{said}");
        let table: serde_json::Value = serde_json::from_slice(&run("sfdisk", &["-J", &text]).output).unwrap();
        let part = |number: usize| {
            let part = &table["partitiontable"]["partitions"][number];
            let path = scratch.path().join(format!("part{number}"));
            let at = |key: &str| part[key].as_u64().unwrap() * 512;
            assert!(at("start").is_multiple_of(4096) && at("size").is_multiple_of(4096), "{part}");
            look::part(&image, at("start"), at("size"), &path);
            (path.display().to_string(), part["uuid"].as_str().unwrap().to_lowercase(), part["type"].clone())
        };
        let ((data, data_id, data_type), (tree, tree_id, tree_type)) = (part(0), part(1));
        // Discoverable Partitions Specification: root and its verity, x86-64.
        assert_eq!(data_type, "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709");
        assert_eq!(tree_type, "2C7357ED-EBD2-46D9-AEC1-23D437EC2BF5");
        let hash = bundle.root_hash.to_string();
        assert_eq!(format!("{data_id}{tree_id}").replace('-', ""), hash);
        let checked = run("veritysetup", &["verify", &data, &tree, &hash]);
        assert!(checked.well, "{}", checked.text);
        let other = hash.replace(&hash[..1], if hash.starts_with('0') { "1" } else { "0" });
        assert!(!run("veritysetup", &["verify", &data, &tree, &other]).well);

        let out = scratch.path().join(format!("tree-{}", bundle.name));
        let checked = run("fsck.erofs", &[&format!("--extract={}", out.display()), &data]);
        assert!(checked.well, "{}", checked.text);
        let release = out.join(format!("usr/lib/extension-release.d/extension-release.firmware-{}", bundle.name));
        assert_eq!(fs::read_to_string(release).unwrap(), "ID=forgetest\nVERSION_ID=1\n");
        for file in &bundle.files {
            let bytes = fs::read(out.join("usr/lib/firmware").join(&file.path)).unwrap();
            assert_eq!(
                (bytes.len() as u64, hex::encode(openssl::sha::sha256(&bytes))),
                (file.size, file.sha256.clone())
            );
        }
    }
    let wifi = scratch.path().join("tree-test-wifi/usr/lib/firmware/testwifi");
    assert_eq!(fs::read_link(wifi.join("three.bin")).unwrap(), Path::new("one.bin"));
    assert_eq!(fs::read_dir(wifi).unwrap().count(), 3);
}

#[test]
fn a_bundle_says_what_the_list_and_the_kernel_say() {
    let (_scratch, made) = made();
    let [wifi, microcode] = made.bundles.as_slice() else { panic!("{made:?}") };
    assert_eq!((wifi.name.as_str(), microcode.name.as_str()), (WIFI, MICROCODE));
    let paths: Vec<&str> = wifi.files.iter().map(|file| file.path.as_str()).collect();
    // Through the link of a whole directory, too: a driver asks for a path, not for a file.
    let through = |directory: &str| ["one.bin", "three.bin", "two too.bin"].map(|name| format!("{directory}/{name}"));
    assert_eq!(paths, [through("testnext"), through("testwifi")].concat());
    assert_eq!(wifi.files[0].sha256, wifi.files[1].sha256);
    assert_eq!(wifi.files[0].sha256, wifi.files[3].sha256);
    assert_eq!((wifi.licence.id.as_str(), wifi.early.is_none()), ("LicenseRef-testwifi", true));
    assert_eq!(wifi.modaliases, ["pci:v0000FEEDd*sv*sd*bc*sc*i*"]);
    assert_eq!(microcode.modaliases, ["cpu:type:x86,ven0000fam*"]);
    assert_eq!(microcode.early.as_ref().unwrap().path, "firmware/test-ucode.cpio");
}

#[test]
fn the_archive_for_the_early_loader_is_the_one_that_cpio_reads() {
    let (scratch, _) = made();
    let archive = fs::read(scratch.path().join("firmware/test-ucode.cpio")).unwrap();
    let said = look::run_with("cpio", &["-itv", "--quiet"], &archive).text;
    let names: Vec<&str> = said.lines().filter_map(|line| line.split_whitespace().last()).collect();
    assert_eq!(names, ["kernel", "kernel/x86", "kernel/x86/microcode", "kernel/x86/microcode/GenuineIntel.bin"]);
    assert!(said.lines().all(|line| line.contains("1970")), "{said}");
    let contents = firmware::contents();
    let both = [contents[2].1.clone(), contents[3].1.clone()].concat();
    assert!(memchr::memmem::find(&archive, &both).is_some());
}

#[test]
fn the_same_files_give_the_same_bytes() {
    let ((first, _), (second, _)) = (made(), made());
    let names = fs::read_dir(first.path().join("firmware")).unwrap().map(|entry| entry.unwrap().file_name());
    let names: Vec<_> = names.collect();
    assert_eq!(names.len(), 6);
    for name in names {
        let read = |place: &TempDir| fs::read(place.path().join("firmware").join(&name)).unwrap();
        assert!(read(&first) == read(&second), "{}", name.display());
    }
}

#[test]
fn a_payload_takes_only_firmware_that_was_made_for_its_own_system_and_not_changed_since() {
    let build = |change: &dyn Fn(&Path)| {
        let (scratch, _) = made();
        change(scratch.path());
        let text = payload::SOURCE.replace("groups =", "firmware = \"firmware\"\ngroups =");
        let source = scratch.path().join("payload.toml");
        fs::write(&source, text).unwrap();
        fs::write(scratch.path().join("initrd"), b"stands for an initrd").unwrap();
        let (keys, output) = (payload::keys(), scratch.path().join("payload"));
        build::build(&Tools::default(), &source, &keys.release, &output, SystemTime::now(), &Unwatched).map(|_| ())
    };
    build(&|_| {}).unwrap();
    let error = build(&|place| payload::flip(&place.join("firmware/test-wifi.raw"), 9000)).unwrap_err();
    assert!(matches!(&error, BuildError::FirmwareChanged { path } if path.ends_with("test-wifi.raw")), "{error}");
    let level = |place: &Path| {
        let path = place.join("root/usr/lib/os-release");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(path, format!("{text}SYSEXT_LEVEL=2\n")).unwrap();
    };
    let error = build(&level).unwrap_err();
    assert!(matches!(&error, BuildError::OtherSystem { .. }), "{error}");
    let error = build(&|place| fs::remove_file(place.join("firmware").join(LIST)).unwrap()).unwrap_err();
    assert!(error.to_string().contains(LIST), "{error}");
}

#[test]
fn what_a_packager_forgot_is_said_with_the_bundle() {
    let says = |from: &str, to: &str| {
        let (scratch, _) = made();
        let source = scratch.path().join("firmware.toml");
        let text = fs::read_to_string(&source).unwrap();
        assert!(text.contains(from), "{from}");
        fs::write(&source, text.replace(from, to)).unwrap();
        let (root, output) = (scratch.path().join("root"), scratch.path().join("again"));
        let error = make::make(&Tools::default(), &source, &root, &output, &Unwatched).unwrap_err();
        (error.to_string(), error)
    };
    let (said, _) = says("drivers = [\"testwifi\"]", "drivers = [\"testwlan\"]");
    assert!(said.contains("\"test-wifi\"") && said.contains("did you mean \"testwifi\""), "{said}");
    let (said, _) = says("modaliases = [\"cpu:type:x86,ven0000fam*\"]", "");
    assert!(said.contains("\"test-ucode\"") && said.contains("modaliases"), "{said}");
    let (_, error) = says("name = \"test-ucode\"", "name = \"test-wifi\"");
    assert!(matches!(error, MakeError::Name { .. }), "{error}");
    let (said, _) = says("version = 1\n", "version = 1\nsurprise = 2\n");
    assert!(said.contains("surprise") && said.contains("line 2"), "{said}");
    let (said, _) = says("drivers = [\"microcode_test\"]", "drivers = [\"testwifi\"]");
    assert!(said.contains("intel-ucode/ or amd-ucode/"), "{said}");
}
