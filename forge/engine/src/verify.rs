//! An installed disk or file against its receipt: nothing is mounted, nothing is written.

use crate::{
    esp::{EspError, Mtools},
    gpt::{self, Table},
    image::{self, Place},
    install::{RECEIPT_FILE, RECEIPT_SIGNATURE_FILE},
    memory, mok,
    prepare::credentials_file,
    seal::Kind,
    tool::Tools,
    verity::Parameters,
    watch::{Outcome, Watch},
};
use forge_model::{
    Receipt,
    answers::Way,
    esp::{self, CERTIFICATE_FILE},
    layout::{Role, labels},
    receipt::{WrittenFile, WrittenPartition},
};
use gptman::GPTPartitionEntry;
use openssl::{hash::MessageDigest, sign::Verifier, x509::X509};
use std::{error::Error, fs::File, io, os::unix::fs::FileExt, path::Path};
use uuid::Uuid;

/// Why nothing could be checked.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The disk can not be read.
    #[error("it can not be read: {0}")]
    Read(#[from] io::Error),
    /// It has no partition table.
    #[error("it has no GUID partition table, so nothing is installed there")]
    NoTable,
    /// It has no EFI system partition.
    #[error("its partition table has no EFI system partition")]
    NoEsp,
    /// It has no receipt.
    #[error("it has no receipt that can be read: {0}")]
    NoReceipt(EspError),
    /// The receipt is not one.
    #[error("its receipt is not of a known form: {0}")]
    Malformed(#[from] serde_json::Error),
}

/// One thing that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Check {
    /// The receipt is signed by the certificate that lies beside it.
    ReceiptSignature,
    /// The receipt on the disk is the one that was handed over.
    SameReceipt,
    /// The partition table is whole, at both ends of the disk, and the one of the receipt.
    Table,
    /// A partition is as the receipt says.
    Partition(WrittenPartition),
    /// There is no partition that the receipt does not name.
    NoOtherPartition,
    /// The system image has the root hash of the receipt.
    RootHash,
    /// A file of the EFI system partition is as the receipt says.
    File(String),
    /// There is no file on the EFI system partition that the receipt does not name.
    NoOtherFile,
    /// A boot file is signed by this machine's key.
    Signed(String),
}

/// The result of one check; the fault is for people who look closely.
pub struct Finding {
    /// What was checked.
    pub check: Check,
    /// What is wrong, or nothing.
    pub fault: Option<Box<dyn Error + Send + Sync>>,
}

/// Checks everything that the receipt names.
pub fn verify(
    tools: &Tools,
    path: &Path,
    handed_over: Option<&[u8]>,
    watch: &dyn Watch,
) -> Result<Outcome<(Receipt, Vec<Finding>)>, VerifyError> {
    let disk = File::open(path)?;
    let table = gpt::read(&disk)?.ok_or(VerifyError::NoTable)?;
    let (esp, json) = esp_with_receipt(tools, &disk, &table, handed_over)?;
    let read = |file: &str| esp.read(file);
    let receipt: Receipt = serde_json::from_slice(&json)?;

    let mut findings = Vec::new();
    let mut found = |check, result: Result<(), Box<dyn Error + Send + Sync>>| {
        findings.push(Finding { check, fault: result.err() });
    };
    let certificate = read(CERTIFICATE_FILE).map_err(Into::into).and_then(|der| certificate(&der, &receipt));
    let signed = certificate
        .as_ref()
        .map_err(|e| e.to_string().into())
        .and_then(|certificate| check_signature(certificate, &json, &read(RECEIPT_SIGNATURE_FILE)?));
    found(Check::ReceiptSignature, signed);
    if let Some(bytes) = handed_over {
        found(Check::SameReceipt, if bytes == json { Ok(()) } else { Err("the two differ".into()) });
    }
    found(Check::Table, check_table(&disk, &table, &receipt));
    for partition in &receipt.partitions {
        found(Check::Partition(partition.clone()), check_partition(&table, partition, receipt.way));
    }
    // Beside other systems there are others, and they come and go.
    if receipt.way.is_whole_disk() {
        let ours = |number| receipt.partitions.iter().any(|p| p.number == number);
        let others = table.entries.iter().filter(|(number, _)| !ours(*number)).count();
        let others = if others == 0 { Ok(()) } else { Err(format!("{others} more are there").into()) };
        found(Check::NoOtherPartition, others);
    }

    match root_hash(&disk, &receipt, watch) {
        Ok(Outcome::Cancelled) => return Ok(Outcome::Cancelled),
        Ok(Outcome::Done(())) => found(Check::RootHash, Ok(())),
        Err(error) => found(Check::RootHash, Err(error)),
    }
    for file in &receipt.esp_files {
        let bytes = read(&file.path);
        let as_written = bytes.as_ref().map_err(|e| e.to_string().into()).and_then(|bytes| check_file(file, bytes));
        found(Check::File(file.path.clone()), as_written);
        if let (true, Ok(bytes), Ok(certificate)) = (is_ours(&file.path), &bytes, &certificate) {
            found(Check::Signed(file.path.clone()), check_signed(tools, certificate, bytes));
        }
    }
    // Addons come and go with the firmware that they are of; while one is there, this machine's key has signed it.
    let list = esp.list();
    for path in list.iter().flatten().filter(|path| esp::is_addon(path)) {
        let signed = certificate.as_ref().map_err(|e| e.to_string().into());
        let signed = signed.and_then(|certificate| check_signed(tools, certificate, &read(path)?));
        found(Check::Signed(path.clone()), signed);
    }
    found(Check::NoOtherFile, list.map_err(Into::into).and_then(|files| check_no_other(&files, &receipt)));
    Ok(Outcome::Done((receipt, findings)))
}

