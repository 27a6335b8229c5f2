//! Errors: what happened, what state things are in, what to do.

use super::{
    fill, issues, plan, progress,
    way_plan::{self, Ending},
};
use crate::session::{Ended, Trouble};
use forge_dbus::{Error, client::ClientError, status::Failure};
use forge_model::{OldTable, Plan, Stage, layout::Beside};
use gettextrs::gettext;
use std::io;

/// An error as a person reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// A headline.
    pub title: String,
    /// What happened, what state things are in, what to do.
    pub text: String,
    /// The programs' own words.
    pub details: String,
}

fn told(title: String, text: Vec<String>, details: String) -> Told {
    let text: Vec<String> = text.into_iter().filter(|sentence| !sentence.is_empty()).collect();
    Told { title, text: text.join(" "), details }
}

fn untouched() -> String {
    gettext("Nothing was written to any disk.")
}

/// What a disk is that was being written; `beside` is what stays on it.
fn state(beside: Option<&Beside>, ending: &Ending) -> String {
    match (beside, ending.written) {
        (Some(beside), _) => way_plan::state(beside, ending),
        (None, true) => gettext("The disk will not start a computer now."),
        (None, false) => gettext("Nothing was written: the disk is as it was."),
    }
}

/// Why a call was refused.
pub fn refused(error: &ClientError) -> Told {
    let details = error.to_string();
    match error {
        ClientError::NoBus(_) => told(
            gettext("The System Cannot Be Reached"),
            vec![gettext("Forge talks to the system over the system bus, which does not answer."), untouched()],
            details,
        ),
        ClientError::NoHelper(_) => told(
            gettext("The Installation Service Is Missing"),
            vec![
                gettext("The part of Forge that writes disks does not start."),
                untouched(),
                gettext("Restart the computer from the installation medium and try again."),
            ],
            details,
        ),
        ClientError::Answers(_) | ClientError::Unreadable(_) | ClientError::Handover(_) => told(
            gettext("The Parts of Forge Do Not Fit Together"),
            vec![gettext("The window and the installation service are not of the same version.")],
            details,
        ),
        ClientError::Issues(found) => told(
            gettext("This Cannot Be Installed"),
            found.iter().map(issues::issue).chain([untouched()]).collect(),
            details,
        ),
        ClientError::Io(_) => told(
            gettext("Not Enough Memory"),
            vec![gettext("A file in memory could not be made."), untouched()],
            details,
        ),
        // As an install that was lost, it has a page of its own.
        ClientError::MayHaveBegun(error) => refused(error),
        ClientError::Refused(error) => helper_refused(error, details),
    }
}

fn helper_refused(error: &Error, details: String) -> Told {
    let (title, what) = match error {
        Error::NotAllowed(_) | Error::AuthenticationNeeded(_) => (
            gettext("Not Allowed"),
            gettext("This account may not install a system on this computer. An administrator decides that."),
        ),
        Error::Dismissed(_) => (
            gettext("No Password Was Given"),
            gettext("An administrator's password is needed to write a disk. The question for it was closed."),
        ),
        Error::Busy(_) => (
            gettext("Another Installation Goes On"),
            gettext("Only one disk is written at a time. Wait until the other one has ended and its code is saved."),
        ),
        Error::NoPayload(_) => (
            gettext("The Installation Medium Cannot Be Used"),
            gettext("The system on this medium is damaged or is not signed by InterGenOS. Make the medium again."),
        ),
        Error::NoDisks(_) => {
            (gettext("The Disks Cannot Be Seen"), gettext("The service that knows the disks does not answer."))
        }
        Error::OtherPlan(_) => {
            (gettext("Something Changed"), gettext("The disk is not as it was a moment ago. Look at the plan again."))
        }
        _ => (gettext("Something Failed"), gettext("The installation service could not do what was asked.")),
    };
    told(title, vec![what, untouched()], details)
}

