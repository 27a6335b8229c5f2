//! The privileged side on a real bus, with the real polkit, udev and UDisks2, each test in a private system of its own.
//!
//! - [`harness`]: the private system itself: drives, who may open them, what keeps them from being taken, what is left behind
//! - [`agent`]: polkit's questions and their answers
//! - [`audit`]: the posture of the machine, and who may have it
//! - [`beside`]: an install into free room of a disk on which something is
//! - [`cancel`]: a job that is asked to stop, and who may ask; one job at a time
//! - [`death`]: a client or the helper that dies in the middle; the handover that waits
//! - [`refused`]: disks that are not taken, and disks that fail
//! - [`caller`]: calls as one person or another, well-formed or not
//! - [`verbs`]: who may do what, and how each refusal is told
//! - [`accepted`]: proprietary firmware on an installed machine: listed, added, taken away, refused
//! - [`devices`]: devices that want firmware, and the licence of a bundle
//! - [`enroll`]: the firmware's variables: what an install leaves, and a key that is asked for once more
//! - [`record`]: a machine as a file, without private data
//! - [`hostile`]: callers who send what nobody should
//! - [`life`]: the helper comes when it is called, stays while it is needed, and loses no call when it leaves
//! - [`secrets`]: where no secret may be
//! - [`shrink`]: partitions that are made smaller by the tools of their file systems, and those that are not
//! - [`sockets`]: which sockets the helper and `forgectl` make
//! - [`unattended`]: `forgectl unattended`, where nobody sits

mod accepted;
mod agent;
mod audit;
mod bench;
mod beside;
mod caller;
mod cancel;
mod death;
mod devices;
mod enroll;
mod firm;
mod harness;
mod hostile;
mod install;
mod life;
mod record;
mod refused;
mod secrets;
mod shrink;
mod sockets;
mod unattended;
mod verbs;
