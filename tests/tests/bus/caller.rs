//! Calls as one person or another, in this very process, with the refusals as they stand on the wire.

use forge_dbus::{NAME, PATH, sealed};
use forge_tests::{
    job::ANSWERS,
    private::{Person, System},
};
use rustix::{
    process::{Gid, Pid, Signal, Uid, kill_process},
    thread::{set_thread_res_gid, set_thread_res_uid},
};
use std::{
    fs,
    io::{Read, Write},
    os::unix::net::UnixStream,
    time::Duration,
};
use zbus::{
    Connection, DBusError, DynamicType, OwnedFd, OwnedObjectPath, Proxy,
    connection::Builder,
    fdo::DBusProxy,
    proxy::{CacheProperties, MethodFlags},
};

/// polkit's name on the bus.
pub const POLKIT: &str = "org.freedesktop.PolicyKit1";
/// The system bus of a private system.
const SOCKET: &str = "/run/dbus/system_bus_socket";
/// No call takes so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// The helper's two interfaces.
pub const MANAGER: &str = "org.intergenos.Forge1.Manager";
/// See [`MANAGER`].
pub const JOB: &str = "org.intergenos.Forge1.Job";

/// A connection that the bus takes for a person's.
pub struct Caller<'a> {
    pub system: &'a System,
    pub bus: Connection,
    /// Whether the person may be asked for a password.
    pub interactive: bool,
}

/// A refusal: the error's name on the wire, and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub name: String,
    pub text: String,
}

impl Refusal {
    /// The last word of the name.
    pub fn kind(&self) -> &str {
        self.name.rsplit('.').next().unwrap()
    }

    /// Whether it is one of the helper's own.
    pub fn is_ours(&self) -> bool {
        self.name.starts_with("org.intergenos.Forge1.Error.")
    }
}

impl<'a> Caller<'a> {
    /// Somebody who can be asked.
    pub fn new(system: &'a System, person: Person) -> Self {
        Self::with_uid(system, person.uid())
    }

    /// Anybody.
    pub fn with_uid(system: &'a System, uid: u32) -> Self {
        Self { system, bus: system.block_on(connection_of(uid)), interactive: true }
    }

    /// Another connection of the same process.
    pub fn silent(mut self) -> Self {
        self.interactive = false;
        self
    }

    /// Calls, and waits for the answer.
    pub fn call<R>(
        &self,
        path: &str,
        interface: &str,
        method: &str,
        body: &(impl serde::Serialize + DynamicType),
    ) -> Result<R, Refusal>
    where
        R: for<'d> zbus::wire::DynamicDeserialize<'d>,
    {
        self.system.block_on(ask(&self.bus, self.interactive, path, interface, method, body))
    }

    /// Calls the manager.
    pub fn manager<R>(&self, method: &str, body: &(impl serde::Serialize + DynamicType)) -> Result<R, Refusal>
    where
        R: for<'d> zbus::wire::DynamicDeserialize<'d>,
    {
        self.call(PATH, MANAGER, method, body)
    }

    /// Makes a job for a disk, with these answers.
    pub fn prepare(&self, node: &str, answers: &str) -> Result<OwnedObjectPath, Refusal> {
        self.manager("Prepare", &(node, memory(answers.as_bytes()), false))
    }

    /// Makes a job for a disk with the usual answers, and expects that it works. Gives its path and its digest.
    pub fn prepared(&self, node: &str) -> (OwnedObjectPath, String) {
        let path = self.prepare(node, ANSWERS).unwrap();
        let digest = self.text_of(&path, "Digest").unwrap();
        (path, digest)
    }

    /// Closes a job, and expects that it works.
    pub fn close(&self, job: &OwnedObjectPath) {
        self.call::<()>(job, JOB, "Close", &()).unwrap();
    }

    /// A property of a job that is text.
    pub fn text_of(&self, job: &OwnedObjectPath, property: &str) -> Result<String, Refusal> {
        let value: zbus::OwnedVariant = self.call(job, "org.freedesktop.DBus.Properties", "Get", &(JOB, property))?;
        Ok(String::try_from(value).unwrap())
    }

