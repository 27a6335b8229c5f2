//! A keyboard of the compositor that stays: one that is plugged in for each key loses the window's focus.

use super::settle;
use std::{
    fs::File,
    io::{Seek, Write},
    os::{fd::AsFd, unix::net::UnixStream},
    path::Path,
    time::{Duration, Instant},
};
use wayland_client::{
    Connection, Dispatch, EventQueue, Proxy, QueueHandle,
    protocol::{wl_callback, wl_registry, wl_seat},
};
use wayland_protocols_misc::zwp_virtual_keyboard_v1::client::{
    zwp_virtual_keyboard_manager_v1::ZwpVirtualKeyboardManagerV1 as Manager,
    zwp_virtual_keyboard_v1::ZwpVirtualKeyboardV1 as Device,
};

/// The keyboard of Debian's evdev rules, layout US.
const KEYMAP: &str = "xkb_keymap { xkb_keycodes { include \"evdev+aliases(qwerty)\" }; xkb_types { include \"complete\" }; \
     xkb_compat { include \"complete\" }; xkb_symbols { include \"pc+us+inet(evdev)\" }; };\0";
/// `wl_keyboard.keymap_format.xkb_v1`.
const XKB: u32 = 1;
/// Bits of the modifiers in that keymap.
const SHIFT: u32 = 1;
const CONTROL: u32 = 4;
const ALT: u32 = 8;
/// The rows of the keyboard: kernel code of the first key, what the keys write, what they write with Shift.
const ROWS: [(u32, &str, &str); 4] = [
    (2, "1234567890-=", "!@#$%^&*()_+"),
    (16, "qwertyuiop[]", "QWERTYUIOP{}"),
    (30, "asdfghjkl;'`", "ASDFGHJKL:\"~"),
    (43, "\\zxcvbnm,./", "|ZXCVBNM<>?"),
];

/// A keyboard.
pub struct Keyboard {
    queue: EventQueue<Globals>,
    globals: Globals,
    device: Device,
    begun: Instant,
}

impl Keyboard {
    /// Plugs one in.
    pub fn plug_in(socket: &Path) -> Self {
        let connection = Connection::from_socket(UnixStream::connect(socket).unwrap()).unwrap();
        let mut queue = connection.new_event_queue();
        let handle = queue.handle();
        connection.display().get_registry(&handle, ());
        let mut globals = Globals::default();
        queue.roundtrip(&mut globals).unwrap();
        let seat = globals.seat.clone().expect("the compositor has no seat");
        let manager = globals.manager.clone().expect("the compositor takes no virtual keyboard");
        let device = manager.create_virtual_keyboard(&seat, &handle, ());
        let memory = rustix::fs::memfd_create("keymap", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
        let mut file = File::from(memory);
        file.write_all(KEYMAP.as_bytes()).unwrap();
        file.rewind().unwrap();
        device.keymap(XKB, file.as_fd(), KEYMAP.len().try_into().unwrap());
        queue.roundtrip(&mut globals).unwrap();
        Self { queue, globals, device, begun: Instant::now() }
    }

    /// Presses and releases a key: `Tab`, `shift+Tab`, `ctrl+Return`, `alt+n`.
    pub fn press(&mut self, keys: &str) {
        let mut modifiers = 0;
        let mut names: Vec<&str> = keys.split('+').collect();
        let key = names.pop().unwrap();
        for name in names {
            modifiers |= match name {
                "shift" => SHIFT,
                "ctrl" => CONTROL,
                "alt" => ALT,
                other => panic!("no such modifier: {other}"),
            };
        }
        let code = named(key).unwrap_or_else(|| panic!("no such key: {key}"));
        self.strike(code, modifiers);
    }

    /// Types a text of ASCII characters.
    pub fn write(&mut self, text: &str) {
        for letter in text.chars() {
            let (code, modifiers) = key_of(letter).unwrap_or_else(|| panic!("no key writes {letter:?}"));
            self.strike(code, modifiers);
        }
    }

    fn strike(&mut self, code: u32, modifiers: u32) {
        self.device.modifiers(modifiers, 0, 0, 0);
        self.device.key(self.now(), code, 1);
        self.sync();
        // As long as a quick typist holds it.
        settle(Duration::from_millis(4));
        self.device.key(self.now(), code, 0);
        self.device.modifiers(0, 0, 0, 0);
        self.sync();
    }

    fn now(&self) -> u32 {
        u32::try_from(self.begun.elapsed().as_millis()).unwrap()
    }

    fn sync(&mut self) {
        self.queue.roundtrip(&mut self.globals).unwrap();
    }
}

fn named(name: &str) -> Option<u32> {
    Some(match name {
        "Escape" => 1,
        "BackSpace" => 14,
        "Tab" => 15,
        "Return" => 28,
        "space" => 57,
        "Home" => 102,
        "Up" => 103,
        "Left" => 105,
        "Right" => 106,
        "End" => 107,
        "Down" => 108,
        _ => {
            let mut letters = name.chars();
            let letter = letters.next().filter(|_| letters.next().is_none())?;
            key_of(letter)?.0
        }
    })
}

fn key_of(letter: char) -> Option<(u32, u32)> {
    if letter == ' ' {
        return Some((57, 0));
    }
    ROWS.iter().find_map(|(first, plain, shifted)| {
        let at = |row: &str| row.chars().position(|c| c == letter).map(|at| first + u32::try_from(at).unwrap_or(0));
        at(plain).map(|code| (code, 0)).or(at(shifted).map(|code| (code, SHIFT)))
    })
}

/// What the compositor offers.
#[derive(Default)]
struct Globals {
    seat: Option<wl_seat::WlSeat>,
    manager: Option<Manager>,
}

impl Dispatch<wl_registry::WlRegistry, ()> for Globals {
    fn event(
        globals: &mut Self,
        registry: &wl_registry::WlRegistry,
        event: wl_registry::Event,
        (): &(),
        _: &Connection,
        handle: &QueueHandle<Self>,
    ) {
        let wl_registry::Event::Global { name, interface, .. } = event else { return };
        if interface == wl_seat::WlSeat::interface().name {
            globals.seat = Some(registry.bind(name, 1, handle, ()));
        } else if interface == Manager::interface().name {
            globals.manager = Some(registry.bind(name, 1, handle, ()));
        }
    }
}

wayland_client::delegate_noop!(Globals: ignore wl_seat::WlSeat);
wayland_client::delegate_noop!(Globals: ignore wl_callback::WlCallback);
wayland_client::delegate_noop!(Globals: Manager);
wayland_client::delegate_noop!(Globals: Device);
