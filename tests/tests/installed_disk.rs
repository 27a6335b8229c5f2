//! What other people's tools find on a disk after an install: table, sealed image, boot files, signatures.

use forge_model::{layout::Role, size::MIB};
use forge_tests::{
    installed::{self, assert_complete},
    look::{fat_files, run},
    payload::CREDENTIAL,
};
use std::{collections::BTreeMap, fs};

#[test]
fn the_partition_table_is_the_one_of_the_plan() {
    let installed = installed::shared();
    assert!(run("sgdisk", &["-v", &installed.disk.text()]).text.contains("No problems found"));
    let receipt = installed.receipt();
    assert_eq!(receipt.partitions.len(), 6);
    let print = run("sgdisk", &["-p", &installed.disk.text()]).text.to_lowercase();
    assert!(print.contains(&receipt.disk_id.to_string()), "{print}");
    let hash = receipt.root_hash.to_string();
    for partition in &receipt.partitions {
        let info = run("sgdisk", &["-i", &partition.number.to_string(), &installed.disk.text()]).text;
        let line = |name: &str| {
            let line = info.lines().find(|line| line.starts_with(name));
            line.unwrap().split_once(':').unwrap().1.trim().to_lowercase()
        };
        let kind = match partition.role {
            Role::Esp => "c12a7328-f81f-11d2-ba4b-00a0c93ec93b",
            Role::RootA | Role::RootB => "4f68bce3-e8cd-4db1-96e7-fbcaf984b709",
            Role::VerityA | Role::VerityB => "2c7357ed-ebd2-46d9-aec1-23d437ec2bf5",
            Role::State => "4d21b016-b534-45c2-a9fb-5c16e091fd2d",
        };
        assert!(line("Partition GUID code").starts_with(kind), "{info}");
        assert_eq!(line("Partition unique GUID"), partition.id.to_string());
        assert!(line("First sector").starts_with(&format!("{} ", partition.offset / 512)), "{info}");
        assert!(line("Last sector").starts_with(&format!("{} ", (partition.offset + partition.size) / 512 - 1)));
        let plain = partition.id.simple().to_string();
        let (attributes, label) = match partition.role {
            Role::Esp => ("0000000000000000", "esp"),
            Role::RootA => ("1000000000000000", "forgetest_1"),
            Role::VerityA => ("1000000000000000", "forgetest_1_verity"),
            Role::RootB | Role::VerityB => ("8000000000000000", "_empty"),
            Role::State => ("0000000000000000", "state"),
        };
        assert_eq!((line("Attribute flags").as_str(), line("Partition name")), (attributes, format!("'{label}'")));
        match partition.role {
            Role::RootA => assert_eq!(plain, hash[..32]),
            Role::VerityA => assert_eq!(plain, hash[32..]),
            _ => assert!(!hash.contains(&plain)),
        }
    }
}

#[test]
fn veritysetup_agrees_that_the_sealed_image_has_the_root_hash() {
    let installed = installed::shared();
    let ((_a, data), (_b, tree)) = (installed.part(Role::RootA), installed.part(Role::VerityA));
    let hash = installed.receipt().root_hash.to_string();
    let said = run("veritysetup", &["verify", &data, &tree, &hash]);
    assert!(said.well, "{}", said.text);
    let other = format!("{}{}", if hash.starts_with('0') { "1" } else { "0" }, &hash[1..]);
    assert!(!run("veritysetup", &["verify", &data, &tree, &other]).well);
}

#[test]
fn the_image_on_the_disk_is_the_one_of_the_payload() {
    let installed = installed::shared();
    let (_scratch, data) = installed.part(Role::RootA);
    let image = fs::read(installed.payload.file("system.img")).unwrap();
    assert!(fs::read(data).unwrap().starts_with(&image));
}

#[test]
fn the_esp_is_a_clean_fat32_with_exactly_the_files_of_the_receipt() {
    let installed = installed::shared();
    let (_scratch, esp) = installed.part(Role::Esp);
    let fsck = run("fsck.fat", &["-n", &esp]);
    // It ends with 0 for some faults, so its words count.
    let expected = |line: &str| line.starts_with("fsck.fat ") || line.contains(" files, ");
    assert!(fsck.well && fsck.text.lines().all(|line| line.trim().is_empty() || expected(line)), "{}", fsck.text);
    assert!(run("blkid", &["-p", "-o", "export", &esp]).text.contains("VERSION=FAT32"));

    let mut found = fat_files(&installed.disk.path, installed.partition(Role::Esp).offset);
    let json = found.remove("EFI/forge/receipt.json").unwrap();
    let signature = found.remove("EFI/forge/receipt.json.sig").unwrap();
    assert!(json == installed.handed.receipt_json && signature == installed.handed.receipt_signature);
    let hash = |bytes: &Vec<u8>| (bytes.len() as u64, hex::encode(openssl::sha::sha256(bytes)));
    let found: BTreeMap<_, _> = found.iter().map(|(path, bytes)| (path.clone(), hash(bytes))).collect();
    let files = &installed.receipt().esp_files;
    let wanted: BTreeMap<_, _> = files.iter().map(|f| (f.path.clone(), (f.size, f.sha256.clone()))).collect();
    assert_eq!(found, wanted);
    for file in ["EFI/BOOT/BOOTX64.EFI", "EFI/BOOT/mmx64.efi", "EFI/BOOT/fbx64.efi", "EFI/forgetest/BOOTX64.CSV"] {
        assert!(found.contains_key(file), "{file} is missing");
    }
}

