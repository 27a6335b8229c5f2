//! `unattended`: an install at which nobody sits.
//!
//! ```text
//! sources    kernel command line, credential, volume: the first that is there
//!    |
//! trust      pinned, credential, signed, or not
//!    |
//! decision   this machine? which disk?            no  -> says why, and stops
//!    |
//! run        plan, countdown that any key stops, install, delivery, exit
//! ```
//!
//! | file | what it does |
//! |---|---|
//! | `command_line` | what the kernel's command line says about answers |
//! | `sources` | finds and reads answers |
//! | `trust` | who made them, as far as that is proved |
//! | `machine` | which machine this is |
//! | `decision` | may it run alone, and on which disk? |
//! | `bus` | the system bus, at which nobody waits for ever |
//! | `run` | the install itself |
//! | `handed` | takes what the helper holds, and asks again |
//! | `countdown` | thirty seconds in which anybody can say no |
//! | `report` | what is told, to consoles, journal, log and programs |
//! | `console`, `outlet` | consoles that nobody waits for |
//! | `sealing` | to whom the credentials are sealed; passwords that come sealed |
//! | `delivery` | what is left on the answers volume |
//! | `volume` | that volume, through UDisks2 |
//! | `exit` | what the machine does at the end |
//! | `log` | the log, in memory |
//! | `prefill` | answers as a proposal for the window |
//! | `place` | where all this is looked for |
//! | `fault` | why it stopped |

mod bus;
mod command_line;
mod console;
mod countdown;
mod decision;
mod delivery;
mod exit;
pub mod fault;
mod handed;
mod log;
mod machine;
mod outlet;
mod place;
mod prefill;
mod report;
mod run;
mod sealing;
mod sources;
mod trust;
mod volume;

use crate::{arguments::UnattendedArguments, device::runtime, failure::Failure};
use log::Log;
use place::Place;
use report::Report;
use serde_json::json;
use std::time::Duration;

/// Runs answers alone, or leaves them as a proposal.
pub fn run(wanted: &UnattendedArguments) -> Result<(), Failure> {
    let place = Place::new(&wanted.root);
    let settle = Duration::from_secs(wanted.settle);
    if wanted.prefill {
        return runtime()?.block_on(prefill::run(&place, settle));
    }
    let log = Log::begin()?;
    let mut report = Report::open(&place);
    let result = runtime()?.block_on(async {
        let mut run = run::Run::new(&place, &mut report, &log, settle);
        let result = run.all(wanted.countdown).await.map_err(|failure| Failure::Alone(Box::new(failure)));
        if let Err(failure) = &result {
            run.failed(failure).await;
        }
        result
    });
    if let Err(failure) = &result {
        let code = failure.code();
        report.event(json!({ "event": "failed", "code": code, "reason": failure.to_string() }));
        report.say(format!("The unattended install ended with exit code {code}. This machine stays as it is."));
    }
    report.finish();
    result
}
