//! Stays while it is needed, and leaves without losing a call.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::watch,
    task::{AbortHandle, JoinHandle},
    time::timeout,
};

/// Something that goes on beside the calls, until this is dropped.
pub struct Task(AbortHandle);

impl Task {
    /// The task of this handle.
    pub fn new<T>(task: &JoinHandle<T>) -> Self {
        Self(task.abort_handle())
    }

    /// Whether it has come to its end.
    pub fn is_finished(&self) -> bool {
        self.0.is_finished()
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// How many reasons there are to stay.
pub struct Life {
    reasons: watch::Sender<usize>,
    leaving: AtomicBool,
}

/// A reason to stay, until it is dropped.
pub struct Reason(Arc<Life>);

impl Life {
    /// Nobody needs it yet.
    pub fn new() -> Arc<Self> {
        Arc::new(Self { reasons: watch::Sender::new(0), leaving: AtomicBool::new(false) })
    }

    /// A reason to answer, even on the way out.
    pub fn answer(self: &Arc<Self>) -> Reason {
        self.reasons.send_modify(|n| *n += 1);
        Reason(Arc::clone(self))
    }

    /// A reason to stay; none can be had on the way out.
    pub fn stay(self: &Arc<Self>) -> Option<Reason> {
        let reason = self.answer();
        // Asked after the reason counts: whoever decides to leave looks at the count once more after saying so.
        (!self.leaving.load(Ordering::SeqCst)).then_some(reason)
    }

    /// Waits until there was no reason for so long; then there will be no new one.
    pub async fn until_idle(&self, idle: Duration) {
        let mut reasons = self.reasons.subscribe();
        loop {
            let _ = reasons.wait_for(|n| *n == 0).await;
            reasons.mark_unchanged();
            if timeout(idle, reasons.changed()).await.is_ok() {
                continue;
            }
            self.leaving.store(true, Ordering::SeqCst);
            if *self.reasons.borrow() == 0 {
                return;
            }
            self.leaving.store(false, Ordering::SeqCst);
        }
    }

    /// From now on nothing begins any more.
    pub fn leave(&self) {
        self.leaving.store(true, Ordering::SeqCst);
    }

    /// Whether it is on its way out.
    pub fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::SeqCst)
    }

    /// Waits until everything that came in is answered.
    pub async fn until_answered(&self) {
        // A call that was just read from the bus gets a moment to reach its method, on a busy machine, too.
        const MOMENT: Duration = Duration::from_millis(100);
        let mut reasons = self.reasons.subscribe();
        loop {
            let _ = reasons.wait_for(|n| *n == 0).await;
            reasons.mark_unchanged();
            if timeout(MOMENT, reasons.changed()).await.is_err() {
                return;
            }
        }
    }
}

impl Drop for Reason {
    fn drop(&mut self) {
        self.0.reasons.send_modify(|n| *n -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Duration = Duration::from_millis(50);

    #[tokio::test(start_paused = true)]
    async fn it_stays_while_there_is_a_reason() {
        let life = Life::new();
        let reason = life.stay().unwrap();
        assert!(timeout(Duration::from_secs(60), life.until_idle(IDLE)).await.is_err());
        drop(reason);
        assert!(timeout(Duration::from_secs(60), life.until_idle(IDLE)).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_begins_the_wait_anew() {
        let life = Life::new();
        let idle = tokio::spawn({
            let life = Arc::clone(&life);
            async move { life.until_idle(IDLE).await }
        });
        for _ in 0..20 {
            tokio::time::sleep(IDLE / 2).await;
            drop(life.answer());
        }
        assert!(!idle.is_finished());
        tokio::time::sleep(IDLE * 2).await;
        assert!(idle.is_finished());
    }

    #[tokio::test(start_paused = true)]
    async fn on_the_way_out_calls_are_answered_and_nothing_begins() {
        let life = Life::new();
        life.until_idle(IDLE).await;
        assert!(life.stay().is_none());
        let answering = life.answer();
        assert!(timeout(Duration::from_secs(1), life.until_answered()).await.is_err());
        drop(answering);
        life.until_answered().await;
    }
}
