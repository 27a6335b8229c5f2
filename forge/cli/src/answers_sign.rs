//! `answers sign` and `answers verify`: the bytes of an answer file, and who stands for them.

use crate::{arguments::AnswersCommand, failure::Failure, handover::replace, output::print, plan::parse_answers};
use forge_engine::openpgp;
use std::{
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

/// Runs one of them.
pub fn run(command: AnswersCommand) -> Result<(), Failure> {
    match command {
        AnswersCommand::Sign { answers, key } => sign(&answers, &key),
        AnswersCommand::Verify { answers, certificate } => verify(&answers, &certificate),
    }
}

/// Only answers that can be read are signed. An older signature is replaced: it would not fit any more.
fn sign(answers: &Path, key: &Path) -> Result<(), Failure> {
    // Read once: what is looked at is what is signed.
    let bytes = fs::read_to_string(answers).map_err(|e| Failure::file(answers, e))?;
    parse_answers(answers, &bytes)?;
    let secret = fs::read(key).map_err(|e| Failure::file(key, e))?;
    let secret = zeroize::Zeroizing::new(secret);
    let refused = |error| Failure::Sign(key.to_owned(), error);
    let signature = openpgp::sign_answers(bytes.as_bytes(), &secret, SystemTime::now()).map_err(refused)?;
    let path = signature_of(answers);
    replace(&path, 0o644, &signature).map_err(|e| Failure::file(&path, e))?;
    print(format_args!("{}: signs these bytes of {}; sign again after each change", path.display(), answers.display()))
}

fn verify(answers: &Path, certificates: &[PathBuf]) -> Result<(), Failure> {
    let read = |path: &Path| fs::read(path).map_err(|e| Failure::file(path, e));
    let list = certificates.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
    let signature = signature_of(answers);
    let signer = openpgp::signed_by(&read(answers)?, &read(&signature)?, &list, SystemTime::now());
    let signer = signer.map_err(|error| Failure::NotSigned(answers.to_owned(), error))?;
    print(format_args!("{}: signed by {signer}", answers.display()))
}

/// `answers.toml.sig` for `answers.toml`.
pub fn signature_of(answers: &Path) -> PathBuf {
    let mut name = answers.as_os_str().to_owned();
    name.push(".sig");
    name.into()
}
