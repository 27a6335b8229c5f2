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

/// What closing the window means now: whoever leaves cancels, as far as that is still possible.
pub fn closing(run: &Run, disk: &str) -> String {
    match run.is_past_stopping() {
        true => gettext(
            "The installation can no longer be stopped. It goes on without the window: keep the computer on, and start Forge again to see the code.",
        ),
        false => [gettext("The installation stops then."), cancelling(run, disk)].join(" "),
    }
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

#[cfg(all(test, feature = "scripted"))]
mod tests {
    use super::*;
    use crate::gateway::scripted::machine;
    use forge_model::answers::{DiskAnswers, Way};

    fn at(stage: Option<Stage>, disk: DiskAnswers) -> Run {
        let stage = stage.map_or(String::new(), |stage| stage.id().into());
        let plan = machine::plan(&machine::shared_inventory(), "/dev/sdc", disk);
        Run { plan: Some(Box::new(plan)), progress: Progress { stage, ..Progress::default() }, cancelling: false }
    }

    #[test]
    fn closing_the_window_says_what_is_true_in_each_stage() {
        for stage in [None, Some(Stage::Shrink)].into_iter().chain(Stage::ALL.map(Some)) {
            let mut run = at(stage, DiskAnswers::default());
            let said = closing(&run, "Disk");
            let (stops, left) = match stage {
                None | Some(Stage::Shrink | Stage::Check | Stage::Prepare) => (true, "Disk stays as it is."),
                Some(Stage::Claim | Stage::Write | Stage::Prove | Stage::Fill) => {
                    (true, "What was on Disk is already gone, and the disk will not start a computer.")
                }
                Some(Stage::Commit | Stage::Receipt) => (false, "start Forge again to see the code."),
            };
            assert!(said.ends_with(left), "{stage:?}: {said}");
            assert_eq!(said.contains("stops then"), stops, "{stage:?}: {said}");
            assert_eq!(said.contains("no longer be stopped"), !stops, "{stage:?}: {said}");
            // That it was asked to stop already makes nothing else of the disk.
            run.cancelling = true;
            assert_eq!(closing(&run, "Disk"), said, "{stage:?}");
        }
    }

    #[test]
    fn beside_other_systems_closing_says_what_stopping_says_until_it_cannot_be_stopped() {
        let free = || DiskAnswers { way: Way::FreeSpace, ..DiskAnswers::default() };
        let said = |stage| closing(&at(Some(stage), free()), "Disk");
        assert!(said(Stage::Check).ends_with("Nothing was written: the disk is as it was."));
        assert!(said(Stage::Fill).contains("The installation stops then. Your other systems are untouched"));
        assert!(said(Stage::Commit).contains("no longer be stopped"));
    }
}
