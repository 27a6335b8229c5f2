//! The order of writes (design.md section 7): the disk starts nothing until everything is proved.
//!
//! | stage | on the disk afterwards |
//! |---|---|
//! | check, prepare | as it was |
//! | claim | no partition table, no boot sector, a journal |
//! | write, prove, fill | the same, and contents that no table points to |
//! | commit | backup table, then primary table (the journal goes with it), then the ESP's boot sector |
//!
//! The boot sector of the ESP and its copy are held back until the very end: without them no firmware finds a file system
//! there. What was written is read back from the disk first: the image by its root hash, state and ESP byte for byte.

use crate::{
    credentials::{Credentials, UserPassword},
    esp::EspError,
    gpt::{self, GptError},
    image::{self, ImageError, Place},
    journal::Journal,
    memory,
    mok::{PairError, Request},
    payload::{Payload, PayloadError},
    prepare::{self, PrepareError, Prepared},
    target::{Target, TargetError},
    tool::Tools,
    verity::Trusted,
    watch::{Outcome, Watch},
};
use forge_model::{Plan, Progress, Receipt, RootHash, Stage, layout::Role};
use std::{
    cell::Cell,
    fs::File,
    os::unix::fs::{FileExt, MetadataExt},
    sync::{Mutex, PoisonError},
    time::SystemTime,
};
use uuid::Uuid;

/// The boot sector of a FAT32 and its copy, which is sector 6.
const HELD_BACK_SECTORS: usize = 7;

/// Room for the partition tables (1 MiB at either end), the receipt, and what a file system needs to keep account.
const REST: u64 = 3 * forge_model::size::MIB;

/// Where the receipt lies on the ESP.
pub const RECEIPT_FILE: &str = "EFI/forge/receipt.json";
/// Its detached signature (RSA PKCS#1 v1.5 with SHA-256), beside it.
pub const RECEIPT_SIGNATURE_FILE: &str = "EFI/forge/receipt.json.sig";

/// Signatures of file systems, RAID and LVM members lie this near to either end of a partition; VMFS has the deepest,
/// 2 MiB from the start.
const EDGE: u64 = 4 * forge_model::size::MIB;

