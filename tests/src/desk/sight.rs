//! What a screen reader sees: the objects that a program shows, over AT-SPI 2 (at-spi2-core, xml/Accessible.xml).

use futures_util::future::join5;
use zbus::{Connection, OwnedObjectPath, OwnedVariant, fdo::DBusProxy};

/// The object that every program registers at.
const REGISTRY: (&str, &str) = ("org.a11y.atspi.Registry", "/org/a11y/atspi/accessible/root");
const ACCESSIBLE: &str = "org.a11y.atspi.Accessible";

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
    let mut seen = Vec::new();
    // What goes away between two questions is not seen.
    let _ = below(bus, &program, 0, &mut seen).await;
    seen
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

async fn property<T: TryFrom<OwnedVariant>>(
    bus: &Connection,
    of: &Reference,
    interface: &str,
    name: &str,
) -> Option<T> {
    let properties = Some("org.freedesktop.DBus.Properties");
    let reply =
        bus.call_method(Some(of.0.as_str()), of.1.as_str(), properties, "Get", &(interface, name)).await.ok()?;
    T::try_from(reply.body().deserialize::<OwnedVariant>().ok()?).ok()
}

/// Words as they are compared: a space that breaks no line is a space.
fn words(told: Option<String>) -> String {
    told.unwrap_or_default().replace('\u{a0}', " ")
}

async fn below(bus: &Connection, of: &Reference, depth: usize, seen: &mut Vec<Thing>) -> zbus::Result<()> {
    let (states, role, name, description, interfaces) = join5(
        ask(bus, of, ACCESSIBLE, "GetState"),
        ask(bus, of, ACCESSIBLE, "GetRoleName"),
        property(bus, of, ACCESSIBLE, "Name"),
        property(bus, of, ACCESSIBLE, "Description"),
        ask(bus, of, ACCESSIBLE, "GetInterfaces"),
    )
    .await;
    let states: Vec<u32> = states?.body().deserialize()?;
    let states = states.iter().rev().fold(0, |all, word| (all << 32) | u64::from(*word));
    let mut thing =
        Thing { depth, role: String::new(), name: String::new(), description: String::new(), text: None, states };
    // The program itself is not on the screen, and its window is not while it comes up.
    if depth > 1 && !thing.is(State::Showing) {
        return Ok(());
    }
    thing.role = role?.body().deserialize()?;
    (thing.name, thing.description) = (words(name), words(description));
    let interfaces: Vec<String> = interfaces?.body().deserialize()?;
    if interfaces.iter().any(|name| name == "org.a11y.atspi.EditableText") {
        let all = bus.call_method(
            Some(of.0.as_str()),
            of.1.as_str(),
            Some("org.a11y.atspi.Text"),
            "GetText",
            &(0_i32, -1_i32),
        );
        thing.text = all.await.ok().and_then(|reply| reply.body().deserialize().ok());
    }
    seen.push(thing);
    for child in children(bus, of).await? {
        let _ = Box::pin(below(bus, &child, depth + 1, seen)).await;
    }
    Ok(())
}
