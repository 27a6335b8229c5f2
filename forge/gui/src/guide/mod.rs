//! The rules of the first-boot guide, pure: no widget, no bus.
//!
//! ```text
//! what the machine says, what a person does  ->  Guide::apply(Change)  ->  Effects for the window and the gateway
//! ```
//!
//! | file | what it does |
//! |---|---|
//! | [`change`] | everything that can happen, and what follows from it |
//! | [`told`] | what was told last, kept between two runs |
//!
//! When it started by itself (`--once`), it ends silently when all is done and that was told before. While something is
//! left to do, it comes at each login; it never comes back once all is done, unless that changes.

pub mod change;
#[cfg(test)]
mod tests;
pub mod told;

pub use change::{Change, Effect, Request};

use forge_dbus::client::ClientError;
use forge_model::{
    Audit, Machine,
    machine::{Enrollment, SecureBoot},
};
use std::sync::Arc;

/// A page of the guide.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Step {
    /// How far the enrollment is.
    #[default]
    State,
    /// The new code.
    Code,
    /// How the key is enrolled from the disk.
    FromDisk,
    /// How Secure Boot is turned on.
    TurnOn,
    /// Every promise of the system, measured.
    Checks,
}

impl Step {
    /// Every page.
    pub const ALL: [Self; 5] = [Self::State, Self::Code, Self::FromDisk, Self::TurnOn, Self::Checks];

    /// Its name in the window and in scripts.
    pub fn tag(self) -> &'static str {
        match self {
            Self::State => "guide",
            Self::Code => "guide-code",
            Self::FromDisk => "guide-from-disk",
            Self::TurnOn => "guide-turn-on",
            Self::Checks => "guide-checks",
        }
    }

    /// The page with this name.
    pub fn from_tag(tag: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.tag() == tag)
    }
}

/// What the one button does that mends a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Nothing is left to do: it closes the window.
    Close,
    /// It shows how Secure Boot is turned on.
    TurnOn,
    /// It restarts the computer, where the code is asked for.
    Restart,
    /// It asks the firmware again, with a new code.
    Enroll,
    /// It shows how the key is enrolled from the disk.
    FromDisk,
    /// It looks at the machine again.
    LookAgain,
}

/// Everything that the guide knows.
#[derive(Debug)]
pub struct Guide {
    once: bool,
    told: Option<String>,
    machine: Option<Machine>,
    trouble: Option<ClientError>,
    request: Option<Arc<Request>>,
    is_asking: bool,
    audit: Option<Result<Audit, ClientError>>,
    is_measuring: bool,
    step: Step,
    is_shown: bool,
}

impl Guide {
    /// A guide; `once` when it started by itself, `told` what it told last.
    pub fn new(once: bool, told: Option<String>) -> Self {
        Self {
            once,
            told,
            machine: None,
            trouble: None,
            request: None,
            is_asking: false,
            audit: None,
            is_measuring: false,
            step: Step::State,
            is_shown: false,
        }
    }

    /// The machine, once it was looked at.
    pub fn machine(&self) -> Option<&Machine> {
        self.machine.as_ref()
    }

    /// Why the last call gave nothing.
    pub fn trouble(&self) -> Option<&ClientError> {
        self.trouble.as_ref()
    }

    /// The request that was made.
    pub fn request(&self) -> Option<&Arc<Request>> {
        self.request.as_ref()
    }

    /// Whether the helper works on a request.
    pub fn is_asking(&self) -> bool {
        self.is_asking
    }

    /// The checks; nothing while they are measured.
    pub fn audit(&self) -> Option<&Result<Audit, ClientError>> {
        self.audit.as_ref()
    }

    /// The page that is shown.
    pub fn step(&self) -> Step {
        self.step
    }

    /// What mends the state.
    pub fn remedy(&self) -> Remedy {
        let Some(machine) = &self.machine else { return Remedy::LookAgain };
        match machine.enrollment {
            Enrollment::Enforced | Enrollment::Unknown => Remedy::Close,
            Enrollment::Enrolled => Remedy::TurnOn,
            Enrollment::Pending => Remedy::Restart,
            Enrollment::Lost if may_write(machine) => Remedy::Enroll,
            Enrollment::Lost => Remedy::FromDisk,
        }
    }

    /// Whether a new code can be asked for.
    pub fn may_enroll(&self) -> bool {
        self.machine.as_ref().is_some_and(|machine| {
            may_write(machine) && matches!(machine.enrollment, Enrollment::Pending | Enrollment::Lost)
        })
    }

    /// Whether the key still has to be enrolled.
    pub fn needs_enrollment(&self) -> bool {
        self.machine.as_ref().is_some_and(|m| matches!(m.enrollment, Enrollment::Pending | Enrollment::Lost))
    }

