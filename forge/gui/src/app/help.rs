//! F1: what there is to know about the page on screen.

use super::Widgets;
use crate::{sentences::help::help, session::Page};
use gettextrs::gettext;
use relm4::{adw, adw::prelude::*, gtk};

/// Opens the help of a page.
pub(super) fn show(widgets: &Widgets, page: Page) {
    let body = gtk::Box::builder().orientation(gtk::Orientation::Vertical).spacing(12).build();
    for edge in
        [gtk::Box::set_margin_top, gtk::Box::set_margin_bottom, gtk::Box::set_margin_start, gtk::Box::set_margin_end]
    {
        edge(&body, 18);
    }
    for paragraph in help(page) {
        body.append(&gtk::Label::builder().label(paragraph).wrap(true).xalign(0.0).selectable(true).build());
    }
    let scrolled = gtk::ScrolledWindow::builder().child(&body).propagate_natural_height(true).build();
    scrolled.set_hscrollbar_policy(gtk::PolicyType::Never);
    let view = adw::ToolbarView::builder().content(&scrolled).build();
    view.add_top_bar(&adw::HeaderBar::new());
    let dialog = adw::Dialog::builder().title(gettext("Help")).content_width(460).child(&view).build();
    dialog.present(Some(&widgets.window));
}
