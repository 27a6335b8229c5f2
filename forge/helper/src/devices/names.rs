//! A device's name for people, from the hardware database of udev (hwdb(7)).

use forge_engine::tool::{Run, Tools};
use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::Duration,
};

const SYSTEMD_HWDB: &str = "/usr/bin/systemd-hwdb";
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest name.
const LONGEST: usize = 128;

/// The names that were asked for; a device keeps its name.
#[derive(Debug, Default)]
pub struct Names(Mutex<HashMap<String, Option<String>>>);

impl Names {
    /// The name of a device, where the database knows it.
    pub fn of(&self, tools: &Tools, modalias: &str) -> Option<String> {
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(name) = known().get(modalias) {
            return name.clone();
        }
        let path = PathBuf::from(SYSTEMD_HWDB);
        let asked = Run::new(tools, &path).limit(PATIENCE).args(["query", modalias]).run();
        let answer = asked.inspect_err(|error| log::info!("the name of {modalias:?} is not known: {error}")).ok();
        let name = answer.and_then(|output| name(&String::from_utf8_lossy(&output)));
        known().insert(modalias.to_owned(), name.clone());
        name
    }
}

/// Vendor and model of what the database answers, one property a line.
fn name(answer: &str) -> Option<String> {
    let value = |key: &str| {
        let line = answer.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='))?;
        let text = line.trim();
        (!text.is_empty() && !text.contains(char::is_control)).then_some(text)
    };
    let model = value("ID_MODEL_FROM_DATABASE")?;
    let name = match value("ID_VENDOR_FROM_DATABASE") {
        Some(vendor) if !model.starts_with(vendor) => format!("{vendor} {model}"),
        _ => model.to_owned(),
    };
    (name.chars().count() <= LONGEST).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_called_by_its_vendor_and_model() {
        let answer = "ID_VENDOR_FROM_DATABASE=Intel Corporation\nID_PCI_CLASS_FROM_DATABASE=Network controller\n\
                      ID_MODEL_FROM_DATABASE=Wi-Fi 6 AX200\n";
        assert_eq!(name(answer).as_deref(), Some("Intel Corporation Wi-Fi 6 AX200"));
        assert_eq!(name("ID_MODEL_FROM_DATABASE=AX201 Bluetooth").as_deref(), Some("AX201 Bluetooth"));
    }

    #[test]
    fn a_vendor_alone_is_no_name_and_neither_is_what_would_move_the_cursor() {
        assert_eq!(name("ID_VENDOR_FROM_DATABASE=Intel Corporation\n"), None);
        assert_eq!(name("ID_MODEL_FROM_DATABASE=a\u{1b}[2J\n"), None);
        assert_eq!(name(&format!("ID_MODEL_FROM_DATABASE={}\n", "x".repeat(200))), None);
        assert_eq!(name(""), None);
    }
}
