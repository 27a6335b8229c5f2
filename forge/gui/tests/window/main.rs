//! The window itself with a machine that is played: a person's way from the first page to the last.
//!
//! Real widgets in a real compositor: `cargo xtask gui-shots` and CI bring one without a screen. GTK wants one thread, so
//! the tests of this file are one after another, and skip where there is no display.
//!
//! | file | what it shows |
//! |---|---|
//! | `played` | the window in the hands of a test |
//! | `way` | from the first page to the last |
//! | `keyboard` | the keyboard alone |
//! | `told` | what did not work, and what is printed |
//! | `disk_use` | every way to use a disk: what is shown, what the button says, what is asked |
//! | `encryption` | encryption, off until it is turned on, and the recovery key |
//! | `firmware` | proprietary firmware, off until it is turned on |
//! | `guide` | the first-boot guide, the rehearsal and the card |
//! | `accessible` | what a screen reader is told, what large text needs |
#![cfg(feature = "scripted")]

mod accessible;
mod disk_use;
mod encryption;
mod firmware;
mod guide;
mod keyboard;
mod played;
mod told;
mod way;
