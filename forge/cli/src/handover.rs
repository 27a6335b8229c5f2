//! The files that an install leaves for a person: receipt, credentials, enrollment request.

use crate::failure::Failure;
use forge_engine::{
    seal::{Kind, SealTo, Sealed},
    tool::Tools,
};
use forge_model::{
    Handover, Receipt,
    esp::CERTIFICATE_FILE,
    handover::{self, Asked},
};
use std::{
    fs::{self, DirBuilder, File, Permissions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// The directory for what asks to enroll the key; for its owner only.
const ENROLLMENT: &str = "enrollment";

/// Every way to seal.
const KINDS: [Kind; 2] = [Kind::Age, Kind::Passphrase];

/// Makes the directories and checks that every file can be written. A handover that lies there stays as it is.
pub fn prepare(output: &Path) -> Result<(), Failure> {
    let enrollment = output.join(ENROLLMENT);
    fs::create_dir_all(output).map_err(failed(output))?;
    match DirBuilder::new().mode(0o700).create(&enrollment) {
        // A link is not followed: it would lead the request, and the change of mode, to another place.
        Err(_) if is_directory(&enrollment) => fs::set_permissions(&enrollment, Permissions::from_mode(0o700)),
        made => made,
    }
    .map_err(failed(&enrollment))?;
    can_be_written(output, files(output).into_iter().map(|(path, ..)| path))
}

/// The same for [`seal`], on a volume that may know no modes. Whether it can be sealed to them is tried, too.
pub fn prepare_sealed(output: &Path, tools: &Tools, to: &SealTo) -> Result<(), Failure> {
    to.rehearse(tools).map_err(Failure::Seal)?;
    let enrollment = output.join(ENROLLMENT);
    fs::create_dir_all(output).map_err(failed(output))?;
    match fs::create_dir(&enrollment) {
        Err(_) if is_directory(&enrollment) => Ok(()),
        made => made,
    }
    .map_err(failed(&enrollment))?;
    let names = files(output).into_iter().flat_map(|(path, _, is_secret)| match is_secret {
        true => KINDS.iter().map(|kind| sealed_name(&path, *kind)).collect(),
        false => vec![path],
    });
    can_be_written(output, names)
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> Failure + use<> {
    let path = path.to_owned();
    move |error| Failure::File(path, error)
}

fn can_be_written(output: &Path, paths: impl Iterator<Item = PathBuf>) -> Result<(), Failure> {
    for directory in [output, &output.join(ENROLLMENT)] {
        temporary(directory, 0o600).and_then(|file| file.close()).map_err(failed(directory))?;
    }
    for path in paths {
        if is_directory(&path) {
            return Err(Failure::File(path, io::ErrorKind::IsADirectory.into()));
        }
    }
    Ok(())
}

/// Every file with its mode, and whether it holds a secret. The credentials come first: nothing else holds them.
fn files(output: &Path) -> [(PathBuf, u32, bool); 6] {
    let enrollment = output.join(ENROLLMENT);
    [
        (output.join("credentials"), 0o600, true),
        (output.join("receipt.json"), 0o644, false),
        (output.join("receipt.json.sig"), 0o644, false),
        // The hash of the code is in it.
        (enrollment.join("variables.json"), 0o600, true),
        (enrollment.join(CERTIFICATE_FILE), 0o644, false),
        (enrollment.join("card.txt"), 0o644, false),
    ]
}

/// What goes into [`files`].
fn contents(user: &str, receipt: &Receipt, handover: &Handover) -> [io::Result<Zeroizing<Vec<u8>>>; 6] {
    let bytes = |hex: &str| hex::decode(hex).map(Zeroizing::new).map_err(io::Error::other);
    let text = |text: &str| Ok(Zeroizing::new(text.as_bytes().to_vec()));
    [
        text(&credentials(user, handover)),
        text(&handover.receipt_json),
        bytes(&handover.receipt_signature),
        text(handover.variables_json.expose()),
        bytes(&handover.certificate),
        text(&card(receipt)),
    ]
}

/// Writes everything. One file that can not be written does not keep the others back.
pub fn write(output: &Path, user: &str, receipt: &Receipt, handover: &Handover) -> Result<(), Failure> {
    let mut result = Ok(());
    for ((path, mode, _), bytes) in files(output).into_iter().zip(contents(user, receipt, handover)) {
        if let Err(error) = bytes.and_then(|bytes| replace(&path, mode, &bytes)) {
            result = result.and(Err(Failure::Handover(path, error)));
        }
    }
    result
}

/// Writes everything, and what is secret only sealed: `credentials.age`, `credentials.sealed`. Gives the sealed files.
///
/// One file that can not be written does not keep the others back.
pub fn seal(
    output: &Path,
    user: &str,
    receipt: &Receipt,
    handover: &Handover,
    (to, tools): (&SealTo, &Tools),
) -> Result<Vec<PathBuf>, Failure> {
    let (mut result, mut left) = (Ok(()), Vec::new());
    for ((path, mode, is_secret), bytes) in files(output).into_iter().zip(contents(user, receipt, handover)) {
        let written = match bytes {
            Err(error) => Err(Failure::Handover(path, error)),
            Ok(bytes) if is_secret => seal_file(&path, &bytes, to, tools).map(|sealed| left.extend(sealed)),
            Ok(bytes) => replace(&path, mode, &bytes).map_err(|error| Failure::Handover(path, error)),
        };
        result = result.and(written);
    }
    result.map(|()| left)
}

/// Writes the sealed forms of one text beside each other.
fn seal_file(path: &Path, text: &[u8], to: &SealTo, tools: &Tools) -> Result<Vec<PathBuf>, Failure> {
    let mut written = Vec::new();
    for Sealed { kind, bytes } in to.seal(tools, text).map_err(Failure::SealHandover)? {
        let path = sealed_name(path, kind);
        replace(&path, 0o644, &bytes).map_err(|error| Failure::Handover(path.clone(), error))?;
        written.push(path);
    }
    Ok(written)
}

fn sealed_name(path: &Path, kind: Kind) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(kind.extension());
    name.into()
}

/// Writes the code of a new request; says where.
pub fn write_code(output: &Path, asked: &Asked) -> Result<PathBuf, Failure> {
    let path = output.join("enrollment.json");
    replace(&path, 0o600, asked.text().as_bytes()).map_err(|error| Failure::file(&path, error))?;
    Ok(path)
}

/// A new file with a name that nobody else has.
fn temporary(directory: &Path, mode: u32) -> io::Result<tempfile::NamedTempFile> {
    tempfile::Builder::new().prefix(".forge-").permissions(Permissions::from_mode(mode)).tempfile_in(directory)
}

/// Puts a file in its place, whole or not at all: what lay there is replaced, a link is not followed.
pub fn replace(path: &Path, mode: u32, bytes: &[u8]) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = temporary(directory, mode)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    File::open(directory)?.sync_all()
}

fn is_directory(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_dir())
}

