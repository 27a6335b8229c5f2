//! `payload build`, `payload verify` and `payload keys`.

use crate::{arguments::PayloadCommand, failure::Failure, output::print, plan::open_payload};
use forge_engine::{
    firmware::make,
    openpgp::{self, Validity},
    payload::build,
    tool::Tools,
    watch::Unwatched,
};
use forge_model::size;
use std::{
    fs::{self, File},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::Path,
    time::{Duration, SystemTime},
};

const YEAR: Duration = Duration::from_secs(365 * 86_400);

/// Runs one of them.
pub fn run(command: PayloadCommand) -> Result<(), Failure> {
    match command {
        PayloadCommand::Build { source, key, output } => make(&source, &key, &output),
        PayloadCommand::Firmware { source, system, output } => firmware(&source, &system, &output),
        PayloadCommand::Verify { payload, certificate } => verify(&payload, &certificate),
        PayloadCommand::Keys { user_id, output } => keys(&user_id, &output),
    }
}

fn make(source: &Path, key: &Path, output: &Path) -> Result<(), Failure> {
    let key = fs::read(key).map_err(|e| Failure::file(key, e))?;
    let built = build::build(&Tools::default(), source, &key, output, SystemTime::now(), &Unwatched);
    let manifest = built.map_err(|e| Failure::Build(Box::new(e)))?.done();
    if let Some(manifest) = manifest {
        let (image, hash) = (size::words(manifest.image.data.size), manifest.image.root_hash);
        let (name, release) = (&manifest.name, &manifest.release);
        print(format_args!("{}: {name} {release}, {image}, root hash {hash}", output.display()))?;
    }
    Ok(())
}

/// Makes bundles of proprietary firmware, for a payload that carries them.
fn firmware(source: &Path, system: &Path, output: &Path) -> Result<(), Failure> {
    let made = make::make(&Tools::default(), source, system, output, &Unwatched);
    // Nobody can cancel it, so it is always done.
    let Some(made) = made.map_err(|e| Failure::Firmware(Box::new(e)))?.done() else {
        return Ok(());
    };
    for bundle in &made.bundles {
        let (name, licence, image) = (&bundle.name, &bundle.licence.id, size::words(bundle.image.size));
        let (files, devices, sha256) = (bundle.files.len(), bundle.modaliases.len(), &bundle.image.sha256);
        print(format_args!(
            "{name}: {image}, {licence}, files: {files}, device patterns: {devices}, SHA-256 {sha256}"
        ))?;
    }
    Ok(())
}

fn verify(path: &Path, certificate: &Path) -> Result<(), Failure> {
    let payload = open_payload(path, certificate)?;
    // Nobody can cancel it, so it is always done.
    if payload.check_everything(&Unwatched)?.done().is_none() {
        return Ok(());
    }
    print(format_args!(
        "{}: every file is as signed by {} (release key {})",
        path.display(),
        payload.signer.certificate,
        payload.signer.subkey
    ))
}

/// Ten years for the offline master key, two for the release key.
fn keys(user_id: &str, output: &Path) -> Result<(), Failure> {
    let validity = Validity { master: 10 * YEAR, release: 2 * YEAR };
    let keys = openpgp::generate(user_id, SystemTime::now(), validity).map_err(|e| Failure::Keys(e.to_string()))?;
    fs::create_dir_all(output).map_err(|e| Failure::file(output, e))?;
    let files: [(&str, &[u8], u32); 4] = [
        ("certificate.pgp", &keys.certificate, 0o644),
        ("master-secret.pgp", &keys.master, 0o600),
        ("release-secret.pgp", &keys.release, 0o600),
        ("revocation.pgp", &keys.revocation, 0o600),
    ];
    for (name, bytes, mode) in files {
        let path = output.join(name);
        let written = File::options().write(true).create_new(true).mode(mode).open(&path);
        written.and_then(|mut file| file.write_all(bytes)).map_err(|e| Failure::file(&path, e))?;
    }
    print(format_args!("{}: keep master-secret.pgp off line; release-secret.pgp signs payloads", output.display()))
}
