//! The text of a licence, in a dialog.

use relm4::{adw, adw::prelude::*, gtk};

/// Shows it. `id` is what the licence is called.
pub fn present(over: &adw::ApplicationWindow, id: &str, text: &str) {
    let view = gtk::TextView::builder()
        .editable(false)
        .cursor_visible(false)
        .monospace(true)
        .wrap_mode(gtk::WrapMode::WordChar)
        .top_margin(12)
        .bottom_margin(12)
        .left_margin(12)
        .right_margin(12)
        .build();
    view.buffer().set_text(text);
    view.update_property(&[gtk::accessible::Property::Label(id)]);
    // Its maker wrote it, and not in the language of this window.
    view.set_direction(gtk::TextDirection::Ltr);
    let scroll = gtk::ScrolledWindow::builder().hscrollbar_policy(gtk::PolicyType::Never).child(&view).build();
    let inside = adw::ToolbarView::builder().content(&scroll).build();
    inside.add_top_bar(&adw::HeaderBar::new());
    let dialog = adw::Dialog::builder().title(id).content_width(640).content_height(560).child(&inside).build();
    dialog.present(Some(over));
}