/// Why an install did not end well.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// The payload is not the one that the plan names.
    #[error("the payload changed since the plan was made; make the plan again")]
    PayloadChanged,
    /// The payload is not as signed.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// Something could not be prepared.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// The target failed.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The image could not be written or proved.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// What was read back has another root hash.
    #[error("the disk holds the root hash {found}, not the signed one; the disk is faulty")]
    NotProved {
        /// The hash read back.
        found: RootHash,
    },
    /// The ESP could not be made.
    #[error(transparent)]
    Esp(#[from] EspError),
    /// The partition table could not be written.
    #[error(transparent)]
    Gpt(#[from] GptError),
    /// The receipt could not be signed.
    #[error("the receipt could not be signed: {0}")]
    Receipt(#[from] PairError),
    /// Memory or a descriptor failed.
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// An install that did not end well: where, and what is on the target now.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct Failed {
    /// The stage in which it failed.
    pub stage: Stage,
    /// Whether anything was written; without it, the target is as it was.
    pub written: bool,
    /// Why.
    #[source]
    pub error: InstallError,
}

/// Hears how far a run is, and says whether it is to stop.
pub trait Events: Sync {
    /// Called at each stage's start, and as its bytes are done.
    fn progress(&self, progress: Progress);

    /// Whether to stop; asked at least between any two blocks of work, and no more once the commit has begun.
    fn cancelled(&self) -> bool;
}

/// What an install hands over.
pub struct Installed {
    /// The proof.
    pub receipt: Receipt,
    /// The receipt as it lies on the ESP.
    pub receipt_json: Vec<u8>,
    /// Its signature.
    pub receipt_signature: Vec<u8>,
    /// The credentials, for the one time that they are shown.
    pub credentials: Credentials,
    /// What asks shim to enroll the key, for a machine's variables.
    pub request: Request,
    /// The certificate of the boot key, DER.
    pub certificate: Vec<u8>,
}

/// How a run ended that did not fail.
pub enum End {
    /// It is done.
    Installed(Box<Installed>),
    /// It was cancelled; from the claim on, the disk starts nothing.
    Cancelled {
        /// The stage in which it stopped.
        stage: Stage,
    },
}

/// Does the plan.
pub fn run(
    tools: &Tools,
    plan: &Plan,
    payload: &Payload,
    target: &Target,
    password: UserPassword,
    events: &dyn Events,
) -> Result<End, Failed> {
    let reached = Reached { stage: Cell::new(Stage::Check), written: Cell::new(false) };
    run_stages(tools, plan, payload, target, password, events, &reached).map_err(|error| Failed {
        stage: reached.stage.get(),
        written: reached.written.get(),
        error,
    })
}

/// How far a run is.
struct Reached {
    stage: Cell<Stage>,
    written: Cell<bool>,
}

fn run_stages(
    tools: &Tools,
    plan: &Plan,
    payload: &Payload,
    target: &Target,
    password: UserPassword,
    events: &dyn Events,
    reached: &Reached,
) -> Result<End, InstallError> {
    let meter = |stage, total| {
        reached.stage.set(stage);
        Meter { events, stage, total, done: Mutex::new(0) }.begin()
    };
    macro_rules! unless_cancelled {
        ($stage:expr, $outcome:expr) => {
            match $outcome {
                Outcome::Done(done) if !events.cancelled() => done,
                _ => return Ok(End::Cancelled { stage: $stage }),
            }
        };
    }
    if payload.manifest_sha256 != plan.payload.manifest_sha256 {
        return Err(InstallError::PayloadChanged);
    }
    let check = meter(Stage::Check, payload.manifest.image.tree.size);
    let (tree, trusted) = unless_cancelled!(Stage::Check, payload.tree(&check)?);

    meter(Stage::Prepare, 0);
    let now = SystemTime::now();
    let prepared = prepare::prepare(tools, plan, payload, password, now)?;
    unless_cancelled!(Stage::Prepare, Outcome::Done(()));

    let run = Writing { plan, payload, target, prepared, reached };
    run.reserve()?;

    meter(Stage::Claim, 0);
    let proved = unless_cancelled!(Stage::Claim, Outcome::Done(run.claim()?));

    let bytes = trusted.parameters().data_bytes() + trusted.parameters().tree_bytes();
    let already = match proved.then(|| run.prove(&meter(Stage::Prove, bytes))) {
        // Whatever an earlier run left that can not be read or proved is written again.
        None | Some(Err(_)) => None,
        Some(Ok(outcome)) => Some(unless_cancelled!(Stage::Prove, outcome)),
    };
    if already != Some(plan.payload.root_hash) {
        let write = meter(Stage::Write, bytes);
        unless_cancelled!(Stage::Write, run.write(&tree, &trusted, &write)?);
        run.journal(Stage::Write).write(target)?;
        let found = unless_cancelled!(Stage::Prove, run.prove(&meter(Stage::Prove, bytes))?);
        if found != plan.payload.root_hash {
            return Err(InstallError::NotProved { found });
        }
    }
    run.journal(Stage::Prove).write(target)?;
    unless_cancelled!(Stage::Prove, Outcome::Done(()));

    meter(Stage::Fill, 0);
    target.check_size()?;
    run.finish(now, events, |stage| {
        meter(stage, 0);
    })
}

/// A run that holds everything it writes.
struct Writing<'a> {
    plan: &'a Plan,
    payload: &'a Payload,
    target: &'a Target,
    prepared: Prepared<'a>,
    reached: &'a Reached,
}

impl Writing<'_> {
    fn place(&self) -> Place {
        let layout = &self.plan.layout;
        Place { data: layout.must(Role::RootA).offset, tree: layout.must(Role::VerityA).offset }
    }

    fn journal(&self, stage: Stage) -> Journal {
        Journal::new(stage, self.plan.payload.root_hash, self.place().data, self.place().tree)
    }

    /// Takes the room that a file target lacks, so that a full file system is noticed while the old contents are there.
    fn reserve(&self) -> Result<(), InstallError> {
        let parameters = self.payload.verity_parameters()?;
        let file_systems = self.prepared.state.metadata()?.blocks() + self.prepared.esp.blocks()?;
        self.target.check_room(parameters.data_bytes() + parameters.tree_bytes() + file_systems * 512 + REST)?;
        Ok(image::reserve(self.target.file(), &parameters, self.place())?)
    }

    /// Makes the disk start nothing, and notes what goes on. True when an earlier run had already proved this image.
    fn claim(&self) -> Result<bool, InstallError> {
        let (target, plan) = (self.target, self.plan);
        target.check_identity(&plan.target)?;
        let earlier = Journal::read(target)?;
        self.reached.written.set(true);
        gpt::erase(target, plan.target.size)?;
        let resumed = earlier.is_some_and(|j| j.stage >= Stage::Write && j.is_for(&self.journal(Stage::Write)));
        self.journal(if resumed { Stage::Write } else { Stage::Claim }).write(target)?;
        for partition in &plan.layout.partitions {
            if resumed && matches!(partition.role, Role::RootA | Role::VerityA) {
                continue;
            }
            let edge = partition.size.min(EDGE);
            target.zero(partition.offset, edge)?;
            target.zero(partition.offset + partition.size - edge, edge)?;
        }
        Ok(resumed)
    }

    fn write(&self, tree: &File, trusted: &Trusted, watch: &dyn Watch) -> Result<Outcome<()>, InstallError> {
        let image = self.payload.image()?;
        Ok(image::write(&image, tree, trusted, self.target.file(), self.place(), watch)?)
    }

    fn prove(&self, watch: &dyn Watch) -> Result<Outcome<RootHash>, InstallError> {
        let parameters = self.payload.verity_parameters()?;
        Ok(image::read_back(self.target.file(), &parameters, self.place(), watch)?)
    }

    /// State and boot files, then the table, then the sector that was held back.
    fn finish(self, now: SystemTime, events: &dyn Events, begin: impl Fn(Stage)) -> Result<End, InstallError> {
        let Self { plan, payload, target, prepared, .. } = self;
        let Prepared { partitions, mut esp, state, boot_pair, keys, command_line, credentials, request, certificate } =
            prepared;
        let state_partition = plan.layout.must(Role::State);
        target.write_sparse(&state, state_partition.offset, state_partition.size)?;
        target.prove_sparse(&state, state_partition.offset, state_partition.size)?;
        drop(state);

        let [boot_key, module_key] = keys;
        let disk_id = Uuid::new_v4();
        let receipt = Receipt {
            version: 1,
            forge: env!("CARGO_PKG_VERSION").into(),
            finished: now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |t| t.as_secs()),
            plan_digest: plan.digest(),
            target: plan.target.clone(),
            payload: plan.payload.clone(),
            payload_certificate: payload.signer.certificate.to_hex(),
            payload_subkey: payload.signer.subkey.to_hex(),
            root_hash: plan.payload.root_hash,
            disk_id,
            partitions,
            esp_files: esp.files.clone(),
            boot_key,
            module_key,
            command_line,
            credentials: credentials.services.keys().cloned().collect(),
        };
        let mut receipt_json = serde_json::to_vec_pretty(&receipt).map_err(std::io::Error::from)?;
        receipt_json.push(b'\n');
        let receipt_signature = boot_pair.sign_detached(&receipt_json)?;
        for (name, bytes) in [(RECEIPT_FILE, &receipt_json), (RECEIPT_SIGNATURE_FILE, &receipt_signature)] {
            esp.add(name, &memory::file(c"forge-receipt", bytes)?)?;
        }
        let esp = esp.finish()?;
        let esp_partition = plan.layout.must(Role::Esp);
        let sector = plan.target.sector_size as usize;
        let mut held_back = vec![0; HELD_BACK_SECTORS * sector];
        esp.read_exact_at(&mut held_back, 0)?;
        esp.write_all_at(&vec![0; held_back.len()], 0)?;
        target.write_sparse(&esp, esp_partition.offset, esp_partition.size)?;
        target.prove_sparse(&esp, esp_partition.offset, esp_partition.size)?;

        // From the commit on a run goes to its end: it takes an instant, and half of it would help nobody.
        if events.cancelled() {
            return Ok(End::Cancelled { stage: Stage::Fill });
        }
        begin(Stage::Commit);
        target.check_size()?;
        gpt::write(target, plan.target.size, sector as u64, disk_id, &receipt.partitions)?;
        let (first, others) = held_back.split_at(sector);
        target.write(others, esp_partition.offset + sector as u64)?;
        target.sync()?;
        target.write(first, esp_partition.offset)?;
        target.sync()?;

        begin(Stage::Receipt);
        Ok(End::Installed(Box::new(Installed {
            receipt,
            receipt_json,
            receipt_signature,
            credentials,
            request,
            certificate,
        })))
    }
}

/// Counts the bytes of one stage and passes them on.
struct Meter<'a> {
    events: &'a dyn Events,
    stage: Stage,
    total: u64,
    done: Mutex<u64>,
}

impl Meter<'_> {
    fn begin(self) -> Self {
        self.events.progress(Progress { stage: self.stage, done: 0, total: self.total });
        self
    }
}

impl Watch for Meter<'_> {
    fn advance(&self, bytes: u64) {
        // Held while it is told, so that the number never falls however many threads advance.
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        *done += bytes;
        self.events.progress(Progress { stage: self.stage, done: (*done).min(self.total), total: self.total });
    }

    fn cancelled(&self) -> bool {
        self.events.cancelled()
    }
}
