//! Threads that take pieces of work in order.
use std::num::NonZero;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::watch::{Outcome, Watch};

/// One thread for each core, and no more than are of use: hashing 16 pieces at once is faster than any disk.
pub(crate) fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get).min(16)
}

/// Does pieces `0..pieces` on up to `threads` threads; each thread makes its own scratch room once.
///
/// Pieces are handed out in order and each that was begun is finished, so of several failures the
/// one that is returned is always that of the first piece that fails.
pub(crate) fn work<Scratch, E: Send>(
    threads: usize,
    pieces: u64,
    watch: &dyn Watch,
    scratch: impl Fn() -> Scratch + Sync,
    piece: impl Fn(&mut Scratch, u64) -> Result<(), E> + Sync,
) -> Result<Outcome<()>, E> {
    let next = AtomicU64::new(0);
    let stop = AtomicBool::new(false);
    let cancelled = AtomicBool::new(false);
    let failure: Mutex<Option<(u64, E)>> = Mutex::new(None);
    let worker = || {
        let mut scratch = scratch();
        while !stop.load(Ordering::Relaxed) {
            if watch.cancelled() {
                cancelled.store(true, Ordering::Relaxed);
                break;
            }
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= pieces {
                break;
            }
            if let Err(error) = piece(&mut scratch, number) {
                stop.store(true, Ordering::Relaxed);
                let mut first = failure.lock().unwrap_or_else(PoisonError::into_inner);
                if first.as_ref().is_none_or(|(earlier, _)| number < *earlier) {
                    *first = Some((number, error));
                }
            }
        }
    };
    let useful = usize::try_from(pieces).unwrap_or(usize::MAX);
    thread::scope(|scope| {
        for _ in 0..threads.clamp(1, useful.max(1)) {
            scope.spawn(worker);
        }
    });
    match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some((_, error)) => Err(error),
        None if cancelled.into_inner() => Ok(Outcome::Cancelled),
        None => Ok(Outcome::Done(())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::Unwatched;

    #[test]
    fn the_first_failing_piece_is_the_one_that_is_told() {
        for _ in 0..50 {
            let fails = |(): &mut (), n: u64| if n % 10 == 7 { Err(n) } else { Ok(()) };
            assert_eq!(work(8, 100, &Unwatched, || (), fails), Err(7));
        }
    }
}
