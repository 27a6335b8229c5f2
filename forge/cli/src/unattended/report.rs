//! What is told while it runs: the same lines on every console, in the journal and in the log, and events for a program.

use super::{
    console::{Consoles, Keys},
    outlet::Outlet,
    place::Place,
};
use crate::{output::tell, words};
use forge_dbus::status::Progress;
use forge_model::Stage;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// The virtio port for programs outside a guest: JSON, one event a line.
const PORT: &str = "/dev/virtio-ports/org.intergenos.forge.progress";
/// A stage is said again after so many percent …
const STEP: u64 = 5;
/// … but not more often than this …
const SHORT: Duration = Duration::from_secs(1);
/// … and after this time, however little was done.
const LONG: Duration = Duration::from_secs(10);
/// How long the last events may take.
const LAST_EVENTS: Duration = Duration::from_secs(1);

/// Everybody who is told.
pub struct Report {
    consoles: Consoles,
    port: Option<Outlet>,
    said: Option<Said>,
}

/// What was last said about progress.
struct Said {
    stage: Stage,
    percent: u64,
    at: Instant,
}

impl Report {
    /// Opens the consoles, and the port where there is one.
    pub fn open(place: &Place) -> Self {
        let port = Outlet::open(&place.at(PORT)).and_then(Outlet::to).ok();
        Self { consoles: Consoles::open(place), port, said: None }
    }

    /// The consoles that show it.
    pub fn consoles(&self) -> Vec<&str> {
        self.consoles.names()
    }

    /// Says something to everybody. It holds no secret.
    pub fn say(&self, text: impl AsRef<str>) {
        self.consoles.say(text.as_ref());
        for line in text.as_ref().lines() {
            tell(line);
            log::info!("{line}");
        }
    }

    /// Shows something on the consoles and nowhere else.
    pub fn show_secret(&self, text: &str) {
        self.consoles.say(text);
    }

    /// Tells a program. It holds no secret.
    pub fn event(&self, event: Value) {
        if let Some(port) = &self.port {
            port.put(&event.to_string());
        }
    }

    /// Says how far it is, when there is something new to say; a program is told each time.
    pub fn progress(&mut self, progress: &Progress) {
        let Some(stage) = progress.stage() else { return };
        self.event(json!({
            "event": "progress", "stage": stage, "done": progress.done, "total": progress.total,
            "rate": (progress.rate > 0).then_some(progress.rate), "left": u64::try_from(progress.left).ok()
        }));
        let percent = (progress.done.saturating_mul(100)).checked_div(progress.total);
        let now = Instant::now();
        let worth_it = self.said.as_ref().is_none_or(|said| {
            let since = now.duration_since(said.at);
            let more =
                percent.is_some_and(|percent| percent >= said.percent + STEP || percent == 100 && said.percent < 100);
            said.stage != stage || (more && since >= SHORT) || (percent.is_some() && since >= LONG)
        });
        if worth_it {
            self.say(line(stage, percent));
            self.said = Some(Said { stage, percent: percent.unwrap_or(0), at: now });
        }
    }

    /// Listens for keys on every console.
    pub fn listen(&self) -> Keys<'_> {
        self.consoles.listen()
    }

    /// Waits a moment for the last lines.
    pub fn finish(&mut self) {
        self.consoles.finish();
        if let Some(port) = &mut self.port {
            port.finish(LAST_EVENTS);
        }
    }
}

fn line(stage: Stage, percent: Option<u64>) -> String {
    let stage = words::stage(stage);
    match percent {
        Some(percent) => format!("{stage}: {percent} %"),
        None => stage.into(),
    }
}
