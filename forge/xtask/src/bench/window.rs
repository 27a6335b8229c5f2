//! The window beside a bare one: how soon there is something to see, and how much memory that takes.
//!
//! Both run in a compositor without a screen and take turns. What they say to the compositor tells when the first frame
//! was handed to it. Memory is read when Forge's window has shown every page up to the summary, on a machine that is played.
use super::duel::{Goal, median, sorted};
use crate::{check::cargo, command, gui_shots::Session, paths};
use anyhow::{Context, Result, bail};
use regex::Regex;
use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{ChildStderr, Command, Stdio},
    sync::mpsc::{self, Sender},
    thread,
    time::{Duration, Instant},
};

/// What is wanted: at most so many times a bare window's time to the first frame, and its peak memory.
const TIME: Goal = Goal::AtMost(1.2);
const MEMORY: Goal = Goal::AtMost(1.5);
/// A window that is not there by then never will be.
const PATIENCE: Duration = Duration::from_secs(20);
/// When a window is at rest and memory is read: the script needs less than two seconds.
const REST: Duration = Duration::from_secs(4);

/// The least that is a window of GNOME.
const BARE: &str = r#"#include <adwaita.h>
static void activate(GtkApplication *app) {
    GtkWidget *window = adw_application_window_new(app), *view = adw_toolbar_view_new();
    adw_toolbar_view_add_top_bar(ADW_TOOLBAR_VIEW(view), adw_header_bar_new());
    adw_toolbar_view_set_content(ADW_TOOLBAR_VIEW(view), gtk_label_new("Hello"));
    adw_application_window_set_content(ADW_APPLICATION_WINDOW(window), view);
    gtk_window_set_default_size(GTK_WINDOW(window), 880, 680);
    gtk_window_present(GTK_WINDOW(window));
}
int main(int argc, char **argv) {
    g_autoptr(AdwApplication) app = adw_application_new("org.intergenos.Bare", G_APPLICATION_DEFAULT_FLAGS);
    g_signal_connect(app, "activate", G_CALLBACK(activate), NULL);
    return g_application_run(G_APPLICATION(app), argc, argv);
}
"#;

/// One look at a window.
struct Shown {
    first_frame: f64,
    peak_mib: f64,
}

/// Lets both open `rounds` times in turns, and prints how they compare.
pub fn run(rounds: u32) -> Result<()> {
    command::run(cargo().args([
        "build",
        "--quiet",
        "--locked",
        "--release",
        "-p",
        "forge-gui",
        "--features",
        "scripted",
    ]))?;
    let (ours, bare) = (paths::target()?.join("release/forge"), bare()?);
    let session = Session::usual()?;
    // The first start of each fills the page cache.
    for program in [&ours, &bare] {
        show(&session, program)?;
    }
    let mut pairs = Vec::new();
    for round in 0..rounds {
        pairs.push(if round % 2 == 0 {
            let first = show(&session, &ours)?;
            (first, show(&session, &bare)?)
        } else {
            let peer = show(&session, &bare)?;
            (show(&session, &ours)?, peer)
        });
    }
    println!(
        "\nThe window beside a bare one of libadwaita (medians of {rounds} rounds; ratio: median of the pairs, min .. max):"
    );
    report("first frame", "s", TIME, &pairs, |shown| shown.first_frame);
    report("peak memory", "MiB", MEMORY, &pairs, |shown| shown.peak_mib);
    Ok(())
}

fn report(what: &str, unit: &str, goal: Goal, pairs: &[(Shown, Shown)], value: impl Fn(&Shown) -> f64) {
    let ours = median(&sorted(pairs.iter().map(|(ours, _)| value(ours))));
    let peer = median(&sorted(pairs.iter().map(|(_, peer)| value(peer))));
    let ratios = sorted(pairs.iter().map(|(ours, peer)| goal.ratio(value(ours), value(peer))));
    let ratio = median(&ratios);
    let met = if goal.is_met(ratio) { "met" } else { "missed" };
    let Goal::AtMost(most) = goal else { return };
    println!(
        "{what:<12} {ours:.2} : {peer:.2} {unit:<4} {ratio:.2} ({:.2} .. {:.2})  <= {most} x peer: {met}",
        ratios[0],
        ratios[ratios.len() - 1]
    );
}

/// Compiles the bare window.
fn bare() -> Result<PathBuf> {
    let directory = paths::target()?.join("bench");
    fs::create_dir_all(&directory)?;
    let (source, program) = (directory.join("bare.c"), directory.join("bare"));
    fs::write(&source, BARE)?;
    let flags = command::output(Command::new("/usr/bin/pkg-config").args(["--cflags", "--libs", "libadwaita-1"]))?;
    let mut cc = Command::new("/usr/bin/cc");
    command::run(cc.args(["-O2", "-o"]).arg(&program).arg(&source).args(flags.split_whitespace()))?;
    Ok(program)
}

/// Opens a window, waits for its first frame and for rest, and closes it.
fn show(session: &Session, program: &Path) -> Result<Shown> {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", "/usr/bin:/bin").env("LANG", "C.UTF-8").env("HOME", "/nonexistent");
    session.prepare(&mut command);
    command.env("WAYLAND_DEBUG", "client").env("FORGE_SCRIPT", "review").env("DBUS_SESSION_BUS_ADDRESS", "disabled:");
    let begun = Instant::now();
    let mut window = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| program.display().to_string())?;
    let said = window.stderr.take().context("standard error is a pipe")?;
    let (tell, told) = mpsc::channel();
    let reader = thread::spawn(move || listen(said, &tell));
    let first = told.recv_timeout(PATIENCE);
    let rest = begun + REST;
    thread::sleep(rest.saturating_duration_since(Instant::now()));
    let status = fs::read_to_string(format!("/proc/{}/status", window.id()));
    let _ = window.kill();
    let _ = window.wait();
    let _ = reader.join();
    let Ok(first) = first else { bail!("{} shows nothing", program.display()) };
    let peak =
        status?.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    let peak = peak.with_context(|| format!("{} ended by itself", program.display()))?;
    Ok(Shown { first_frame: (first - begun).as_secs_f64(), peak_mib: peak / 1024.0 })
}

/// Tells when a picture is first handed over for a surface that is a window; hears all that is said, to its end.
fn listen(said: ChildStderr, tell: &Sender<Instant>) -> Result<()> {
    let window = Regex::new(r"get_xdg_surface\(.*(wl_surface[@#]\d+)\)")?;
    let mut surface: Option<String> = None;
    for line in BufReader::new(said).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        if let Some(found) = window.captures(&line) {
            surface = Some(format!("{}.attach(wl_buffer", &found[1]));
        } else if surface.as_ref().is_some_and(|attach| line.contains(attach.as_str())) {
            let _ = tell.send(Instant::now());
        }
    }
    Ok(())
}
