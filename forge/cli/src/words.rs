//! Plans, issues and stages in sentences.

use crate::{
    bundle_words,
    firmware_words::{FROM_DISK, by_hand, chain_fault},
    way_words,
};
use forge_dbus::{
    Error as Refused,
    client::ClientError,
    status::{Reached, Smaller},
};
use forge_engine::{install::InstallError, prepare::PrepareError};
use forge_model::{
    Disk, Issue, Plan, Stage,
    inventory::{Content, Found, GptFault, Holding, Obstacle, Transport},
    names::NameFault,
    plan::PasswordKind,
    size,
};

/// A stage as the thing that failed.
pub fn stage(stage: Stage) -> &'static str {
    match stage {
        Stage::Shrink => "Making partitions smaller",
        Stage::Check => "Checking the payload",
        Stage::Prepare => "Preparing the boot files",
        Stage::Claim => "Clearing the target",
        Stage::Write => "Writing the system",
        Stage::Prove => "Reading the system back",
        Stage::Fill => "Writing settings and boot files",
        Stage::Commit => "Making the target start",
        Stage::Receipt => "Handing over",
    }
}

/// A stage as what goes on.
pub fn doing(stage: Stage) -> &'static str {
    match stage {
        Stage::Shrink => "making partitions smaller",
        Stage::Check => "checking the payload",
        Stage::Prepare => "preparing the boot files",
        Stage::Claim => "clearing the target",
        Stage::Write => "writing the system",
        Stage::Prove => "reading the system back",
        Stage::Fill => "writing settings and boot files",
        Stage::Commit => "making the target start",
        Stage::Receipt => "handing over",
    }
}

/// What became of a partition that was to be made smaller.
pub fn smaller(Smaller { number, before, wanted, reached }: &Smaller) -> String {
    let (before, wanted) = (size::words(*before), size::words(*wanted));
    match reached {
        Reached::Begun => format!(
            "The file system of partition {number} was being made smaller ({before} to {wanted}), and that did not come to \
             its end. The partition itself is as it was. Let that file system's own check look at it before it is used."
        ),
        Reached::FileSystem => format!(
            "The file system of partition {number} is smaller now ({wanted}), and everything in it is there. The partition \
             itself still has {before}, which does no harm: the file system can be made as large as it again."
        ),
        Reached::Partition => {
            format!("Partition {number} is smaller now: {wanted} of {before}. Everything in it is there.")
        }
    }
}

/// What to do about a failure, where that is known.
pub fn help(error: &InstallError) -> Option<&'static str> {
    match error {
        InstallError::Prepare(PrepareError::Missing(_)) => Some("Install the packages that contain these programs."),
        InstallError::NotProved { .. } => Some("Use another disk; this one does not keep what is written to it."),
        InstallError::Payload(_) | InstallError::Prepare(PrepareError::Payload(_)) | InstallError::Image(_) => {
            Some("If this happens again, the installation medium or the disk is faulty.")
        }
        _ => None,
    }
}

/// What to do about a failure of the helper's install, where that is known.
pub fn job_help(kind: &str) -> Option<&'static str> {
    match kind {
        "disk-busy" => Some("Close whatever uses the disk: unmount it, turn swap off, close encrypted volumes."),
        "disk-gone" => Some("Check how the disk is connected."),
        "disk-faulty" => Some("Use another disk; this one does not keep what is written to it."),
        "disk-changed" => Some("Look at the disks again with \"forgectl disks\"."),
        "payload" => Some("If this happens again, the installation medium is faulty."),
        _ => None,
    }
}

