//! `forge`: the window that people install with; with `--guide`, the one that helps after the first start.

use forge_gui::{
    app::{
        App,
        guide::{self, GuideWindow, Start},
    },
    gateway, identity, language,
};
use glib::{GlibLogger, GlibLoggerDomain, GlibLoggerFormat};
use relm4::{RelmApp, adw, gtk};

fn main() {
    end_on_panic();
    let logger = GlibLogger::new(GlibLoggerFormat::Structured, GlibLoggerDomain::CrateTarget);
    if log::set_boxed_logger(Box::new(logger)).is_ok() {
        // What relm4 says of every message is more than anybody wants.
        log::set_max_level(log::LevelFilter::Warn);
    }
    if let Err(error) = adw::init() {
        eprintln!("forge: there is no display: {error}");
        std::process::exit(1);
    }
    language::bind();
    gtk::Window::set_default_icon_name(identity::ICON);
    if guide::is_wanted() {
        // It may have nothing to tell: then there is no window.
        let app = RelmApp::new(identity::ID).with_args(vec![]).visible_on_activate(false);
        return app.run::<GuideWindow>(Start::new(gateway::open()));
    }
    RelmApp::new(identity::ID).with_args(vec![]).run::<App>(gateway::open());
}

/// A panic within a page leaves it half drawn, and the window goes on: what it says of the disk would not be true any more. It
/// is better to end, and to be started again. An install that runs is stopped by the helper then, as when the window is closed;
/// one that was over is found again. No core is dumped: passwords would be in it.
fn end_on_panic() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        tell(info);
        std::process::exit(101);
    }));
}
