//! What follows from a change: calls to the gateway, and what the window does by itself.

use super::{App, Input, Widgets, again, questions, script};
use crate::{
    gateway::Begun,
    kiosk, language, live_keyboard,
    parts::{
        card,
        rehearsal::{self, Rehearsal},
    },
    sentences::card::Card,
    session::{Change, Effect, Ended, Notice, Page, Trouble, change::Text},
};
use forge_dbus::client::{ClientError, Update};
use forge_model::Secret;
use futures_util::{StreamExt, stream::BoxStream};
use gettextrs::gettext;
use relm4::ComponentSender;
use std::{io, rc::Rc};

impl App {
    /// Does what follows from a change.
    pub(super) fn follow(&mut self, widgets: &Widgets, effect: Effect, sender: &ComponentSender<Self>) {
        let gateway = self.gateway.clone();
        match effect {
            Effect::Push(page) => {
                widgets.know(page);
                widgets.navigation.push_by_tag(page.tag());
            }
            Effect::Show(page) => show(widgets, page, &self.session.way()),
            Effect::Speak(locale) => {
                // Only a failure comes back; the person goes on in the language that there is.
                log::error!("the language stays: {}", self.speak(&locale));
                sender.input(Input::Change(Change::Next));
            }
            Effect::Type(keyboard) => {
                live_keyboard::switch_to(&keyboard, self.session.language().unwrap_or_default());
            }
            Effect::DiskWithdrawn => {
                questions::passing(&widgets.toasts, &gettext("The disk that you chose was disconnected"));
            }
            Effect::DiskChanged => {
                let text = gettext("What is on the disk changed. Choose again how it is used");
                questions::passing(&widgets.toasts, &text);
            }
            Effect::FirmwareWithdrawn => {
                let text = gettext("A device was disconnected, and firmware that you turned on for it is off again");
                questions::passing(&widgets.toasts, &text);
            }
            Effect::Look => self.look(sender),
            Effect::Check { asked, disk, answers } => sender.oneshot_command(async move {
                let verdict = Box::new(gateway.check(&disk, &answers).await);
                Input::Change(Change::Checked { asked, verdict })
            }),
            Effect::Install { disk, answers, digest, secrets } => sender.command(|out, shutdown| {
                let install = async move {
                    match gateway.install(&disk, &answers, &digest, secrets).await {
                        Ok(Begun::Running(updates)) => {
                            let _ = out.send(Input::Change(Change::Started));
                            pass_on(updates, &out).await;
                        }
                        Ok(Begun::OtherPlan { digest, plan }) => {
                            let _ = out.send(Input::Change(Change::PlanChanged { digest, plan }));
                        }
                        Err(error) => {
                            let _ = out.send(Input::Change(Change::Ended(Box::new(not_started(error)))));
                        }
                    }
                };
                shutdown.register(install).drop_on_shutdown()
            }),
            Effect::MakeRecoveryKey => {
                sender.oneshot_command(async move { Input::Change(Change::RecoveryKey(gateway.recovery_key().await)) });
            }
            Effect::Follow => sender.command(|out, shutdown| {
                let follow = async move {
                    match gateway.follow().await {
                        Ok(updates) => pass_on(updates, &out).await,
                        Err(error) => {
                            log::warn!("the install that goes on: {error}");
                            let _ = out.send(Input::Change(Change::Ended(Box::new(Ended::Lost { stage: None }))));
                        }
                    }
                };
                shutdown.register(follow).drop_on_shutdown()
            }),
            Effect::Cancel => sender.command(|out, shutdown| {
                let cancel = async move {
                    if let Err(error) = gateway.cancel().await {
                        let _ = out.send(Input::Change(Change::CancelRefused(error)));
                    }
                };
                shutdown.register(cancel).drop_on_shutdown()
            }),
            Effect::Licence { bundle, id } => sender.oneshot_command(async move {
                let notice = match gateway.licence(&bundle).await {
                    Ok(text) => Notice::Licence { id, text: Text(text) },
                    Err(error) => Notice::Trouble(Trouble::NoLicence(error)),
                };
                Input::Change(Change::Said(notice))
            }),
            Effect::Take => {
                sender.oneshot_command(async move { Input::Change(Change::HandedOver(gateway.take().await)) })
            }
            Effect::Close => sender.command(|_, shutdown| {
                let close = async move {
                    if let Err(error) = gateway.close().await {
                        log::warn!("the job stays at the helper: {error}");
                    }
                };
                shutdown.register(close).drop_on_shutdown()
            }),
            Effect::Tell(notice) => questions::tell(widgets, &notice),
            Effect::Practise => rehearsal::present(&widgets.window, &self.rehearsal(), &script::keys()),
            Effect::Card => self.card(widgets, sender),
            Effect::Guide => sender.command(|_, shutdown| {
                let guide = async move {
                    // Only a machine with a key of its own is an installed one.
                    if gateway.machine().await.is_ok_and(|machine| machine.key.is_some()) {
                        log::error!("this stays the installer: {}", again::as_guide());
                    }
                };
                shutdown.register(guide).drop_on_shutdown()
            }),
            Effect::Restart => sender.command(|out, shutdown| {
                let restart = async move {
                    if let Err(error) = gateway.restart().await {
                        log::error!("the computer does not restart: {error}");
                        let _ = out.send(Input::Change(Change::Said(Notice::Trouble(Trouble::NotRestarted(error)))));
                    }
                };
                shutdown.register(restart).drop_on_shutdown()
            }),
        }
    }