/// Why the code and the passwords of a system that is installed are not there.
pub fn not_handed_over(error: &ClientError) -> Told {
    told(
        gettext("The Code Is Not There"),
        vec![
            gettext("The system is installed, but its code and passwords could not be fetched."),
            gettext("They are kept until the restart. Choose Try Again before you restart."),
        ],
        error.to_string(),
    )
}

/// Why there is no recovery key.
pub fn no_recovery_key(error: &ClientError) -> Told {
    told(
        gettext("There Is No Recovery Key"),
        vec![
            gettext("The installation service could not make one."),
            untouched(),
            gettext("Choose Try Again, or go back and turn encryption off."),
        ],
        error.to_string(),
    )
}

/// A file that is there, but not for long.
pub fn saved_in_memory() -> Told {
    told(
        gettext("Saved Only Until the Restart"),
        vec![
            gettext("The place that you chose is in this computer's memory, and is gone after the restart."),
            gettext("Write down what you need, or take a picture of it."),
        ],
        String::new(),
    )
}

/// What did not work beside the way through the pages.
pub fn trouble(trouble: &Trouble) -> Told {
    match trouble {
        Trouble::NotSaved(error) => told(
            gettext("The File Was Not Saved"),
            vec![
                match error.kind() {
                    io::ErrorKind::StorageFull => gettext("The place that you chose is full."),
                    io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
                        gettext("The place that you chose cannot be written to.")
                    }
                    _ => gettext("The place that you chose does not take the file."),
                },
                gettext("Save it in another place, such as a USB stick."),
            ],
            error.to_string(),
        ),
        Trouble::NotCopied => told(
            gettext("Nothing Was Copied"),
            vec![gettext("The clipboard does not take it."), gettext("Save it to a file, or write it down.")],
            String::new(),
        ),
        Trouble::NotPrinted => told(
            gettext("Nothing Was Printed"),
            vec![gettext("The printer does not answer."), gettext("Save it to a file, or write it down.")],
            String::new(),
        ),
        Trouble::NoLicence(error) => told(
            gettext("The Licence Cannot Be Shown"),
            vec![gettext("Its text on the installation medium is missing or damaged.")],
            error.to_string(),
        ),
        Trouble::NotStopped(error) => told(
            gettext("The Installation Goes On"),
            vec![gettext("It cannot be stopped now."), gettext("Keep the computer on and the disk connected.")],
            error.to_string(),
        ),
        Trouble::NotRestarted(error) => told(
            gettext("The Computer Does Not Restart"),
            vec![
                gettext("Only the restart was refused."),
                gettext("Restart it from the menu at the top of the screen, or hold its power button."),
            ],
            error.to_string(),
        ),
    }
}

