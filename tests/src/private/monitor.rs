//! Every byte on the bus.

use super::System;
use futures_util::StreamExt;
use std::{num::NonZero, time::Duration};
use zbus::{Connection, Message, MessageStream, fdo::MonitoringProxy};

/// Messages that wait to be read: more than any test makes.
const QUEUE: NonZero<usize> = NonZero::new(1 << 16).unwrap();

/// Sees all messages of the bus from the moment it is made.
pub struct Monitor<'a> {
    system: &'a System,
    stream: MessageStream,
}

impl<'a> Monitor<'a> {
    /// Starts it.
    pub fn start(system: &'a System) -> Self {
        let stream = system.block_on(async {
            let bus: Connection = zbus::connection::Builder::system().max_queued(QUEUE).build().await?;
            let stream = MessageStream::from(&bus);
            MonitoringProxy::new(&bus).await?.become_monitor(&[], 0).await?;
            zbus::Result::Ok(stream)
        });
        Self { system, stream: stream.unwrap() }
    }

    /// All messages until now.
    pub fn finish(mut self) -> Vec<Message> {
        // The bus keeps its order, so all that was sent before this question is seen before it.
        let mark = format!("/mark/{}", std::process::id());
        let bus = self.system.bus();
        let name = bus.unique_name().unwrap().to_string();
        let question = bus.call_method(Some("org.freedesktop.DBus"), mark.as_str(), None::<&str>, "GetId", &());
        let _ = self.system.block_on(question);
        self.system.block_on(async {
            let mut seen = Vec::new();
            loop {
                let next = tokio::time::timeout(Duration::from_secs(10), self.stream.next()).await;
                let message = next.expect("the monitor sees nothing").expect("the bus is gone").unwrap();
                let header = message.header();
                let sender = header.sender().is_some_and(|sender| sender.as_str() == name);
                if sender && header.path().is_some_and(|path| path.as_str() == mark) {
                    return seen;
                }
                seen.push(message);
            }
        })
    }

    /// The bytes of all messages until now, one after the other: what a listener could have read.
    pub fn bytes(self) -> Vec<u8> {
        self.finish().iter().flat_map(|message| message.data().bytes().to_vec()).collect()
    }
}