    /// Whether the firmware has to be turned on before it refuses anything: only then "from disk" comes by itself.
    pub fn is_unchecked(&self) -> bool {
        let firmware = self.machine.as_ref().and_then(|machine| machine.firmware.as_ref());
        firmware.is_some_and(|firmware| firmware.secure_boot != SecureBoot::On)
    }

    /// Whether the window may close without a question: a code that is shown would be lost.
    pub fn may_close(&self) -> bool {
        self.request.as_ref().is_none_or(|request| !request.staged) || self.step == Step::State
    }

    /// Takes a change in and says what follows from it.
    pub fn apply(&mut self, change: Change) -> Vec<Effect> {
        match change {
            Change::Begin => vec![Effect::Look],
            Change::Found(found) => self.found(*found),
            Change::Mend => self.mend(),
            Change::Enroll if self.may_enroll() && !self.is_asking => {
                self.is_asking = true;
                self.trouble = None;
                vec![Effect::Enroll]
            }
            Change::Enroll => vec![],
            Change::Enrolled(made) => self.enrolled(made),
            Change::Measured(audit) => {
                self.audit = Some(*audit);
                self.is_measuring = false;
                vec![]
            }
            Change::MeasureAgain => {
                self.audit = None;
                self.measure().into_iter().collect()
            }
            Change::Open(step) => self.open(step),
            Change::Left(step) => {
                // A page that was taken away by the guide itself tells of it, too.
                if step == self.step {
                    self.step = Step::State;
                }
                vec![]
            }
            Change::Restart => vec![Effect::Restart],
            Change::Practise => vec![Effect::Practise],
            Change::Card => vec![Effect::Card],
            Change::Said(notice) => vec![Effect::Tell(notice)],
        }
    }

    fn found(&mut self, found: Result<Machine, ClientError>) -> Vec<Effect> {
        let machine = match found {
            Ok(machine) => machine,
            // Nobody asked for it, so nobody has to read why it says nothing.
            Err(_) if self.once && !self.is_shown => return vec![Effect::End],
            Err(trouble) => {
                self.trouble = Some(trouble);
                return self.present();
            }
        };
        let name = told::name(machine.enrollment);
        let is_news = self.told.as_deref() != Some(name);
        // A live medium has no key either: only a machine that once had one is told that it is gone.
        let is_elsewhere = machine.enrollment == Enrollment::Unknown && self.told.is_none();
        let is_settled =
            matches!(machine.enrollment, Enrollment::Enforced | Enrollment::Enrolled | Enrollment::Unknown);
        self.trouble = None;
        self.machine = Some(machine);
        if self.once && !self.is_shown && (is_elsewhere || is_settled && !is_news) {
            return vec![Effect::End];
        }
        let mut effects = self.present();
        if is_news {
            self.told = Some(name.into());
            effects.push(Effect::Remember(name));
        }
        if self.audit.is_none() {
            effects.extend(self.measure());
        }
        effects
    }

    fn measure(&mut self) -> Option<Effect> {
        (!std::mem::replace(&mut self.is_measuring, true)).then_some(Effect::Measure)
    }

    fn present(&mut self) -> Vec<Effect> {
        let is_first = !std::mem::replace(&mut self.is_shown, true);
        is_first.then_some(Effect::Present).into_iter().collect()
    }

    fn mend(&mut self) -> Vec<Effect> {
        match self.remedy() {
            Remedy::Close => vec![Effect::End],
            Remedy::TurnOn => self.open(Step::TurnOn),
            Remedy::Restart => vec![Effect::Restart],
            Remedy::Enroll => self.apply(Change::Enroll),
            Remedy::FromDisk => self.open(Step::FromDisk),
            Remedy::LookAgain => vec![Effect::Look],
        }
    }

    fn enrolled(&mut self, made: Result<Arc<Request>, ClientError>) -> Vec<Effect> {
        self.is_asking = false;
        let request = match made {
            Ok(request) => request,
            Err(trouble) => {
                self.trouble = Some(trouble);
                return vec![];
            }
        };
        let staged = request.staged;
        self.request = Some(request);
        // What the firmware did not take can still be enrolled, without a code.
        let mut effects = self.open(if staged { Step::Code } else { Step::FromDisk });
        effects.push(Effect::Look);
        effects
    }

    fn open(&mut self, step: Step) -> Vec<Effect> {
        if step == self.step || step == Step::Code && self.request.is_none() {
            return vec![];
        }
        self.step = step;
        vec![Effect::Push(step)]
    }
}

/// Whether the firmware may take a request, as far as that can be known before it is tried.
fn may_write(machine: &Machine) -> bool {
    machine.firmware.as_ref().is_some_and(|firmware| firmware.by_hand().is_none())
}
