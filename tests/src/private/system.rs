//! A private system, from inside.

use super::Person;
use std::{
    collections::HashMap,
    fmt::Write,
    fs, io,
    os::fd::OwnedFd as StdFd,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};
use tokio::runtime::{self, Runtime};
use zbus::{Connection, OwnedFd, OwnedObjectPath, OwnedVariant, Variant, fdo::DBusProxy};

/// UDisks2's name on the bus.
const UDISKS: &str = "org.freedesktop.UDisks2";

/// The system that a test runs in.
pub struct System {
    directory: PathBuf,
    runtime: Runtime,
    bus: Connection,
}

impl System {
    /// What `run` made.
    pub(super) fn enter(directory: PathBuf) -> Self {
        let runtime = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let bus = runtime.block_on(Connection::system()).unwrap();
        Self { directory, runtime, bus }
    }

    /// The system bus, as root.
    pub fn bus(&self) -> &Connection {
        &self.bus
    }

    /// Another connection to the system bus, as root.
    pub fn connect(&self) -> Connection {
        self.block_on(Connection::system()).unwrap()
    }

    /// Runs a future to its end.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// Where a file is a disk once it is attached; nothing else may lie there.
    pub fn disks(&self) -> PathBuf {
        self.directory.join("disks")
    }

    /// A program as a person runs it: their user and group and no other, and an environment with only a path.
    pub fn command_as(&self, person: Person, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new("/usr/bin/setpriv");
        let id = person.uid();
        command.args([format!("--reuid={id}"), format!("--regid={id}"), "--clear-groups".into(), "--".into()]);
        command.arg(program.as_ref()).env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("LC_ALL", "C.UTF-8");
        command
    }

    /// From now on the bus starts this program, as root, for the helper's name; its stderr goes to the log `helper`.
    pub fn helper(&self, program: &Path, arguments: &[&str]) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("private-system/activated");
        let mut command = Command::new(script);
        command.args(["org.intergenos.Forge1", "helper"]).arg(program).args(arguments);
        assert!(command.status().unwrap().success());
        self.block_on(async { DBusProxy::new(&self.bus).await?.reload_config().await }).unwrap();
    }

    /// The log of one program: `bus`, `polkitd`, `udevd`, `udisksd`, `helper`; empty when it wrote none.
    pub fn log(&self, name: &str) -> String {
        match fs::read(self.directory.join("log").join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            bytes => String::from_utf8_lossy(&bytes.unwrap()).into_owned(),
        }
    }

    /// All logs. `run` prints them when a test fails.
    pub fn journal(&self) -> String {
        let mut names: Vec<_> =
            fs::read_dir(self.directory.join("log")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names.iter().map(|name| name.to_string_lossy()).fold(String::new(), |mut all, name| {
            write!(all, "==> {name} <==\n{}", self.log(&name)).unwrap();
            all
        })
    }

    /// A property of an object of UDisks2: `property("block_devices/loop0", "Block", "Size")`.
    pub fn property<T: TryFrom<OwnedVariant>>(&self, object: &str, interface: &str, name: &str) -> Option<T> {
        let arguments = (format!("{UDISKS}.{interface}"), name);
        let path = format!("/org/freedesktop/UDisks2/{object}");
        let get = self.bus.call_method(
            Some(UDISKS),
            path.as_str(),
            Some("org.freedesktop.DBus.Properties"),
            "Get",
            &arguments,
        );
        let reply = self.block_on(get).ok()?;
        let value: OwnedVariant = reply.body().deserialize().ok()?;
        T::try_from(value).ok()
    }

    /// `Block.OpenDevice` of UDisks2, as root, for reading and writing and with nobody beside: the way the helper does it.
    pub fn open_exclusively(&self, block: &str) -> zbus::Result<StdFd> {
        let flags = rustix::fs::OFlags::EXCL | rustix::fs::OFlags::CLOEXEC;
        let arguments = ("rw", HashMap::from([("flags", Variant::from(flags.bits() as i32))]));
        let path = format!("/org/freedesktop/UDisks2/block_devices/{block}");
        let interface = Some("org.freedesktop.UDisks2.Block");
        let call = self.bus.call_method(Some(UDISKS), path.as_str(), interface, "OpenDevice", &arguments);
        let descriptor: OwnedFd = self.block_on(call)?.body().deserialize()?;
        Ok(descriptor.into())
    }

    /// The objects of UDisks2, by the end of their paths.
    pub fn objects(&self) -> Vec<String> {
        type Managed = HashMap<OwnedObjectPath, HashMap<String, HashMap<String, OwnedVariant>>>;
        let interface = Some("org.freedesktop.DBus.ObjectManager");
        let call = self.bus.call_method(Some(UDISKS), "/org/freedesktop/UDisks2", interface, "GetManagedObjects", &());
        let objects: Managed = self.block_on(call).unwrap().body().deserialize().unwrap();
        objects.keys().filter_map(|path| Some(path.strip_prefix("/org/freedesktop/UDisks2/")?.to_owned())).collect()
    }
}

/// Waits until something is so; panics with its name and the time after ten seconds.
pub fn until<T>(what: &str, mut so: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = so() {
            return found;
        }
        assert!(Instant::now() < end, "waited ten seconds in vain for: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