/// The credentials as JSON.
pub fn credentials(user: &str, made: &Handover) -> Zeroizing<String> {
    let (password, disk) = (made.user_password.as_ref(), made.disk.as_ref());
    handover::credentials(user, password, disk, &made.enrollment_code, &made.services)
}

/// What a person needs to enroll the key by hand. It holds no secret.
fn card(receipt: &Receipt) -> String {
    let key = &receipt.boot_key;
    let spaced = |hex: &str| {
        let pairs: Vec<&str> = (0..hex.len() / 2).map(|i| &hex[2 * i..2 * i + 2]).collect();
        pairs.join(" ").to_uppercase()
    };
    format!(
        "Enrolling this computer's key\n\n\
         Key:      {}\n\
         SHA-1:    {}\n\
         SHA-256:  {}\n\n\
         When the computer starts for the first time, a blue screen (MokManager) appears.\n\
         1. Press any key.\n\
         2. Choose \"Enroll MOK\", then \"View key 0\". The SHA-1 above and the one shown are the same.\n\
         3. Choose \"Continue\", then \"Yes\".\n\
         4. Type the code (in the file \"credentials\": mok, code). It does not show while it is typed.\n   \
            \"grouped\" is the same code in groups, for reading; the dashes are not typed.\n\
         5. Choose \"Reboot\".\n\n\
         If the blue screen was missed: choose \"Enroll key from disk\" there, then the volume \"ESP\" and {}.\n",
        key.name,
        spaced(&key.sha1),
        spaced(&key.sha256),
        CERTIFICATE_FILE
    )
}

#[cfg(test)]
mod tests;
