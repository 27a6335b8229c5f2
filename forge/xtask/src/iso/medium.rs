//! One file that is a CD and a disk at the same time.
use super::{Answers, VOLUME, boot, text};
use crate::{command, demo_system};
use anyhow::{Context, Result, ensure};
use gptman::{GPT, GPTPartitionEntry};
use serde_json::Value;
use std::{
    fs::{self, File},
    path::Path,
    process::Command,
};
use uuid::Uuid;

const ESP: &str = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B";
/// Types of partitions, in the order of their bytes on the disk (UEFI, section 5.3): Linux data, root and root-verity for
/// x86-64 (Discoverable Partitions).
const LINUX_DATA: [u8; 16] = *b"\xaf\x3d\xc6\x0f\x83\x84\x72\x47\x8e\x79\x3d\x69\xd8\x47\x7d\xe4";
const ROOT: [u8; 16] = *b"\xe3\xbc\x68\x4f\xcd\xe8\xb1\x4d\x96\xe7\xfb\xca\xf9\x84\xb7\x09";
const ROOT_VERITY: [u8; 16] = *b"\xed\x57\x73\x2c\xd2\xeb\xd9\x46\xae\xc1\x23\xd4\x37\xec\x2b\xf5";
/// Numbers of the partitions that the live system is started from.
pub const ROOT_PARTITION: u8 = 3;
pub const VERITY_PARTITION: u8 = 4;
/// The partition table counts in sectors, ISO9660 in blocks.
const SECTOR: u64 = 512;
const BLOCK: u64 = 2048;
/// The attribute "read-only" of a partition (Discoverable Partitions).
const READ_ONLY: u64 = 1 << 60;

/// Writes the ISO: files by xorriso, then the names of the partitions.
pub fn write(
    work: &Path,
    payload: &Path,
    manifest: &Value,
    answers: &Answers,
    esp: &Path,
    output: &Path,
) -> Result<()> {
    let tree = work.join("tree");
    fs::create_dir(&tree)?;
    command::run(Command::new("/usr/bin/cp").args(["-R", "--reflink=auto"]).arg(payload).arg(tree.join("payload")))?;
    if let Some(file) = &answers.file {
        fs::write(tree.join("answers.toml"), file)?;
    }
    if !answers.keys.is_empty() {
        fs::create_dir(tree.join("answers-keys"))?;
        for (id, certificate) in &answers.keys {
            fs::write(tree.join("answers-keys").join(format!("{id}.pgp")), certificate)?;
        }
    }
    boot::settle(&tree)?;
    let _ = fs::remove_file(output);
    let mut xorriso = Command::new("/usr/bin/xorriso");
    xorriso.args(["-no_rc", "-as", "mkisofs", "-quiet", "-V", VOLUME, "-iso-level", "3", "-r"]);
    // The file system can be read from the whole medium and from a partition that begins behind the table.
    xorriso.args(["-partition_offset", "16", "-append_partition", "2", ESP]).arg(esp);
    xorriso.args(["-appended_part_as_gpt", "-e", "--interval:appended_partition_2:all::", "-no-emul-boot"]);
    xorriso.arg("-o").arg(output).arg(&tree).env("SOURCE_DATE_EPOCH", demo_system::EPOCH).env("TZ", "UTC");
    command::quietly(&mut xorriso)?;
    name(manifest, output)
}

/// Where a file of an ISO9660 lies: its first byte and how many it has.
pub fn extent(iso: &Path, path: &str) -> Result<(u64, u64)> {
    let mut xorriso = Command::new("/usr/bin/xorriso");
    xorriso.args(["-no_rc", "-report_about", "SORRY", "-indev"]).arg(iso).args([
        "-find",
        path,
        "-exec",
        "report_lba",
        "--",
    ]);
    let said = command::quietly(&mut xorriso)?;
    // File data lba:  0 ,  38 ,  73829 , 151199744 , '/payload/system.img'
    let mut lines = said.lines().filter(|line| line.contains("File data lba:"));
    let line = lines.next().with_context(|| format!("the ISO has no {path}: {said}"))?;
    ensure!(lines.next().is_none(), "{path} lies in pieces: {said}");
    let numbers = line.split(':').nth(1).context("no numbers")?;
    let numbers: Vec<u64> = numbers.split(',').filter_map(|word| word.trim().parse().ok()).collect();
    let &[_, first, _, bytes] = numbers.as_slice() else { anyhow::bail!("xorriso says {line:?}") };
    Ok((first * BLOCK, bytes))
}

