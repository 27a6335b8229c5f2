//! `cargo xtask demo --gui`: the window as a person sees it, on a machine that is made of files.
//!
//! ```text
//! window, as the person whose desktop it is -> bus, polkit, helper, UDisks2 of a private system -> drives that are files
//! ```
//! Nothing of the host's disks is in reach: the private system (`tests/private-system/run`) shows the files only. Where
//! no desktop is running, a compositor without a screen takes its place; then a picture is all that there is to see.
use crate::{command, demo, gui_shots::Session, paths, po, vm};
use anyhow::{Context, Result, ensure};
use std::{
    env, fs,
    os::unix::fs::{MetadataExt, chown},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

/// The drives: serial number, size for `truncate`, vendor, model.
const DRIVES: [[&str; 4]; 3] = [
    ["S64DNX0T512034", "8G", "Samsung", "SSD_980"],
    ["ZDZ4XN2K", "8G", "Seagate", "BarraCuda"],
    // Too small on purpose: the window says why it can not be taken.
    ["4C530001", "512M", "SanDisk", "Ultra"],
];

/// The drive that is not empty: what Windows would have left there.
const USED: &str = "ZDZ4XN2K";
const USED_TABLE: &str = "label: gpt\n\
    size=100M, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, name=\"EFI system partition\"\n\
    size=16M, type=E3C9E316-0B5C-4DB8-817D-F92DF00215AE, name=\"Microsoft reserved partition\"\n\
    type=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7, name=\"Basic data partition\"\n";

/// The window rests before the helper answers, too; by then it has, on a busy machine.
const START: Duration = Duration::from_secs(8);

/// Whoever sits at the demo may install, as at a live medium. There is no logind that could tell who that is.
const RULE: &str = r#"polkit.addRule(function(action) {
    return action.id.startsWith("org.intergenos.") ? polkit.Result.YES : polkit.Result.NOT_HANDLED;
});
"#;

/// Around the private system, in a mount namespace of its own: the desktop's directory, which would be hidden with /run,
/// and the person's name, which the daemons look up. `$1` is the desktop, `$2` where it is seen, `$3` the person's number.
const OUTER: &str = r#"
set -eu
mount --bind "$1" "$2"
if ! getent passwd "$3" >/dev/null; then
    cp /etc/passwd "$2.passwd"; echo "visitor:x:$3:$3:Visitor:/:/bin/sh" >>"$2.passwd"; mount --bind "$2.passwd" /etc/passwd
fi
shift 3
exec "$@"
"#;

/// Inside: attaches the drives in `$1`, lets udev see them, and opens the window as person `$2`.
const INNER: &str = r#"
set -eu
for file in "$1"/*.img; do
    mv "$file" "${file%.img}.udev" "$FORGE_PRIVATE_SYSTEM/disks"
    device=$(losetup --find --show "$FORGE_PRIVATE_SYSTEM/disks/${file##*/}")
    partx --add "$device" 2>/dev/null || partx --update "$device" 2>/dev/null || true
    udevadm trigger --action=add --sysname-match="${device#/dev/}*" --subsystem-match=block
done
udevadm settle --timeout=10
person=$2; shift 2
exec setpriv --reuid="$person" --regid="$person" --clear-groups "$@"
"#;

/// Opens the window; when it is closed, says what is on the drives, and starts it with `boot`.
pub fn run(boot: bool) -> Result<()> {
    ensure!(
        crate::workbench::is_root()?,
        "only root can make a private system: sudo -E env \"PATH=$PATH\" cargo xtask demo --gui"
    );
    let (payload, _) = demo::prepare_with(&["forge-gui"])?;
    let place = payload.join("gui");
    let _ = fs::remove_dir_all(&place);
    fs::create_dir_all(&place)?;
    let stood_in = match paths::wayland() {
        Some(_) => None,
        None => Some(Session::usual()?),
    };
    let socket = stood_in.as_ref().map(Session::socket).or_else(paths::wayland).context("there is no compositor")?;
    drives(&place.join("drives"))?;
    let mut window = open(&place, &payload, &socket)?;
    match &stood_in {
        Some(session) => {
            let taken = session.at_rest(&mut window).and_then(|_| {
                thread::sleep(START);
                session.picture()
            });
            // It takes its drives along.
            let _ = Command::new("/usr/bin/kill").arg(window.id().to_string()).status();
            let _ = window.wait();
            let picture = place.join("window.png");
            fs::write(&picture, taken.with_context(|| format!("see {}", place.join("window.log").display()))?)?;
            eprintln!("No Wayland session is running here, so the window was opened without a screen.");
            println!("{}", picture.display());
        }
        None => {
            eprintln!("The window is open. Close it to end the demo.");
            let status = window.wait()?;
            ensure!(status.success(), "{status}; see {}", place.join("window.log").display());
        }
    }
    drop(stood_in);
    keep(&place)?;
    after(&place, boot)
}

/// Makes the files that will be drives, and what udev is told of them.
fn drives(place: &Path) -> Result<()> {
    fs::create_dir(place)?;
    for [serial, size, vendor, model] in DRIVES {
        let image = place.join(format!("{serial}.img"));
        command::run(Command::new("/usr/bin/truncate").arg(format!("--size={size}")).arg(&image))?;
        if serial == USED {
            let script = place.join("table");
            fs::write(&script, USED_TABLE)?;
            let input = fs::File::open(&script)?;
            command::run(Command::new("/usr/sbin/sfdisk").arg("--quiet").arg(&image).stdin(input))?;
            fs::remove_file(script)?;
        }
        fs::write(
            image.with_extension("udev"),
            format!("ID_VENDOR={vendor}\nID_MODEL={model}\nID_SERIAL={vendor}_{model}_{serial}\n"),
        )?;
    }
    Ok(())
}