/// Why the helper did not do what was asked for.
pub fn refusal(error: &ClientError) -> String {
    let ClientError::Refused(refused) = error else {
        return match error {
            ClientError::NoBus(_) => format!("{error}."),
            ClientError::NoHelper(_) => format!("{error}. Is Forge installed here (forge-helper.service)?"),
            ClientError::MayHaveBegun(error) => refusal(error),
            ClientError::Answers(fault) => format!(
                "the answers, line {}, column {}: {} {}",
                fault.line,
                fault.column,
                fault.reason,
                fault.hint.as_deref().unwrap_or_default()
            ),
            ClientError::Issues(issues) => {
                let lines: Vec<String> = issues.iter().map(|issue| format!("\n  {}", self::issue(issue))).collect();
                format!("this can not be installed.{}", lines.concat())
            }
            error => error.to_string(),
        };
    };
    match refused {
        Refused::NotAllowed(_) => {
            "this is not allowed here. An administrator decides that with polkit (org.intergenos.Forge1).".into()
        }
        Refused::AuthenticationNeeded(_) => {
            "somebody has to authenticate, and nobody can be asked here. On a terminal, start an agent first: \
             pkttyagent --process $$ &"
                .into()
        }
        Refused::Dismissed(_) => "the question for a password was dismissed.".into(),
        Refused::Busy(why) => format!("the helper is busy: {why}. \"forgectl attach\" comes back to an install."),
        Refused::OtherPlan(digest) => format!(
            "the plan is not the one that was confirmed: its digest is {digest}. The disk changed meanwhile. \
             Look at it again with \"forgectl plan\"."
        ),
        Refused::NoPayload(why) => format!("the payload of this medium is not used.\n  {why}"),
        Refused::NoDisks(why) => {
            format!("the disks can not be seen.\n  {why}\nIs udisks2.service running?")
        }
        Refused::WrongState(why) | Refused::BadArgument(why) => format!("the helper refused: {why}."),
        other => format!("the helper failed: {other}."),
    }
}

/// A disk: what it is, what is on it, why it can not be taken.
pub fn disk(disk: &Disk) -> Vec<String> {
    let kind = match (disk.transport, disk.rotational) {
        (Transport::Nvme, _) => "NVMe",
        (Transport::Usb, _) => "USB",
        (Transport::Mmc, _) => "card or eMMC",
        (Transport::Virtual, _) => "virtual",
        (Transport::Scsi, _) => "SCSI",
        (Transport::Ata, true) => "hard disk",
        (Transport::Ata, false) => "SATA",
        (Transport::Other, _) => "other",
    };
    let removable = if disk.removable { ", removable" } else { "" };
    let name = disk.model.as_deref().unwrap_or("unnamed disk");
    let mut lines = vec![format!("{}  {name}, {}, {kind}{removable}", disk.identity.path, size::words(disk.size))];
    if let Some(serial) = &disk.identity.serial {
        lines.push(format!("Serial number: {serial}"));
    }
    lines.push(match &disk.content {
        Content::Empty => "It is empty.".into(),
        Content::Unknown => "Something is stored there that Forge can not name.".into(),
        Content::Unfinished { .. } => "An install that did not end is there.".into(),
        Content::Whole { holding } => format!("It holds {}.", self::holding(holding)),
        Content::Table { partitions, .. } if partitions.is_empty() => "It has an empty partition table.".into(),
        Content::Table { partitions, .. } => format!("It has {}.", named(partitions)),
    });
    lines.extend(disk.obstacles.iter().map(|o| format!("It can not be taken: {}", obstacle(o))));
    lines
}

/// Partitions by their names, sizes and contents.
fn named(partitions: &[Found]) -> String {
    let named = partitions.iter().map(|p| {
        let holds = p.holding.as_ref().map_or(String::new(), |h| format!(", {}", holding(h)));
        match p.label.as_str() {
            "" => format!("partition {} ({}{holds})", p.number, size::words(p.size)),
            label => format!("{label:?} ({}{holds})", size::words(p.size)),
        }
    });
    named.collect::<Vec<_>>().join(", ")
}

