//! Steps that the window takes by itself.

use super::{App, Input};
use crate::{
    guide, language,
    parts::rehearsal::walk::Key,
    session::{Change, Session},
};
use relm4::{Component, ComponentSender, gtk::glib};

/// After a language was chosen, the program goes on where the person was.
pub(super) fn first() -> Vec<Change> {
    #[cfg(feature = "scripted")]
    {
        let script = crate::gateway::scripted::script();
        if !script.is_empty() {
            return script;
        }
    }
    if language::was_chosen() { vec![Change::Next] } else { vec![] }
}

/// The steps of the guide; nothing where no page of it is asked for.
pub(super) fn guide() -> Option<Vec<guide::Change>> {
    #[cfg(feature = "scripted")]
    return crate::gateway::scripted::guide();
    #[cfg(not(feature = "scripted"))]
    None
}

/// Whether a step needs something that is not there yet: a code that was handed over, or a recovery key that was made.
pub(super) fn waits(step: Option<&Change>, session: &Session) -> bool {
    match step {
        Some(Change::Card) => session.credentials().is_none(),
        Some(Change::RecoveryKept(_)) => session.encryption().recovery_key().is_none(),
        _ => false,
    }
}

/// A step of a script waits until the one before it has had its effect.
pub(super) fn later(sender: &ComponentSender<App>) {
    soon(sender, || Input::Step);
}

/// The same for any component.
pub(super) fn soon<C: Component>(sender: &ComponentSender<C>, input: fn() -> C::Input) {
    let tell = sender.clone();
    glib::timeout_add_local_once(std::time::Duration::from_millis(60), move || {
        // The window may be gone by then.
        let _ = tell.input_sender().send(input());
    });
}

/// The keys that a rehearsal presses by itself.
pub(super) fn keys() -> Vec<Key> {
    #[cfg(feature = "scripted")]
    return crate::gateway::scripted::keys();
    #[cfg(not(feature = "scripted"))]
    vec![]
}
