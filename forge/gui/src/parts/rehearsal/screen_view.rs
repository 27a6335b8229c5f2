//! Draws a screen of MokManager: light grey on blue on black, in characters of one width.

use super::text_screen::TextScreen;
use relm4::gtk::{self, gdk, glib, graphene, pango, prelude::*};
use std::{cell::RefCell, rc::Rc};

/// UEFI's blue, light grey and black, as firmware draws them.
const BLUE: gdk::RGBA = gdk::RGBA::new(0.0, 0.0, 0.6, 1.0);
const GREY: gdk::RGBA = gdk::RGBA::new(0.75, 0.75, 0.75, 1.0);
const BLACK: gdk::RGBA = gdk::RGBA::BLACK;
/// A character is so much higher than wide.
const ASPECT: f32 = 1.9;
/// Empty columns and rows between the box and the end of the screen.
const MARGIN: f32 = 1.5;
/// A screen is at most so much wider than high.
const WIDEST: f32 = 1.5;

/// A screen as a widget.
#[derive(Debug, Clone)]
pub struct ScreenView {
    /// The widget.
    pub area: gtk::DrawingArea,
    shown: Rc<RefCell<Option<TextScreen>>>,
}

impl ScreenView {
    /// An empty one, at least so high.
    pub fn new(height: i32) -> Self {
        let area = gtk::DrawingArea::builder().content_height(height).hexpand(true).build();
        area.add_css_class("text-screen");
        area.set_overflow(gtk::Overflow::Hidden);
        area.set_accessible_role(gtk::AccessibleRole::Img);
        // Words on the screen stand from left to right in every language.
        area.set_direction(gtk::TextDirection::Ltr);
        // No higher than it is wide enough for; after this frame, because it changes the size of what is laid out now.
        area.connect_resize(move |area, width, _| {
            let wanted = height.min((width as f32 / WIDEST) as i32);
            if area.content_height() != wanted {
                let area = area.clone();
                glib::idle_add_local_once(move || area.set_content_height(wanted));
            }
        });
        let shown: Rc<RefCell<Option<TextScreen>>> = Rc::default();
        let drawn = shown.clone();
        area.set_draw_func(move |area, context, width, height| {
            let snapshot = gtk::Snapshot::new();
            if let Some(screen) = &*drawn.borrow() {
                draw(&snapshot, area, screen, width as f32, height as f32);
            }
            if let Some(node) = snapshot.to_node() {
                node.draw(context);
            }
        });
        Self { area, shown }
    }

    /// Shows a screen; a screen reader says what stands there.
    pub fn show(&self, screen: TextScreen) {
        self.area.update_property(&[gtk::accessible::Property::Label(&screen.words())]);
        self.shown.replace(Some(screen));
        self.area.queue_draw();
    }
}

/// Where a character stands.
struct Grid {
    left: f32,
    top: f32,
    cell: f32,
}

impl Grid {
    fn rectangle(&self, column: f32, row: f32, columns: f32, rows: f32) -> graphene::Rect {
        let (cell, line) = (self.cell, self.cell * ASPECT);
        graphene::Rect::new(self.left + column * cell, self.top + row * line, columns * cell, rows * line)
    }
}

fn draw(snapshot: &gtk::Snapshot, area: &gtk::DrawingArea, screen: &TextScreen, width: f32, height: f32) {
    let (columns, rows) = (f32::from(screen.columns), f32::from(screen.rows));
    let cell = (width / (columns + 2.0 * MARGIN)).min(height / ((rows + 2.0 * MARGIN / ASPECT) * ASPECT));
    let grid = Grid { left: (width - columns * cell) / 2.0, top: (height - rows * cell * ASPECT) / 2.0, cell };
    snapshot.append_color(&BLACK, &graphene::Rect::new(0.0, 0.0, width, height));
    snapshot.append_color(&BLUE, &grid.rectangle(0.0, 0.0, columns, rows));
    frame(snapshot, &grid, 0.0, 0.0, columns, rows);
    let layout = area.create_pango_layout(None);
    let mut font = pango::FontDescription::from_string("monospace");
    font.set_absolute_size(100.0 * f64::from(pango::SCALE));
    layout.set_font_description(Some(&font));
    layout.set_text("MMMMMMMMMM");
    let ten = layout.size().0 as f32 / pango::SCALE as f32;
    font.set_absolute_size(f64::from(1000.0 * cell / ten.max(1.0)) * f64::from(pango::SCALE));
    layout.set_font_description(Some(&font));
    let write = |text: &str, column: f32, row: f32| {
        layout.set_text(text);
        let line = layout.size().1 as f32 / pango::SCALE as f32;
        let at = grid.rectangle(column, row, 1.0, 1.0);
        snapshot.save();
        snapshot.translate(&graphene::Point::new(at.x(), at.y() + (at.height() - line) / 2.0));
        snapshot.append_layout(&layout, &GREY);
        snapshot.restore();
    };
    let middle = |text: &str| ((columns - text.chars().count() as f32) / 2.0).floor();
    for (row, line) in screen.title.iter().enumerate() {
        write(line, middle(line), row as f32 + 1.0);
    }
    let first = ((rows - screen.text.len() as f32) / 2.0).floor();
    for (row, line) in screen.text.iter().enumerate() {
        write(line, middle(line), first + row as f32);
    }
    write(&screen.note, 2.0, rows - 2.0);
    if screen.list.is_empty() {
        return;
    }
    let longest = screen.list.iter().map(|line| line.chars().count()).max().unwrap_or(0) as f32;
    let (wide, high) = (longest + 4.0, screen.list.len() as f32 + 2.0);
    let title = screen.title.len() as f32 + 1.0;
    let (left, top) = (((columns - wide) / 2.0).floor(), ((rows - high) / 2.0).floor().max(title));
    frame(snapshot, &grid, left, top, wide, high);
    for (row, line) in screen.list.iter().enumerate() {
        let at = top + 1.0 + row as f32;
        if screen.marked == Some(row) {
            snapshot.append_color(&BLACK, &grid.rectangle(left + 1.0, at, wide - 2.0, 1.0));
        }
        write(line, middle(line), at);
    }
}

/// The line around a box, through the middle of its outer characters.
fn frame(snapshot: &gtk::Snapshot, grid: &Grid, column: f32, row: f32, columns: f32, rows: f32) {
    let outer = grid.rectangle(column + 0.5, row + 0.5, columns - 1.0, rows - 1.0);
    let thick = (grid.cell / 6.0).max(1.0);
    let (x, y, wide, high) = (outer.x(), outer.y(), outer.width(), outer.height());
    for (x, y, wide, high) in [
        (x, y, wide + thick, thick),
        (x, y + high, wide + thick, thick),
        (x, y, thick, high),
        (x + wide, y, thick, high),
    ] {
        snapshot.append_color(&GREY, &graphene::Rect::new(x, y, wide, high));
    }
}
