//! A QR code, drawn to any size.

use qrcodegen::{QrCode, QrCodeEcc};
use relm4::gtk::{self, gdk, graphene, prelude::*};

/// Empty squares around it, as the standard wants them.
const QUIET: i32 = 4;

/// A picture of this text; nothing where it is too long for one.
pub fn widget(text: &str, size: i32, name: &str) -> Option<gtk::DrawingArea> {
    let code = QrCode::encode_text(text, QrCodeEcc::Medium).ok()?;
    let area = gtk::DrawingArea::builder().content_width(size).content_height(size).halign(gtk::Align::Center).build();
    area.set_accessible_role(gtk::AccessibleRole::Img);
    area.update_property(&[gtk::accessible::Property::Label(name)]);
    area.add_css_class("text-screen");
    area.set_overflow(gtk::Overflow::Hidden);
    area.set_draw_func(move |_, context, width, height| {
        let snapshot = gtk::Snapshot::new();
        // Whole pixels, so that no square is blurred.
        let squares = code.size() + 2 * QUIET;
        let side = width.min(height) / squares * squares;
        snapshot.append_color(&gdk::RGBA::WHITE, &graphene::Rect::new(0.0, 0.0, width as f32, height as f32));
        snapshot.translate(&graphene::Point::new(((width - side) / 2) as f32, ((height - side) / 2) as f32));
        draw(&snapshot, &code, side as f32);
        if let Some(node) = snapshot.to_node() {
            node.draw(context);
        }
    });
    Some(area)
}

/// Draws this text so wide, at the upper left; says whether it fits into a picture.
pub fn append(snapshot: &gtk::Snapshot, text: &str, width: f32) -> bool {
    let code = QrCode::encode_text(text, QrCodeEcc::Medium);
    code.map(|code| draw(snapshot, &code, width)).is_ok()
}

/// Black on white in every look: cameras want it so.
fn draw(snapshot: &gtk::Snapshot, code: &QrCode, width: f32) {
    let square = width / (code.size() + 2 * QUIET) as f32;
    snapshot.append_color(&gdk::RGBA::WHITE, &graphene::Rect::new(0.0, 0.0, width, width));
    for y in 0..code.size() {
        let mut x = 0;
        while x < code.size() {
            let begin = x;
            while x < code.size() && code.get_module(x, y) {
                x += 1;
            }
            if x > begin {
                let at = |squares: i32| (squares + QUIET) as f32 * square;
                // A run of squares is one rectangle: no fine lines between them.
                let run = graphene::Rect::new(at(begin), at(y), (x - begin) as f32 * square, square);
                snapshot.append_color(&gdk::RGBA::BLACK, &run);
            }
            x += 1;
        }
    }
}
