//! Answers that a file brought and that are not trusted to run alone: `forgectl unattended --prefill` found and checked them
//! before the window came, and left them here. They fill in pages; a person still walks through each.

use forge_model::Answers;
use std::{fs, io};

/// Where they are left.
const FILE: &str = "/run/forge/answers/answers.toml";

/// Reads them; nothing where there are none.
pub fn read() -> Option<Box<Answers>> {
    #[cfg(feature = "scripted")]
    if let Some(played) = crate::gateway::scripted::answers_found() {
        return Some(played);
    }
    let text = fs::read_to_string(FILE)
        .inspect_err(|error| {
            if error.kind() != io::ErrorKind::NotFound {
                log::warn!("{FILE}: {error}");
            }
        })
        .ok()?;
    Answers::parse(&text).inspect_err(|error| log::warn!("{FILE}: {error}")).ok().map(Box::new)
}
