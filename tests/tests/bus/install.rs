//! An install onto a real disk, by a person without any right but polkit's yes.

use crate::bench::{Bench, USUAL, said};
use forge_tests::private::{LoopDisk, Person, system};
use std::{fs, os::unix::fs::MetadataExt};

#[test]
fn an_ordinary_person_installs_onto_a_disk_of_either_sector_size() {
    system(|system| {
        let bench = Bench::new(system);
        for (sector, esp) in [(512, "esp-mib = 64"), (4096, "esp-mib = 260")] {
            bench.answer("esp-mib = 64", esp);
            let disk = LoopDisk::new(system, &format!("INSTALL-{sector}"), USUAL, sector);
            let output = bench.install(Person::Allowed, &disk).output().unwrap();
            assert!(output.status.success(), "{}\n{}", said(&output), system.log("helper"));
            bench.assert_installed(&disk);
            let credentials = fs::metadata(bench.path("handover/credentials")).unwrap();
            assert_eq!((credentials.uid(), credentials.mode() & 0o777), (Person::Allowed.uid(), 0o600));
        }
    });
}
