//! Everything that can fail without the disk, done before the first write: keys, accounts, boot files, file systems.
//!
//! All of it is made in memory (memfd), so that nothing secret is left behind whatever happens.

use crate::{
    credentials::{self, Brought, CredentialError, Credentials, DiskBrought, UserPassword},
    esp::{Esp, EspError},
    firmware::chosen::{self, ChosenError, Ready},
    gpt,
    install::{RECEIPT_FILE, RECEIPT_SIGNATURE_FILE},
    luks::{self, Keys, LuksError},
    memory,
    mok::{self, Code, CodeError, Keyboards, Kind, Pair, PairError, PasswordHash, Request, SignerError, VariableError},
    payload::{Payload, PayloadError},
    seal::{Kind as Sealing, SealError, Sealed},
    state::{self, StateError},
    system::{self, Certificates, Secrets, SystemError, Tree},
    target::Target,
    tool::{self, Tools},
    tpm2::PolicyKey,
    uki::{self, Parts, UkiError},
    watch::Watch,
};
use forge_model::{
    Plan, Secret,
    esp::CERTIFICATE_FILE,
    firmware::Consent,
    handover::DiskKeys,
    layout::Role,
    receipt::{Encryption, Key, WrittenPartition},
};
use std::{collections::BTreeMap, fs::File, io, path::PathBuf, time::SystemTime};
use uuid::Uuid;

/// The sealed credentials on the ESP, if the person who installs wants them there. They are no boot files, and whoever has
/// read them takes them away: the receipt does not name them.
pub fn credentials_file(kind: Sealing) -> &'static str {
    match kind {
        Sealing::Age => "EFI/forge/credentials.age",
        Sealing::Passphrase => "EFI/forge/credentials.sealed",
    }
}

