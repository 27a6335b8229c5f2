use super::*;
use copy::CopyFault;
use gptman::GPTHeader;
use std::os::unix::fs::FileExt;

const SIZE: u64 = 16 * MIB;

/// The two copies of a table, by where their headers lie.
const COPIES: [fn(u64) -> u64; 2] = [|_| 1, |sector| SIZE / sector - 1];

/// A disk with one partition in both copies.
fn whole(sector: u64) -> File {
    let mut ends = Ends::new(SIZE);
    let mut gpt = GPT::new_from(&mut ends, sector, [7; 16]).unwrap();
    gpt[1] = GPTPartitionEntry {
        partition_type_guid: [1; 16],
        unique_partition_guid: [2; 16],
        starting_lba: 2 * MIB / sector,
        ending_lba: 3 * MIB / sector - 1,
        attribute_bits: 0,
        partition_name: "one".into(),
    };
    GPT::write_protective_mbr_into(&mut ends, sector).unwrap();
    gpt.write_into(&mut ends).unwrap();
    let file = tempfile::tempfile().unwrap();
    file.set_len(SIZE).unwrap();
    file.write_all_at(&ends.head, 0).unwrap();
    file.write_all_at(&ends.tail, SIZE - MIB).unwrap();
    file
}

/// Changes one copy and sums it again: its header, and the first entry of its list.
fn change(file: &File, sector: u64, lba: u64, change: impl Fn(&mut GPTHeader, &mut GPTPartitionEntry)) {
    let copy = Copy::read(&Ends::read(file).unwrap(), sector, lba).unwrap();
    let (mut header, mut entries) = (copy.header, copy.entries);
    change(&mut header, &mut entries[0]);
    let start = entries[0].starting_lba.to_le_bytes();
    let list = header.partition_entry_lba;
    // The crate's own sums want the count and the size that it would write.
    let usual = GPTHeader { number_of_partition_entries: 128, size_of_partition_entry: 128, ..header.clone() };
    header.partition_entry_array_crc32 = usual.generate_partition_entry_array_crc32(&entries);
    header.crc32_checksum = header.generate_crc32_checksum();
    let mut bytes = [0; 92];
    file.read_exact_at(&mut bytes, lba * sector).unwrap();
    bytes[16..20].copy_from_slice(&header.crc32_checksum.to_le_bytes());
    bytes[72..80].copy_from_slice(&header.partition_entry_lba.to_le_bytes());
    bytes[80..84].copy_from_slice(&header.number_of_partition_entries.to_le_bytes());
    bytes[84..88].copy_from_slice(&header.size_of_partition_entry.to_le_bytes());
    bytes[88..92].copy_from_slice(&header.partition_entry_array_crc32.to_le_bytes());
    file.write_all_at(&bytes, lba * sector).unwrap();
    if let Some(at) = list.checked_mul(sector).filter(|at| at + 128 <= SIZE) {
        file.write_all_at(&start, at + 32).unwrap();
    }
}

