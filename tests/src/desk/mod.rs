//! A desk in a private system: a session bus, a compositor without a screen, a keyboard, and what a screen reader sees.
//!
//! A person sits there and uses the real window, `forge`, with the real helper behind it. Nothing is reached past the
//! window: keys go through the compositor, and what is read comes over AT-SPI.
//!
//! - [`Desk`]: the session: bus, registry of AT-SPI, sway
//! - [`Window`]: the program on it
//! - [`keys`]: a keyboard that stays plugged in
//! - [`sight`]: what is shown

pub mod keys;
pub mod sight;
mod window;

pub use window::{Window, has, question, told};

use crate::private::{Person, System, until};
use keys::Keyboard;
use std::{
    fs::{self, File, Permissions},
    os::unix::fs::{PermissionsExt, chown},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};
use zbus::Connection;

/// Width and height of the screen.
const SCREEN: &str = "880x680";

/// The person's session.
pub struct Desk<'a> {
    system: &'a System,
    person: Person,
    place: PathBuf,
    display: String,
    bus: Connection,
    programs: Vec<Child>,
}

impl<'a> Desk<'a> {
    /// Starts it.
    pub fn of(system: &'a System, person: Person) -> Self {
        let place = system.disks().parent().unwrap().join(format!("desk-{}", person.uid()));
        fs::create_dir(&place).unwrap();
        for directory in ["run", "home", "home/.config", "home/.config/gtk-4.0"] {
            let directory = place.join(directory);
            fs::create_dir(&directory).unwrap();
            chown(&directory, Some(person.uid()), Some(person.uid())).unwrap();
            fs::set_permissions(directory, Permissions::from_mode(0o700)).unwrap();
        }
        let look = "[Settings]\ngtk-font-name=Adwaita Sans 11\ngtk-enable-animations=false\n";
        write(&place.join("home/.config/gtk-4.0/settings.ini"), look);
        write(&place.join("bus.conf"), &bus_configuration(&place));
        write(
            &place.join("sway.conf"),
            &format!(
                "xwayland disable\noutput HEADLESS-1 mode {SCREEN} bg #808080 solid_color\ndefault_border none\n\
                 seat seat0 fallback true\n"
            ),
        );
        let programs = Vec::new();
        let mut desk = Self { system, person, place, display: String::new(), bus: system.bus().clone(), programs };
        desk.start_bus();
        desk.start_compositor();
        desk
    }

    /// The bus of the session, which is that of AT-SPI, too: GTK is told so by `AT_SPI_BUS_ADDRESS`.
    fn start_bus(&mut self) {
        let mut bus = self.command("/usr/bin/dbus-daemon");
        bus.arg("--nofork").arg("--nopidfile").arg("--nosyslog");
        bus.arg(format!("--config-file={}", self.place.join("bus.conf").display()));
        self.start(bus, "session-bus");
        let address = self.address();
        // Its socket is there a moment before it listens.
        let connect = async || zbus::connection::Builder::address(address.as_str()).build().await.ok();
        self.bus = until("the session bus", || self.system.block_on(connect()));
        let registry = self.command("/usr/libexec/at-spi2-registryd");
        self.start(registry, "at-spi-registry");
        let daemon = self.system.block_on(zbus::fdo::DBusProxy::new(&self.bus)).unwrap();
        until("the registry of AT-SPI", || {
            let name = "org.a11y.atspi.Registry".try_into().unwrap();
            self.system.block_on(daemon.name_has_owner(name)).unwrap().then_some(())
        });
    }

    fn start_compositor(&mut self) {
        let mut sway = self.command("/usr/bin/sway");
        sway.arg("-c").arg(self.place.join("sway.conf"));
        for (name, value) in [
            ("WLR_BACKENDS", "headless"),
            ("WLR_RENDERER", "pixman"),
            ("WLR_LIBINPUT_NO_DEVICES", "1"),
            ("WLR_HEADLESS_OUTPUTS", "1"),
        ] {
            sway.env(name, value);
        }
        self.start(sway, "sway");
        let runtime = self.place.join("run");
        self.display = until("sway opens a display", || {
            let names = fs::read_dir(&runtime).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
            let mut displays =
                names.into_iter().filter(|name| name.starts_with("wayland-") && !name.ends_with(".lock"));
            displays.find(|name| UnixStream::connect(runtime.join(name)).is_ok())
        });
    }

    /// A program as the person runs it in this session. It ends with the thread that starts it.
    pub fn command(&self, program: &str) -> Command {
        let mut command = self.system.command_as(self.person, "/usr/bin/setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(program).current_dir(&self.place).stdin(Stdio::null());
        for (name, value) in [
            ("GDK_BACKEND", "wayland"),
            ("GSK_RENDERER", "cairo"),
            ("GTK_A11Y", "atspi"),
            ("GSETTINGS_BACKEND", "memory"),
            ("ADW_DISABLE_PORTAL", "1"),
            ("GDK_DEBUG", "no-portals"),
            ("XDG_SESSION_TYPE", "wayland"),
        ] {
            command.env(name, value);
        }
        command
            .env("HOME", self.place.join("home"))
            .env("XDG_RUNTIME_DIR", self.place.join("run"))
            .env("WAYLAND_DISPLAY", &self.display)
            .env("DBUS_SESSION_BUS_ADDRESS", self.address())
            .env("AT_SPI_BUS_ADDRESS", self.address());
        command
    }

    fn address(&self) -> String {
        format!("unix:path={}", self.place.join("run/bus").display())
    }

    fn start(&mut self, mut command: Command, log: &str) {
        let log = File::create(self.log_of(&format!("{log}-{}", self.person.uid()))).unwrap();
        command.stdout(log.try_clone().unwrap()).stderr(log);
        self.programs.push(command.spawn().unwrap());
    }

    /// Where a program of the desk writes what it says: beside the logs of the system's daemons, so that they are all shown
    /// when a test fails.
    fn log_of(&self, name: &str) -> PathBuf {
        self.system.disks().parent().unwrap().join("log").join(name)
    }

    /// Makes an empty file that the person writes.
    fn give(&self, file: &Path) {
        fs::write(file, "").unwrap();
        chown(file, Some(self.person.uid()), Some(self.person.uid())).unwrap();
    }

    /// Plugs in a keyboard.
    fn keyboard(&self) -> Keyboard {
        Keyboard::plug_in(&self.place.join("run").join(&self.display))
    }

    /// A picture of the screen, as PNG.
    pub fn picture(&self) -> Vec<u8> {
        let output = self.command("/usr/bin/grim").arg("-").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }
}

impl Drop for Desk<'_> {
    fn drop(&mut self) {
        for mut program in self.programs.drain(..).rev() {
            let _ = program.kill();
            let _ = program.wait();
        }
    }
}

/// A bus at which root may listen, too: the test runs as root, the session as the person. Whoever reads a window asks many
/// questions at once.
fn bus_configuration(place: &Path) -> String {
    format!(
        "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\" \
         \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n\
         <busconfig><type>session</type><listen>unix:path={}</listen><auth>EXTERNAL</auth>\
         <policy context=\"default\"><allow user=\"*\"/><allow own=\"*\"/>\
         <allow send_destination=\"*\" eavesdrop=\"true\"/><allow eavesdrop=\"true\"/></policy>\
         <limit name=\"max_replies_per_connection\">50000</limit></busconfig>\n",
        place.join("run/bus").display()
    )
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o644)).unwrap();
}

/// Waits, where there is nothing to wait for.
fn settle(time: Duration) {
    std::thread::sleep(time);
}
