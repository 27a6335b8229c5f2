//! What the helper holds when all is installed. It is nowhere else, so one answer that fails is not the end.

use super::{fault::Fault, report::Report};
use crate::{failure::Failure, words};
use forge_dbus::{
    Error, NAME,
    client::{ClientError, Job},
};
use forge_model::Handover;
use serde_json::json;
use std::time::Duration;
use tokio::time::sleep;
use zbus::{Connection, fdo::DBusProxy, names::OwnedUniqueName};

/// How often it is asked for.
const AGAIN: Duration = Duration::from_secs(2);

/// Takes it. As long as the helper that made it is there, it is asked again.
pub async fn taken(report: &Report, bus: &Connection, job: &Job) -> Result<Handover, Failure> {
    let maker = owner(bus).await;
    let is_there = async || maker.is_some() && owner(bus).await == maker;
    let tell = |error: &ClientError| {
        let reason = words::refusal(error);
        report.say(format!("The system is installed, but what it made is not handed over yet: {reason}"));
        report.event(json!({ "event": "waiting", "for": "handover", "reason": reason }));
    };
    asked(async || job.handover().await, is_there, tell, AGAIN).await.map_err(not_handed_over)
}

/// The install is done, and the helper is not to be reached.
pub fn not_handed_over(error: ClientError) -> Failure {
    Fault::NotHandedOver(words::refusal(&error)).into()
}

/// Who has the helper's name now: a helper that was started anew holds nothing.
async fn owner(bus: &Connection) -> Option<OwnedUniqueName> {
    DBusProxy::new(bus).await.ok()?.get_name_owner(NAME.try_into().ok()?).await.ok()
}

async fn asked<T>(
    ask: impl AsyncFn() -> Result<T, ClientError>,
    is_there: impl AsyncFn() -> bool,
    tell: impl Fn(&ClientError),
    again: Duration,
) -> Result<T, ClientError> {
    let mut told = false;
    loop {
        match ask().await {
            Ok(taken) => return Ok(taken),
            // It holds nothing any more.
            Err(error @ ClientError::Refused(Error::WrongState(_))) => return Err(error),
            Err(error) if !is_there().await => return Err(error),
            Err(error) => {
                if !std::mem::replace(&mut told, true) {
                    tell(&error);
                }
            }
        }
        sleep(again).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// How often it was asked and told, and whether it came: at the so-manieth time, from a helper that is there so often.
    async fn tried(comes_at: u32, is_there: u32, error: fn() -> ClientError) -> (u32, u32, bool) {
        let (asks, looks, tells) = (Cell::new(0), Cell::new(0), Cell::new(0));
        let count = |cell: &Cell<u32>| {
            cell.set(cell.get() + 1);
            cell.get()
        };
        let ask = async || if count(&asks) == comes_at { Ok(()) } else { Err(error()) };
        let there = async || count(&looks) <= is_there;
        let tell = |_: &ClientError| tells.set(tells.get() + 1);
        let came = asked(ask, there, tell, Duration::from_millis(1)).await.is_ok();
        (asks.get(), tells.get(), came)
    }

    fn lost() -> ClientError {
        ClientError::NoHelper(zbus::Error::InvalidReply)
    }

    #[tokio::test]
    async fn an_answer_that_was_lost_is_asked_for_again_and_that_is_said_once() {
        assert_eq!(tried(1, 0, lost).await, (1, 0, true));
        assert_eq!(tried(5, 99, lost).await, (5, 1, true));
    }

    #[tokio::test]
    async fn a_helper_that_is_gone_or_holds_nothing_is_not_asked_again() {
        assert_eq!(tried(9, 2, lost).await, (3, 1, false));
        let closed = || ClientError::Refused(Error::WrongState("the job is closed".into()));
        assert_eq!(tried(9, 99, closed).await, (1, 0, false));
    }
}
