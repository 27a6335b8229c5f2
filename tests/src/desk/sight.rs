//! What a screen reader sees: the objects that a program shows, over AT-SPI 2 (at-spi2-core, xml/Accessible.xml).

use futures_util::future::{join, join_all, join4};
use std::collections::HashMap;
use zbus::{Connection, OwnedObjectPath, OwnedVariant, fdo::DBusProxy};

/// The object that every program registers at.
const REGISTRY: (&str, &str) = ("org.a11y.atspi.Registry", "/org/a11y/atspi/accessible/root");
const ACCESSIBLE: &str = "org.a11y.atspi.Accessible";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// An object: a name on the bus and a path.
type Reference = (String, OwnedObjectPath);

/// States, by their bits (at-spi2-core, atspi/atspi-constants.h, AtspiStateType).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// A switch that is on, a radio button that is chosen.
    Checked = 4,
    /// A row that is unfolded.
    Expanded = 10,
    /// The keyboard can go to it.
    Focusable = 11,
    /// The keyboard is there.
    Focused = 12,
    /// A row that is chosen.
    Selected = 23,
    /// It can be used.
    Sensitive = 24,
    /// It is on the screen, or would be after scrolling.
    Showing = 25,
}

/// Something that is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thing {
    /// How deep in the window.
    pub depth: usize,
    /// What it is: `button`, `label`, `list item`.
    pub role: String,
    /// What it is called.
    pub name: String,
    /// What more is said of it.
    pub description: String,
    /// What is written in it, where something can be written.
    pub text: Option<String>,
    states: u64,
}

impl Thing {
    /// Whether it is so.
    pub fn is(&self, state: State) -> bool {
        self.states & (1 << state as u64) != 0
    }
}

/// Everything that a program shows, from top to bottom; empty while it is not there.
pub async fn look(bus: &Connection, process: u32) -> Vec<Thing> {
    let Some(program) = program(bus, process).await else { return Vec::new() };
    below(bus, &program, 0).await.unwrap_or_default()
}

async fn program(bus: &Connection, process: u32) -> Option<Reference> {
    let registry = (REGISTRY.0.to_owned(), OwnedObjectPath::try_from(REGISTRY.1).ok()?);
    let daemon = DBusProxy::new(bus).await.ok()?;
    // One that starts itself again leaves its old entry for a moment.
    for (name, path) in children(bus, &registry).await.ok()?.into_iter().rev() {
        let Ok(known) = name.as_str().try_into() else { continue };
        if daemon.get_connection_unix_process_id(known).await == Ok(process) {
            return Some((name, path));
        }
    }
    None
}

async fn children(bus: &Connection, of: &Reference) -> zbus::Result<Vec<Reference>> {
    ask(bus, of, ACCESSIBLE, "GetChildren").await?.body().deserialize()
}

async fn ask(bus: &Connection, of: &Reference, interface: &str, method: &str) -> zbus::Result<zbus::Message> {
    bus.call_method(Some(of.0.as_str()), of.1.as_str(), Some(interface), method, &()).await
}

/// Words as they are compared: a space that breaks no line is a space.
fn words(told: &HashMap<String, OwnedVariant>, name: &str) -> String {
    let word = told.get(name).and_then(|word| word.try_clone().ok()).and_then(|word| String::try_from(word).ok());
    word.unwrap_or_default().replace('\u{a0}', " ")
}

/// What is written in something, where something can be written.
async fn text(bus: &Connection, of: &Reference) -> Option<String> {
    let interfaces: Vec<String> = ask(bus, of, ACCESSIBLE, "GetInterfaces").await.ok()?.body().deserialize().ok()?;
    if !interfaces.iter().any(|name| name == "org.a11y.atspi.EditableText") {
        return None;
    }
    let all = (0_i32, -1_i32);
    let reply = bus.call_method(Some(of.0.as_str()), of.1.as_str(), Some("org.a11y.atspi.Text"), "GetText", &all).await;
    reply.ok()?.body().deserialize().ok()
}

/// A thing and all that is inside it. Everything of one depth is asked for at once: a window has a hundred things.
async fn below(bus: &Connection, of: &Reference, depth: usize) -> zbus::Result<Vec<Thing>> {
    let properties = bus.call_method(Some(of.0.as_str()), of.1.as_str(), Some(PROPERTIES), "GetAll", &(ACCESSIBLE,));
    let (states, role, told, inside) = join4(
        ask(bus, of, ACCESSIBLE, "GetState"),
        ask(bus, of, ACCESSIBLE, "GetRoleName"),
        properties,
        children(bus, of),
    )
    .await;
    let states: Vec<u32> = states?.body().deserialize()?;
    let states = states.iter().rev().fold(0, |all, word| (all << 32) | u64::from(*word));
    let told: HashMap<String, OwnedVariant> = told?.body().deserialize()?;
    let (role, name, description) = (role?.body().deserialize()?, words(&told, "Name"), words(&told, "Description"));
    let mut thing = Thing { depth, role, name, description, text: None, states };
    // The program itself is not on the screen, and its window is not while it comes up.
    if depth > 1 && !thing.is(State::Showing) {
        return Ok(Vec::new());
    }
    let inside = inside?;
    let inside = join_all(inside.iter().map(|child| Box::pin(below(bus, child, depth + 1))));
    let (text, inside) = join(text(bus, of), inside).await;
    thing.text = text;
    // What goes away between two questions is not seen.
    Ok(std::iter::once(thing).chain(inside.into_iter().flatten().flatten()).collect())
}
