//! The receipt: signed by this machine's key, and what it says of files and partitions.

use super::{
    Look, Root,
    boot_partition::{Files, is_shims},
};
use crate::{
    install::{RECEIPT_FILE, RECEIPT_SIGNATURE_FILE},
    payload::sha256_of,
    verify,
};
use forge_model::{Receipt, esp::CERTIFICATE_FILE, receipt::WrittenFile};
use openssl::x509::X509;
use std::{
    collections::BTreeMap,
    io::{self, Read},
};

/// No receipt, signature or certificate is longer.
const MOST: u64 = 4 << 20;

/// The receipt as bytes and read, or why it can not be used.
pub fn read(files: &impl Files) -> Result<(Vec<u8>, Receipt), String> {
    let json = bytes(files, RECEIPT_FILE).map_err(|e| format!("{RECEIPT_FILE}: {e}"))?;
    let receipt = serde_json::from_slice(&json).map_err(|e| format!("{RECEIPT_FILE} is not of a known form: {e}"))?;
    Ok((json, receipt))
}

/// Checks the receipt on an EFI system partition: its signature, and every file that it names.
///
/// The key is the one of `certificate` (DER), or else of the certificate that lies beside the receipt: that then proves
/// only that the set is whole, and a person compares the fingerprint. Boot images may have been replaced since, as
/// `kernel-install` does: of them only the signature counts, which is another look's.
pub fn look(files: &impl Files, certificate: Option<&[u8]>) -> Look {
    let (json, receipt) = match read(files) {
        Ok(read) => read,
        Err(why) => return Look::failed(why),
    };
    let mut look = Look::default();
    let beside = bytes(files, CERTIFICATE_FILE);
    match (certificate, &beside) {
        (Some(ours), Ok(beside)) => {
            look.expect(ours == beside.as_slice(), format_args!("{CERTIFICATE_FILE} is this machine's certificate"))
        }
        (_, Err(error)) => look.fault(format_args!("{CERTIFICATE_FILE}: {error}")),
        (None, Ok(_)) => {}
    }
    if let Some(der) = certificate.or(beside.as_deref().ok()) {
        let signed = signature(files, der, &json, &receipt);
        match signed {
            Ok(()) => look.fact(format_args!("{RECEIPT_FILE}: signed by the key {}", receipt.boot_key.sha256)),
            Err(error) => look.fault(format_args!("{RECEIPT_FILE}: {error}")),
        }
    }
    let mut replaced = Vec::new();
    for file in &receipt.esp_files {
        match as_written(files, file) {
            Ok(()) => look.fact(format_args!("{}: as it was installed", file.path)),
            Err(_) if is_image(&file.path) => replaced.push(file.path.as_str()),
            Err(error) => look.fault(format_args!("{}: {error}", file.path)),
        }
    }
    for path in replaced {
        look.fact(format_args!("{path}: replaced or removed after the install, as kernel-install does"));
    }
    others(&mut look, files, &receipt);
    look
}

/// Whoever starts from another shim leaves this chain. Everything else that could start needs this machine's signature.
fn others(look: &mut Look, files: &impl Files, receipt: &Receipt) {
    match files.list() {
        Ok(list) => {
            let named = |path: &str| receipt.esp_files.iter().any(|file| file.path.eq_ignore_ascii_case(path));
            for path in list.iter().filter(|path| is_shims(path) && receipt.is_own(path) && !named(path)) {
                look.fault(format_args!("{path}: a boot program that the receipt does not name"));
            }
        }
        Err(error) => look.blind(format_args!("the EFI system partition: {error}")),
    }
}

fn is_image(path: &str) -> bool {
    path.to_lowercase().starts_with("efi/linux/")
}

