//! `record`: this machine as a file that `check --machine` reads elsewhere.

use crate::{
    answers_words,
    arguments::RecordArguments,
    device::{runtime, untouched},
    failure::Failure,
    handover::replace,
    output::{print, tell},
};
use forge_dbus::client::{ClientError, Forge};
use forge_model::{Recorded, dmi::Key};
use rustix::rand::{GetRandomFlags, getrandom};

/// Writes it, or prints it.
pub fn run(wanted: &RecordArguments) -> Result<(), Failure> {
    let look = async || {
        let forge = Forge::connect().await?;
        Ok((forge.machine().await?, forge.inventory().await?))
    };
    let (machine, inventory) = runtime()?.block_on(look()).map_err(|error: ClientError| untouched(error))?;
    let salt = match (wanted.with_identity, &wanted.salt) {
        (true, _) => None,
        (false, Some(salt)) => Some(salt.clone()),
        (false, None) => Some(random_salt()?),
    };
    let recorded = Recorded::new(&machine, &inventory, salt.as_deref());
    let json = format!("{:#}", serde_json::json!(recorded));
    let Some(path) = &wanted.output else {
        return print(json);
    };
    let mode = if wanted.with_identity { 0o600 } else { 0o644 };
    replace(path, mode, format!("{json}\n").as_bytes()).map_err(|error| Failure::file(path, error))?;
    let disks = match recorded.disks.len() {
        1 => "1 disk".into(),
        count => format!("{count} disks"),
    };
    tell(format_args!("{}: {}, with {disks}", path.display(), answers_words::machine(&recorded.machine)));
    for key in Key::ALL.into_iter().filter(|key| recorded.machine.value(*key).is_none()) {
        tell(format_args!("  The firmware has no {} for this machine, or it is not readable.", key.name()));
    }
    match recorded.salt {
        Some(_) => {
            tell("  Serial numbers, UUID and WWNs are digests. No label and no name that a person gave is in it.")
        }
        None => tell("  Serial numbers, UUID and WWNs are in it as they are. Keep it private."),
    }
    Ok(())
}

/// 128 bits that nobody knows in advance, so that no list of digests can be made before.
fn random_salt() -> Result<String, Failure> {
    let mut bytes = [0; 16];
    let drawn = getrandom(&mut bytes, GetRandomFlags::empty());
    match drawn {
        Ok(length) if length == bytes.len() => Ok(hex::encode(bytes)),
        Ok(_) => Err(Failure::file("the kernel's random source".as_ref(), std::io::ErrorKind::UnexpectedEof.into())),
        Err(error) => Err(Failure::file("the kernel's random source".as_ref(), error.into())),
    }
}
