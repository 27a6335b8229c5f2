//! The rehearsal of MokManager: its screens as they look, walked with the same keys.
//!
//! | file | what it is |
//! |---|---|
//! | [`walk`] | how MokManager answers keys, and what went wrong; pure |
//! | [`text_screen`] | what stands on each of its screens; pure |
//! | [`us_keys`] | the keys by where they are; pure |
//! | [`screen_view`] | draws a screen |

pub mod screen_view;
pub mod text_screen;
pub mod us_keys;
pub mod walk;

use super::{frame::announce, key_caps, key_places, plain::plain};
use crate::sentences::rehearsal as sentences;
use forge_model::machine::Key as MachineKey;
use gettextrs::gettext;
use relm4::{
    adw,
    adw::prelude::*,
    gtk::{self, gdk, glib},
};
use screen_view::ScreenView;
use std::{cell::RefCell, rc::Rc};
use walk::{Key, Walk};

/// What is rehearsed.
#[derive(Debug, Clone)]
pub struct Rehearsal {
    /// The code, or one to practise with.
    pub code: Rc<forge_model::Secret>,
    /// Whether it is the real one.
    pub is_real: bool,
    /// The key whose fingerprint MokManager shows.
    pub key: MachineKey,
}

impl Rehearsal {
    /// With a code that opens nothing, before there is a real one.
    pub fn to_practise() -> Self {
        let key = MachineKey {
            subject: "InterGenOS boot key".into(),
            sha1: "0123456789abcdef0123456789abcdef01234567".into(),
            sha256: String::new(),
        };
        Self { code: Rc::new(forge_model::Secret::new("fern dusk".into())), is_real: false, key }
    }
}

/// Opens the rehearsal. The keys are pressed at once, for pictures.
pub fn present(near: &impl IsA<gtk::Widget>, rehearsal: &Rehearsal, keys: &[Key]) {
    let dialog = adw::Dialog::builder().title(gettext("Practise")).content_width(640).build();
    let body = gtk::Box::builder().orientation(gtk::Orientation::Vertical).spacing(12).build();
    for set in [gtk::Box::set_margin_start, gtk::Box::set_margin_end, gtk::Box::set_margin_bottom] {
        set(&body, 12);
    }
    let name = match rehearsal.is_real {
        true => gettext("Your code"),
        // Translators: a code that opens nothing, to try how it is typed.
        false => gettext("A code to practise with"),
    };
    let heading = gtk::Label::builder().label(&name).build();
    heading.add_css_class("dimmed");
    heading.add_css_class("caption");
    let code = rehearsal.code.expose();
    let caps = key_caps::small_caps(code, &name);
    let view = ScreenView::new(300);
    view.area.set_focusable(true);
    view.area.set_focus_on_click(true);
    // It takes keys as a field does; a screen reader passes them on to nothing else.
    view.area.set_accessible_role(gtk::AccessibleRole::TextBox);
    let (slip, todo) = (line(), line());
    slip.add_css_class("warning");
    todo.add_css_class("heading");
    let words = gtk::Box::builder().orientation(gtk::Orientation::Vertical).spacing(3).build();
    // As high as two lines, so that nothing moves when one comes or goes.
    words.set_size_request(-1, 64);
    words.append(&slip);
    words.append(&todo);
    for widget in [heading.upcast_ref::<gtk::Widget>(), &caps, view.area.upcast_ref(), words.upcast_ref()] {
        body.append(widget);
    }
    if let Some(places) = key_places::unless_known(code) {
        body.append(&places);
    }
    let scroll = gtk::ScrolledWindow::builder()
        .hscrollbar_policy(gtk::PolicyType::Never)
        .propagate_natural_height(true)
        .child(&body)
        .build();
    let bar = adw::ToolbarView::builder().content(&scroll).build();
    bar.add_top_bar(&adw::HeaderBar::new());
    dialog.set_child(Some(&bar));
    dialog.set_focus(Some(&view.area));

    let area = view.area.clone();
    let walk = Rc::new(RefCell::new(Walk::new(code, rehearsal.key.clone())));
    let end = glib::object::ObjectExt::downgrade(&dialog);
    let show = move |walk: &Walk| {
        let said = sentences::todo(walk.todo());
        if walk.is_finished() {
            let done = adw::StatusPage::builder().icon_name("object-select-symbolic").description(plain(&said)).build();
            done.set_title(&sentences::finished());
            let close = gtk::Button::builder().label(gettext("_Close")).use_underline(true).build();
            close.set_halign(gtk::Align::Center);
            close.add_css_class("pill");
            close.add_css_class("suggested-action");
            let closing = end.clone();
            close.connect_clicked(move |_| {
                if let Some(dialog) = closing.upgrade() {
                    dialog.close();
                }
            });
            done.set_child(Some(&close));
            bar.set_content(Some(&done));
            close.grab_focus();
            announce(done.upcast_ref::<gtk::Widget>(), &said);
            return;
        }
        let screen = walk.screen();
        let slipped = walk.slip().map(sentences::slip).unwrap_or_default();
        let marked = screen.choice().unwrap_or_default().to_owned();
        view.show(screen);
        slip.set_visible(!slipped.is_empty());
        slip.set_label(&slipped);
        todo.set_label(&said);
        let told = [slipped, marked, said].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>();
        announce(&view.area, &told.join(". "));
    };
    let keyboard = gtk::EventControllerKey::new();
    let (walked, shown) = (walk.clone(), show.clone());
    keyboard.connect_key_pressed(move |_, symbol, keycode, modifiers| {
        let Some(key) = key(symbol, keycode, modifiers) else { return glib::Propagation::Proceed };
        walked.borrow_mut().press(key);
        shown(&walked.borrow());
        glib::Propagation::Stop
    });
    area.add_controller(keyboard);
    for key in keys {
        walk.borrow_mut().press(*key);
    }
    show(&walk.borrow());
    dialog.present(Some(near));
}

/// A key as MokManager hears it; nothing for those that belong to the window: Tab, Escape, shortcuts, Shift alone.
fn key(symbol: gdk::Key, keycode: u32, modifiers: gdk::ModifierType) -> Option<Key> {
    if modifiers
        .intersects(gdk::ModifierType::CONTROL_MASK | gdk::ModifierType::ALT_MASK | gdk::ModifierType::SUPER_MASK)
    {
        return None;
    }
    match symbol {
        gdk::Key::Escape | gdk::Key::Tab | gdk::Key::ISO_Left_Tab => None,
        gdk::Key::Up | gdk::Key::KP_Up => Some(Key::Up),
        gdk::Key::Down | gdk::Key::KP_Down => Some(Key::Down),
        gdk::Key::Return | gdk::Key::KP_Enter => Some(Key::Enter),
        gdk::Key::BackSpace => Some(Key::Backspace),
        _ => match us_keys::typed(keycode) {
            Some(character) => Some(Key::Character(character)),
            // Shift and its like are not heard; what else types something is.
            None => symbol.to_unicode().map(|_| Key::Other),
        },
    }
}

fn line() -> gtk::Label {
    gtk::Label::builder().wrap(true).justify(gtk::Justification::Center).build()
}
