use super::*;
use crate::gpt;
use forge_model::{layout::Role, size::MIB};
use std::os::unix::fs::FileExt;
use uuid::Uuid;

const SIZE: u64 = 8 << 20;

/// A disk with partition 3, and with partition 5 behind it.
fn disk() -> (tempfile::NamedTempFile, Target) {
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(SIZE).unwrap();
    let target = Target::open_file(file.path()).unwrap();
    gpt::write(&target, SIZE, 512, Uuid::from_u128(1), &[new(3, 1, 7), new(5, 3, 8)]).unwrap();
    (file, target)
}

/// A partition of 1 MiB.
fn new(number: u32, mib: u64, id: u128) -> WrittenPartition {
    let (role, label, id) = (Role::State, "state".into(), Uuid::from_u128(id));
    WrittenPartition { number, role, offset: mib * MIB, size: MIB, label, id, shared: false }
}

/// What is confirmed: these partitions go, and everything else stays.
fn beside(target: &Target, removed: &[u32]) -> Beside {
    let Content::Table { gpt: Some(gpt), partitions, .. } = gpt::probe(target.file()).unwrap() else { panic!() };
    let Gpt { disk_id, first_usable, end_usable, .. } = gpt;
    let (removed, kept) = partitions.into_iter().partition(|one| removed.contains(&one.number));
    let way = Way::FreeSpace;
    Beside { way, disk_id, first_usable, end_usable, kept, removed, shrunk: Vec::new(), home: None, old_loader: None }
}

fn numbers(target: &Target) -> Vec<u32> {
    gpt::read(target.file()).unwrap().unwrap().entries.iter().map(|(number, _)| *number).collect()
}

fn all(target: &Target) -> Vec<u8> {
    let mut bytes = vec![0; SIZE as usize];
    target.file().read_exact_at(&mut bytes, 0).unwrap();
    bytes
}

#[test]
fn a_number_that_is_taken_is_never_overwritten() {
    let (_file, target) = disk();
    let beside = beside(&target, &[]);
    assert!(matches!(Change::prepare(&target, &beside, &[new(3, 4, 9)]), Err(GptError::Changed { .. })));
    Change::prepare(&target, &beside, &[new(1, 4, 9)]).unwrap().write(&target).unwrap();
    assert_eq!(numbers(&target), [1, 3, 5]);
    let table = gpt::read(target.file()).unwrap().unwrap();
    assert_eq!(gpt::fault(target.file(), &table).unwrap(), None);
}

#[test]
fn what_goes_leaves_its_number_and_whatever_stays_is_as_it_was_byte_for_byte() {
    let (_file, target) = disk();
    let (before, beside) = (all(&target), beside(&target, &[3]));
    Change::prepare(&target, &beside, &[new(1, 1, 9)]).unwrap().write(&target).unwrap();
    assert_eq!(numbers(&target), [1, 5]);
    let table = gpt::read(target.file()).unwrap().unwrap();
    assert_eq!(gpt::fault(target.file(), &table).unwrap(), None);
    let after = all(&target);
    let entry = |number: usize| 1024 + (number - 1) * 128..1024 + number * 128;
    assert_eq!(before[entry(5)], after[entry(5)]);
    assert_eq!(after[entry(3)], [0; 128]);

    // Its number can be taken again, by another partition.
    let (_file, target) = disk();
    Change::prepare(&target, &beside, &[new(3, 1, 9)]).unwrap().write(&target).unwrap();
    assert_eq!(numbers(&target), [3, 5]);
    // What was to go and is not there as it was, is another table.
    assert!(matches!(Change::prepare(&target, &beside, &[new(1, 4, 10)]), Err(GptError::Changed { .. })));
}

