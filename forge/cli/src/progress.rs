//! Progress: a bar on a terminal, JSON lines for a program.

use crate::{output::tell, words};
use forge_engine::install::Events;
use forge_model::{Progress, Stage};
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
    state: Mutex<State>,
    bar: Option<ProgressBar>,
}

struct State {
    stage: Stage,
    shown: Option<Instant>,
}

impl Show {
    /// Starts listening for Ctrl+C and for a polite end.
    pub fn new(json: bool) -> io::Result<Self> {
        let cancelled = Arc::new(AtomicBool::new(false));
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&cancelled))?;
        }
        let bar = (!json).then(|| ProgressBar::new(0));
        Ok(Self { cancelled, state: Mutex::new(State { stage: Stage::Check, shown: None }), bar })
    }

    /// Takes the bar off the terminal.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Events for Show {
    fn progress(&self, progress: Progress) {
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
                "event": "progress", "stage": progress.stage, "done": progress.done, "total": progress.total
            })),
            Some(bar) => {
                if new_stage {
                    bar.set_style(style(progress.total > 0));
                    bar.set_length(progress.total);
                    bar.reset();
                    bar.set_message(words::stage(progress.stage));
                }
                bar.set_position(progress.done);
            }
        }
    }

    fn cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}

/// A stage whose bytes are counted has a bar; the others take a moment and show their name.
fn style(counted: bool) -> ProgressStyle {
    let template = if counted { "{msg:34} {bar:30} {bytes:>10} {bytes_per_sec:>12} {eta:>4} left" } else { "{msg}" };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