/// One issue: the place, what is wrong, and the fix.
pub fn issue(issue: &Issue) -> String {
    let sentence = match issue {
        Issue::NoSuchDisk { path } => {
            format!("{path} is not a disk that is there. \"forgectl disks\" lists them; a partition is not a disk.")
        }
        Issue::NotFree { path, obstacle } => format!("{path} can not be taken: {}", self::obstacle(obstacle)),
        Issue::EraseNotConfirmed => {
            "nothing says that the target may be erased. Write erase = \"all-data-on-this-disk\".".into()
        }
        Issue::EraseAndKeep => {
            "the answers keep what is on the disk, and say that it may be erased. Leave erase out, or write \
             use = \"whole-disk\"."
                .into()
        }
        Issue::NoGpt { table: None } => {
            "the target has no partition table, so there is nothing to install beside. Write use = \"whole-disk\"."
                .into()
        }
        Issue::NoGpt { table: Some(table) } if table == "gpt" => {
            "the partition table of the target could not be read, or changed just now. Try again.".into()
        }
        Issue::NoGpt { table: Some(table) } => format!(
            "the target has a partition table of the kind {table:?}; partitions can only be added to a GUID partition table \
             (GPT). Take another disk, or write use = \"whole-disk\"."
        ),
        Issue::TableFault { fault } => {
            format!("nothing is added to the partition table as it is: {}.", table_fault(*fault))
        }
        Issue::TableSectors { disk, table } => {
            format!("the partition table counts in sectors of {table} bytes, and the target has sectors of {disk}.")
        }
        Issue::NoFreeRoom { free, largest, needs, piece } => format!(
            "there is too little free room: {} in all, {} in the largest piece. {} is needed, of which {} in one piece.",
            size::words(*free),
            size::words(*largest),
            size::words(*needs),
            size::words(*piece)
        ),
        Issue::NoFreeEntries { free, needs } => {
            format!("the partition table has room for {free} more partitions, and {needs} are needed.")
        }
        Issue::SameReleaseThere { number } => format!(
            "the same release is on this disk already (partition {number}). Its partitions would have the same names, \
             so only one of them can be there."
        ),
        Issue::SlotsThere { number, label } => format!(
            "partition {number} ({label:?}) is a slot of a system that is updated in the same way. Updates of each of the two \
             could overwrite the other, so only one of them can be on this disk. Write use = \"replace\" if that system can \
             go."
        ),
        Issue::NotThisWay { .. }
        | Issue::EspSizeAndShared
        | Issue::NoSuchPartition { .. }
        | Issue::PartitionTwice { .. }
        | Issue::NoEarlierSystem { .. }
        | Issue::EarlierSystemsUnclear { .. }
        | Issue::HomeEncrypted { .. }
        | Issue::HomeUnknown { .. }
        | Issue::HomeNotEncrypted
        | Issue::Sleeping { .. }
        | Issue::ShrinkOnFile
        | Issue::NotShrinkable { .. }
        | Issue::ShrunkTooSmall { .. }
        | Issue::ShrunkGrows { .. }
        | Issue::NotSharable { .. }
        | Issue::SharedEspFull { .. }
        | Issue::StateTooSmall { .. } => way_words::issue(issue),
        Issue::TooSmall { has, needs } => format!(
            "the target is too small: it has {}, and {} is needed. It lacks {}.",
            size::words(*has),
            size::words(*needs),
            size::words(needs - has)
        ),
        Issue::SectorSize { found } => format!("the target has sectors of {found} bytes; 512 and 4096 are known."),
        Issue::EspTooSmall { asked, needs } => format!(
            "the EFI system partition would have {}, and {} is needed for three boot images. Write {} or more.",
            size::words(*asked),
            size::words(*needs),
            needs / size::MIB
        ),
        Issue::NoRoomForSecondSlot { has, needs } => format!(
            "there is no room for a second system image: the target has {}, and {} is needed with it. \
             Write second-slot = \"if-it-fits\" to go on without.",
            size::words(*has),
            size::words(*needs)
        ),
        Issue::UserName { name, fault } => format!("{name:?} can not be a user name: {}.", name_fault(fault)),
        Issue::FullName { name, fault } => format!("{name:?} can not be a full name: {}.", name_fault(fault)),
        Issue::HostName { name, fault } => format!("{name:?} can not be a computer name: {}.", name_fault(fault)),
        Issue::PasswordHash => "the hash is not one of yescrypt ($y$), SHA-512 crypt ($6$) or bcrypt ($2b$). \
             Make one with \"openssl passwd -6\"."
            .into(),
        Issue::NoSuchLocale { name, nearest } => unknown("locale", name, nearest),
        Issue::NoSuchTimezone { name, nearest } => unknown("time zone", name, nearest),
        Issue::NoSuchKeyboard { name, nearest } => unknown("keyboard", name, nearest),
        Issue::UnknownBundle { name, nearest } => {
            let near = nearest.as_ref().map(|nearest| format!(" Did you mean {nearest:?}?")).unwrap_or_default();
            format!("this payload has no firmware {name:?}.{near} \"forgectl firmware list\" says what it has.")
        }
        Issue::OtherBundle { name, asked, has } => format!(
            "what was accepted as {name:?} is not what this payload has: SHA-256 {asked} was accepted, and {has} is there. \
             Read its licence and files again, and write the new one if you accept it."
        ),
        Issue::TwiceBundle { name } => format!("{name:?} is named twice. Write each bundle once."),
        Issue::NoTpm2 => {
            "this machine shows no TPM 2.0. Turn it on in the firmware, where it is often called \"security chip\", \
             \"PTT\" or \"fTPM\", or leave this out."
                .into()
        }
        Issue::ChainRefused { fault } => chain_fault(fault),
    };
    match issue.place() {
        Some(place) => format!("{place}: {sentence}"),
        None => sentence,
    }
}

