//! Steps that the window takes by itself.

use super::{App, Input};
use crate::{language, session::Change};
use relm4::{ComponentSender, gtk::glib};

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

/// A step of a script waits until the one before it has had its effect.
pub(super) fn later(sender: &ComponentSender<App>) {
    let tell = sender.clone();
    glib::timeout_add_local_once(std::time::Duration::from_millis(60), move || {
        // The window may be gone by then.
        let _ = tell.input_sender().send(Input::Step);
    });
}
