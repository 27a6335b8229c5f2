//! `install` into a plain file: does a plan, shows progress, hands over.

use crate::{
    arguments::InstallArguments, failure::Failure, handover, log_file, output::tell, password, plan::Made,
    progress::Show, words,
};
use forge_engine::{
    credentials::{Brought, DiskBrought, UserPassword},
    install::{self, End},
    tool::Tools,
};
use forge_model::{Secret, Stage, answers::Password, firmware::How};
use std::io::IsTerminal;

/// Installs.
pub fn run(wanted: &InstallArguments) -> Result<(), Failure> {
    if let Some(path) = &wanted.log {
        log_file::start(path)?;
    }
    let json = wanted.plan.json || !std::io::stdout().is_terminal();
    let Made { answers, payload, target, plan } = Made::new(&wanted.plan)?;
    let digest = plan.digest();
    if wanted.digest.as_ref().is_some_and(|confirmed| *confirmed != digest) {
        return Err(Failure::OtherPlan(digest));
    }
    let brought = Brought {
        password: user_password(answers.user.password)?,
        disk: answers.encryption.map(|wanted| disk(&wanted.passphrase)).transpose()?,
        seal: None,
        consent: How::AtInstall,
    };
    // Everything that can be refused about the handover is refused now.
    handover::prepare(&wanted.output)?;
    if json {
        tell(serde_json::json!({ "event": "plan", "digest": digest, "target": plan.target }));
    } else {
        words::plan(&plan).iter().for_each(tell);
    }
    log::info!("plan {digest} for {}", plan.target.identity.path);
    let show = Show::new(json).map_err(|e| Failure::file(&wanted.output, e))?;
    let end = install::run(&Tools::default(), &plan, &payload, &target, brought, &show);
    show.finish();
    match end.map_err(|failed| Failure::Install(Box::new(failed)))? {
        End::Cancelled { stage } => Err(match &plan.layout.beside {
            Some(beside) => {
                Failure::CancelledBeside { stage, removed: beside.removed.len() as u16, smaller: Vec::new() }
            }
            None => Failure::Cancelled { stage, written: stage >= Stage::Claim },
        }),
        End::Installed(installed) => {
            let receipt = installed.receipt.clone();
            handover::write(&wanted.output, &plan.user.name, &receipt, &installed.handover())?;
            log::info!("installed; receipt, credentials and enrollment request: {}", wanted.output.display());
            if json {
                tell(serde_json::json!({ "event": "installed", "receipt": receipt }));
            } else {
                let output = wanted.output.display();
                tell(format_args!("Installed. Receipt, credentials and enrollment request: {output}"));
            }
            Ok(())
        }
    }
}

fn disk(passphrase: &Password) -> Result<DiskBrought, Failure> {
    let passphrase = passphrase.is_brought().then(password::ask_disk).transpose()?;
    Ok(DiskBrought { passphrase, recovery: None })
}

fn user_password(wanted: Password) -> Result<UserPassword, Failure> {
    match wanted {
        Password::Hash { hash } => Ok(UserPassword::Hash(Secret::new(hash))),
        Password::Generate { .. } => Ok(UserPassword::Generate),
        Password::Ask { .. } | Password::Credential { .. } | Password::Sealed { .. } => {
            password::ask().map(UserPassword::Typed)
        }
    }
}