/// Names the partitions and adds those that lie within the ISO's files.
fn name(manifest: &Value, iso: &Path) -> Result<()> {
    let mut file = File::options().read(true).write(true).open(iso)?;
    let mut table = GPT::find_from(&mut file).context("xorriso wrote no partition table")?;
    ensure!(table.sector_size == SECTOR, "the table counts in sectors of {}", table.sector_size);
    table.header.disk_guid = id(manifest, 0)?;
    table[1].partition_type_guid = LINUX_DATA;
    table[1].partition_name = "forge-live-medium".into();
    table[2].partition_name = "forge-live-esp".into();
    for (number, path, kind, label) in [
        (ROOT_PARTITION, "/payload/system.img", ROOT, "forge-live-root"),
        (VERITY_PARTITION, "/payload/system.verity", ROOT_VERITY, "forge-live-verity"),
    ] {
        let (start, bytes) = extent(iso, path)?;
        ensure!(bytes % SECTOR == 0, "{path} ends within a sector");
        table[u32::from(number)] = GPTPartitionEntry {
            partition_type_guid: kind,
            starting_lba: start / SECTOR,
            ending_lba: (start + bytes) / SECTOR - 1,
            partition_name: label.into(),
            ..GPTPartitionEntry::empty()
        };
    }
    for number in 1..=4 {
        let entry = &mut table[u32::from(number)];
        entry.unique_partition_guid = id(manifest, number)?;
        if number != 2 {
            entry.attribute_bits |= READ_ONLY;
        }
    }
    // Both tables by their parts: as a whole, gptman refuses partitions that overlap. These do on purpose, as on many a
    // hybrid ISO; what the firmware looks at, the ESP, overlaps nothing.
    let entries: Vec<GPTPartitionEntry> = table.iter().map(|(_, entry)| entry.clone()).collect();
    let mut backup = table.header.clone();
    (backup.primary_lba, backup.backup_lba) = (table.header.backup_lba, table.header.primary_lba);
    backup.partition_entry_lba = table.header.last_usable_lba + 1;
    for header in [&mut table.header, &mut backup] {
        header.write_into(&mut file, SECTOR, &entries).context("the partition table can not be written")?;
    }
    Ok(())
}

/// The id of the medium (0) or of one of its partitions, as it lies in the table: of this image, but not what an installed
/// system's partitions are called: those are the first and the last half of the root hash.
fn id(manifest: &Value, number: u8) -> Result<[u8; 16]> {
    let hash = hex::decode(text(manifest, "/image/root_hash")?).context("the root hash is none")?;
    let mut id: [u8; 16] = hash.get(8..24).context("the root hash is short")?.try_into()?;
    id[15] ^= number;
    id[7] = id[7] & 0x0f | 0x80;
    id[8] = id[8] & 0x3f | 0x80;
    Ok(id)
}

/// A partition's PARTUUID, as text.
pub fn partition(manifest: &Value, number: u8) -> Result<Uuid> {
    Ok(Uuid::from_bytes_le(id(manifest, number)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A GUID as a disk has it: the first three groups the other way round.
    fn on_disk(guid: &str) -> [u8; 16] {
        Uuid::parse_str(guid).unwrap().to_bytes_le()
    }

    #[test]
    fn the_types_of_partitions_are_those_of_the_specifications() {
        assert_eq!(on_disk("0FC63DAF-8483-4772-8E79-3D69D8477DE4"), LINUX_DATA);
        assert_eq!(on_disk("4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709"), ROOT);
        assert_eq!(on_disk("2C7357ED-EBD2-46D9-AEC1-23D437EC2BF5"), ROOT_VERITY);
    }
}