#[test]
fn the_first_copy_is_one_call_within_the_first_4_kib_up_to_number_24() {
    let (_file, target) = disk();
    let beside = beside(&target, &[]);
    for (number, end) in [(1, 1536), (4, 1536), (6, 2048), (24, 4096), (25, 4608), (128, 34 * 512)] {
        let change = Change::prepare(&target, &beside, &[new(number, 4, 9)]).unwrap();
        let [second, first] = change.extents();
        assert_eq!(first, [(512, end - 512)], "{number}");
        let sector = u64::from(number - 1) / 4;
        let list = SIZE - 33 * 512 + sector * 512;
        match sector {
            31 => assert_eq!(second, [(list, 1024)]),
            _ => assert_eq!(second, [(list, 512), (SIZE - 512, 512)], "{number}"),
        }
    }
}

#[test]
fn nothing_but_what_it_says_is_written_and_it_says_only_what_changes() {
    let (_file, target) = disk();
    let (before, beside) = (all(&target), beside(&target, &[5]));
    let change = Change::prepare(&target, &beside, &[new(1, 4, 9), new(9, 5, 10)]).unwrap();
    change.write(&target).unwrap();
    let after = all(&target);
    let extents = change.extents().concat();
    for (at, (before, after)) in before.chunks(512).zip(after.chunks(512)).enumerate() {
        let at = at as u64 * 512;
        let said = extents.iter().any(|(from, length)| (*from..from + length).contains(&at));
        assert!(said || before == after, "{at}");
    }
}

#[test]
fn a_second_copy_is_written_where_it_says_that_its_list_lies() {
    let (_file, target) = disk();
    // The second list moves 100 sectors forward, as `sgdisk --move-second-header` with another layout leaves it.
    let ends = Ends::read(target.file()).unwrap();
    let [_, Ok(second)] = copies(&ends, 512) else { panic!() };
    let (mut header, mut ends) = (second.header, ends);
    header.partition_entry_lba -= 100;
    header.write_into(&mut ends, 512, &second.entries).unwrap();
    // Where it lay before, others may have something by now.
    let from = (gpt::MARGIN - 33 * 512) as usize;
    ends.tail[from..from + 32 * 512].fill(0xa5);
    target.file().write_all_at(&ends.tail, SIZE - gpt::MARGIN).unwrap();
    let table = gpt::read(target.file()).unwrap().unwrap();
    assert_eq!(gpt::fault(target.file(), &table).unwrap(), None);

    // The usable room of the first copy reaches over it: that is no table to add to.
    let Content::Table { gpt: Some(found), .. } = gpt::probe(target.file()).unwrap() else { panic!() };
    assert_eq!(found.fault, Some(GptFault::Unusual));
    // Where both headers end it before the list, it is one.
    for lba in [1, SIZE / 512 - 1] {
        let copy = Copy::read(&Ends::read(target.file()).unwrap(), 512, lba).unwrap();
        let (mut header, mut ends) = (copy.header, Ends::read(target.file()).unwrap());
        header.last_usable_lba -= 100;
        header.write_into(&mut ends, 512, &copy.entries).unwrap();
        target.file().write_all_at(&ends.head, 0).unwrap();
        target.file().write_all_at(&ends.tail, SIZE - gpt::MARGIN).unwrap();
    }
    let beside = beside(&target, &[]);
    Change::prepare(&target, &beside, &[new(1, 4, 9)]).unwrap().write(&target).unwrap();
    let table = gpt::read(target.file()).unwrap().unwrap();
    assert_eq!(gpt::fault(target.file(), &table).unwrap(), None, "both copies are whole and the same");
    let tail = Ends::read(target.file()).unwrap().tail;
    assert!(tail[from..from + 32 * 512].iter().all(|byte| *byte == 0xa5), "and nothing of others was written");
}

#[test]
fn a_second_copy_that_is_lost_is_written_anew() {
    let (_file, target) = disk();
    let beside = beside(&target, &[]);
    target.file().write_all_at(&[0xff; 33 * 512], SIZE - 33 * 512).unwrap();
    Change::prepare(&target, &beside, &[new(1, 4, 9)]).unwrap().write(&target).unwrap();
    let table = gpt::read(target.file()).unwrap().unwrap();
    assert_eq!(gpt::fault(target.file(), &table).unwrap(), None);
}
