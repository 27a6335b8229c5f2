//! The order of writes (design.md section 7): the disk starts nothing until everything is proved.
//!
//! | stage | on the disk afterwards |
//! |---|---|
//! | check, prepare | as it was |
//! | claim | no partition table, no boot sector, a journal |
//! | write, prove, fill | the same, and contents that no table points to |
//! | commit | backup table, then primary table (the journal goes with it), then the ESP's boot sector |
//!
//! Beside other systems nothing is taken away from the disk: `beside` has the order for that.
//!
//! On a disk that this machine starts, boot entry and enrollment request go into its firmware last of all.
//!
//! The boot sector of the ESP and its copy are held back until the very end: without them no firmware finds a file system
//! there. What was written is read back from the disk first: the image by its root hash, state and ESP byte for byte.

mod beside;
mod error;
mod events;
mod writing;

pub use error::{Failed, FailureKind, InstallError, Others};
pub use events::Events;

use crate::{
    credentials::{Brought, Credentials},
    gpt::GptError,
    mok::Request,
    payload::Payload,
    prepare,
    target::Target,
    tool::Tools,
    watch::{Outcome, Stop},
};
use events::Meter;
use forge_model::{Handover, OldTable, Plan, Receipt, Secret, Stage, layout::Beside, machine::Staged};
use std::{
    cell::Cell,
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, SystemTime},
};
use uuid::Uuid;
use writing::Writing;

/// Where the receipt lies on the ESP.
pub const RECEIPT_FILE: &str = "EFI/forge/receipt.json";
/// Its detached signature (RSA PKCS#1 v1.5 with SHA-256), beside it.
pub const RECEIPT_SIGNATURE_FILE: &str = "EFI/forge/receipt.json.sig";

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
    /// What was left in the firmware that will start the disk.
    pub staged: Staged,
}

impl Installed {
    /// Everything that a person gets.
    pub fn handover(self) -> Handover {
        let variables = self.request.virt_fw_vars_json().expect("plain data");
        Handover {
            receipt_json: String::from_utf8_lossy(&self.receipt_json).into_owned(),
            receipt_signature: hex::encode(&self.receipt_signature),
            certificate: hex::encode(&self.certificate),
            variables_json: Secret::new(variables.to_string()),
            user_password: self.credentials.user_password,
            disk: self.credentials.disk,
            enrollment_code: self.credentials.enrollment_code,
            services: self.credentials.services,
            staged: self.staged,
        }
    }
}

/// How a run ended that did not fail.
pub enum End {
    /// It is done.
    Installed(Box<Installed>),
    /// It was cancelled. From the claim on a disk that was taken as a whole starts nothing; beside other systems the old
    /// table is in force, and partitions that were to go are lost.
    Cancelled {
        /// The stage in which it stopped.
        stage: Stage,
    },
}

/// How often it is asked whether to stop while a standard tool runs.
const ASK: Duration = Duration::from_millis(20);

/// Does the plan.
///
/// When `events` say so it stops within an instant, whatever it is about, and ends the tool that runs. Only what
/// fails then is no failure: it is cancelled. From the commit on it goes to its end.
pub fn run(
    tools: &Tools,
    plan: &Plan,
    payload: &Payload,
    target: &Target,
    brought: impl Into<Brought>,
    events: &dyn Events,
) -> Result<End, Failed> {
    let brought = brought.into();
    let reached = Reached { stage: Cell::new(Stage::Check), written: Cell::new(false), replaced: Cell::default() };
    let stop = Stop::default();
    let tools = &Tools { stop: stop.clone(), ..tools.clone() };
    let ended = thread::scope(|scope| {
        // Ends with this closure, however that ends: its other half is dropped then.
        let (_running, until_ended) = mpsc::channel::<()>();
        scope.spawn(move || {
            while until_ended.recv_timeout(ASK) == Err(RecvTimeoutError::Timeout) {
                if events.cancelled() {
                    return stop.request();
                }
            }
        });
        run_stages(tools, plan, payload, target, brought, events, &reached)
    });
    let (stage, written) = (reached.stage.get(), reached.written.get());
    ended.or_else(|error| match stage < Stage::Commit && events.cancelled() {
        true => {
            log::info!("cancelled, and then: {error}");
            // A claim that wrote nothing has not begun.
            Ok(End::Cancelled { stage: if written { stage } else { stage.min(Stage::Prepare) } })
        }
        false => {
            let others = |beside: &Beside| Others { table: error.old_table(), removed: beside.removed.len() as u16 };
            let beside = plan.layout.beside.as_ref().map(others);
            Err(Failed { stage, written, beside, error: error.or_gone(target) })
        }
    })
}

/// How far a run is.
struct Reached {
    stage: Cell<Stage>,
    written: Cell<bool>,
    /// PARTUUIDs that the disk had before.
    replaced: Cell<Vec<Uuid>>,
}

fn run_stages(
    tools: &Tools,
    plan: &Plan,
    payload: &Payload,
    target: &Target,
    brought: Brought,
    events: &dyn Events,
    reached: &Reached,
) -> Result<End, InstallError> {
    let meter = |stage, total| {
        reached.stage.set(stage);
        Meter::begin(events, stage, total)
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
    let prepared = prepare::prepare(tools, plan, payload, target, brought, now)?;
    unless_cancelled!(Stage::Prepare, Outcome::Done(()));

    let run = Writing { plan, payload, target, prepared, reached };
    run.reserve()?;

    let claim = meter(Stage::Claim, 0);
    let proved = unless_cancelled!(Stage::Claim, run.claim(&claim)?);

    let bytes = trusted.parameters().data_bytes() + trusted.parameters().tree_bytes();
    let already = match proved.then(|| run.prove(&meter(Stage::Prove, bytes))) {
        // Whatever an earlier run left that can not be read or proved is written again.
        None | Some(Err(_)) => None,
        Some(Ok(outcome)) => Some(unless_cancelled!(Stage::Prove, outcome)),
    };
    if already != Some(plan.payload.root_hash) {
        let write = meter(Stage::Write, bytes);
        unless_cancelled!(Stage::Write, run.write(&tree, &trusted, &write)?);
        run.note(Stage::Write)?;
        let found = unless_cancelled!(Stage::Prove, run.prove(&meter(Stage::Prove, bytes))?);
        if found != plan.payload.root_hash {
            return Err(InstallError::NotProved { found });
        }
    }
    run.note(Stage::Prove)?;
    unless_cancelled!(Stage::Prove, Outcome::Done(()));

    // Each byte is written and read back.
    let fill = meter(Stage::Fill, 2 * run.file_systems()?);
    target.check_size()?;
    let ended = run.finish(now, &fill, |stage| {
        meter(stage, 0);
    });
    let old_table = match &ended {
        Ok(End::Installed(_)) => false,
        Ok(End::Cancelled { .. }) => true,
        // Whoever changed the table may have put something else there.
        Err(InstallError::Gpt(GptError::Changed { .. })) => false,
        Err(error) => !matches!(error.old_table(), OldTable::Replaced | OldTable::Unknown),
    };
    if old_table {
        beside::withdraw(plan, target);
    }
    ended
}
