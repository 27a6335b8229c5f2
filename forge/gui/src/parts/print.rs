//! Printing what is shown: one page of text, large enough to be read while it is typed, with a picture where there is one.

use super::qr;
use crate::session::{Notice, Trouble};
use relm4::gtk::{self, gdk, graphene, pango, prelude::*};
use std::path::Path;
use zeroize::Zeroizing;

/// How the text looks on paper.
const FONT: &str = "monospace 13";
/// How wide a picture is, of the width of the page.
const PICTURE: f64 = 0.4;

/// What is printed.
#[derive(Debug, Clone)]
pub struct Sheet {
    /// The text.
    pub text: Zeroizing<String>,
    /// What a QR code below it holds; nothing when empty.
    pub picture: Zeroizing<String>,
}

impl From<Zeroizing<String>> for Sheet {
    fn from(text: Zeroizing<String>) -> Self {
        Self { text, picture: Zeroizing::default() }
    }
}

/// Asks which printer, and prints. `said` is told when it does not work.
pub fn print(
    near: &impl IsA<gtk::Widget>,
    name: &str,
    what: impl Into<Sheet>,
    said: impl Fn(Notice) + Clone + 'static,
) {
    let operation = sheet(name, what);
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

/// Writes a PDF. The file is there already, with the rights that it has to have.
pub fn pdf(name: &str, what: impl Into<Sheet>, path: &Path) -> std::io::Result<()> {
    let operation = sheet(name, what);
    operation.set_export_filename(path);
    operation.set_allow_async(false);
    match operation.run(gtk::PrintOperationAction::Export, gtk::Window::NONE) {
        Ok(gtk::PrintOperationResult::Apply) => Ok(()),
        Ok(_) => Err(std::io::Error::other("no PDF was made")),
        Err(error) => Err(std::io::Error::other(error.to_string())),
    }
}

/// One page with this.
pub fn sheet(name: &str, what: impl Into<Sheet>) -> gtk::PrintOperation {
    let operation = gtk::PrintOperation::builder().n_pages(1).job_name(name).allow_async(true).build();
    let what = what.into();
    operation.connect_draw_page(move |_, page, _| draw(page, &what));
    operation
}

/// Draws it on the page, smaller where it would not fit.
fn draw(page: &gtk::PrintContext, what: &Sheet) {
    let layout = page.create_pango_layout();
    layout.set_font_description(Some(&pango::FontDescription::from_string(FONT)));
    layout.set_width((page.width() * f64::from(pango::SCALE)) as i32);
    layout.set_wrap(pango::WrapMode::WordChar);
    layout.set_text(&what.text);
    let text = f64::from(layout.pixel_size().1);
    let picture = if what.picture.is_empty() { 0.0 } else { page.width() * PICTURE };
    let fits = (page.height() / (text + picture).max(1.0)).min(1.0) as f32;
    let snapshot = gtk::Snapshot::new();
    snapshot.scale(fits, fits);
    snapshot.append_layout(&layout, &gdk::RGBA::BLACK);
    if picture > 0.0 {
        snapshot.translate(&graphene::Point::new(0.0, text as f32));
        if !qr::append(&snapshot, &what.picture, picture as f32) {
            log::warn!("the picture is left out: too much for it");
        }
    }
    if let Some(node) = snapshot.to_node() {
        node.draw(&page.cairo_context());
    }
}
