//! The log that the drawer shows: what is installed, by which stages, and how it ended. In English, without any secret.

use crate::{
    sentences::errors,
    session::{Change, Effect, Ended, Page, Session},
};
use forge_model::{Plan, answers::Way};
use relm4::gtk::glib;

/// What was noted.
#[derive(Debug, Default)]
pub(super) struct Record {
    text: String,
}

impl Record {
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Lets a session take a change in, and notes what that was and what came of it.
    pub(super) fn apply(&mut self, session: &mut Session, change: Change) -> Vec<Effect> {
        let said = said(&change, session);
        let (had_begun, had_ended) = (has_begun(session), session.ended().is_some());
        let effects = session.apply(change);
        let plan = session.run().plan.as_deref().filter(|_| !had_begun && has_begun(session));
        let end = session.ended().filter(|_| !had_ended);
        [plan.map(head), said, end.map(self::end)].into_iter().flatten().for_each(|line| self.note(&line));
        effects
    }

    fn note(&mut self, line: &str) {
        let now = glib::DateTime::now_local().and_then(|now| now.format("%H:%M:%S")).unwrap_or_default();
        self.text.push_str(&format!("{now}  {line}\n"));
    }
}

/// Whether an install is on its way, or at its end.
fn has_begun(session: &Session) -> bool {
    matches!(session.page(), Page::Installing | Page::Failure | Page::Done)
}

/// What whoever reads the log has to know first.
fn head(plan: &Plan) -> String {
    let way = plan.layout.beside.as_ref().map_or(Way::WholeDisk, |beside| beside.way).id();
    let (version, target) = (env!("CARGO_PKG_VERSION"), &plan.target);
    let model = target.model.as_deref().unwrap_or("no model");
    format!("Forge {version}; {model}, {} bytes; {way}; plan {}", target.size, plan.digest())
}

/// What a change means for an install, before the session has taken it.
fn said(change: &Change, session: &Session) -> Option<String> {
    Some(match change {
        Change::Started => "the installation begins".to_owned(),
        Change::Progress(now) if now.stage != session.run().progress.stage => format!("stage {}", now.stage),
        Change::Cancel => "asked to stop".to_owned(),
        Change::CancelRefused(error) => format!("it cannot be stopped: {error}"),
        _ => return None,
    })
}

fn end(ended: &Ended) -> String {
    match ended {
        Ended::Installed { receipt } => format!("installed; plan {}", receipt.plan_digest),
        other => errors::ended(other, None).details,
    }
}

#[cfg(all(test, feature = "scripted"))]
mod tests {
    use super::*;
    use crate::{
        gateway::scripted::machine,
        session::{Found, Running},
    };
    use forge_dbus::{
        backend::Offer,
        status::{Failure, Progress},
    };
    use forge_model::{OldTable, Stage, answers::DiskAnswers};

    fn running(ended: Option<Ended>) -> Change {
        let inventory = machine::shared_inventory();
        let plan = Box::new(machine::plan(&inventory, "/dev/sdc", DiskAnswers::default()));
        let progress = Progress { stage: Stage::Check.id().into(), ..Progress::default() };
        let offer = Offer { manifest: machine::manifest(), certificate: String::new() };
        Change::Found(Box::new(Ok(Found { offer, inventory, running: Some(Running { plan, progress, ended }) })))
    }

    fn failed() -> Ended {
        Ended::Failed(Failure {
            kind: "disk-gone".into(),
            stage: Stage::Write,
            written: true,
            details: "Input/output error".into(),
            smaller: vec![],
            table: OldTable::default(),
        })
    }

    #[test]
    fn it_begins_with_what_is_installed_where_and_says_the_end_once() {
        let (mut record, mut session) = (Record::default(), Session::new(None));
        record.apply(&mut session, running(None));
        for stage in [Stage::Check, Stage::Write, Stage::Write] {
            let now = Progress { stage: stage.id().into(), ..Progress::default() };
            record.apply(&mut session, Change::Progress(now));
        }
        record.apply(&mut session, Change::Ended(Box::new(failed())));
        let lines: Vec<&str> = record.text().lines().map(|line| line.split_once("  ").expect("a time").1).collect();
        let digest = session.run().plan.as_ref().expect("a plan").digest();
        let head =
            format!("Forge {}; WDS500G2B0A, 500000000000 bytes; whole-disk; plan {digest}", env!("CARGO_PKG_VERSION"));
        assert_eq!(lines, [head.as_str(), "stage write", "disk-gone in stage write: Input/output error"]);
    }

    #[test]
    fn an_end_that_was_there_before_the_window_is_in_it_too() {
        let (mut record, mut session) = (Record::default(), Session::new(None));
        record.apply(&mut session, running(Some(failed())));
        let text = record.text();
        assert!(text.lines().count() == 2 && text.contains("Forge ") && text.contains("Input/output error"), "{text}");
    }
}
