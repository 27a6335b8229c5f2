//! `forge`: the window that people install with.

use forge_gui::{app::App, gateway, identity, language};
use relm4::{RelmApp, adw, gtk};

fn main() {
    if let Err(error) = adw::init() {
        eprintln!("forge: there is no display: {error}");
        std::process::exit(1);
    }
    language::bind();
    gtk::Window::set_default_icon_name(identity::ICON);
    let app = RelmApp::new(identity::ID).with_args(vec![]);
    app.run::<App>(gateway::open());
}
