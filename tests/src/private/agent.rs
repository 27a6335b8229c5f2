//! A stand-in for the password dialog. The authority that asks it is the real one.

use super::System;
use std::{
    collections::HashMap,
    io::Write,
    process::{Child, Command, Output, Stdio},
    sync::{Arc, Mutex},
};
use zbus::{Connection, DBusError, OwnedVariant, Variant, interface};
use zbus_polkit::policykit1::{AuthorityProxy, Identity, Subject};

/// Where the agent lies on its connection.
const PATH: &str = "/org/intergenos/ForgeTest1/Agent";

/// What the person at the dialog does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Types an administrator's password.
    Allow,
    /// Types a wrong one.
    Deny,
    /// Closes the dialog.
    Dismiss,
}

/// What the dialog would have shown.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The action.
    pub action: String,
    /// The sentence, filled in.
    pub message: String,
    /// What polkit tells an agent beside it: who asks. What the sentence was filled in with is not there.
    pub details: HashMap<String, String>,
}

/// Answers for the programs that it runs.
pub struct Agent<'a> {
    system: &'a System,
    bus: Connection,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl<'a> Agent<'a> {
    /// One that always gives the same answer.
    pub fn new(system: &'a System, answer: Answer) -> Self {
        let asked = Arc::default();
        let bus = system.connect();
        let dialog = Dialog { answer, asked: Arc::clone(&asked), bus: bus.clone() };
        assert!(system.block_on(bus.object_server().at(PATH, dialog)).unwrap().is_none());
        Self { system, bus, asked }
    }

    /// Runs a program for which this agent answers; its input is empty.
    pub fn output(&self, command: &Command) -> Output {
        self.spawn(command).wait_with_output().unwrap()
    }

    /// Starts a program for which this agent answers; its input is empty, its output is piped.
    pub fn spawn(&self, command: &Command) -> Child {
        // polkit knows an agent by the process that it is for: that must be there, but not run yet.
        let mut stopped = Command::new("/bin/sh");
        stopped
            .args(["-c", "read _ && exec \"$@\"", "sh"])
            .arg(command.get_program())
            .args(command.get_args())
            .env_clear();
        for (name, value) in command.get_envs() {
            value.map(|value| stopped.env(name, value));
        }
        let mut child = stopped.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        self.attend(child.id());
        child.stdin.take().unwrap().write_all(b"\n").unwrap();
        child
    }

    /// Answers for all connections of this very process, until it is dropped.
    pub fn attend_here(&self) {
        self.attend(std::process::id());
    }

    fn attend(&self, process: u32) {
        let subject = Subject::new_for_pid(process, None, None).unwrap();
        let register =
            async { AuthorityProxy::new(&self.bus).await?.register_authentication_agent(&subject, "C", PATH).await };
        self.system.block_on(register).unwrap();
    }

    /// All questions until now.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Agent<'_> {
    fn drop(&mut self) {
        // polkit lets no second agent answer for the same process while this one is on the bus.
        let Ok(subject) = Subject::new_for_pid(std::process::id(), None, None) else { return };
        let leave =
            async { AuthorityProxy::new(&self.bus).await?.unregister_authentication_agent(&subject, PATH).await };
        let _ = self.system.block_on(leave);
    }
}

/// The agent's object on the bus.
struct Dialog {
    answer: Answer,
    asked: Arc<Mutex<Vec<Asked>>>,
    bus: Connection,
}

/// How an agent says that there was no answer.
#[derive(Debug, DBusError)]
#[zbus(prefix = "org.freedesktop.PolicyKit1.Error")]
enum DialogError {
    #[zbus(error)]
    ZBus(zbus::Error),
    Cancelled(String),
    Failed(String),
}

#[interface(name = "org.freedesktop.PolicyKit1.AuthenticationAgent")]
impl Dialog {
    async fn begin_authentication(
        &self,
        action: String,
        message: String,
        _icon: String,
        details: HashMap<String, String>,
        cookie: String,
        identities: Vec<(String, HashMap<String, OwnedVariant>)>,
    ) -> Result<(), DialogError> {
        self.asked.lock().unwrap().push(Asked { action, message, details });
        match self.answer {
            Answer::Allow => {
                let root = HashMap::from([("uid", Variant::from(0_u32))]);
                let first = identities.first().ok_or(DialogError::Failed("nobody can say yes".into()))?;
                let identity = Identity { identity_kind: &first.0, identity_details: &root };
                let authority = AuthorityProxy::new(&self.bus).await?;
                Ok(authority.authentication_agent_response2(0, &cookie, &identity).await?)
            }
            Answer::Deny => Ok(()),
            Answer::Dismiss => Err(DialogError::Cancelled("closed".into())),
        }
    }

    fn cancel_authentication(&self, _cookie: String) {}
}