    /// Waits until a job has ended; gives its outcome, which is JSON.
    pub fn outcome(&self, job: &OwnedObjectPath) -> String {
        let end = std::time::Instant::now() + Duration::from_secs(120);
        loop {
            let outcome = self.text_of(job, "Outcome").unwrap();
            if !outcome.is_empty() {
                return outcome;
            }
            assert!(std::time::Instant::now() < end, "the job does not end");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Calls the helper over a connection.
pub async fn ask<R>(
    bus: &Connection,
    interactive: bool,
    path: &str,
    interface: &str,
    method: &str,
    body: &(impl serde::Serialize + DynamicType),
) -> Result<R, Refusal>
where
    R: for<'d> zbus::wire::DynamicDeserialize<'d>,
{
    let flags = if interactive { MethodFlags::ALLOW_INTERACTIVE_AUTH } else { MethodFlags::empty() };
    let call = async {
        let proxy = zbus::proxy::Builder::<Proxy<'_>>::new(bus).destination(NAME).path(path).interface(interface);
        let proxy = proxy.cache_properties(CacheProperties::No).build().await?;
        proxy.call_with_flags(method, flags, body).await
    };
    match tokio::time::timeout(PATIENCE, call).await {
        Ok(Ok(answer)) => Ok(answer.unwrap()),
        Ok(Err(zbus::Error::MethodError(name, text, _))) => {
            Err(Refusal { name: name.to_string(), text: text.unwrap_or_default() })
        }
        Ok(Err(zbus::Error::FDO(error))) => {
            let text = error.description().unwrap_or_default().to_owned();
            Err(Refusal { name: error.name().to_string(), text })
        }
        Ok(Err(error)) => Err(Refusal { name: "here".into(), text: error.to_string() }),
        Err(_) => Err(Refusal { name: "here".into(), text: format!("{method}: no answer within a minute") }),
    }
}

/// A connection of this process that belongs to a user.
pub async fn connection_of(uid: u32) -> Connection {
    Builder::unix_stream(socket_of(uid)).user_id(uid).build().await.unwrap()
}

/// A socket that the kernel says to be a user's: the bus is told who connected, and ids belong to threads.
fn socket_of(uid: u32) -> UnixStream {
    let thread = std::thread::spawn(move || {
        set_thread_res_gid(None, Some(Gid::from_raw(uid)), None).unwrap();
        set_thread_res_uid(None, Some(Uid::from_raw(uid)), None).unwrap();
        UnixStream::connect(SOCKET).unwrap()
    });
    thread.join().unwrap()
}

/// Bytes in a sealed file in memory.
pub fn memory(bytes: &[u8]) -> OwnedFd {
    sealed::seal(bytes).unwrap().into()
}

/// The process that owns the helper's name, if there is one.
pub fn helper(system: &System) -> Option<u32> {
    system.block_on(async {
        let bus = DBusProxy::new(system.bus()).await.unwrap();
        bus.get_connection_unix_process_id(NAME.try_into().unwrap()).await.ok()
    })
}

/// The process of the service by a name.
pub fn process_of(system: &System, name: &str) -> u32 {
    system.block_on(async {
        let bus = DBusProxy::new(system.bus()).await.unwrap();
        bus.get_connection_unix_process_id(name.try_into().unwrap()).await.unwrap()
    })
}

/// Sends a process a signal.
pub fn signal(process: u32, signal: Signal) {
    kill_process(Pid::from_raw(process.try_into().unwrap()).unwrap(), signal).unwrap();
}

/// KiB that a process holds in memory.
pub fn resident(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// A caller who writes bytes to the bus and need not read: no library keeps them well-formed.
pub struct Raw {
    socket: UnixStream,
}

impl Raw {
    /// Says who it is, and hello.
    pub fn new(person: Person) -> Self {
        let mut raw = Self { socket: socket_of(person.uid()) };
        let id = hex::encode(person.uid().to_string());
        raw.send(format!("\0AUTH EXTERNAL {id}\r\n").as_bytes()).unwrap();
        raw.line();
        raw.send(b"NEGOTIATE_UNIX_FD\r\n").unwrap();
        raw.line();
        raw.send(b"BEGIN\r\n").unwrap();
        let hello = zbus::Message::method_call("/org/freedesktop/DBus", "Hello");
        let hello = hello.destination("org.freedesktop.DBus").interface("org.freedesktop.DBus");
        raw.send(hello.build(&()).unwrap().data().bytes()).unwrap();
        raw
    }

    /// Writes; an error is the bus that closed the connection.
    pub fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.socket.write_all(bytes)
    }

    /// Does not wait for room any more.
    pub fn impatient(&self) {
        self.socket.set_nonblocking(true).unwrap();
    }

    /// Everything that arrives until nothing more does for a while.
    pub fn read(&mut self, pause: Duration) -> Vec<u8> {
        self.socket.set_read_timeout(Some(pause)).unwrap();
        let (mut all, mut part) = (Vec::new(), [0; 65536]);
        while let Ok(n) = self.socket.read(&mut part) {
            if n == 0 {
                break;
            }
            all.extend_from_slice(&part[..n]);
        }
        all
    }

    fn line(&mut self) {
        let mut byte = [0];
        while byte != *b"\n" {
            self.socket.read_exact(&mut byte).unwrap();
        }
    }
}
