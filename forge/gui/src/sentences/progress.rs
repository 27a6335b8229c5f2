//! What is done now, how fast, how long it takes, and what to cancel means.

use super::{fill, size, way_plan};
use crate::session::Run;
use forge_dbus::status::Progress;
use forge_model::Stage;
use gettextrs::{gettext, ngettext};

/// A stage as what goes on.
pub fn stage(stage: Stage) -> String {
    match stage {
        Stage::Shrink => gettext("Making partitions smaller"),
        Stage::Check => gettext("Checking the installation medium"),
        Stage::Prepare => gettext("Making the keys of this computer"),
        Stage::Claim => gettext("Erasing the disk"),
        Stage::Write => gettext("Writing the system"),
        Stage::Prove => gettext("Reading the system back"),
        Stage::Fill => gettext("Writing settings and boot files"),
        Stage::Commit => gettext("Making the disk start"),
        Stage::Receipt => gettext("Signing the receipt"),
    }
}

/// What goes on now.
pub fn doing(run: &Run) -> String {
    match (run.cancelling, run.progress.stage()) {
        (true, _) => gettext("Stopping"),
        // Beside other systems, nothing of the disk but room is erased.
        (false, Some(Stage::Claim)) if has_others(run) => gettext("Preparing the room on the disk"),
        (false, Some(stage)) => self::stage(stage),
        (false, None) => gettext("Starting"),
    }
}

/// Whether something else stays on the disk.
fn has_others(run: &Run) -> bool {
    run.plan.as_ref().is_some_and(|plan| plan.layout.beside.is_some())
}

/// Rate and time left of a stage, where they are known.
pub fn pace(progress: &Progress) -> String {
    let rate = match progress.rate {
        0 => return String::new(),
        // Translators: {size} is an amount of data, so this is a speed: "412.0 MB a second".
        rate => fill(&gettext("{size} a second"), &[("size", &size(rate))]),
    };
    match u64::try_from(progress.left) {
        // Translators: how fast, then how long it still takes: "412.0 MB a second, about 2 minutes left".
        Ok(left) => fill(&gettext("{rate}, {left}"), &[("rate", &rate), ("left", &self::left(left))]),
        Err(_) => rate,
    }
}

/// How long a stage still takes.
fn left(seconds: u64) -> String {
    if seconds < 60 {
        return gettext("less than a minute left");
    }
    let minutes = u32::try_from((seconds + 30) / 60).unwrap_or(u32::MAX);
    fill(&ngettext("about {n} minute left", "about {n} minutes left", minutes), &[("n", &minutes.to_string())])
}

/// What it means to cancel now.
pub fn cancelling(run: &Run, disk: &str) -> String {
    let beside = run.plan.as_deref().and_then(|plan| plan.layout.beside.as_ref());
    match (run.is_untouched(), beside) {
        (true, Some(beside)) => way_plan::stopping(beside, false),
        (false, Some(beside)) => way_plan::stopping(beside, true),
        (true, None) => fill(&gettext("Nothing was written yet. {disk} stays as it is."), &[("disk", disk)]),
        (false, None) => fill(
            &gettext("What was on {disk} is already gone, and the disk will not start a computer."),
            &[("disk", disk)],
        ),
    }
}
