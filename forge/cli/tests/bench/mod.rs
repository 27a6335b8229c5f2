//! What the tests of `forgectl` share.
#![allow(dead_code, reason = "each test program uses a part of it")]

use forge_tests::payload::TestPayload;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};
use tempfile::TempDir;

/// A directory with answers, the certificate, and the place where an install hands over.
pub struct Bench {
    scratch: TempDir,
}

impl Bench {
    pub fn new(payload: &TestPayload, answers: &str) -> Self {
        let bench = Self { scratch: tempfile::tempdir().unwrap() };
        fs::write(bench.path("answers.toml"), answers).unwrap();
        fs::write(bench.path("certificate.pgp"), &payload.keys.certificate).unwrap();
        bench
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    pub fn command(&self, verb: &str, payload: &TestPayload, target: &Path) -> Command {
        let mut command = forgectl();
        command.arg(verb).arg("--answers").arg(self.path("answers.toml"));
        command.arg("--payload").arg(payload.directory()).arg("--certificate").arg(self.path("certificate.pgp"));
        command.arg("--target").arg(target);
        command
    }

    pub fn install(&self, payload: &TestPayload, target: &Path) -> Command {
        let mut command = self.command("install", payload, target);
        command.arg("--output").arg(self.path("handover"));
        command
    }
}

pub fn forgectl() -> Command {
    Command::new(env!("CARGO_BIN_EXE_forgectl"))
}

pub fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
