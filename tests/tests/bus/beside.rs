//! An install onto a real disk beside what is there.

use crate::bench::{Bench, said};
use forge_tests::{
    disk::MIB,
    look::run,
    private::{LoopDisk, Person, system},
};
use std::{fs::File, os::unix::fs::FileExt, path::Path};

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
