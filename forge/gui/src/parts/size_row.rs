//! A size that a person sets, in GB: drags with the pointer, or writes. It tells what they did, and nothing of what the program shows in it: see `switch`.

use relm4::{adw, adw::prelude::*, gtk};
use std::{cell::Cell, rc::Rc};

/// Bytes in what is set.
const UNIT: f64 = 1e9;
/// Below this many units, they are set finer.
const SMALL: f64 = 20.0;

/// The row. It is none of libadwaita's own for numbers: that one is not there for a screen reader.
#[derive(Clone)]
pub struct SizeRow {
    /// What goes into a group, above the slider.
    pub row: adw::ActionRow,
    /// The same number for the pointer: the bars above follow while it is dragged.
    pub slider: adw::PreferencesRow,
    number: gtk::SpinButton,
    shows: Rc<Cell<bool>>,
    /// The least and the most, in bytes.
    range: Rc<Cell<(u64, u64)>>,
}

impl SizeRow {
    /// One without a range. `tell` is told the bytes whenever a person sets them.
    pub fn new(tell: impl Fn(u64) + 'static) -> Self {
        let adjustment = gtk::Adjustment::new(0.0, 0.0, 0.0, 1.0, 10.0, 0.0);
        let number =
            gtk::SpinButton::builder().adjustment(&adjustment).valign(gtk::Align::Center).width_chars(6).build();
        number.set_numeric(true);
        // The number is the one stop of the keyboard.
        let row = adw::ActionRow::builder().use_markup(false).focusable(false).build();
        row.add_suffix(&number);
        row.add_css_class("above-slider");
        let scale = gtk::Scale::builder()
            .adjustment(&adjustment)
            .draw_value(false)
            .can_focus(false)
            .focusable(false)
            .accessible_role(gtk::AccessibleRole::Presentation)
            .build();
        [number.upcast_ref(), scale.upcast_ref()].into_iter().for_each(leave_wheel);
        let slider = adw::PreferencesRow::builder().child(&scale).activatable(false).focusable(false).build();
        slider.add_css_class("slider");
        let (shows, range) = (Rc::new(Cell::new(false)), Rc::new(Cell::new((0, 0))));
        let (is_shown, known) = (shows.clone(), range.clone());
        number.connect_value_changed(move |number| {
            if !is_shown.get() {
                tell(bytes(number.value(), known.get(), number.digits()));
            }
        });
        Self { row, slider, number, shows, range }
    }

    /// Shows what the session has.
    pub fn show(&self, title: &str, text: &str, (least, most): (u64, u64), bytes: u64) {
        self.shows.set(true);
        self.range.set((least, most));
        if self.row.title() != title || self.row.subtitle().as_deref() != Some(text) {
            self.row.set_title(title);
            self.row.set_subtitle(text);
            let words = [gtk::accessible::Property::Label(title), gtk::accessible::Property::Description(text)];
            self.number.update_property(&words);
        }
        let digits = digits(most);
        let (lower, upper) = bounds((least, most), digits);
        self.number.set_digits(digits);
        self.number.adjustment().set_step_increment(if digits > 1 { 0.1 } else { 1.0 });
        self.number.set_range(lower, upper);
        self.number.set_value((bytes as f64 / UNIT).clamp(lower, upper));
        self.shows.set(false);
    }
}

/// The wheel scrolls the page: nobody sets a size by scrolling past it.
fn leave_wheel(widget: &gtk::Widget) {
    let controllers = widget.observe_controllers();
    let all = (0..controllers.n_items()).filter_map(|n| controllers.item(n));
    let wheels: Vec<gtk::EventControllerScroll> = all.filter_map(|one| one.downcast().ok()).collect();
    wheels.iter().for_each(|wheel| widget.remove_controller(wheel));
}

fn digits(most: u64) -> u32 {
    if most as f64 / UNIT < SMALL { 2 } else { 1 }
}

/// The range as it can be written, never outside of what is possible.
fn bounds((least, most): (u64, u64), digits: u32) -> (f64, f64) {
    let scale = 10_f64.powi(digits as i32);
    let lower = (least as f64 / UNIT * scale).ceil() / scale;
    let upper = (most as f64 / UNIT * scale).floor() / scale;
    (lower.min(upper), upper)
}

/// The bytes of what is set. At either end of the range it is that end, to the byte.
fn bytes(value: f64, range: (u64, u64), digits: u32) -> u64 {
    let (lower, upper) = bounds(range, digits);
    match value {
        value if value >= upper => range.1,
        value if value <= lower => range.0,
        value => ((value * UNIT) as u64).clamp(range.0, range.1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_are_exact_and_what_lies_between_is_as_it_is_written() {
        let range = (180_123_456_789, 930_987_654_321);
        assert_eq!(bounds(range, digits(range.1)), (180.2, 930.9));
        assert_eq!(bytes(930.9, range, 1), range.1);
        assert_eq!(bytes(180.2, range, 1), range.0);
        assert_eq!(bytes(500.5, range, 1), 500_500_000_000);
        let small = (123_456_789, 987_654_321);
        assert_eq!((bounds(small, digits(small.1)), bytes(0.5, small, 2)), ((0.13, 0.98), 500_000_000));
    }
}
