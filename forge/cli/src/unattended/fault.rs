//! Every way in which an unattended install stops that an attended one does not know, with what to do about it.

use super::{
    command_line::CommandLineFault,
    volume::{LABEL, VolumeFault},
};
use forge_engine::openpgp::AnswersSignatureError;
use std::{io, path::PathBuf};

/// Why it stopped.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// No source has answers.
    #[error(
        "there are no answers: the kernel's command line names none (forge.answers=), there is no credential \
         forge.answers, and no volume is labelled {LABEL}."
    )]
    NoAnswers,
    /// The kernel's command line.
    #[error("the kernel's command line is not used: {0}.")]
    CommandLine(#[from] CommandLineFault),
    /// A source is there and can not be read. A weaker one is not taken in its place.
    #[error("the answers are there, but can not be read: {place}: {error}.")]
    NotRead {
        /// Where.
        place: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// They are not what was pinned.
    #[error(
        "the answers were changed: the command line pins {path} with SHA-256 {pinned}, and it has {found}. They are not used."
    )]
    Changed {
        /// The file on the medium.
        path: PathBuf,
        /// What the command line says.
        pinned: String,
        /// What lies there.
        found: String,
    },
    /// The volume.
    #[error("the answers volume is not used: {0}")]
    Volume(#[from] VolumeFault),
    /// The signature says that they were changed.
    #[error("the answers are not used: {0}.")]
    Signature(#[source] AnswersSignatureError),
    /// A certificate of the medium can not be read.
    #[error("the certificate {place} of the medium can not be used: {reason}.")]
    Certificate {
        /// Which one.
        place: PathBuf,
        /// Why.
        reason: AnswersSignatureErrorText,
    },
    /// They may be looked at by a person, and not run alone.
    #[error("these answers may not run alone:{}\n{}", list(.reasons), way_out(*.proposal))]
    MayNotRun {
        /// Every reason.
        reasons: Vec<Reason>,
        /// Whether "Install" finds them, too.
        proposal: bool,
    },
    /// No disk is clear.
    #[error("no disk is taken: {0}")]
    Disk(String),
    /// The answers volume lies on the disk that would be erased.
    #[error("the answers volume {volume} lies on {disk}, which would be erased. Put the answers on another one.")]
    OnTarget {
        /// The volume.
        volume: String,
        /// The disk.
        disk: String,
    },
    /// A secret that was to be brought is not there.
    #[error("the answers name the credential {name}, which this machine did not get: {error}.")]
    Credential {
        /// Its name.
        name: String,
        /// Why.
        error: io::Error,
    },
    /// A sealed file.
    #[error("the sealed password {file} can not be used: {reason}")]
    Sealed {
        /// Its name.
        file: String,
        /// Why.
        reason: String,
    },
    /// What has to be left on the volume has no place.
    #[error(
        "the answers leave the credentials on the answers volume, and {}. Put one in that can be written to.",
        .0.as_ref().map_or_else(|| format!("no volume is labelled {LABEL}"), |device| format!("{device} is write-protected"))
    )]
    NoVolume(Option<String>),
    /// The same, and it can not be written to.
    #[error(
        "the answers leave the credentials on the answers volume, and {device} can not be written to: {error}. Nothing was erased."
    )]
    VolumeNotWritten {
        /// The volume.
        device: String,
        /// Why.
        error: io::Error,
    },
    /// Sealed credentials can not be left there.
    #[error("the credentials can not be sealed: {0}")]
    NotSealed(String),
    /// Nobody could see what happens.
    #[error("there is no console that could show the countdown.")]
    NoConsole,
    /// Somebody stopped it.
    #[error("a key was pressed. Nothing was written.")]
    Stopped,
    /// The disk that was chosen is another one after the countdown.
    #[error("the disks changed during the countdown; nothing was written. Start again when they stay as they are.")]
    DisksChanged,
    /// It is installed, and can not restart or turn off.
    #[error("the system is installed, but this machine can not restart or turn off by itself: {0}.")]
    Exit(String),
    /// It is installed, and the helper gives nothing out, or can not be told that all is well.
    #[error(
        "it is installed, but what it made could not be handed over: {0}\nWhat was not left is lost when this machine is \
         turned off."
    )]
    NotHandedOver(String),
    /// A file could not be written.
    #[error("{place} can not be written: {error}.")]
    NotWritten {
        /// Which one.
        place: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A bus of its own.
    #[error("the system bus can not be reached: {0}")]
    NoBus(zbus::Error),
}

/// What a library said, for people.
pub type AnswersSignatureErrorText = String;
/// One reason against running alone, as a sentence.
pub type Reason = String;

impl Fault {
    /// The documented exit code.
    pub fn code(&self) -> u8 {
        match self {
            Self::NoAnswers
            | Self::CommandLine(_)
            | Self::NotRead { .. }
            | Self::Changed { .. }
            | Self::Volume(_)
            | Self::Signature(_)
            | Self::Certificate { .. }
            | Self::MayNotRun { .. }
            | Self::VolumeNotWritten { .. }
            | Self::Credential { .. }
            | Self::Sealed { .. }
            | Self::NoVolume(_)
            | Self::NotSealed(_) => 3,
            Self::Disk(_) | Self::OnTarget { .. } | Self::DisksChanged => 5,
            Self::Stopped => 7,
            Self::NotHandedOver(_) => 9,
            Self::NoBus(_) => 10,
            Self::NoConsole | Self::Exit(_) | Self::NotWritten { .. } => 1,
        }
    }
}

/// What to do with answers that may not run alone.
fn way_out(proposal: bool) -> &'static str {
    match proposal {
        true => "Start \"Install\" from the medium's menu: there they are a proposal.",
        // Only the command line of this entry of the menu names them.
        false => "Correct them on the medium, which pins them; \"Install\" from its menu asks a person instead.",
    }
}

fn list(reasons: &[Reason]) -> String {
    reasons.iter().map(|reason| format!("\n  - {reason}")).collect()
}
