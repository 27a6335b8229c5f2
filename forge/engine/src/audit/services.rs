//! What systemd says of services: NetworkManager and its rival, and how far each service is confined.

use super::Look;
use crate::tool::{Run, Tools};
use serde::Deserialize;

/// The exposure that a service may have, of 10 (`systemd-analyze security` calls less than this "OK").
const LIMIT: f32 = 5.0;

/// Services that can not be confined so far, each with the exposure that it may have and the reason.
const EXCEPTIONS: [(&str, f32, &str); 6] = [
    ("getty@", 10.0, "a login: whoever logs in there gets the rights of that person"),
    ("serial-getty@", 10.0, "a login: whoever logs in there gets the rights of that person"),
    ("console-getty.service", 10.0, "a login: whoever logs in there gets the rights of that person"),
    ("user@", 10.0, "the programs of a person who has logged in, with that person's rights"),
    ("gdm.service", 10.0, "a login: whoever logs in there gets the rights of that person"),
    ("systemd-udevd.service", 7.5, "it sets up every device and loads drivers"),
];

/// Whether NetworkManager runs, and systemd-networkd neither runs nor will.
pub fn network(tools: &Tools) -> Look {
    let asked = ["NetworkManager.service", "systemd-networkd.service", "systemd-networkd.socket"];
    let run = Run::new(tools, &tools.systemctl);
    match run.args(["show", "--property=Id,LoadState,ActiveState,UnitFileState"]).args(asked).run() {
        Ok(said) => states(&String::from_utf8_lossy(&said)),
        Err(error) => Look::unknown(error),
    }
}

/// Blocks of `NAME=VALUE`, one for each unit, with an empty line between them.
fn states(text: &str) -> Look {
    let mut look = Look::default();
    let units: Vec<Vec<(&str, &str)>> =
        text.split("\n\n").map(|block| block.lines().filter_map(|line| line.split_once('=')).collect()).collect();
    let of = |unit: &[(&str, &str)], name: &str| {
        unit.iter().find(|(key, _)| *key == name).map_or(String::new(), |(_, value)| (*value).to_owned())
    };
    let mut manager = false;
    for unit in &units {
        let (id, active, file) = (of(unit, "Id"), of(unit, "ActiveState"), of(unit, "UnitFileState"));
        let said = format!("{id}: {active}, {}", if file.is_empty() { "not there" } else { &file });
        if id.starts_with("NetworkManager") {
            manager = true;
            look.expect(active == "active", said);
        } else if !id.is_empty() {
            look.expect(matches!(active.as_str(), "inactive" | "failed") && !file.starts_with("enabled"), said);
        }
    }
    if !manager {
        look.blind("systemctl says nothing of NetworkManager.service");
    }
    look
}

/// How far each service that runs is confined.
pub fn sandboxes(tools: &Tools) -> Look {
    let list = ["list-units", "--type=service", "--state=running", "--no-pager", "--output=json"];
    let running = match Run::new(tools, &tools.systemctl).args(list).run() {
        Ok(said) => said,
        Err(error) => return Look::unknown(error),
    };
    match Run::new(tools, &tools.systemd_analyze).args(["security", "--no-pager", "--json=short"]).run() {
        Ok(said) => exposures(&running, &said),
        Err(error) => Look::unknown(error),
    }
}

#[derive(Deserialize)]
struct Running {
    unit: String,
}

#[derive(Deserialize)]
struct Exposure {
    unit: String,
    exposure: String,
}

fn exposures(running: &[u8], analyzed: &[u8]) -> Look {
    let (running, analyzed): (Vec<Running>, Vec<Exposure>) =
        match (serde_json::from_slice(running), serde_json::from_slice(analyzed)) {
            (Ok(running), Ok(analyzed)) => (running, analyzed),
            (Err(error), _) | (_, Err(error)) => {
                return Look::unknown(format_args!("systemd says something that can not be read: {error}"));
            }
        };
    let mut look = Look::default();
    for Running { unit } in &running {
        // One that ended between the two questions is not there any more, and one that just began not yet.
        let Some(found) = analyzed.iter().find(|found| found.unit == *unit) else { continue };
        let Ok(exposure) = found.exposure.parse::<f32>() else {
            look.blind(format_args!("{unit}: exposure {}", found.exposure));
            continue;
        };
        match EXCEPTIONS.iter().find(|(name, ..)| unit.starts_with(name)) {
            Some((_, most, why)) => {
                look.expect(
                    exposure <= *most,
                    format_args!("{unit}: exposure {exposure}, an exception up to {most}: {why}"),
                );
            }
            None => look.expect(exposure < LIMIT, format_args!("{unit}: exposure {exposure} of {LIMIT} at most")),
        }
    }
    if look.evidence().is_empty() {
        look.blind("systemd names no service that runs");
    }
    look
}

#[cfg(test)]
mod tests {
    use super::*;
    use forge_model::audit::Finding;

    fn unit(id: &str, active: &str, file: &str) -> String {
        format!("Id={id}\nLoadState=loaded\nActiveState={active}\nUnitFileState={file}\n")
    }

    #[test]
    fn the_network_is_networkmanagers_alone() {
        let manager = unit("NetworkManager.service", "active", "enabled");
        let absent = "Id=systemd-networkd.socket\nLoadState=not-found\nActiveState=inactive\nUnitFileState=\n";
        let finding = |rival: String| states(&format!("{manager}\n{rival}\n{absent}")).finding();
        assert_eq!(finding(unit("systemd-networkd.service", "inactive", "masked")), Finding::Pass);
        assert_eq!(finding(unit("systemd-networkd.service", "inactive", "disabled")), Finding::Pass);
        assert_eq!(finding(unit("systemd-networkd.service", "active", "disabled")), Finding::Fail);
        assert_eq!(finding(unit("systemd-networkd.service", "activating", "disabled")), Finding::Fail);
        assert_eq!(finding(unit("systemd-networkd.service", "inactive", "enabled")), Finding::Fail);
        assert_eq!(states(&unit("NetworkManager.service", "inactive", "enabled")).finding(), Finding::Fail);
        assert_eq!(states("").finding(), Finding::CannotTell);
    }

    #[test]
    fn a_service_without_a_sandbox_is_named_and_a_login_is_explained() {
        let running = br#"[{"unit":"dbus.service"},{"unit":"getty@tty1.service"},{"unit":"systemd-udevd.service"}]"#;
        let analyzed = |dbus: &str, udev: &str| {
            format!(
                r#"[{{"unit":"dbus.service","exposure":"{dbus}","predicate":"UNSAFE","happy":"x"}},
                {{"unit":"getty@tty1.service","exposure":"9.6"}},{{"unit":"emergency.service","exposure":"9.5"}},
                {{"unit":"systemd-udevd.service","exposure":"{udev}"}}]"#
            )
        };
        let look = |dbus, udev| exposures(running, analyzed(dbus, udev).as_bytes());
        assert_eq!(look("1.4", "7.1").finding(), Finding::Pass, "{:?}", look("1.4", "7.1"));
        assert_eq!(look("9.1", "7.1").faults, ["dbus.service: exposure 9.1 of 5 at most"]);
        assert_eq!(look("1.4", "9.0").faults.len(), 1, "an exception has its limit, too");
        assert_eq!(exposures(b"[]", b"[]").finding(), Finding::CannotTell);
        assert_eq!(exposures(b"", b"").finding(), Finding::CannotTell);
    }
}
