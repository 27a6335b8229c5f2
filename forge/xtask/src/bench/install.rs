//! A whole install of the demo system: how long everything but the image takes.
use crate::demo;
use anyhow::{Context, Result, ensure};
use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

/// Seconds that an install may take besides writing and proving the image.
const GOAL: f64 = 3.0;

/// Installs the demo's payload `rounds` times and prints the median.
pub fn run(rounds: u32) -> Result<()> {
    let (place, forgectl) = demo::prepare()?;
    let mut times = Vec::new();
    for _ in 0..rounds {
        times.push(once(&forgectl, &place)?);
    }
    times.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (rest, image) = times[times.len() / 2];
    let met = if rest <= GOAL { "met" } else { "missed" };
    println!(
        "\nA whole install of the demo system: {rest:.2} s besides the image (goal: <= {GOAL} s: {met}), \
         {image:.2} s to write and prove it; median of {rounds}"
    );
    Ok(())
}

/// Seconds of one install outside and inside the stages `write` and `prove`.
fn once(forgectl: &Path, place: &Path) -> Result<(f64, f64)> {
    let (disk, output) = (place.join("bench.img"), place.join("bench"));
    let _ = fs::remove_file(&disk);
    File::create_new(&disk)?.set_len(demo::DISK_BYTES)?;
    let start = Instant::now();
    let mut child = Command::new(forgectl)
        .args(["install", "--json", "--answers"])
        .arg(demo::answers()?)
        .arg("--payload")
        .arg(place.join("payload"))
        .arg("--certificate")
        .arg(place.join("keys/certificate.pgp"))
        .arg("--target")
        .arg(&disk)
        .arg("--output")
        .arg(&output)
        .stdout(Stdio::piped())
        .spawn()?;
    let (mut image, mut since): (f64, Option<Instant>) = (0.0, None);
    for line in BufReader::new(child.stdout.take().context("no output")?).lines() {
        let event: serde_json::Value = serde_json::from_str(&line?)?;
        let in_image = matches!(event["stage"].as_str(), Some("write" | "prove"));
        match (in_image, since) {
            (true, None) => since = Some(Instant::now()),
            (false, Some(began)) if event["stage"].is_string() => {
                image += began.elapsed().as_secs_f64();
                since = None;
            }
            _ => {}
        }
    }
    ensure!(child.wait()?.success(), "the install failed");
    let whole = start.elapsed().as_secs_f64();
    fs::remove_file(&disk)?;
    fs::remove_dir_all(&output)?;
    Ok((whole - image, image))
}
