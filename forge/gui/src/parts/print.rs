//! Printing what is shown: one page of text, large enough to be read while it is typed.

use crate::session::{Notice, Trouble};
use relm4::gtk::{self, gdk, pango, prelude::*};
use zeroize::Zeroizing;

/// How the text looks on paper.
const FONT: &str = "monospace 13";

/// Asks which printer, and prints. `said` is told when it does not work.
pub fn print(
    near: &impl IsA<gtk::Widget>,
    name: &str,
    text: Zeroizing<String>,
    said: impl Fn(Notice) + Clone + 'static,
) {
    let operation = sheet(name, text);
    let tell = said.clone();
    operation.connect_done(move |_, result| {
        if result == gtk::PrintOperationResult::Error {
            tell(Notice::Trouble(Trouble::NotPrinted));
        }
    });
    let window = near.root().and_downcast::<gtk::Window>();
    if let Err(error) = operation.run(gtk::PrintOperationAction::PrintDialog, window.as_ref()) {
        log::warn!("nothing was printed: {error}");
        said(Notice::Trouble(Trouble::NotPrinted));
    }
}

/// One page with this text.
pub fn sheet(name: &str, text: Zeroizing<String>) -> gtk::PrintOperation {
    let operation = gtk::PrintOperation::builder().n_pages(1).job_name(name).allow_async(true).build();
    operation.connect_draw_page(move |_, page, _| draw(page, &text));
    operation
}

/// Draws the text on the page, smaller where it would not fit.
fn draw(page: &gtk::PrintContext, text: &str) {
    let layout = page.create_pango_layout();
    layout.set_font_description(Some(&pango::FontDescription::from_string(FONT)));
    layout.set_width((page.width() * f64::from(pango::SCALE)) as i32);
    layout.set_wrap(pango::WrapMode::WordChar);
    layout.set_text(text);
    let height = f64::from(layout.pixel_size().1);
    let fits = (page.height() / height.max(1.0)).min(1.0) as f32;
    let snapshot = gtk::Snapshot::new();
    snapshot.scale(fits, fits);
    snapshot.append_layout(&layout, &gdk::RGBA::BLACK);
    if let Some(node) = snapshot.to_node() {
        node.draw(&page.cairo_context());
    }
}
