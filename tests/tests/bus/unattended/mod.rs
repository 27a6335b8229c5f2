//! Installs at which nobody sits: `forgectl unattended` with the real helper, polkit and UDisks2, on consoles that are
//! pseudo-terminals.
//!
//! - [`scene`]: a machine that starts unattended: its command line, credentials, consoles, volume
//! - [`sources`]: each source, to the end
//! - [`refused`]: answers that may not run, and disks that are not taken
//! - [`middle`]: what happens while it runs

mod middle;
mod refused;
mod scene;
mod sources;
