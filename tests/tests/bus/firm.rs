//! A helper whose firmware is a directory.

use crate::{
    bench::Bench,
    caller::{Caller, Refusal},
};
use forge_dbus::client::{ClientError, Forge};
use forge_engine::{
    efivars::{GLOBAL, PERSISTENT, SHIM_LOCK, Variable, Variables},
    mok::{Kind, Pair, PasswordHash, Request},
};
use forge_model::{Machine, handover::Asked, machine::Enrollment};
use forge_tests::{
    payload::shared,
    private::{Person, System},
};
use std::{fs, path::PathBuf, time::SystemTime};
use zeroize::Zeroizing;

/// A helper with a firmware of its own.
pub struct Firm<'a> {
    pub bench: Bench<'a>,
    pub variables: Variables,
    keys: PathBuf,
}

impl<'a> Firm<'a> {
    /// Secure Boot is on, and this machine has no key yet.
    pub fn new(system: &'a System) -> Self {
        let disks = system.disks();
        let (efivars, keys) = (disks.with_file_name("efivars"), disks.with_file_name("keys"));
        for directory in [&efivars, &keys] {
            fs::create_dir(directory).unwrap();
        }
        let options = ["--idle-ms", "20000", "--settle-ms", "0", "--efivars"];
        let paths = [efivars.to_str().unwrap(), "--keys", keys.to_str().unwrap()];
        let bench = Bench::with(system, shared(), &[&options[..], &paths].concat());
        let firm = Self { bench, variables: Variables::at(efivars), keys };
        firm.set("SecureBoot", GLOBAL, &[1]);
        firm
    }

    pub fn set(&self, name: &str, guid: &str, data: &[u8]) {
        self.variables.write(name, guid, &Variable { attributes: PERSISTENT, data: data.to_vec() }).unwrap();
    }

    pub fn read(&self, name: &str) -> Option<Vec<u8>> {
        self.variables.read(name, SHIM_LOCK).unwrap().map(|variable| variable.data.clone())
    }

    /// A key as an install makes it; gives its certificate.
    pub fn key(&self) -> Vec<u8> {
        let pair = Pair::generate(Kind::Boot, "InterGenOS boot key test", SystemTime::now()).unwrap();
        let certificate = pair.certificate_der().unwrap();
        fs::write(self.keys.join("boot.cer"), &certificate).unwrap();
        certificate
    }

    pub fn machine(&self, person: Person) -> Result<Machine, Refusal> {
        let text: String = Caller::new(self.bench.system, person).manager("Machine", &())?;
        Ok(serde_json::from_str(&text).unwrap())
    }

    pub fn state(&self) -> Enrollment {
        self.machine(Person::Allowed).unwrap().enrollment
    }

    pub fn enroll(&self) -> Result<Asked, ClientError> {
        let connection = self.bench.system.connect();
        self.bench.system.block_on(async { Forge::on(&connection).await?.enroll().await })
    }
}

/// The list that shim shows, with one certificate: in the form of a request.
pub fn list(certificate: &[u8]) -> Vec<u8> {
    let hash = PasswordHash::new(&Zeroizing::new("code".to_owned())).unwrap();
    Request::enroll(certificate, &hash).unwrap().variables()[0].data.clone()
}