/// The ESP with a receipt, and the receipt. A receipt that was handed over names its ESP: no other one is read then, as
/// those of other systems are none of ours. Without one, those that are labelled as Forge does are looked at first.
fn esp_with_receipt<'a>(
    tools: &'a Tools,
    disk: &'a File,
    table: &Table,
    handed_over: Option<&[u8]>,
) -> Result<(Mtools<'a>, Vec<u8>), VerifyError> {
    let named = handed_over.and_then(|json| serde_json::from_slice::<Receipt>(json).ok());
    let named = named.and_then(|receipt| receipt.partitions.into_iter().find(|one| one.role == Role::Esp));
    let meant = |entry: &&GPTPartitionEntry| {
        named.as_ref().is_some_and(|esp| Uuid::from_bytes_le(entry.unique_partition_guid) == esp.id)
    };
    let all = esps(table);
    let meant: Vec<_> = all.iter().copied().filter(meant).collect();
    // A receipt of another disk names none: what is here is compared with it, and differs.
    let all = if meant.is_empty() { all } else { meant };
    let mut best = Err(VerifyError::NoEsp);
    for esp in all.into_iter().map(|entry| Mtools::new(tools, disk, offset(table, entry))) {
        match esp.read(RECEIPT_FILE) {
            // The one of a system that was replaced may be there, too: it names partitions that are not.
            Ok(json) if is_there(&json, table) => return Ok((esp, json)),
            Ok(json) if best.is_err() => best = Ok((esp, json)),
            Ok(_) => {}
            Err(error) if matches!(best, Err(VerifyError::NoEsp)) => best = Err(VerifyError::NoReceipt(error)),
            Err(_) => {}
        }
    }
    best
}

/// Whether the table has every partition that a receipt names.
fn is_there(json: &[u8], table: &Table) -> bool {
    let has = |id: Uuid| table.entries.iter().any(|(_, one)| Uuid::from_bytes_le(one.unique_partition_guid) == id);
    let receipt = serde_json::from_slice::<Receipt>(json);
    receipt.is_ok_and(|receipt| receipt.partitions.iter().all(|one| has(one.id)))
}

/// The EFI system partitions of a table; those that are labelled as Forge does come first.
pub(crate) fn esps(table: &Table) -> Vec<&GPTPartitionEntry> {
    let is_esp = |entry: &&GPTPartitionEntry| Uuid::from_bytes_le(entry.partition_type_guid) == Role::Esp.type_id();
    let mut all: Vec<_> = table.entries.iter().map(|(_, entry)| entry).filter(is_esp).collect();
    all.sort_by_key(|entry| entry.partition_name.as_str() != labels::ESP);
    all
}

/// The first byte of a partition.
pub(crate) fn offset(table: &Table, entry: &GPTPartitionEntry) -> u64 {
    entry.starting_lba.saturating_mul(table.sector_size)
}

/// Nothing, or what is wrong.
pub(crate) type Checked = Result<(), Box<dyn Error + Send + Sync>>;

/// The boot files that this machine's key signs: GRUB and the UKIs. The others are signed by shim's own key.
fn is_ours(path: &str) -> bool {
    path.ends_with("/grubx64.efi") || path.starts_with("EFI/Linux/")
}

