//! What the tests of Forge's engine share: a small real payload, installs to files, and other people's tools to judge them.
//!
//! - [`payload`]: a payload made by `forge_engine::payload::build` and signed by a key of its own
//! - [`system`]: the small system tree inside it
//! - [`job`]: one install into a file, from answers to its end
//! - [`desk`]: a desk at which a person sits: compositor, keyboard, a screen reader's eyes, the real window
//! - [`disk`]: files that stand for disks: full of old things, hashed, judged bootable or not
//! - [`firmware`]: a small linux-firmware, and a payload that carries bundles of it
//! - [`installed`]: one finished install that many tests look at
//! - [`neighbours`]: a disk on which other systems live, made and judged by their own tools
//! - [`random`]: random numbers that a seed repeats
//! - [`look`]: what sgdisk, debugfs, mtools and the like say about a result
//! - [`private`]: a system of its own for a test: a real bus, polkit, udev and UDisks2 with loop devices as drives
//! - [`tables`]: random partition tables, and what is known of each
//! - [`writes`]: every write that a program makes to a file, so that a power cut can be tried at each

pub mod desk;
pub mod disk;
pub mod firmware;
pub mod installed;
pub mod job;
pub mod look;
pub mod neighbours;
pub mod payload;
pub mod private;
pub mod random;
pub mod system;
pub mod tables;
pub mod writes;

use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Something that tests share and none changes: made once, and removed with its last user.
fn shared<T>(place: &Mutex<Weak<T>>, make: impl FnOnce() -> T) -> Arc<T> {
    let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
    place.upgrade().unwrap_or_else(|| {
        let made = Arc::new(make());
        *place = Arc::downgrade(&made);
        made
    })
}
