//! What the window looks like: style and icons that are packed into the program.

use relm4::gtk::{self, gdk};

/// Hands style and icons to the display.
pub(super) fn style() {
    if let Err(error) = gtk::gio::resources_register_include!("forge.gresource") {
        return log::warn!("style and icons: {error}");
    }
    let Some(display) = gdk::Display::default() else { return };
    gtk::IconTheme::for_display(&display).add_resource_path(&format!("{}/icons", crate::identity::RESOURCES));
    let provider = gtk::CssProvider::new();
    provider.load_from_resource(&format!("{}/style.css", crate::identity::RESOURCES));
    gtk::style_context_add_provider_for_display(&display, &provider, gtk::STYLE_PROVIDER_PRIORITY_APPLICATION);
}
