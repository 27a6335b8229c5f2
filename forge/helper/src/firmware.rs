//! The firmware of this machine: what it says, what it would say to the payload, and a new request to enroll the key.

use crate::{arguments::Arguments, dmi};
use forge_dbus::Error;
use forge_engine::{
    efivars::{self, Variables},
    mok::{Code, Keyboards, PasswordHash, Request},
    nvram,
    payload::Payload,
    preflight::{self, Chain},
    watch::Unwatched,
};
use forge_model::{
    Machine, Secret,
    answers::KeyboardAnswers,
    handover::Asked,
    machine::{Preflight, Staging},
};
use std::{fmt::Display, io, path::PathBuf, sync::Arc};
use tokio::{
    sync::{Mutex, OnceCell},
    task::spawn_blocking,
};

/// The boot certificate in the directory of this machine's keys, DER.
const CERTIFICATE: &str = "boot.cer";
/// Where an installed system says which keyboard it has (vconsole.conf(5)).
const KEYBOARD: &str = "/etc/vconsole.conf";

/// The firmware's variables and this machine's keys.
pub struct Firmware {
    variables: Variables,
    keys: PathBuf,
    dmi: PathBuf,
    chain: OnceCell<Arc<Chain>>,
    staging: Mutex<()>,
}

impl Firmware {
    /// Where the arguments say.
    pub fn new(arguments: &Arguments) -> Self {
        let (variables, keys) = (Variables::at(&arguments.efivars), arguments.keys.clone());
        let dmi = arguments.dmi.clone();
        Self { variables, keys, dmi, chain: OnceCell::new(), staging: Mutex::new(()) }
    }

    /// The variables, for an install.
    pub fn variables(&self) -> Variables {
        self.variables.clone()
    }

    /// What the firmware says to the boot chain of this payload. Where that can not be told, nothing speaks against it.
    pub async fn preflight(&self, payload: Option<Payload>) -> Option<Preflight> {
        let read = || async {
            let payload = payload.ok_or("there is no payload")?;
            let read = spawn_blocking(move || Chain::of(&payload, &Unwatched)).await;
            match read {
                Ok(Ok(chain)) => Ok(Arc::new(chain)),
                Ok(Err(error)) => {
                    log::warn!("the boot chain is not looked at: {error}");
                    Err("it can not be read")
                }
                Err(error) => {
                    log::error!("the boot chain is not looked at: {error}");
                    Err("it can not be read")
                }
            }
        };
        let chain = self.chain.get_or_try_init(read).await.ok().cloned();
        let variables = self.variables.clone();
        let checked = spawn_blocking(move || preflight::check(&variables, chain.as_deref())).await;
        checked.unwrap_or_else(|error| {
            log::error!("the firmware is not looked at: {error}");
            None
        })
    }

    /// Whether the boot chain is known already.
    pub fn knows_chain(&self) -> bool {
        self.chain.initialized()
    }

    /// What this machine says about itself.
    pub async fn machine(&self) -> Result<Machine, Error> {
        let (variables, path, dmi) = (self.variables.clone(), self.keys.join(CERTIFICATE), self.dmi.clone());
        let looked = spawn_blocking(move || {
            // A live medium has no keys, and says so.
            let certificate = std::fs::read(&path).inspect_err(|error| log::info!("{}: {error}", path.display())).ok();
            Machine { dmi: dmi::facts(&dmi), ..efivars::machine(&variables, certificate.as_deref()) }
        });
        looked.await.map_err(|e| failed(&e))
    }

    /// Asks shim once more to enroll the key of this machine, with a code that nobody has seen.
    pub async fn enroll(&self) -> Result<Asked, Error> {
        // One after the other: a certificate with the code of another request could not be answered.
        let _one = self.staging.lock().await;
        let (variables, path) = (self.variables.clone(), self.keys.join(CERTIFICATE));
        spawn_blocking(move || {
            let certificate = std::fs::read(&path).map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => Error::WrongState("this machine has no key of its own".into()),
                _ => failed(&format!("{}: {error}", path.display())),
            })?;
            let key = efivars::key(&certificate);
            let key = key.ok_or_else(|| Error::WrongState("the key of this machine can not be read".into()))?;
            let code = Code::generate(&Keyboards::default().alphabet_or_common(&keyboard())).map_err(|e| failed(&e))?;
            let hash = PasswordHash::new(code.typed()).map_err(|e| failed(&e))?;
            let request = Request::enroll(&certificate, &hash).map_err(|e| failed(&e))?;
            let staged = nvram::stage_request(&variables, &request);
            match &staged {
                Staging::Done => log::info!("a request to enroll {} waits for the next start", key.sha256),
                Staging::NotHere | Staging::Failed { .. } => log::warn!("no request was left: {staged:?}"),
            }
            Ok(Asked { code: Secret::new(code.typed().to_string()), key, staged })
        })
        .await
        .map_err(|e| failed(&e))?
    }
}

/// The keyboard of this system; the first one, where it has several.
fn keyboard() -> KeyboardAnswers {
    let text = std::fs::read_to_string(KEYBOARD).unwrap_or_default();
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix('='));
        line.unwrap_or_default().trim_matches('"').split(',').next().unwrap_or_default().to_owned()
    };
    KeyboardAnswers { layout: value("XKBLAYOUT"), variant: value("XKBVARIANT") }
}

fn failed(error: &dyn Display) -> Error {
    Error::Failed(error.to_string())
}
