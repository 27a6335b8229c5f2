//! What will be done, in sentences.

use super::{disks, fill, firmware, languages, size, way_plan};
use forge_model::{Disk, Plan, layout::Role, machine::ByHand, plan::PasswordKind};
use gettextrs::gettext;

const FIRMWARE: &str = "application-x-firmware-symbolic";

/// The name of the disk of a plan.
pub fn target(plan: &Plan) -> String {
    plan.target.model.clone().unwrap_or_else(|| plan.target.identity.path.clone())
}

/// Name and size of the disk of a plan.
pub fn target_and_size(plan: &Plan) -> String {
    fill(&gettext("{name}, {size}"), &[("name", &target(plan)), ("size", &size(plan.target.size))])
}

/// A line of the summary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its icon.
    pub icon: &'static str,
    /// What.
    pub title: String,
    /// The particulars.
    pub text: String,
}

/// The plan, one line for each thing that happens. `keyboard` is the name of the keyboard; `was_asked` says whether there was
/// anything to decide about firmware.
pub fn lines(plan: &Plan, keyboard: &str, was_asked: bool) -> Vec<Line> {
    let line = |icon, title, text| Line { icon, title, text };
    let release =
        fill(&gettext("{name} {release}"), &[("name", &plan.payload.name), ("release", &plan.payload.release)]);
    let room = match plan.has_second_slot() {
        true => gettext("Updates are made beside the running system."),
        false => gettext("The disk has no room for a second system, so updates replace the running one."),
    };
    let password = match plan.user.password {
        PasswordKind::Generated => gettext("The password is made by Forge and shown at the end."),
        PasswordKind::Hashed | PasswordKind::Brought => gettext("The password comes from the answer file."),
        PasswordKind::Typed => gettext("With the password that you typed."),
    };
    let name = match plan.user.full_name.as_str() {
        "" => plan.user.name.clone(),
        full => fill(&gettext("{full} ({user})"), &[("full", full), ("user", &plan.user.name)]),
    };
    let encryption = match plan.encryption {
        Some(kind) => line(
            "security-high-symbolic",
            gettext("Everything that may change is encrypted"),
            [
                match kind {
                    PasswordKind::Generated => gettext("The passphrase is made by Forge and shown at the end."),
                    PasswordKind::Hashed | PasswordKind::Brought => {
                        gettext("The passphrase comes from the answer file.")
                    }
                    PasswordKind::Typed => gettext("With the passphrase that you typed."),
                },
                match plan.tpm2 {
                    true => gettext(
                        "It is asked for at the first start; then, with Secure Boot on, this computer's security chip opens the system. The recovery key opens it, too.",
                    ),
                    false => gettext("It is asked for at each start. The recovery key opens it, too."),
                },
            ]
            .join(" "),
        ),
        None => line(
            "changes-allow-symbolic",
            gettext("Nothing is encrypted"),
            gettext("Whoever has the disk can read the files on it."),
        ),
    };
    let mut lines = way_plan::lines(plan);
    lines.extend([
        line("computer-symbolic", fill(&gettext("{system} is installed"), &[("system", &release)]), room),
        encryption,
        line(
            "avatar-default-symbolic",
            fill(&gettext("An account for {name}"), &[("name", &name)]),
            // Translators: root is the name of the system's own account.
            [password, gettext("Root is locked.")].join(" "),
        ),
        line(
            "preferences-desktop-locale-symbolic",
            fill(&gettext("The computer is called {name}"), &[("name", &plan.system.hostname)]),
            fill(
                &gettext("{language}, {zone}, keyboard {keyboard}"),
                &[
                    ("language", &languages::locale(&plan.system.locale)),
                    ("zone", &languages::zone(&plan.system.timezone)),
                    ("keyboard", keyboard),
                ],
            ),
        ),
        line(
            "channel-secure-symbolic",
            gettext("This computer gets its own key"),
            match plan.by_hand {
                None => {
                    gettext("The key is made on this disk and never leaves it. You confirm it once after the restart.")
                }
                Some(ByHand::NoFirmware) => gettext("This computer was not started by UEFI, so it has no Secure Boot."),
                Some(ByHand::ReadOnly | ByHand::NoRoom) => {
                    gettext("The firmware takes no requests, so the key is enrolled from the disk.")
                }
            },
        ),
    ]);
    if !plan.firmware.is_empty() {
        lines.push(line(FIRMWARE, gettext("Proprietary firmware is added"), firmware::chosen(&plan.firmware)));
    } else if was_asked {
        lines.push(line(FIRMWARE, gettext("No proprietary firmware"), gettext("It can be added later.")));
    }
    lines
}

/// What a new partition is for.
pub fn role(role: Role) -> String {
    match role {
        Role::Esp => gettext("Boot files"),
        Role::RootA | Role::VerityA => gettext("InterGenOS"),
        Role::RootB | Role::VerityB => gettext("Room for updates"),
        Role::State => gettext("Your files and settings"),
    }
}

/// What a chosen disk means, under the list of disks. What happens to something that is there is the next question.
pub fn consequence(disk: &Disk, is_asked: bool) -> String {
    match is_asked {
        true => gettext("The next page asks what happens to what is on it."),
        false => disks::loss(&disk.content),
    }
}