/// How an install ended that did not come to its end. The plan tells which disk it is, and what stays on it.
pub fn ended(ended: &Ended, plan: Option<&Plan>) -> Told {
    let beside = plan.and_then(|plan| plan.layout.beside.as_ref());
    match ended {
        Ended::Installed { .. } => told(gettext("Installed"), vec![], String::new()),
        Ended::Cancelled { stage, written, smaller } => told(
            gettext("The Installation Was Cancelled"),
            vec![
                state(beside, &Ending { written: *written, table: OldTable::Untouched, smaller: Some(smaller) }),
                match (*written && beside.is_none(), ended.may_be_half_smaller(beside)) {
                    (true, _) => gettext("What was on it before is gone. Install again to use the disk."),
                    (false, false) => gettext("You can go back and choose again."),
                    // What is to be done is said already.
                    (false, true) => String::new(),
                },
            ],
            fill("cancelled in stage {stage}", &[("stage", stage.id())]),
        ),
        Ended::Failed(failure) => failed(failure, plan, ended.may_be_half_smaller(beside)),
        Ended::Refused(error) => refused(error),
        Ended::Lost { stage } => {
            let details =
                fill("the helper left the bus in stage {stage}", &[("stage", stage.map_or("none", Stage::id))]);
            let gone = gettext("The part of Forge that writes the disk went away.");
            if let (true, Some(beside)) = (ended.may_be_half_smaller(beside), beside) {
                let rest = match stage {
                    Some(_) => gettext("Nothing else was written."),
                    None => gettext("It is not known whether anything else was written."),
                };
                let text = vec![gone, way_plan::still_made_smaller(beside), rest];
                return told(gettext("The Installation Stopped"), text, details);
            }
            let Some(stage) = *stage else {
                let text = vec![
                    gone,
                    gettext("It is not known whether anything was written."),
                    gettext("Choose Try Again, and look at what is on the disk before you go on."),
                ];
                return told(gettext("The Installation Stopped"), text, details);
            };
            let reached = |last: Stage| stage >= last;
            let table = if reached(Stage::Commit) { OldTable::Unknown } else { OldTable::Untouched };
            let ending = Ending { written: reached(Stage::Claim), table, smaller: None };
            told(
                gettext("The Installation Stopped"),
                vec![
                    gone,
                    state(beside, &ending),
                    gettext("Choose Try Again. What was already written is used if it is whole."),
                ],
                details,
            )
        }
    }
}

fn failed(failure: &Failure, plan: Option<&Plan>, is_half_smaller: bool) -> Told {
    let beside = plan.and_then(|plan| plan.layout.beside.as_ref());
    let details = fill(
        "{kind} in stage {stage}: {details}",
        &[("kind", &failure.kind), ("stage", failure.stage.id()), ("details", &failure.details)],
    );
    let (what, fix) = match failure.kind.as_str() {
        "disk-gone" => (
            match plan.map(plan::target) {
                // Translators: {disk} is the name of a disk.
                Some(disk) => {
                    fill(&gettext("{disk} was disconnected while the system was being written."), &[("disk", &disk)])
                }
                None => gettext("The disk was disconnected while the system was being written."),
            },
            gettext("Connect it again and choose Try Again."),
        ),
        // What is to be done about a half one is said with the state of the disk.
        "not-smaller" if is_half_smaller => (gettext("A partition could not be made smaller."), String::new()),
        "not-smaller" => way_plan::not_smaller(beside),
        "disk-busy" => (
            gettext("Another program uses the disk."),
            gettext("Close it, eject the disk in Files, and choose Try Again."),
        ),
        "disk-faulty" => {
            (gettext("The disk does not keep what is written to it. It is faulty."), gettext("Use another disk."))
        }
        "disk-changed" => (
            gettext("The disk is not the one that was chosen, or it was changed meanwhile."),
            gettext("Choose Try Again and look at the disks once more."),
        ),
        "no-room" => (
            gettext("The disk takes no more: what it is stored on is full."),
            gettext("Make room there, or use another disk."),
        ),
        "payload-changed" => (
            gettext("The installation medium is not the one that the plan was made from."),
            gettext("Choose Try Again and look at the plan once more."),
        ),
        "tools-missing" => (
            gettext("A program that the installation needs is not on this medium."),
            gettext("Make the installation medium again."),
        ),
        "accounts" => (
            gettext("The system cannot have an account of this name."),
            gettext("Choose Try Again and another user name."),
        ),
        "payload" => (
            gettext("A part of the system on the installation medium is damaged."),
            gettext("Choose Try Again. If this happens again, make the installation medium again."),
        ),
        _ => (
            // Translators: {what} is a stage of the installation, such as "Writing the system".
            fill(&gettext("{what} did not work."), &[("what", &progress::stage(failure.stage))]),
            gettext("Choose Try Again. If this happens again, save the log and report it."),
        ),
    };
    let ending = Ending { written: failure.written, table: failure.table, smaller: Some(&failure.smaller) };
    told(gettext("The Installation Did Not Work"), vec![what, state(beside, &ending), fix], details)
}