/// Why a disk can not be taken, and what to do about it.
pub fn obstacle(obstacle: &Obstacle) -> String {
    match obstacle {
        Obstacle::BootMedium => "this system was started from it.".into(),
        Obstacle::BootMediumUnknown => {
            "it can not be told which disk this system was started from, so that none is safe to take.".into()
        }
        Obstacle::ReadOnly => "it is write-protected. Some USB sticks and cards have a switch for that.".into(),
        Obstacle::NoMedium => "there is no medium in it.".into(),
        Obstacle::Mounted { device, at } => format!("{device} is in use at {at}. Unmount it first."),
        Obstacle::Swap { device } => format!("{device} is in use as swap space. Turn that off first (swapoff)."),
        Obstacle::Held { device, by } => format!("{by} lies on {device} and is in use. Close it first."),
        Obstacle::PartOf { holding } => {
            format!("it is {}, and can only be written as a whole.", self::holding(holding))
        }
    }
}

/// Why nothing is added to a partition table.
fn table_fault(fault: GptFault) -> &'static str {
    match fault {
        GptFault::FirstCopy => {
            "its first copy is damaged. If the second one is whole, \"fdisk DISK\" restores the first: type w at its prompt"
        }
        GptFault::NotAtEnd => {
            "its second copy does not lie at the end. The disk was made larger; a partition editor can move it there"
        }
        GptFault::NoProtectiveMbr => "the protective MBR is missing, so that other systems do not see the table",
        GptFault::HybridMbr => "the MBR has partitions, too (a hybrid MBR), and both would have to agree",
        GptFault::Overlap => "its partitions overlap, or lie outside of it",
        GptFault::Unusual => "it has a form that Forge does not write",
    }
}

/// What a partition or a disk holds.
pub fn holding(holding: &Holding) -> String {
    match holding {
        Holding::FileSystem { name, label } if label.is_empty() => format!("a file system ({name})"),
        Holding::FileSystem { name, label } => format!("{label:?} ({name})"),
        Holding::Bitlocker => "a volume that Windows encrypted (BitLocker)".into(),
        Holding::Luks => "an encrypted volume (LUKS)".into(),
        Holding::LvmMember => "a part of a volume group (LVM)".into(),
        Holding::MdMember => "a part of a software array (Linux RAID)".into(),
        Holding::FirmwareRaidMember { name } => format!("a part of an array that the firmware makes ({name})"),
        Holding::ZfsMember => "a part of a storage pool (ZFS)".into(),
        Holding::MultipathMember => "one of several paths to the same disk".into(),
        Holding::Swap => "swap space".into(),
        Holding::Other { name } => name.clone(),
    }
}

fn unknown(what: &str, name: &str, nearest: &Option<String>) -> String {
    match nearest {
        Some(nearest) => format!("this system has no {what} {name:?}. Did you mean {nearest:?}?"),
        None => format!("this system has no {what} {name:?}."),
    }
}

fn name_fault(fault: &NameFault) -> String {
    match fault {
        NameFault::Empty => "it is empty".into(),
        NameFault::TooLong { most } => format!("it is longer than {most} characters"),
        NameFault::BadEnd { found } => format!("it can not begin or end with {found:?}"),
        NameFault::BadCharacter { found } => format!("it can not contain {found:?}"),
        NameFault::Reserved => "the system uses this name itself".into(),
    }
}

