//! The files that an install to a file leaves for a person: receipt, credentials, enrollment request.

use crate::failure::Failure;
use forge_engine::{install::Installed, prepare::CERTIFICATE_FILE};
use forge_model::Plan;
use serde_json::{Map, Value, json};
use std::{
    fs::{self, File, Permissions},
    io::Write,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

/// Makes the directories, and checks that they can be written; the enrollment request is for its owner only.
pub fn prepare(output: &Path) -> Result<(), Failure> {
    let failed = |error| Failure::file(output, error);
    fs::create_dir_all(output.join("enrollment")).map_err(failed)?;
    fs::set_permissions(output.join("enrollment"), Permissions::from_mode(0o700)).map_err(failed)?;
    private(&output.join("credentials"), b"").map_err(failed)
}

/// Writes everything.
pub fn write(output: &Path, plan: &Plan, installed: &Installed) -> Result<(), Failure> {
    let enrollment = output.join("enrollment");
    let variables = installed.request.virt_fw_vars_json();
    let variables = variables.map_err(|e| Failure::Handover(enrollment.clone(), e.into()))?;
    let credentials = credentials(plan, installed);
    let card = card(installed);
    let files: [(_, &[u8], bool); 6] = [
        (output.join("credentials"), credentials.as_bytes(), true),
        (output.join("receipt.json"), &installed.receipt_json, false),
        (output.join("receipt.json.sig"), &installed.receipt_signature, false),
        (enrollment.join("variables.json"), variables.as_bytes(), true),
        (enrollment.join(CERTIFICATE_FILE), &installed.certificate, false),
        (enrollment.join("card.txt"), card.as_bytes(), false),
    ];
    for (path, bytes, secret) in files {
        let written = if secret { private(&path, bytes) } else { fs::write(&path, bytes) };
        written.map_err(|error| Failure::Handover(path, error))?;
    }
    Ok(())
}

/// Writes a file that only its owner can read, from its first byte on.
fn private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(bytes)
}

/// The credentials as JSON, for the one time that they are handed over.
fn credentials(plan: &Plan, installed: &Installed) -> String {
    let made = &installed.credentials;
    let services: Map<String, Value> =
        made.services.iter().map(|(name, secret)| (name.clone(), secret.expose().into())).collect();
    let password = made.user_password.as_ref().map(|p| p.expose());
    let all = json!({
        "user": { "name": plan.user.name, "password": password },
        "mok": { "code": made.enrollment_code.expose() },
        "services": services,
    });
    format!("{all:#}\n")
}

/// What a person needs to enroll the key by hand. It holds no secret.
fn card(installed: &Installed) -> String {
    let key = &installed.receipt.boot_key;
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
         4. Type the code (in the file \"credentials\": mok, code). It is typed without the person seeing it.\n\
         5. Choose \"Reboot\".\n\n\
         If the blue screen was missed: choose \"Enroll key from disk\" there, then the volume \"ESP\" and {}.\n",
        key.name,
        spaced(&key.sha1),
        spaced(&key.sha256),
        CERTIFICATE_FILE
    )
}
