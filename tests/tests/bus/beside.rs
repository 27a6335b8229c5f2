//! An install onto a real disk beside what is there.

use crate::bench::{Bench, said};
use forge_dbus::{Error, client::ClientError, status::Outcome};
use forge_model::inventory::Content;
use forge_tests::{
    disk::{MIB, digest},
    look::run,
    private::{LoopDisk, Person, system},
};
use std::{
    fs::{self, File, OpenOptions},
    os::unix::fs::FileExt,
    path::Path,
};

const SCRIPT: &str = "label: gpt\nstart=2048, size=65536, type=linux, name=\"mine\"\n";

fn mine(file: &Path) -> Vec<u8> {
    let mut bytes = vec![0; 32 << 20];
    File::open(file).unwrap().read_exact_at(&mut bytes, MIB).unwrap();
    bytes
}

#[test]
fn a_person_installs_into_free_space_and_what_was_there_is_as_it_was() {
    system(|system| {
        let bench = Bench::new(system);
        bench.answer("erase = \"all-data-on-this-disk\"", "use = \"free-space\"");
        let disk = LoopDisk::new(system, "BESIDE", 300 * MIB, 512);
        disk.partition(SCRIPT);
        let made = run("mke2fs", &["-q", "-t", "ext4", "-L", "photos", &format!("{}p1", disk.node())]);
        assert!(made.well, "{}", made.text);
        disk.settle();
        let before = mine(disk.file());

        let plan = bench.on(Person::Allowed, "plan", &disk).output().unwrap();
        let text = said(&plan);
        for line in ["Nothing that is there will be touched", "stay as they are", "\"photos\" (ext4)", "  2. "] {
            assert!(text.contains(line), "{line}: {text}\n{}", system.log("helper"));
        }
        let output = bench.install(Person::Allowed, &disk).output().unwrap();
        assert!(output.status.success(), "{}\n{}", said(&output), system.log("helper"));
        bench.assert_installed(&disk);
        assert!(mine(disk.file()) == before, "the partition that was there is as it was");
        let checked = run("sgdisk", &["-v", &disk.file().display().to_string()]);
        assert!(checked.text.contains("No problems found"), "{}", checked.text);
    });
}

#[test]
fn a_file_that_comes_onto_the_earlier_esp_while_a_person_thinks_is_not_lost() {
    system(|system| {
        let bench = Bench::new(system);
        bench.answer("erase = \"all-data-on-this-disk\"", "use = \"replace\"");
        let disk = bench.used_disk("MEANWHILE");
        for number in 1..=disk.tell_kernel() {
            let node = format!("{}p{number}", disk.node());
            assert!(run("udevadm", &["trigger", "--action=change", &node]).well);
        }
        disk.settle();
        let (esp, file) = (format!("{}p1", disk.node()), bench.path("holiday.jpg"));
        let mut job = bench.prepare(&disk, true).unwrap();
        fs::write(&file, b"the only copy").unwrap();
        let said = run("mcopy", &["-i", &esp, &file.display().to_string(), "::/holiday.jpg"]);
        assert!(said.well, "{}", said.text);
        let before = digest(disk.file());
        match job.try_run(None) {
            Err(ClientError::Refused(Error::OtherPlan(_)) | ClientError::Issues(_)) => {}
            other => panic!("{other:?}"),
        }
        assert_eq!(run("mcopy", &["-i", &esp, "::/holiday.jpg", "-"]).output, b"the only copy");
        assert!(before == digest(disk.file()), "nothing was written");
        job.close();

        // The control: it is that file that stands against it.
        assert!(run("mdel", &["-i", &esp, "::/holiday.jpg"]).well);
        job = bench.begin(&disk);
        let outcome = job.finished();
        assert!(matches!(outcome, Outcome::Installed { .. }), "{outcome:?}\n{}", system.log("helper"));
    });
}

#[test]
fn a_disk_with_another_table_can_only_be_taken_as_a_whole() {
    system(|system| {
        let bench = Bench::new(system);
        bench.answer("erase = \"all-data-on-this-disk\"", "use = \"free-space\"");
        let disk = LoopDisk::new(system, "DOS", 300 * MIB, 512);
        disk.partition("label: dos\nstart=2048, size=65536\n");
        let output = bench.on(Person::Allowed, "plan", &disk).output().unwrap();
        assert!(!output.status.success() && said(&output).contains("of the kind \"dos\""), "{}", said(&output));
    });
}

#[test]
fn a_disk_whose_first_table_is_damaged_is_not_shown_as_one_without_partitions() {
    system(|system| {
        let bench = Bench::new(system);
        let disk = LoopDisk::new(system, "DAMAGED", 300 * MIB, 512);
        disk.partition(SCRIPT);
        // As Linux reads it, such a disk has no partitions.
        assert!(run("partx", &["--delete", &disk.node()]).well);
        OpenOptions::new().write(true).open(disk.node()).unwrap().write_all_at(&[0xff; 512], 512).unwrap();
        disk.settle();
        let shown: String = system.property(&disk.block(), "PartitionTable", "Type").unwrap_or_default();
        let inventory = system.block_on(bench.forge().inventory()).unwrap();
        let content = &inventory.disk(&disk.node()).unwrap().content;
        assert_eq!(content, &Content::Unknown, "UDisks2 shows {shown:?}");
        println!("UDisks2 shows {shown:?}");
    });
}
