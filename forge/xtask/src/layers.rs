//! `cargo xtask layers`: a package is a wall, and this is what each one keeps out.
use crate::metadata::Metadata;
use anyhow::{Result, bail};

/// What one of our packages may and must not use.
struct Wall {
    package: &'static str,
    /// Our own packages that it may use directly: arrows point downward only.
    below: &'static [&'static str],
    /// What must not be in it, however far down.
    without: &'static [&'static [&'static str]],
}

const ASYNC: &[&str] = &["tokio", "async-io", "async-std", "smol"];
const BUS: &[&str] = &["zbus", "zbus_polkit", "udisks2", "dbus"];
const SYSTEM: &[&str] = &["rustix", "nix", "landlock", "tempfile"];
const CRYPTO: &[&str] = &["openssl", "openssl-sys", "sequoia-openpgp", "pgp"];
const TERMINAL: &[&str] = &["clap", "indicatif", "console"];
const TRANSLATION: &[&str] = &["gettext-rs", "gettext-sys"];
const WINDOW: &[&str] = &["gtk4", "libadwaita", "relm4", "glib"];
/// Forge opens no network socket at all.
const NETWORK: &[&str] = &["reqwest", "hyper", "ureq", "curl", "curl-sys", "rustls", "native-tls"];

const WALLS: &[Wall] = &[
    Wall {
        package: "forge-model",
        below: &[],
        without: &[ASYNC, BUS, SYSTEM, CRYPTO, TERMINAL, TRANSLATION, WINDOW, NETWORK],
    },
    Wall { package: "forge-engine", below: &["forge-model"], without: &[BUS, TERMINAL, TRANSLATION, WINDOW, NETWORK] },
    Wall { package: "forge-dbus", below: &["forge-model"], without: &[CRYPTO, TERMINAL, TRANSLATION, WINDOW, NETWORK] },
    Wall {
        package: "forge-helper",
        below: &["forge-dbus", "forge-engine", "forge-model"],
        // The udisks2 crate brings gettext, which is a part of the C library here; the helper itself translates nothing.
        without: &[WINDOW, NETWORK],
    },
    Wall { package: "forge-gui", below: &["forge-dbus", "forge-model"], without: &[CRYPTO, NETWORK] },
    Wall {
        package: "forge-cli",
        // The engine, deliberately: an install into a plain file needs no root and no daemon.
        below: &["forge-dbus", "forge-engine", "forge-model"],
        without: &[WINDOW, NETWORK],
    },
    Wall {
        package: "forge-xtask",
        // It is compiled before anything else, on a host that may lack every C library.
        below: &["forge-model"],
        without: &[ASYNC, BUS, CRYPTO, TRANSLATION, WINDOW, NETWORK],
    },
    Wall {
        package: "forge-tests",
        below: &["forge-cli", "forge-dbus", "forge-engine", "forge-helper", "forge-gui", "forge-model"],
        without: &[NETWORK],
    },
];

/// Checks every wall; the error names each breach and the way it came in.
pub fn check() -> Result<()> {
    let breaches = breaches(&Metadata::read()?);
    if !breaches.is_empty() {
        bail!("the layers of the project are broken:\n  {}", breaches.join("\n  "));
    }
    eprintln!("layers: every package keeps out what it has to");
    Ok(())
}

fn breaches(metadata: &Metadata) -> Vec<String> {
    let mut found = Vec::new();
    for member in metadata.members() {
        let Some(wall) = WALLS.iter().find(|wall| wall.package == member.name) else {
            found.push(format!("{} has no wall: say in layers.rs what it keeps out", member.name));
            continue;
        };
        let ours = metadata.direct(&member.id).filter_map(|id| metadata.members().find(|package| package.id == id));
        for used in ours.filter(|used| !wall.below.contains(&used.name.as_str())) {
            found.push(format!("{} must not use {}", member.name, used.name));
        }
        for (id, user) in metadata.reachable(&member.id) {
            let (Some(used), Some(user)) = (metadata.package(id), metadata.package(user)) else {
                continue;
            };
            if wall.without.iter().any(|names| names.contains(&used.name.as_str())) {
                found.push(format!("{} must do without {}: it comes in through {}", member.name, used.name, user.name));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// A workspace of `packages` with arrows `(user, used, kind)`; those named `forge-…` are ours.
    fn workspace(packages: &[&str], arrows: &[(&str, &str, Option<&str>)]) -> Metadata {
        let node = |id: &&str| -> Value {
            let deps: Vec<Value> = arrows
                .iter()
                .filter(|arrow| arrow.0 == *id)
                .map(|arrow| json!({"pkg": arrow.1, "dep_kinds": [{"kind": arrow.2}]}))
                .collect();
            json!({"id": id, "deps": deps})
        };
        let value = json!({
            "packages": packages.iter()
                .map(|name| json!({"id": name, "name": name, "version": "1.0.0", "license": "MIT"}))
                .collect::<Vec<_>>(),
            "workspace_members": packages.iter()
                .filter(|name| name.starts_with("forge-")).collect::<Vec<_>>(),
            "resolve": {"nodes": packages.iter().map(node).collect::<Vec<_>>()},
        });
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_forbidden_package_is_named_with_the_way_it_came_in() {
        let arrows = [("forge-model", "innocent", None), ("innocent", "tokio", None)];
        let metadata = workspace(&["forge-model", "innocent", "tokio"], &arrows);
        assert_eq!(breaches(&metadata), ["forge-model must do without tokio: it comes in through innocent"]);
    }

    #[test]
    fn an_arrow_upward_is_named() {
        let metadata = workspace(&["forge-model", "forge-engine"], &[("forge-model", "forge-engine", None)]);
        assert_eq!(breaches(&metadata), ["forge-model must not use forge-engine"]);
    }

    #[test]
    fn what_only_tests_use_is_not_a_breach() {
        let metadata = workspace(&["forge-model", "tokio"], &[("forge-model", "tokio", Some("dev"))]);
        assert!(breaches(&metadata).is_empty());
    }

    #[test]
    fn a_new_package_without_a_wall_is_named() {
        let metadata = workspace(&["forge-utils"], &[]);
        assert_eq!(breaches(&metadata), ["forge-utils has no wall: say in layers.rs what it keeps out"]);
    }
}