    /// Starts this program again in another language, and the medium's own screen with the keyboard that goes with it.
    fn speak(&self, locale: &str) -> io::Error {
        match self.session.keyboard_for(locale).filter(|keyboard| *keyboard != kiosk::keyboard()) {
            Some(keyboard) if kiosk::is_there() => kiosk::begin_again(&keyboard, locale),
            _ => language::speak(locale),
        }
    }

    /// What is rehearsed: the code, once there is one.
    fn rehearsal(&self) -> Rehearsal {
        let (Some(credentials), Some(key)) = (self.session.credentials(), self.session.key()) else {
            return Rehearsal::to_practise();
        };
        let code = Secret::new(credentials.enrollment_code.expose().to_owned());
        Rehearsal { code: Rc::new(code), is_real: true, key }
    }

    fn card(&self, widgets: &Widgets, sender: &ComponentSender<Self>) {
        let (Some(credentials), Some(key)) = (self.session.credentials(), self.session.key()) else { return };
        let computer = self.session.run().plan.as_deref().map(|plan| plan.system.hostname.clone());
        let code = Secret::new(credentials.enrollment_code.expose().to_owned());
        let tell = sender.clone();
        let shown = Card { computer: computer.unwrap_or_default(), key };
        card::present(&widgets.window, &shown, Some(Rc::new(code)), move |notice| {
            let _ = tell.input_sender().send(Input::Change(Change::Said(notice)));
        });
    }

    /// Looks at the machine.
    pub(super) fn look(&self, sender: &ComponentSender<Self>) {
        let gateway = self.gateway.clone();
        sender.oneshot_command(async move { Input::Change(Change::Found(Box::new(gateway.look().await))) });
    }

    /// Hears of every disk that comes or goes, as long as the window is there.
    pub(super) fn listen(&self, sender: &ComponentSender<Self>) {
        let gateway = self.gateway.clone();
        sender.command(|out, shutdown| {
            let listen = async move {
                match gateway.changes().await {
                    Ok(mut changes) => {
                        while let Some(inventory) = changes.next().await {
                            let _ = out.send(Input::Change(Change::Disks(inventory)));
                        }
                    }
                    Err(error) => log::warn!("disks that come and go are not heard of: {error}"),
                }
            };
            shutdown.register(listen).drop_on_shutdown()
        });
    }
}

/// An install that did not start, or of which nobody knows whether it did.
fn not_started(error: ClientError) -> Ended {
    match error {
        ClientError::MayHaveBegun(why) => {
            log::warn!("the install may have begun: {why}");
            Ended::Lost { stage: None }
        }
        refused => Ended::Refused(refused),
    }
}

/// Tells what a job tells.
async fn pass_on(mut updates: BoxStream<'static, Update>, out: &relm4::Sender<Input>) {
    while let Some(update) = updates.next().await {
        let change = match update {
            Update::Progress(progress) => Change::Progress(progress),
            Update::Finished(outcome) => Change::Ended(Box::new((*outcome).into())),
            Update::Lost => Change::Ended(Box::new(Ended::Lost { stage: None })),
        };
        if out.send(Input::Change(change)).is_err() {
            return;
        }
    }
}

/// Shows a page with those before it behind it, where there is a way back.
fn show(widgets: &Widgets, page: Page, way: &[Page]) {
    let pages = match way.iter().position(|other| *other == page) {
        Some(at) => &way[..=at],
        None => &[page],
    };
    pages.iter().for_each(|page| widgets.know(*page));
    let tags: Vec<&str> = pages.iter().map(|page| page.tag()).collect();
    widgets.navigation.replace_with_tags(&tags);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_install_that_may_have_begun_is_not_said_to_be_refused() {
        let lost = || ClientError::Unreadable("x".into());
        assert!(matches!(not_started(ClientError::MayHaveBegun(Box::new(lost()))), Ended::Lost { stage: None }));
        assert!(matches!(not_started(lost()), Ended::Refused(_)));
    }
}