/// A small file of an EFI system partition.
pub(super) fn bytes(files: &impl Files, path: &str) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    files.open(path)?.take(MOST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn signature(files: &impl Files, der: &[u8], json: &[u8], receipt: &Receipt) -> verify::Checked {
    let certificate: X509 = verify::certificate(der, receipt)?;
    verify::check_signature(&certificate, json, &bytes(files, RECEIPT_SIGNATURE_FILE)?)
}

fn as_written(files: &impl Files, wanted: &WrittenFile) -> verify::Checked {
    match hex::encode(sha256_of(&mut files.open(&wanted.path)?)?) {
        sha256 if sha256 == wanted.sha256 => Ok(()),
        sha256 => Err(format!("its SHA-256 is {sha256}, and the receipt says {}", wanted.sha256).into()),
    }
}

/// Holds the partitions of the disk that the root file system is on against the receipt.
pub fn partitions(root: &Root, receipt: &Receipt) -> Look {
    match found_partitions(root) {
        Ok(found) => compare(&found, receipt),
        Err(why) => Look::unknown(why),
    }
}

/// A partition as the kernel sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    /// Its first byte.
    offset: u64,
    /// Its length in bytes.
    size: u64,
    /// Its PARTUUID in lower case, where the kernel says it (from 6.13 on).
    id: Option<String>,
}

fn compare(found: &BTreeMap<u32, Seen>, receipt: &Receipt) -> Look {
    let wanted = &receipt.partitions;
    let mut look = Look::default();
    for partition in wanted {
        let name = format!("partition {} ({})", partition.number, partition.label);
        match found.get(&partition.number) {
            None => look.fault(format_args!("{name}: it is not there")),
            Some(seen) if (seen.offset, seen.size) != (partition.offset, partition.size) => {
                look.fault(format_args!("{name}: it is somewhere else, or of another size"));
            }
            Some(Seen { id: None, .. }) => look.blind(format_args!("{name}: this kernel does not tell its PARTUUID")),
            Some(Seen { id: Some(id), .. }) => {
                look.expect(*id == partition.id.to_string(), format_args!("{name}: PARTUUID {id}"));
            }
        }
    }
    // Beside other systems there are others, and they come and go.
    let alone = receipt.way.is_whole_disk();
    for number in found.keys().filter(|number| alone && !wanted.iter().any(|partition| partition.number == **number)) {
        look.fault(format_args!("partition {number}: the receipt does not name it"));
    }
    look
}

/// The partitions of the disk under the root file system's device, by number.
fn found_partitions(root: &Root) -> Result<BTreeMap<u32, Seen>, String> {
    const NO_DISK: &str = "the root file system's device is not on a partition";
    let device = super::sealed_root::device(root)?;
    let slaves = format!("/sys/dev/block/{device}/slaves");
    let names = root.names(&slaves).map_err(|e| e.to_string())?;
    let below = names.first().ok_or(NO_DISK)?;
    let partition = root.follow(&format!("{slaves}/{below}")).map_err(|e| e.to_string())?;
    let (disk, _) = partition.rsplit_once('/').ok_or(NO_DISK)?;
    let mut found = BTreeMap::new();
    for name in root.names(disk).map_err(|e| e.to_string())? {
        let number = |what: &str| root.text(&format!("{disk}/{name}/{what}")).ok()?.parse::<u64>().ok();
        // sysfs counts in units of 512 bytes, whatever the disk's sectors are.
        let (Some(index), Some(start), Some(size)) = (number("partition"), number("start"), number("size")) else {
            continue;
        };
        let told = root.text(&format!("{disk}/{name}/uevent")).unwrap_or_default();
        let id = told.lines().find_map(|line| line.strip_prefix("PARTUUID=")).map(str::to_lowercase);
        let index = u32::try_from(index).map_err(|e| e.to_string())?;
        found.insert(index, Seen { offset: start.saturating_mul(512), size: size.saturating_mul(512), id });
    }
    match found.is_empty() {
        true => Err(NO_DISK.into()),
        false => Ok(found),
    }
}
