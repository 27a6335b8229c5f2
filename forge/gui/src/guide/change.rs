//! Everything that can happen in the guide, and what follows from it.

use super::Step;
use crate::session::Notice;
use forge_dbus::client::ClientError;
use forge_model::{
    Audit, Machine, Secret,
    handover::Asked,
    machine::{Key, Staging},
};
use std::sync::Arc;

/// A request to enroll the key, as the helper made it. Its code does not print.
#[derive(Debug)]
pub struct Request {
    /// What MokManager asks for.
    pub code: Secret,
    /// The key that is to be enrolled.
    pub key: Key,
    /// Whether the firmware has taken the request; else the key can only be enrolled from the disk.
    pub staged: bool,
}

impl From<Asked> for Request {
    fn from(asked: Asked) -> Self {
        Self { code: asked.code, key: asked.key, staged: asked.staged == Staging::Done }
    }
}

/// Something happened. Every one is logged by relm4, so none may show a secret.
#[derive(Debug)]
pub enum Change {
    /// The guide begins.
    Begin,
    /// The machine was looked at.
    Found(Box<Result<Machine, ClientError>>),
    /// The one button was pressed that mends the state.
    Mend,
    /// The person wants a new code.
    Enroll,
    /// The helper made a request, or did not.
    Enrolled(Result<Arc<Request>, ClientError>),
    /// The checks are measured.
    Measured(Box<Result<Audit, ClientError>>),
    /// The person wants the checks measured again.
    MeasureAgain,
    /// The person wants to see this page.
    Open(Step),
    /// This page was left backwards.
    Left(Step),
    /// The person wants the computer to restart.
    Restart,
    /// The person wants to practise.
    Practise,
    /// The person wants the enrollment card.
    Card,
    /// Something that the person asked for went well, or did not.
    Said(Notice),
}

/// What follows from a change.
#[derive(Debug)]
pub enum Effect {
    /// Look at the machine.
    Look,
    /// Show the window for the first time.
    Present,
    /// End the program.
    End,
    /// Keep the name of the state that was told.
    Remember(&'static str),
    /// Measure the checks.
    Measure,
    /// Ask the firmware again.
    Enroll,
    /// Go on to this page.
    Push(Step),
    /// Restart the computer.
    Restart,
    /// Rehearse MokManager.
    Practise,
    /// Show the enrollment card.
    Card,
    /// Tell the person how it went.
    Tell(Notice),
}
