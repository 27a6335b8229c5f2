//! What the partitions are called in the table. Whoever comes later knows them by it: updates, and an install that replaces
//! this one.

/// The EFI system partition.
pub const ESP: &str = "esp";
/// Room for the next system image or its hash tree (systemd-sysupdate).
pub const EMPTY: &str = "_empty";
/// The state.
pub const STATE: &str = "state";
/// A state whose `/home` is in another one, which is labelled [`STATE`].
pub const STATE_BESIDE_HOME: &str = "state-2";

/// The label of a slot with this release of the system with this id; that of its hash tree goes on behind it.
pub(super) fn slot(id: &str, release: &str) -> String {
    format!("{id}_{release}")
}

/// Whether a label is that of a slot with some release of the system with this id.
pub(super) fn is_slot_of(label: &str, id: &str) -> bool {
    label.strip_prefix(id).is_some_and(|rest| rest.starts_with('_'))
}
