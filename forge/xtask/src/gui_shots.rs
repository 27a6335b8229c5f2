//! `cargo xtask gui-shots`: every page of the window as a picture, on a machine that is played.
//!
//! The window runs in a Wayland compositor without a screen whose output is as large as the picture. It is the same
//! program that is shipped, built with the feature `scripted`.
use crate::{check::cargo, command, paths, workbench};
use anyhow::{Context, Result, ensure};
use clap::Args;
use std::{
    fs,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// What to take pictures of.
#[derive(Args)]
pub struct Options {
    /// Pages, by their names; all of them when left out.
    pages: Vec<String>,
    /// Looks, by their names; all of them when left out.
    #[arg(long = "look")]
    looks: Vec<String>,
    /// Where the pictures go; target/gui-shots when left out.
    #[arg(long)]
    output: Option<PathBuf>,
    /// Takes the pictures of docs/window.md instead, and puts them there.
    #[arg(long, conflicts_with_all = ["pages", "looks", "output"])]
    docs: bool,
}

impl Options {
    /// These pages in one look, in the usual place.
    pub fn of(pages: &[&str], look: &str) -> Self {
        let pages = pages.iter().map(|&page| page.to_owned()).collect();
        Self { pages, looks: vec![look.to_owned()], output: None, docs: false }
    }
}

/// What the window shows where there is no helper: the same build, without a script.
const NO_HELPER: &str = "no-helper";
/// German was chosen in the window: it speaks it from the second page on.
const LANGUAGE: &str = "language";

/// On a live desktop, where answers were found.
const LIVE: &str = "welcome-live";

const PAGES: [&str; 56] = [
    NO_HELPER,
    LANGUAGE,
    "welcome",
    LIVE,
    "keyboard",
    "timezone",
    "disk",
    "disk-use",
    "disk-use-erase",
    "disk-use-shrink",
    "disk-use-replace",
    "disk-use-manual",
    "disk-use-none",
    "encryption",
    "encryption-on",
    "encryption-caution",
    "recovery-key",
    "account",
    "firmware",
    "firmware-on",
    "firmware-licence",
    "secure-boot",
    "review",
    "review-encrypted",
    "review-beside",
    "review-shrink",
    "review-replace",
    "review-manual",
    "installing-beside",
    "installing",
    "failure",
    "failure-beside",
    "done",
    "done-refused",
    "done-encrypted",
    "done-beside",
    "done-manual",
    "card",
    "practise-start",
    "practise",
    "practise-no",
    "practise-code",
    "practise-wrong",
    "practise-reboot",
    "practise-done",
    "guide",
    "guide-off",
    "guide-pending",
    "guide-lost",
    "guide-read-only",
    "guide-unknown",
    "guide-code",
    "guide-places",
    "guide-from-disk",
    "guide-turn-on",
    "guide-checks",
];

/// A way in which the window is looked at.
struct Look {
    name: &'static str,
    size: &'static str,
    locale: &'static str,
    text_scale: u32,
    environment: &'static [(&'static str, &'static str)],
}

const DARK: (&str, &str) = ("ADW_DEBUG_COLOR_SCHEME", "prefer-dark");
const CONTRAST: (&str, &str) = ("ADW_DEBUG_HIGH_CONTRAST", "1");

const LOOKS: [Look; 10] = [
    Look { name: "light", size: "880x680", locale: "en_US", text_scale: 1, environment: &[] },
    Look { name: "dark", size: "880x680", locale: "en_US", text_scale: 1, environment: &[DARK] },
    Look { name: "narrow", size: "360x640", locale: "en_US", text_scale: 1, environment: &[] },
    Look { name: "small", size: "800x600", locale: "en_US", text_scale: 1, environment: &[] },
    Look { name: "contrast", size: "880x680", locale: "en_US", text_scale: 1, environment: &[CONTRAST] },
    Look { name: "large-text", size: "880x680", locale: "en_US", text_scale: 2, environment: &[] },
    Look { name: "large-narrow", size: "360x640", locale: "en_US", text_scale: 2, environment: &[CONTRAST] },
    Look { name: "german", size: "360x640", locale: "de_DE", text_scale: 1, environment: &[] },
    Look { name: "arabic", size: "880x680", locale: "ar_EG", text_scale: 1, environment: &[DARK] },
    Look { name: "long", size: "880x1400", locale: "en_US", text_scale: 1, environment: &[] },
];

/// A window that has not come up by then never will.
const PATIENCE: Duration = Duration::from_secs(20);
/// Two pictures this far apart that are the same show a window at rest.
const REST: Duration = Duration::from_millis(400);

/// Takes the pictures.
pub fn run(options: &Options) -> Result<()> {
    workbench::enter()?;
    if options.docs {
        return crate::gui_docs::run();
    }
    command::run(cargo().args(["build", "--quiet", "--locked", "-p", "forge-gui", "--features", "scripted"]))?;
    let target = paths::target()?;
    // Beside the shipped program's name: a picture can never be of a program that another build replaced.
    let program = target.join("debug/forge");
    let output = options.output.clone().unwrap_or(target.join("gui-shots"));
    fs::create_dir_all(&output)?;
    let unknown = |wanted: &[String], known: &[&str]| wanted.iter().find(|w| !known.contains(&w.as_str())).cloned();
    let names: Vec<&str> = LOOKS.iter().map(|look| look.name).collect();
    if let Some(wrong) = unknown(&options.pages, &PAGES).or(unknown(&options.looks, &names)) {
        anyhow::bail!("{wrong} is not known; pages: {}; looks: {}", PAGES.join(", "), names.join(", "));
    }
    let translations = crate::po::compiled(&target)?;
    for look in LOOKS.iter().filter(|look| options.looks.is_empty() || options.looks.iter().any(|l| l == look.name)) {
        let session = Session::start(look)?;
        for page in PAGES.iter().filter(|page| options.pages.is_empty() || options.pages.iter().any(|p| p == *page)) {
            let picture = output.join(format!("{page}-{}.png", look.name));
            session.shoot(&program, page, look, &translations, &picture)?;
            println!("{}", picture.display());
        }
    }
    Ok(())
}

/// Runs the tests of the window, in a compositor without a screen.
pub fn test() -> Result<()> {
    workbench::enter()?;
    let session = Session::start(&LOOKS[0])?;
    let translations = crate::po::compiled(&paths::target()?)?;
    let mut tests = Command::new("/usr/bin/dbus-run-session");
    tests.arg("--").arg(cargo().get_program()).args(["test", "--locked", "-p", "forge-gui", "--features", "scripted"]);
    tests.args(["--test", "window"]);
    session.prepare(&mut tests);
    // What a screen reader would be told is kept in memory, where tests ask for it.
    tests.env("GTK_A11Y", "test");
    command::run(tests.env("LC_ALL", "en_US.UTF-8").env("LOCPATH", translations.join("locales")))
}

/// A compositor without a screen, with a place of its own; both end with it.
pub struct Session {
    runtime: tempdir::Directory,
    compositor: Child,
    display: String,
    /// So many bytes has the picture of an output on which nothing is.
    empty: usize,
}

/// A directory that goes with its owner.
mod tempdir {
    use anyhow::{Context, Result};
    use std::{env, fs, os::unix::fs::DirBuilderExt, path::PathBuf};

    /// The directory.
    pub struct Directory(pub PathBuf);

    impl Directory {
        /// Makes one that only its owner can look into, as Wayland wants it.
        pub fn make(name: &str) -> Result<Self> {
            let path = env::temp_dir().join(format!("forge-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            fs::DirBuilder::new().mode(0o700).create(&path).with_context(|| path.display().to_string())?;
            Ok(Self(path))
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

impl Session {
    /// One that is as large as the window likes to be.
    pub fn usual() -> Result<Self> {
        Self::start(&LOOKS[0])
    }

    /// The socket of its compositor.
    pub fn socket(&self) -> PathBuf {
        self.runtime.0.join(&self.display)
    }

    fn start(look: &Look) -> Result<Self> {
        let runtime = tempdir::Directory::make("gui-shots")?;
        let toolkit = runtime.0.join(".config/gtk-4.0");
        fs::create_dir_all(&toolkit)?;
        let text = look.text_scale * 96 * 1024;
        let font = "gtk-font-name=Adwaita Sans 11\ngtk-enable-animations=false\ngtk-decoration-layout=:close";
        fs::write(toolkit.join("settings.ini"), format!("[Settings]\n{font}\ngtk-xft-dpi={text}\n"))?;
        let settings = runtime.0.join("sway.conf");
        let output = format!("output HEADLESS-1 mode {} bg #808080 solid_color", look.size);
        fs::write(&settings, format!("xwayland disable\n{output}\ndefault_border none\nseat seat0 fallback true\n"))?;
        let mut command = Command::new("/usr/bin/sway");
        command.arg("-c").arg(&settings).stdout(Stdio::null()).stderr(fs::File::create(runtime.0.join("sway.log"))?);
        for (name, value) in
            [("WLR_BACKENDS", "headless"), ("WLR_RENDERER", "pixman"), ("WLR_LIBINPUT_NO_DEVICES", "1")]
        {
            command.env(name, value);
        }
        let compositor = command
            .env("WLR_HEADLESS_OUTPUTS", "1")
            .env("XDG_RUNTIME_DIR", &runtime.0)
            .env_remove("WAYLAND_DISPLAY")
            .env_remove("DISPLAY")
            .spawn()
            .context("cannot start sway")?;
        let mut session = Self { runtime, compositor, display: String::new(), empty: 0 };
        session.display = session.wait_for_display()?;
        session.empty = session.picture()?.len();
        Ok(session)
    }

    fn wait_for_display(&mut self) -> Result<String> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            for entry in fs::read_dir(&self.runtime.0)? {
                let name = entry?.file_name().to_string_lossy().into_owned();
                if name.starts_with("wayland-") && !name.ends_with(".lock") {
                    return Ok(name);
                }
            }
            ensure!(self.compositor.try_wait()?.is_none(), "sway ended: {}", self.said());
            thread::sleep(Duration::from_millis(20));
        }
        anyhow::bail!("sway did not begin: {}", self.said())
    }

    fn said(&self) -> String {
        fs::read_to_string(self.runtime.0.join("sway.log")).unwrap_or_default()
    }

    /// Sets what every program of this session needs: its display, a drawing that is the same everywhere, nothing of this
    /// host's theme, settings or portals.
    pub fn prepare(&self, command: &mut Command) {
        command
            .env("XDG_RUNTIME_DIR", &self.runtime.0)
            .env("XDG_CONFIG_HOME", self.runtime.0.join(".config"))
            .env("WAYLAND_DISPLAY", &self.display)
            .env("GDK_BACKEND", "wayland")
            .env("GSK_RENDERER", "cairo")
            .env("GTK_A11Y", "none")
            .env("GSETTINGS_BACKEND", "memory")
            .env("ADW_DISABLE_PORTAL", "1")
            .env("GDK_DEBUG", "no-portals");
    }

    fn shoot(&self, program: &Path, page: &str, look: &Look, translations: &Path, picture: &Path) -> Result<()> {
        let log = picture.with_extension("log");
        let mut window = Command::new("/usr/bin/dbus-run-session");
        window
            .arg("--")
            .arg(program)
            .args((page == LIVE).then_some("--live-desktop"))
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", &self.runtime.0);
        self.prepare(&mut window);
        let mut window = window
            .env("LANG", format!("{}.UTF-8", look.locale))
            .env("LOCPATH", translations.join("locales"))
            .env("FORGE_LOCALE_DIRECTORY", translations.join("mo"))
            .envs((page != NO_HELPER).then_some(("FORGE_SCRIPT", page)))
            .envs(look.environment.iter().copied())
            .stdout(Stdio::null())
            .stderr(fs::File::create(&log)?)
            .process_group(0)
            .spawn()
            .context("cannot start dbus-run-session")?;
        let taken = self.at_rest(&mut window);
        // The bus and the window go together: they are one process group.
        let group = format!("-{}", window.id());
        let _ = Command::new("/usr/bin/kill").args(["-KILL", "--", &group]).status();
        let _ = window.wait();
        fs::write(picture, taken.with_context(|| format!("{page}: {}", log.display()))?)?;
        let said = fs::read_to_string(&log)?;
        let complaints: Vec<&str> = said.lines().filter(|l| l.contains("CRITICAL") || l.contains("WARNING")).collect();
        if complaints.is_empty() {
            fs::remove_file(&log)?
        } else {
            eprintln!("{}", complaints.join("\n"))
        }
        Ok(())
    }

    /// The picture of a window that does not move any more.
    pub fn at_rest(&self, window: &mut Child) -> Result<Vec<u8>> {
        let begun = Instant::now();
        let mut last = Vec::new();
        while begun.elapsed() < PATIENCE {
            thread::sleep(REST);
            ensure!(window.try_wait()?.is_none(), "the window closed by itself");
            let now = self.picture()?;
            // A script walks through pages for a while; a window at rest for less than that may be on its way.
            if now == last && now.len() > self.empty && begun.elapsed() > Duration::from_millis(3000) {
                return Ok(now);
            }
            last = now;
        }
        anyhow::bail!("the window does not come to rest")
    }

    /// The whole output as a PNG.
    pub fn picture(&self) -> Result<Vec<u8>> {
        let output = Command::new("/usr/bin/grim")
            .arg("-")
            .env("XDG_RUNTIME_DIR", &self.runtime.0)
            .env("WAYLAND_DISPLAY", &self.display)
            .stderr(Stdio::null())
            .output()
            .context("cannot start grim")?;
        ensure!(output.status.success(), "grim failed");
        Ok(output.stdout)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.compositor.kill();
        let _ = self.compositor.wait();
    }
}