/// What is on the target now.
fn content(content: &Content) -> String {
    match content {
        Content::Empty => "No partition table and no boot sector is there.".into(),
        Content::Whole { holding } => format!("It holds {}, which will be erased.", self::holding(holding)),
        Content::Unknown => "Something is stored there that Forge can not read. It will be erased.".into(),
        Content::Unfinished { .. } => "An install that did not end is there. It will be erased or gone on with.".into(),
        Content::Table { partitions, .. } if partitions.is_empty() => {
            "It has an empty partition table, which will be erased.".into()
        }
        Content::Table { partitions, .. } => {
            format!("Everything on it will be erased: {}.", named(partitions))
        }
    }
}

/// A password that Forge makes, and what a person sees of it.
pub const MADE_AND_SHOWN: &str = "a password that is made and shown once";

/// Whether anything is lost that stays readable where nothing new is written.
fn overwrites(plan: &Plan) -> bool {
    match &plan.layout.beside {
        Some(beside) => !beside.removed.is_empty(),
        None => !matches!(&plan.erased, Content::Empty),
    }
}

/// The plan, one sentence a line.
pub fn plan(plan: &Plan) -> Vec<String> {
    plan_with(plan, MADE_AND_SHOWN)
}

/// The same, where something else becomes of a password that is made.
pub fn plan_with(plan: &Plan, made: &str) -> Vec<String> {
    let target = &plan.target;
    let name = target.model.as_deref().unwrap_or(&target.identity.path);
    let mut lines = vec![
        match &plan.layout.beside {
            None => format!("{name}, {}, will be written. {}", size::words(target.size), content(&plan.erased)),
            Some(beside) => way_words::target(name, target.size, beside),
        },
        format!(
            "{} {} ({}) will be installed; its root hash is {}.",
            plan.payload.name,
            plan.payload.release,
            size::words(plan.payload.image_bytes),
            plan.payload.root_hash
        ),
    ];
    lines.extend(way_words::partitions(plan));
    if !plan.has_second_slot() {
        lines.push("There is no room for a second system, so updates can not be made beside the running one.".into());
    }
    let full_name = match plan.user.full_name.as_str() {
        "" => String::new(),
        name => format!(" ({name})"),
    };
    let password = match plan.user.password {
        PasswordKind::Generated => made,
        PasswordKind::Hashed => "the password whose hash the answers hold",
        PasswordKind::Typed => "the password that was typed",
        PasswordKind::Brought => "the password that is brought along",
    };
    lines.push(format!("{}{full_name} will have an account with {password}. Root is locked.", plan.user.name));
    if let Some(kind) = plan.encryption {
        let passphrase = match kind {
            PasswordKind::Generated => "a passphrase that is made",
            PasswordKind::Typed => "the passphrase that was typed",
            PasswordKind::Brought | PasswordKind::Hashed => "the passphrase that is brought along",
        };
        lines.push(format!(
            "Everything that may change will be encrypted (LUKS2, AES-XTS). {passphrase} opens it at each start; a recovery \
             key is made, too."
        ));
        if overwrites(plan) {
            lines.push(
                "What is lost is not overwritten everywhere: whoever has the disk can read old files from room that the new \
                 system has not used yet."
                    .into(),
            );
        }
        if plan.tpm2 {
            lines.push(
                "After the first start with Secure Boot enforced, this machine's TPM opens it without a question. When firmware \
                 or Secure Boot were changed, the passphrase is asked for again."
                    .into(),
            );
        }
    }
    lines.push(format!(
        "The computer will be called {}, with {}, {} and keyboard {}.",
        plan.system.hostname,
        plan.system.locale,
        plan.system.timezone,
        [plan.system.keyboard.layout.as_str(), plan.system.keyboard.variant.as_str()].join(" ").trim_end()
    ));
    lines.push("Two keys will be made that exist on this disk only: one signs boot images, one kernel modules.".into());
    if let Some(reason) = plan.by_hand {
        lines.push(format!(
            "The request to enroll the key can not be left in the firmware: {}. {FROM_DISK}",
            by_hand(reason)
        ));
    }
    if !plan.credentials.is_empty() {
        lines.push(format!("Credentials will be made for: {}.", plan.credentials.join(", ")));
    }
    lines.extend(bundle_words::chosen(&plan.firmware));
    lines
}