#[test]
fn boot_files_are_signed_by_this_machines_key_and_by_no_other() {
    let installed = installed::shared();
    let files = fat_files(&installed.disk.path, installed.partition(Role::Esp).offset);
    let scratch = tempfile::tempdir().unwrap();
    let path = |name: &str| scratch.path().join(name).display().to_string();
    fs::write(path("own.der"), &files["INTERGENOS-KEY.cer"]).unwrap();
    assert!(run("openssl", &["x509", "-inform", "DER", "-in", &path("own.der"), "-out", &path("own.pem")]).well);
    let other = forge_engine::mok::Pair::generate(
        forge_engine::mok::Kind::Boot,
        "InterGenOS boot key, quiet-otter",
        std::time::SystemTime::now(),
    );
    fs::write(path("other.pem"), other.unwrap().certificate_pem().unwrap()).unwrap();
    let ours: Vec<_> = files.keys().filter(|f| f.ends_with("grubx64.efi") || f.starts_with("EFI/Linux/")).collect();
    assert_eq!(ours.len(), 3, "{ours:?}");
    for file in ours {
        fs::write(path("image.efi"), &files[file]).unwrap();
        let own = run("sbverify", &["--cert", &path("own.pem"), &path("image.efi")]);
        assert!(own.well, "{file}: {}", own.text);
        assert!(!run("sbverify", &["--cert", &path("other.pem"), &path("image.efi")]).well, "{file}");
    }
    assert_eq!(files["INTERGENOS-KEY.cer"], installed.handed.certificate);
}

#[test]
fn the_signed_command_line_names_the_root_hash_and_the_state_of_this_disk() {
    let installed = installed::shared();
    let files = fat_files(&installed.disk.path, installed.partition(Role::Esp).offset);
    let uki = files.iter().find(|(path, _)| path.starts_with("EFI/Linux/")).unwrap().1;
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("uki.efi");
    fs::write(&path, uki).unwrap();
    let inspected = run("ukify", &["inspect", &path.display().to_string(), "--json=short"]);
    let sections: serde_json::Value = serde_json::from_slice(&inspected.output).expect(&inspected.text);
    let line = sections[".cmdline"]["text"].as_str().unwrap();
    let (receipt, state) = (installed.receipt(), installed.partition(Role::State).id);
    assert_eq!(line, receipt.command_line);
    let words: Vec<&str> = line.split(' ').collect();
    assert_eq!(words[0], "quiet", "the payload's own words come first");
    assert!(words.contains(&format!("roothash={}", receipt.root_hash).as_str()), "{line}");
    assert!(line.contains(&format!("rd.systemd.mount-extra=PARTUUID={state}:/sysroot/var:ext4:")), "{line}");
    assert!(line.contains("rd.systemd.mount-extra=overlay:/sysroot/etc:overlay:lowerdir=/sysroot/etc,"), "{line}");
    assert_eq!(sections[".uname"]["text"], "6.18.0-forgetest");
    assert!(sections[".osrel"]["text"].as_str().unwrap().contains("ID=forgetest"));
}

#[test]
fn the_receipt_is_signed_by_this_machines_key_and_says_what_was_done() {
    let installed = installed::shared();
    let scratch = tempfile::tempdir().unwrap();
    let path = |name: &str| scratch.path().join(name).display().to_string();
    let handed = &installed.handed;
    fs::write(path("own.der"), &handed.certificate).unwrap();
    let key = run("openssl", &["x509", "-inform", "DER", "-in", &path("own.der"), "-pubkey", "-noout"]);
    fs::write(path("key.pem"), key.output).unwrap();
    fs::write(path("json"), &handed.receipt_json).unwrap();
    fs::write(path("sig"), &handed.receipt_signature).unwrap();
    let check =
        || run("openssl", &["dgst", "-sha256", "-verify", &path("key.pem"), "-signature", &path("sig"), &path("json")]);
    assert!(check().well, "{}", check().text);
    let mut changed = handed.receipt_json.clone();
    changed[40] ^= 1;
    fs::write(path("json"), changed).unwrap();
    assert!(!check().well);

    let (receipt, manifest) = (installed.receipt(), installed.payload.manifest());
    assert_eq!(receipt.root_hash, manifest.image.root_hash);
    assert_eq!(receipt.payload_certificate, installed.payload.keys.fingerprint.to_hex());
    assert_eq!(receipt.credentials, [CREDENTIAL]);
    assert_eq!(receipt.boot_key.sha256, hex::encode(openssl::sha::sha256(&handed.certificate)));
    assert_ne!(receipt.boot_key.sha256, receipt.module_key.sha256);
}

#[test]
fn forge_finds_its_own_disk_in_order() {
    let installed = installed::shared();
    assert_eq!(&assert_complete(&installed.disk.path), installed.receipt());
}

#[test]
fn every_partition_begins_and_ends_on_a_whole_mebibyte() {
    for partition in &installed::shared().receipt().partitions {
        assert_eq!((partition.offset % MIB, partition.size % MIB), (0, 0), "{partition:?}");
    }
}
