//! `machine` and `enroll`: what the firmware says about this machine's key, and how shim is asked for it once more.

use crate::{
    failure::Failure,
    firmware_words, handover,
    output::{print, tell},
};
use forge_dbus::client::{ClientError, Forge};
use forge_model::{
    handover::grouped,
    machine::{Enrollment, Staging},
};
use std::{io, path::Path};
use tokio::runtime::Runtime;

/// Shows what the machine says about itself; fails unless its key is enrolled.
pub fn show(json: bool) -> Result<(), Failure> {
    let machine = runtime()?.block_on(async { Forge::connect().await?.machine().await })?;
    if json {
        print(serde_json::json!(machine))?;
    } else {
        print(firmware_words::machine(&machine).join("\n"))?;
    }
    match machine.enrollment {
        Enrollment::Enforced | Enrollment::Enrolled => Ok(()),
        Enrollment::Pending | Enrollment::Lost | Enrollment::Unknown => Err(Failure::NotEnrolled(machine.enrollment)),
    }
}

/// Writes what a console says before a login, or removes it when nothing is left to do.
pub fn issue(file: &Path) -> Result<(), Failure> {
    let machine = runtime()?.block_on(async { Forge::connect().await?.machine().await })?;
    let written = match firmware_words::issue(&machine) {
        Some(words) => handover::replace(file, 0o644, format!("{words}\n\n").as_bytes()),
        None => std::fs::remove_file(file).or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        }),
    };
    written.map_err(|error| Failure::file(file, error))
}

/// Asks shim once more to enroll the key, and shows the code, or writes it into a directory.
pub fn enroll(output: Option<&Path>) -> Result<(), Failure> {
    // Nothing is asked for that could not be handed over.
    if let Some(output) = output {
        std::fs::create_dir_all(output).map_err(|error| Failure::file(output, error))?;
    }
    let asked = runtime()?.block_on(async { Forge::connect().await?.enroll().await })?;
    match &asked.staged {
        Staging::Done => {}
        Staging::NotHere => return Err(Failure::NoFirmware),
        Staging::Failed { fault, details } => return Err(Failure::NotStaged(*fault, details.clone())),
    }
    tell(format_args!("{} will be enrolled at the next start.", asked.key.subject));
    tell(format_args!("  SHA-1  {}", asked.key.sha1));
    match output {
        Some(output) => match handover::write_code(output, &asked) {
            Ok(path) => tell(format_args!("The code is in {}.", path.display())),
            Err(failure) => {
                // It is asked for at the next start, and nowhere else any more.
                print(format_args!("The code: {}  (the dashes are not typed)", grouped(asked.code.expose()).as_str()))?;
                return Err(failure);
            }
        },
        None => {
            print(format_args!("The code: {}  (the dashes are not typed)", grouped(asked.code.expose()).as_str()))?;
        }
    }
    tell("Restart. In the blue screen: any key, \"Enroll MOK\", \"Continue\", \"Yes\", the code, \"Reboot\".");
    Ok(())
}

fn runtime() -> Result<Runtime, Failure> {
    let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
    built.map_err(|error: io::Error| Failure::from(ClientError::Io(error)))
}
