//! Every refusal, with a D-Bus name that survives the wire. A text in a refusal is for logs and developers; programs turn
//! the kind into a sentence.

use forge_model::Issue;
use serde::Serialize;

/// Why a call was refused.
#[derive(Debug, zbus::DBusError)]
#[zbus(prefix = "org.intergenos.Forge1.Error")]
pub enum Error {
    /// The bus failed.
    #[zbus(error)]
    Bus(zbus::Error),
    /// polkit does not let this caller do this.
    NotAllowed(String),
    /// Somebody has to authenticate, and nobody can be asked.
    AuthenticationNeeded(String),
    /// The question for a password was dismissed.
    Dismissed(String),
    /// Another install is under way.
    Busy(String),
    /// An argument can not be what it is; the text names it.
    BadArgument(String),
    /// The answers can not be read; the text is an [`AnswersFault`] in JSON.
    BadAnswers(String),
    /// The answers do not fit; the text is a list of [`Issue`] in JSON.
    Issues(String),
    /// The plan is not the one that was confirmed; the text is the digest that it has now.
    OtherPlan(String),
    /// The job is not in a state in which this can be done.
    WrongState(String),
    /// There is no payload, or it can not be used.
    NoPayload(String),
    /// The disks can not be seen.
    NoDisks(String),
    /// The helper is about to leave; the same call starts another one.
    TryAgain(String),
    /// Something else failed.
    Failed(String),
}

impl Error {
    /// Answers that do not fit.
    pub fn issues(issues: &[Issue]) -> Self {
        Self::Issues(json(issues))
    }

    /// Answers that can not be read.
    pub fn answers(fault: &AnswersFault) -> Self {
        Self::BadAnswers(json(fault))
    }
}

/// Where an answer file can not be read, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct AnswersFault {
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
    /// What is wrong there.
    pub reason: String,
    /// What to write instead, where that is known.
    pub hint: Option<String>,
}

/// Plain data as JSON.
pub(crate) fn json(value: &(impl Serialize + ?Sized)) -> String {
    serde_json::to_string(value).expect("plain data")
}