pub(crate) fn certificate(der: &[u8], receipt: &Receipt) -> Result<X509, Box<dyn Error + Send + Sync>> {
    let certificate = X509::from_der(der)?;
    match hex::encode(certificate.digest(MessageDigest::sha256())?) {
        sha256 if sha256 == receipt.boot_key.sha256 => Ok(certificate),
        sha256 => Err(format!("the certificate on the disk is {sha256}").into()),
    }
}

pub(crate) fn check_signature(certificate: &X509, data: &[u8], signature: &[u8]) -> Checked {
    let key = certificate.public_key()?;
    match Verifier::new(MessageDigest::sha256(), &key)?.verify_oneshot(signature, data)? {
        true => Ok(()),
        false => Err("the signature does not match".into()),
    }
}

/// GRUB starts what it finds in `EFI/Linux`, so a file too many matters as much as a changed one. FAT ignores case.
fn check_no_other(files: &[String], receipt: &Receipt) -> Checked {
    // Sealed credentials may be there or not: nobody starts them.
    let others =
        [RECEIPT_FILE, RECEIPT_SIGNATURE_FILE].into_iter().chain([Kind::Age, Kind::Passphrase].map(credentials_file));
    let ours = receipt.esp_files.iter().map(|f| f.path.as_str()).chain(others);
    let ours: Vec<String> = ours.map(str::to_lowercase).collect();
    let others = files.iter().filter(|f| !ours.contains(&f.to_lowercase()) && !esp::is_addon(f));
    let others = others.filter(|f| receipt.is_own(f));
    let others: Vec<&str> = others.map(String::as_str).collect();
    if others.is_empty() { Ok(()) } else { Err(others.join(", ").into()) }
}

fn check_table(disk: &File, table: &Table, receipt: &Receipt) -> Checked {
    if let Some(fault) = gpt::fault(disk, table)? {
        return Err(fault.into());
    }
    match table.disk_id == receipt.disk_id {
        true => Ok(()),
        false => Err(format!("its GUID is {}", table.disk_id).into()),
    }
}

fn check_partition(table: &Table, wanted: &WrittenPartition, way: Way) -> Checked {
    let entry = table.entries.iter().find(|(n, _)| *n == wanted.number).map(|(_, e)| e).ok_or("it is not there")?;
    let same = [
        ("type", Uuid::from_bytes_le(entry.partition_type_guid) == wanted.role.type_id()),
        ("PARTUUID", Uuid::from_bytes_le(entry.unique_partition_guid) == wanted.id),
        ("start", offset(table, entry) == wanted.offset),
        ("size", gpt::sectors(entry).saturating_mul(table.sector_size) == wanted.size),
        // Those of one that is shared are of others.
        ("attributes", wanted.shared || entry.attribute_bits == wanted.role.attributes(way)),
        ("label", entry.partition_name.as_str() == wanted.label),
    ];
    match same.iter().find(|(_, same)| !same) {
        None => Ok(()),
        Some((what, _)) => Err(format!("its {what} differs").into()),
    }
}

fn root_hash(disk: &File, receipt: &Receipt, watch: &dyn Watch) -> Result<Outcome<()>, Box<dyn Error + Send + Sync>> {
    let offset = |role| receipt.partitions.iter().find(|p| p.role == role).map(|p| p.offset).ok_or("no slot A");
    let place = Place { data: offset(Role::RootA)?, tree: offset(Role::VerityA)? };
    let mut superblock = [0; Parameters::SUPERBLOCK];
    disk.read_exact_at(&mut superblock, place.tree)?;
    let parameters = Parameters::from_superblock(&superblock)?;
    match image::read_back(disk, &parameters, place, watch)? {
        Outcome::Done(found) if found != receipt.root_hash => Err(format!("it is {found}").into()),
        outcome => Ok(outcome.map(|_| ())),
    }
}

fn check_file(wanted: &WrittenFile, bytes: &[u8]) -> Checked {
    match hex::encode(openssl::sha::sha256(bytes)) {
        sha256 if sha256 == wanted.sha256 => Ok(()),
        sha256 => Err(format!("its SHA-256 is {sha256}").into()),
    }
}

fn check_signed(tools: &Tools, certificate: &X509, bytes: &[u8]) -> Checked {
    Ok(mok::check_signed(tools, &certificate.to_pem()?, memory::file(c"forge-signed", bytes)?)?)
}
