//! `cargo xtask gui-shots --docs`: the pictures of docs/window.md, taken anew and made small.
use crate::{command, gui_shots, paths, workbench};
use anyhow::{Context, Result};
use std::{fs, process::Command};

/// Where they lie.
const PLACE: &str = "docs/images/window";

/// A look, and the pages that are shown in it.
const PICTURES: [(&str, &[&str]); 7] = [
    (
        "light",
        &[
            "welcome",
            "keyboard",
            "timezone",
            "disk",
            "disk-use",
            "encryption-on",
            "recovery-key",
            "account",
            "firmware",
            "secure-boot",
            "review",
            "review-replace",
            "installing",
            "failure",
            "done",
            "card",
            "practise-start",
            "practise",
            "practise-no",
            "practise-code",
            "practise-wrong",
            "practise-reboot",
            "guide",
            "guide-off",
            "guide-pending",
            "guide-lost",
            "guide-code",
            "guide-places",
            "guide-from-disk",
            "guide-checks",
        ],
    ),
    ("long", &["disk-use-shrink", "disk-use-manual"]),
    ("dark", &["disk", "disk-use", "review"]),
    ("contrast", &["disk"]),
    ("narrow", &["disk", "disk-use", "disk-use-shrink", "review"]),
    ("german", &["account"]),
    ("arabic", &["review", "guide-lost"]),
];

/// Takes the pictures and puts them into the documentation.
pub fn run() -> Result<()> {
    workbench::enter()?;
    let place = paths::repository()?.join(PLACE);
    fs::create_dir_all(&place)?;
    let taken = paths::target()?.join("gui-shots");
    for (look, pages) in PICTURES {
        gui_shots::run(&gui_shots::Options::of(pages, look))?;
        for page in pages {
            let name = format!("{page}-{look}.png");
            // 64 colours are enough for a window; nobody sees the difference.
            let mut small = Command::new("/usr/bin/pngquant");
            small.args(["--force", "--strip", "--speed=1", "--nofs", "--output"]).arg(place.join(&name));
            command::run(small.args(["64", "--"]).arg(taken.join(&name))).with_context(|| name)?;
        }
    }
    Ok(())
}
