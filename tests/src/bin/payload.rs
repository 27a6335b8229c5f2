//! Makes the small test payload for a test that runs elsewhere: `forge-tests-payload DIRECTORY` puts `payload/`,
//! `certificate.pgp` and `answers.toml` into it.
#![allow(missing_docs)]

use forge_tests::{job::ANSWERS, payload::TestPayload};
use std::{fs, path::PathBuf};

fn main() {
    let directory = PathBuf::from(std::env::args_os().nth(1).expect("a directory is named"));
    let payload = TestPayload::make();
    payload.copy_to(&directory.join("payload"));
    fs::write(directory.join("certificate.pgp"), &payload.keys.certificate).unwrap();
    fs::write(directory.join("answers.toml"), ANSWERS).unwrap();
}
