//! Progress: a bar on a terminal, JSON lines for a program.

use crate::{output::tell, words};
use forge_engine::install::Events;
use forge_model::{Pace, Progress, Stage, pace::Measured, size};
use indicatif::{ProgressBar, ProgressStyle};
use std::{
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// Ten lines a second are enough for anybody.
const PAUSE: Duration = Duration::from_millis(100);

/// Shows progress, and hears Ctrl+C.
pub struct Show {
    cancelled: Arc<AtomicBool>,
    start: Instant,
    state: Mutex<State>,
    bar: Option<ProgressBar>,
}

struct State {
    stage: Stage,
    shown: Option<Instant>,
    pace: Pace,
}

impl Show {
    /// Starts listening for Ctrl+C and for a polite end.
    pub fn new(json: bool) -> io::Result<Self> {
        let cancelled = Arc::new(AtomicBool::new(false));
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&cancelled))?;
        }
        let bar = (!json).then(|| ProgressBar::new(0));
        Ok(Self {
            cancelled,
            start: Instant::now(),
            state: Mutex::new(State { stage: Stage::Check, shown: None, pace: Pace::default() }),
            bar,
        })
    }

    /// Takes the bar off the terminal.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    /// Whether somebody asked to stop.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// Shows how far it is, unless that was just shown.
    pub fn show(&self, progress: Progress, measured: Measured) {
        let Ok(mut state) = self.state.lock() else { return };
        let new_stage = state.shown.is_none() || state.stage != progress.stage;
        let last = progress.total > 0 && progress.done == progress.total;
        if !new_stage && !last && state.shown.is_some_and(|at| at.elapsed() < PAUSE) {
            return;
        }
        if new_stage {
            log::info!("stage {}", progress.stage.id());
        }
        state.stage = progress.stage;
        state.shown = Some(Instant::now());
        match &self.bar {
            None => tell(serde_json::json!({
                "event": "progress", "stage": progress.stage, "done": progress.done, "total": progress.total,
                "rate": measured.rate, "left": measured.left
            })),
            Some(bar) => {
                if new_stage {
                    bar.set_style(style(progress.total > 0));
                    bar.set_length(progress.total);
                    bar.reset();
                    bar.set_message(words::stage(progress.stage));
                }
                bar.set_prefix(pace(measured));
                bar.set_position(progress.done);
            }
        }
    }
}

impl Events for Show {
    fn progress(&self, progress: Progress) {
        let measured = match self.state.lock() {
            Ok(mut state) => state.pace.see(self.start.elapsed(), progress),
            Err(_) => return,
        };
        self.show(progress, measured);
    }

    fn cancelled(&self) -> bool {
        self.is_cancelled()
    }
}

/// "95.3 MiB/s, 12 s left", or what of it is known.
fn pace(measured: Measured) -> String {
    let rate = measured.rate.map(|rate| format!("{}/s", size::words(rate)));
    let left = measured.left.map(|left| match (left / 60, left % 60) {
        (0, seconds) => format!("{seconds} s left"),
        (minutes, seconds) => format!("{minutes} min {seconds:02} s left"),
    });
    rate.into_iter().chain(left).collect::<Vec<_>>().join(", ")
}

/// A stage whose bytes are counted has a bar; the others take a moment and show their name.
fn style(counted: bool) -> ProgressStyle {
    let template = if counted { "{msg:34} {bar:30} {bytes:>10}  {prefix}" } else { "{msg}" };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