/// Starts the private system with the window in it.
fn open(place: &Path, payload: &Path, socket: &Path) -> Result<Child> {
    let target = paths::target()?;
    // Whose desktop it is.
    let person = socket.metadata().with_context(|| socket.display().to_string())?.uid();
    let [session, rules, home, efivars] = ["session", "rules", "home", "efivars"].map(|name| place.join(name));
    for directory in [&session, &rules, &home, &efivars] {
        fs::create_dir(directory)?;
    }
    // A firmware of its own, that of this computer is out of reach: Secure Boot is off (four bytes are the attributes).
    fs::write(efivars.join("SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"), [7, 0, 0, 0, 0])?;
    // The font of GNOME, which is in the workbench; without settings GTK takes any.
    let toolkit = home.join(".config/gtk-4.0");
    fs::create_dir_all(&toolkit)?;
    fs::write(
        toolkit.join("settings.ini"),
        "[Settings]\ngtk-font-name=Adwaita Sans 11\ngtk-decoration-layout=:close\n",
    )?;
    chown(&home, Some(person), Some(person))?;
    fs::write(rules.join("50-demo.rules"), RULE)?;
    let translations = po::compiled(&target)?;
    let runtime = socket.parent().context("a socket lies in a directory")?;
    let display = session.join(socket.file_name().context("a socket has a name")?);
    let helper = [
        target.join("debug/forge-helper").display().to_string(),
        format!("--payload={}", payload.join("payload").display()),
        format!("--certificate={}", payload.join("keys/certificate.pgp").display()),
        format!("--efivars={}", efivars.display()),
    ];
    let mut command = Command::new("/usr/bin/unshare");
    command.args(["--mount", "--propagation", "private", "/bin/sh", "-c", OUTER, "sh"]);
    command.arg(runtime).arg(&session).arg(person.to_string());
    command.arg(paths::repository()?.join("tests/private-system/run"));
    command.args(["/bin/sh", "-c", INNER, "sh"]).arg(place.join("drives")).arg(person.to_string());
    command.args(["/usr/bin/env", "-i", "PATH=/usr/bin:/bin", "GDK_BACKEND=wayland", "GSK_RENDERER=cairo"]);
    // Nothing of the person's own settings, and no portal that would be asked in vain.
    command.args(["GSETTINGS_BACKEND=memory", "ADW_DISABLE_PORTAL=1", "GDK_DEBUG=no-portals", "GTK_A11Y=none"]);
    for (name, value) in [
        ("HOME", &home),
        ("XDG_RUNTIME_DIR", &session),
        ("WAYLAND_DISPLAY", &display),
        ("LOCPATH", &translations.join("locales")),
        ("FORGE_LOCALE_DIRECTORY", &translations.join("mo")),
    ] {
        command.arg(format!("{name}={}", value.display()));
    }
    command.arg(format!("LANG={}", language(&translations.join("locales")))).arg(target.join("debug/forge"));
    let log = fs::File::create(place.join("window.log"))?;
    command
        .env("FORGE_HELPER_EXEC", helper.join(" "))
        .env("FORGE_POLKIT_RULES", &rules)
        .env("FORGE_PRIVATE_KEEP", "1")
        .env("TMPDIR", place)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .context("cannot start unshare")
}

/// The caller's language, where it was made for tests; English otherwise.
fn language(locales: &Path) -> String {
    let wanted =
        ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(|name| env::var(name).ok().filter(|v| !v.is_empty()));
    wanted.filter(|name| locales.join(name).exists()).unwrap_or("en_US.UTF-8".to_owned())
}

/// Keeps the drives and the daemons' logs of the private system, which is gone now.
fn keep(place: &Path) -> Result<()> {
    for entry in fs::read_dir(place)? {
        let path = entry?.path();
        if path.join("disks").is_dir() {
            fs::remove_dir_all(place.join("drives"))?;
            fs::rename(path.join("disks"), place.join("drives"))?;
            fs::rename(path.join("log"), place.join("log"))?;
            fs::remove_dir(path)?;
        }
    }
    Ok(())
}

/// Says what is on the drives, and starts what was installed.
fn after(place: &Path, boot: bool) -> Result<()> {
    eprintln!("\nThe drives of the demo, as files:");
    let mut installed: Vec<PathBuf> = Vec::new();
    for [serial, _, vendor, model] in DRIVES {
        let image = place.join(format!("drives/{serial}.img"));
        let table = Command::new("/usr/sbin/sfdisk").arg("--dump").arg(&image).stderr(Stdio::null()).output()?;
        // Type of the state partition: only an install that came to its end has written the table.
        let is_installed = String::from_utf8_lossy(&table.stdout).contains("4D21B016-B534-45C2-A9FB-5C16E091FD2D");
        let what = if is_installed { "installed" } else { "nothing was installed" };
        eprintln!("  {}  {vendor} {}: {what}", image.display(), model.replace('_', " "));
        installed.extend(is_installed.then_some(image));
    }
    for image in &installed {
        match boot {
            true => vm::start(image)?,
            false => eprintln!("Start it: cargo xtask vm --disk {}", image.display()),
        }
    }
    ensure!(!boot || !installed.is_empty(), "nothing was installed, so nothing can start");
    Ok(())
}