/// Everything that looks at a table; none of it may end the program.
fn looked_at(file: &File) -> (Option<Table>, Option<GptFault>) {
    let table = read(file).unwrap();
    if let Some(table) = &table {
        fault(file, table).unwrap();
    }
    match probe(file).unwrap() {
        Content::Table { gpt, .. } => (table, gpt.and_then(|gpt| gpt.fault)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn odd_entries_in_either_copy_are_refused_and_end_nothing() {
    for sector in [512, 4096] {
        let (table, fault) = looked_at(&whole(sector));
        assert_eq!((table.map(|table| table.entries.len()), fault), (Some(1), None));
        for (which, lba) in COPIES.map(|lba| lba(sector)).into_iter().enumerate() {
            let odd: [&dyn Fn(&mut GPTHeader); 10] = [
                &|header| header.size_of_partition_entry = 64,
                &|header| header.size_of_partition_entry = 256,
                &|header| header.size_of_partition_entry = 0,
                &|header| header.size_of_partition_entry = u32::MAX,
                &|header| header.number_of_partition_entries = 0,
                &|header| header.number_of_partition_entries = u32::MAX,
                &|header| header.number_of_partition_entries = 1 << 13,
                &|header| header.partition_entry_lba = u64::MAX,
                &|header| header.partition_entry_lba = SIZE / 2 / 512,
                &|header| {
                    header.size_of_partition_entry = 0;
                    header.number_of_partition_entries = u32::MAX;
                },
            ];
            for (n, odd) in odd.iter().enumerate() {
                let file = whole(sector);
                change(&file, sector, lba, |header, _| odd(header));
                let read = Copy::read(&Ends::read(&file).unwrap(), sector, lba).err();
                assert_eq!(read, Some(CopyFault::Unusual), "copy {which}, {n}");
                // The other copy is whole: the disk can be shown, but nothing is added unless the first one is whole.
                let (table, fault) = looked_at(&file);
                assert!(table.is_some(), "copy {which}, {n}");
                assert_eq!(fault, (which == 0).then_some(GptFault::Unusual), "copy {which}, {n}");
                change(&file, sector, COPIES[1 - which](sector), |header, _| odd(header));
                assert!(super::read(&file).unwrap().is_none(), "{n}");
            }
        }
    }
}

#[test]
fn a_partition_that_begins_at_0_is_shown_and_ends_nothing() {
    for sector in [512, 4096] {
        for lba in COPIES.map(|lba| lba(sector)) {
            let file = whole(sector);
            change(&file, sector, lba, |_, entry| entry.starting_lba = 0);
            let (table, fault) = looked_at(&file);
            assert!(table.is_some());
            let Content::Table { partitions, .. } = probe(&file).unwrap() else { panic!() };
            // Whoever would install beside it is told so by the plan: it lies outside of what the table allows.
            let starts_at_0 = partitions[0].entry.unwrap().offset == 0;
            assert_eq!((starts_at_0, fault), (lba == 1, None));
        }
    }
    assert_eq!(sectors(&GPTPartitionEntry { starting_lba: 0, ending_lba: u64::MAX, ..GPTPartitionEntry::empty() }), 0);
    assert_eq!(sectors(&GPTPartitionEntry { starting_lba: 9, ending_lba: 8, ..GPTPartitionEntry::empty() }), 0);
}

#[test]
fn a_damaged_copy_is_told_from_an_odd_one_and_the_mbr_is_judged_by_one_rule() {
    let file = whole(512);
    let table = read(&file).unwrap().unwrap();
    assert_eq!(fault(&file, &table).unwrap(), None);
    // The protective entry may stand in any of the four places.
    let mut mbr = [0; 512];
    file.read_exact_at(&mut mbr, 0).unwrap();
    let first: Vec<u8> = mbr[446..462].to_vec();
    let mut moved = mbr;
    moved[446..462].fill(0);
    moved[478..494].copy_from_slice(&first);
    file.write_all_at(&moved, 0).unwrap();
    assert_eq!((fault(&file, &table).unwrap(), looked_at(&file).1), (None, None));
    let mut hybrid = mbr;
    hybrid[462 + 4] = 0x0c;
    file.write_all_at(&hybrid, 0).unwrap();
    let said = "the MBR has partitions, too";
    assert_eq!((fault(&file, &table).unwrap(), looked_at(&file).1), (Some(said), Some(GptFault::HybridMbr)));
    file.write_all_at(&[0; 512], 0).unwrap();
    let said = "the protective MBR is missing";
    assert_eq!((fault(&file, &table).unwrap(), looked_at(&file).1), (Some(said), Some(GptFault::NoProtectiveMbr)));

    let file = whole(512);
    file.write_all_at(&[0xff; 4], 512 + 60).unwrap();
    assert_eq!(fault(&file, &table).unwrap(), Some("the first copy of the table is damaged"));
    assert_eq!(looked_at(&file).1, Some(GptFault::FirstCopy));
    let file = whole(512);
    file.write_all_at(&[0xff; 4], SIZE - 512 + 60).unwrap();
    assert_eq!(fault(&file, &table).unwrap(), Some("the second copy of the table is damaged"));
    assert_eq!(looked_at(&file).1, None);
    let file = whole(512);
    change(&file, 512, SIZE / 512 - 1, |_, entry| entry.starting_lba += 1);
    assert_eq!(fault(&file, &table).unwrap(), Some("the two copies of the table differ"));
}

#[test]
fn a_table_that_the_disk_does_not_keep_is_no_table() {
    use crate::target::faulty::{Fault, Faulty};
    let write = |faulty, how| {
        let disk = Faulty::new(vec![0xee; SIZE as usize], faulty, how);
        let end = write_to(&disk, SIZE, 512, Uuid::from_u128(1), &[]);
        let kept = |from: usize| disk.bytes()[from..from + 512].starts_with(b"EFI PART");
        (end, kept(512), kept(SIZE as usize - 512), disk.calls())
    };
    let (end, first, second, calls) = write(0..0, Fault::Lies);
    assert!(end.is_ok() && first && second);
    for call in 0..calls {
        for how in [Fault::Fails, Fault::Tears, Fault::Lies] {
            let (end, first, second, _) = write(call..call + 1, how);
            assert!(end.is_err() || first && second, "{how:?} {call}");
            assert!(
                second || !first,
                "the first copy is not written for a second one that is not there: {how:?} {call}"
            );
        }
    }
    let (end, ..) = write(3..4, Fault::Lies);
    assert!(matches!(end, Err(GptError::Target(TargetError::ReadBack { offset: 0, .. }))), "{end:?}");
}