/// Why nothing could be prepared; the disk is as it was.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// Standard tools are missing.
    #[error("missing on this system: {}", .0.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(", "))]
    Missing(Vec<PathBuf>),
    /// A file of the payload is not as signed.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// An account can not be made.
    #[error(transparent)]
    System(#[from] SystemError),
    /// A credential can not be made.
    #[error(transparent)]
    Credential(#[from] CredentialError),
    /// The credentials can not be sealed.
    #[error("the credentials can not be sealed: {0}")]
    Seal(#[from] SealError),
    /// The enrollment code can not be made.
    #[error("the enrollment code can not be made: {0}")]
    Code(#[from] CodeError),
    /// A key can not be made.
    #[error("this machine's key can not be made: {0}")]
    Pair(#[from] PairError),
    /// The enrollment request can not be made.
    #[error("the enrollment request can not be made: {0}")]
    Request(#[from] VariableError),
    /// Firmware that was chosen can not be used.
    #[error(transparent)]
    Firmware(#[from] ChosenError),
    /// The boot image can not be built.
    #[error(transparent)]
    Uki(#[from] UkiError),
    /// A boot file can not be signed.
    #[error("{what} can not be signed: {source}")]
    Sign {
        /// Which one.
        what: &'static str,
        /// Why.
        source: SignerError,
    },
    /// The state file system can not be made.
    #[error(transparent)]
    State(#[from] StateError),
    /// The state can not be encrypted.
    #[error(transparent)]
    Luks(#[from] LuksError),
    /// The EFI system partition can not be made.
    #[error(transparent)]
    Esp(#[from] EspError),
    /// It was asked to stop.
    #[error("the preparation was stopped")]
    Stopped,
    /// Memory or a descriptor failed.
    #[error("memory for the boot files: {0}")]
    Io(#[from] io::Error),
}

/// Everything that is ready to be written.
pub struct Prepared<'a> {
    /// The partitions with their PARTUUIDs.
    pub partitions: Vec<WrittenPartition>,
    /// The boot files, all but the receipt.
    pub esp: Esp<'a>,
    /// The state partition: its file system, encrypted or not.
    pub state: File,
    /// How it is encrypted; nothing when it is not.
    pub encryption: Option<Encryption>,
    /// The key that signs boot images; also signs the receipt.
    pub boot_pair: Pair,
    /// The two keys by their fingerprints: boot and module.
    pub keys: [Key; 2],
    /// The command line in the UKI.
    pub command_line: String,
    /// The firmware that was accepted.
    pub firmware: Vec<Consent>,
    /// What is handed over once.
    pub credentials: Credentials,
    /// What asks shim to enroll the boot key.
    pub request: Request,
    /// The boot certificate, DER.
    pub certificate: Vec<u8>,
}

/// Prepares an install.
pub fn prepare<'a>(
    tools: &'a Tools,
    plan: &Plan,
    payload: &Payload,
    target: &Target,
    brought: Brought,
    now: SystemTime,
) -> Result<Prepared<'a>, PrepareError> {
    let missing = tool::absent(tools.needed(plan, &brought));
    if !missing.is_empty() {
        return Err(PrepareError::Missing(missing));
    }
    let (manifest, partitions) = (&payload.manifest, gpt::with_ids(&plan.layout));
    let host = &plan.system.hostname;
    let boot_pair = Pair::generate(Kind::Boot, &common_name("boot", host), now)?;
    unless_stopped(tools)?;
    let module_pair = Pair::generate(Kind::Module, &common_name("module", host), now)?;
    unless_stopped(tools)?;
    let (certificate, boot_pem) = (boot_pair.certificate_der()?, boot_pair.certificate_pem()?);

    let (hash, user_password) = match brought.password {
        UserPassword::Hash(hash) => (hash, None),
        UserPassword::Typed(typed) => (credentials::shadow_hash(&typed)?, None),
        UserPassword::Generate => {
            let made = credentials::passphrase()?;
            (credentials::shadow_hash(&made)?, Some(made))
        }
    };
    let mut services = BTreeMap::new();
    for wanted in &manifest.credentials {
        services.insert(wanted.name.clone(), credentials::service(wanted)?);
    }
    let code = Code::generate(&Keyboards::default().alphabet_or_common(&plan.system.keyboard))?;
    let disk = brought.disk.map(|disk| disk_keys(disk, plan.tpm2)).transpose()?;
    let credentials = Credentials {
        user_password,
        disk: disk.as_ref().map(DiskSecrets::handed_over),
        enrollment_code: Secret::new(code.typed().to_string()),
        services,
    };
    let sealed = match &brought.seal {
        Some(to) => to.seal(tools, credentials.text(&plan.user.name).as_bytes())?,
        None => Vec::new(),
    };
    let request = Request::enroll(&certificate, &PasswordHash::new(code.typed())?)?;

    let mut chosen = chosen::ready(tools, plan, payload, &boot_pair, brought.consent, now)?;
    let firmware = chosen.iter().map(|ready| ready.consent.clone()).collect();
    let addons: Vec<_> = chosen.iter_mut().filter_map(Ready::take_addon).collect();

    let policy = plan.tpm2.then(PolicyKey::generate).transpose().map_err(PairError::from)?;
    let volume = disk.as_ref().map(|_| Uuid::new_v4());
    let command_line =
        uki::command_line(plan, &manifest.boot.command_line, &manifest.image.file_system, &partitions, volume);
    let secrets = Secrets {
        password_hash: &hash,
        services: &credentials.services,
        boot_key: &boot_pair.private_key_pem()?,
        module_key: &module_pair.private_key_pem()?,
        tpm2: match (&policy, disk.as_ref().and_then(|disk| disk.once.as_ref()), volume) {
            (Some(policy), Some(once), Some(volume)) => Some((policy, once, volume)),
            _ => None,
        },
    };
    let certificates = Certificates {
        boot_pem: &boot_pem,
        module_pem: &module_pair.certificate_pem()?,
        boot_der: &certificate,
        module_der: &module_pair.certificate_der()?,
    };
    let tree = system::tree(plan, payload, &command_line, &secrets, &certificates, chosen)?;
    let (state, encryption) = state_image(tools, plan.layout.must(Role::State).size, &tree, volume.zip(disk.as_ref()))?;
    drop(tree);

    let mut esp = boot_files(tools, plan, payload, target, &command_line, &boot_pair, policy.as_ref())?;
    // The receipt does not name them: they go when the firmware does.
    for (path, addon) in &addons {
        esp.add_unlisted(path, addon)?;
    }
    for Sealed { kind, bytes } in &sealed {
        esp.add_unlisted(credentials_file(*kind), &memory::file(c"forge-sealed", bytes)?)?;
    }
    for receipt in [RECEIPT_FILE, RECEIPT_SIGNATURE_FILE] {
        esp.make_way(receipt)?;
    }
    // It is checked again with the receipt in it; what can be refused now is refused before the first write.
    esp.check()?;
    Ok(Prepared {
        partitions,
        esp,
        state,
        encryption,
        keys: [key("boot", host, &boot_pair)?, key("module", host, &module_pair)?],
        boot_pair,
        command_line,
        firmware,
        credentials,
        request,
        certificate,
    })
}

/// What opens the encrypted state.
struct DiskSecrets {
    passphrase: Secret,
    /// Whether the passphrase was made here: then it is handed over.
    is_made: bool,
    recovery: Secret,
    /// What the installed system adds the TPM with.
    once: Option<Secret>,
}

fn disk_keys(brought: DiskBrought, tpm2: bool) -> Result<DiskSecrets, PrepareError> {
    let is_made = brought.passphrase.is_none();
    let passphrase = brought.passphrase.map_or_else(credentials::passphrase, Ok)?;
    let recovery = brought.recovery.map_or_else(luks::recovery_key, Ok).map_err(CredentialError::from)?;
    // Nobody types it; it is as long and as random as a recovery key.
    let once = tpm2.then(luks::recovery_key).transpose().map_err(CredentialError::from)?;
    Ok(DiskSecrets { passphrase, is_made, recovery, once })
}

impl DiskSecrets {
    fn handed_over(&self) -> DiskKeys {
        let copy = |secret: &Secret| Secret::new(secret.expose().to_owned());
        DiskKeys { passphrase: self.is_made.then(|| copy(&self.passphrase)), recovery: copy(&self.recovery) }
    }
}

/// What is written to the state partition.
fn state_image(
    tools: &Tools,
    size: u64,
    tree: &Tree,
    encrypted: Option<(Uuid, &DiskSecrets)>,
) -> Result<(File, Option<Encryption>), PrepareError> {
    let Some((volume, DiskSecrets { passphrase, recovery, once, .. })) = encrypted else {
        return Ok((state::image(tools, size, tree)?, None));
    };
    let plain = state::image(tools, size - luks::HEADER, tree)?;
    let made = luks::encrypt(tools, &plain, size, volume, &Keys { passphrase, recovery, once: once.as_ref() })?;
    Ok((made.image, Some(made.facts)))
}

/// For between two steps that no tool does: a tool asks for itself.
fn unless_stopped(tools: &Tools) -> Result<(), PrepareError> {
    match tools.stop.cancelled() {
        true => Err(PrepareError::Stopped),
        false => Ok(()),
    }
}

/// Puts every boot file in its place: the removable path and the vendor's directory hold the same chain.
fn boot_files<'a>(
    tools: &'a Tools,
    plan: &Plan,
    payload: &Payload,
    target: &Target,
    command_line: &str,
    pair: &Pair,
    policy: Option<&PolicyKey>,
) -> Result<Esp<'a>, PrepareError> {
    let boot = &payload.manifest.boot;
    let copy = |entry| payload.copy(entry, &tools.stop);
    let parts = Parts {
        kernel: &copy(&boot.kernel)?,
        initrd: &copy(&boot.initrd)?,
        os_release: &copy(&boot.os_release)?,
        command_line,
        policy,
    };
    let uki = sign(tools, pair, "the boot image", &uki::build(tools, boot, &parts)?)?;
    let grub = sign(tools, pair, "the boot loader", &copy(&boot.grub)?)?;
    let shim = copy(&boot.shim)?;
    let mok_manager = copy(&boot.mok_manager)?;
    let fallback = copy(&boot.fallback)?;
    let certificate = memory::file(c"forge-certificate", &pair.certificate_der()?)?;
    let id = &payload.manifest.id;
    let csv = memory::file(c"forge-csv", &boot_csv(&payload.manifest.name))?;

    let place = plan.layout.must(Role::Esp);
    let mut esp = match place.shared {
        false => Esp::new(tools, place.size, plan.target.sector_size)?,
        true => Esp::shared(tools, target, place.offset, place.size)?,
    };
    let vendor = format!("EFI/{id}");
    if esp.has(&vendor) {
        return Err(EspError::NotShared(format!("{vendor} is there already, from another install")).into());
    }
    // The removable path belongs to whoever has it.
    let removable = !esp.has("EFI/BOOT");
    esp.add(&format!("EFI/Linux/{id}-{}.efi", boot.kernel_release), &uki)?;
    let directories = [("BOOT", "BOOTX64.EFI"), (id.as_str(), "shimx64.efi")];
    for (directory, shim_name) in directories.into_iter().filter(|(directory, _)| removable || *directory != "BOOT") {
        esp.add(&format!("EFI/{directory}/{shim_name}"), &shim)?;
        esp.add(&format!("EFI/{directory}/grubx64.efi"), &grub)?;
        // shim looks for MokManager beside itself, whichever copy was started.
        esp.add(&format!("EFI/{directory}/mmx64.efi"), &mok_manager)?;
    }
    if removable {
        esp.add("EFI/BOOT/fbx64.efi", &fallback)?;
    }
    esp.add(&format!("EFI/{id}/BOOTX64.CSV"), &csv)?;
    esp.add(CERTIFICATE_FILE, &certificate)?;
    Ok(esp)
}

fn sign(tools: &Tools, pair: &Pair, what: &'static str, image: &File) -> Result<File, PrepareError> {
    let signed = memory::file(c"forge-signed", b"")?;
    mok::sign(tools, pair, image, &signed).map_err(|source| PrepareError::Sign { what, source })?;
    Ok(signed)
}

/// The line that fallback turns into a boot entry: file, title, arguments, comment, in little-endian UCS-2.
fn boot_csv(title: &str) -> Vec<u8> {
    let title: String = title.chars().filter(|c| !matches!(c, ',' | '\n')).take(64).collect();
    let line = format!("\u{feff}shimx64.efi,{title},,Start {title}\n");
    line.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn common_name(purpose: &str, host: &str) -> String {
    // X.520 allows 64 characters.
    format!("InterGenOS {purpose} key, {host}").chars().take(64).collect()
}

fn key(purpose: &str, host: &str, pair: &Pair) -> Result<Key, PairError> {
    let (sha1, sha256) = (hex::encode(pair.sha1()?.0), hex::encode(pair.sha256()?.0));
    Ok(Key { name: common_name(purpose, host), sha1, sha256 })
}
