//! What a plan does to a disk on which something stays: its lines, its question, its button; and what is left when it
//! does not come to its end.

use super::{disks, fill, plan, plan::Line, size, usage};
use crate::session::before_after::{BeforeAfter, Piece, What};
use forge_dbus::status::{Reached, Smaller};
use forge_model::{
    OldTable, Plan, Receipt,
    answers::Way,
    inventory::Content,
    layout::{Beside, bars::Fate},
};
use gettextrs::{gettext, ngettext};

/// What happens to the disk, one line for each thing.
pub fn lines(plan: &Plan) -> Vec<Line> {
    let line = |icon, title, text| Line { icon, title, text };
    let disk = plan::target_and_size(plan);
    let Some(beside) = &plan.layout.beside else {
        // Translators: {disk} is the name of a disk and its size.
        let title = fill(&gettext("{disk} is erased"), &[("disk", &disk)]);
        return vec![line("drive-harddisk-symbolic", title, erased(plan))];
    };
    let told = BeforeAfter::of_plan(plan);
    let kept = match usage::names(told.kept().filter(|piece| !told.smaller().any(|smaller| smaller == *piece))).as_str()
    {
        "" => gettext("Nothing else is on it."),
        names => fill(&gettext("This stays: {names}."), &[("names", names)]),
    };
    let title = match beside.way {
        // Translators: {system} is the name of the system, {disk} the name of a disk and its size.
        Way::Replace => fill(
            &gettext("The earlier {system} on {disk} is replaced"),
            &[("system", &plan.payload.name), ("disk", &disk)],
        ),
        // Translators: {disk} is the name of a disk and its size.
        _ => fill(&gettext("A part of {disk} is used"), &[("disk", &disk)]),
    };
    let mut lines = vec![line("drive-harddisk-symbolic", title, kept)];
    let lost = told.lost().count();
    if lost > 0 {
        let title = counted(lost, |n| ngettext("{n} partition is deleted", "{n} partitions are deleted", n));
        // Translators: {names} are names of partitions.
        let text = fill(&gettext("Everything in it will be lost: {names}."), &[("names", &sized(told.lost()))]);
        lines.push(line("user-trash-symbolic", title, text));
    }
    lines.extend(told.smaller().map(|piece| {
        // Translators: {name} is the name of a partition, such as "Windows (NTFS)".
        let title = fill(&gettext("{name} is made smaller"), &[("name", &usage::name(&piece.what))]);
        line("view-restore-symbolic", title, smaller(piece))
    }));
    for piece in &told.before {
        let name = usage::name(&piece.what);
        let name = [("name", name.as_str())];
        match &piece.what {
            What::Old(_, Fate::Home) => lines.push(line(
                "user-home-symbolic",
                gettext("Personal files of the earlier system stay"),
                fill(&gettext("They stay where they are ({name}), and the new system uses them."), &name),
            )),
            What::Old(_, Fate::Shared) => lines.push(line(
                "folder-symbolic",
                fill(&gettext("Boot files are added to {name}"), &name),
                gettext("What is in it stays as it is."),
            )),
            What::Old(found, _) if beside.old_loader == Some(found.number) => lines.push(line(
                "dialog-warning-symbolic",
                // Translators: {name} is the name of a boot partition.
                fill(&gettext("Old boot files stay on {name}"), &name),
                gettext(
                    "Others have files there, too. The computer starts the new system by an entry that is made for it. If that gets lost, the old boot files may be found first, and they start nothing.",
                ),
            )),
            _ => {}
        }
    }
    lines
}

/// What is lost with everything on a disk: what it is, and each partition by name.
fn erased(plan: &Plan) -> String {
    let loss = disks::loss(&plan.erased);
    let told = BeforeAfter::of_plan(plan);
    match sized(told.lost().filter(|piece| matches!(piece.what, What::Old(..)))).as_str() {
        "" => loss,
        // Translators: {names} are names of partitions, each with its size.
        names => [loss, fill(&gettext("What is lost: {names}."), &[("names", names)])].join(" "),
    }
}

fn counted(count: usize, sentence: impl Fn(u32) -> String) -> String {
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    fill(&sentence(count), &[("n", &count.to_string())])
}

/// So many names are read; what comes after them is only counted.
const NAMED: usize = 12;

/// Names with sizes, one after another.
fn sized<'a>(pieces: impl Iterator<Item = &'a Piece>) -> String {
    let mut named: Vec<String> = pieces.map(usage::name_and_size).collect();
    let more = named.len().saturating_sub(NAMED);
    if more > 0 {
        named.truncate(NAMED);
        named.push(counted(more, |n| ngettext("{n} more", "{n} more", n)));
    }
    // Translators: what stands between the items of a list, each of which has a comma in it.
    named.join(&gettext("; "))
}

fn smaller(piece: &Piece) -> String {
    let What::Old(_, Fate::Shrinks { before, after }) = &piece.what else { return String::new() };
    let sizes = fill(
        &gettext("From {before} to {after}, before anything else is done. What is in it stays."),
        &[("before", &size(*before)), ("after", &size(*after))],
    );
    [sizes, power_cut()].join(" ")
}

/// What may come of it while a partition is made smaller.
pub fn power_cut() -> String {
    gettext("If the power fails meanwhile, it can be damaged: have a copy of what matters.")
}

/// What the button does that begins, and whether that destroys something.
pub fn button(plan: &Plan) -> (String, bool) {
    match &plan.layout.beside {
        None => (gettext("_Erase and Install"), true),
        Some(beside) if beside.removed.is_empty() && beside.shrunk.is_empty() => (gettext("_Install"), false),
        Some(beside) if beside.removed.is_empty() => (gettext("_Make Smaller and Install"), true),
        Some(beside) if beside.way == Way::Replace => (gettext("_Replace and Install"), true),
        Some(_) => (gettext("_Delete and Install"), true),
    }
}

/// A question before something is destroyed: its headline, and what there is to know. Where nothing is, there is none.
pub fn question(plan: &Plan) -> Option<(String, String)> {
    let disk = plan::target(plan);
    let undone = gettext("This cannot be undone.");
    let Some(beside) = &plan.layout.beside else {
        // Translators: {disk} is the name of a disk.
        let headline = fill(&gettext("Erase {disk}?"), &[("disk", &disk)]);
        return (plan.erased != Content::Empty).then(|| (headline, [erased(plan), undone].join(" ")));
    };
    let told = BeforeAfter::of_plan(plan);
    let lost = told.lost().count();
    let shrunk: Vec<String> = told
        .smaller()
        .map(|piece| {
            let name = usage::name(&piece.what);
            [fill(&gettext("{name} is made smaller."), &[("name", &name)]), smaller(piece)].join(" ")
        })
        .collect();
    if lost > 0 {
        let headline = match beside.way {
            Way::Replace => fill(
                &gettext("Replace the Earlier {system} on {disk}?"),
                &[("system", &plan.payload.name), ("disk", &disk)],
            ),
            _ => fill(
                // Translators: {disk} is the name of a disk.
                &counted(lost, |n| ngettext("Delete {n} Partition of {disk}?", "Delete {n} Partitions of {disk}?", n)),
                &[("disk", &disk)],
            ),
        };
        // Translators: {names} are names of partitions.
        let names = fill(&gettext("Everything in it will be lost: {names}."), &[("names", &sized(told.lost()))]);
        return Some((headline, [vec![names, undone], shrunk].concat().join(" ")));
    }
    if shrunk.is_empty() {
        return None;
    }
    let names = usage::names(told.smaller());
    // Translators: {name} is the name of a partition, such as "Windows (NTFS)".
    let headline = fill(&gettext("Make {name} Smaller?"), &[("name", &names)]);
    let advice = gettext("This cannot be undone here.");
    Some((headline, [shrunk, vec![advice]].concat().join(" ")))
}

/// A partition that stays, by its name.
fn name(beside: &Beside, number: u32) -> String {
    let found = beside.kept.iter().find(|found| found.number == number);
    found.map(disks::partition_and_kind).unwrap_or_default()
}

/// What is to be made smaller, by name.
fn to_be_smaller(beside: &Beside) -> String {
    let names: Vec<String> = beside.shrunk.iter().map(|shrunk| name(beside, shrunk.number)).collect();
    names.join(&gettext(", "))
}

/// The helper went away while partitions were made smaller: the tool that does it is not its child, and may run on.
pub fn still_made_smaller(beside: &Beside) -> String {
    // Translators: {names} are names of partitions.
    let may = gettext(
        "{names} is perhaps still being changed. Leave the computer on until the disk is quiet. Then start the system that it belongs to, and let it check the disk.",
    );
    fill(&may, &[("names", &to_be_smaller(beside))])
}

/// Why a partition was not made smaller, as far as it is known, and what is to be done about it.
pub fn not_smaller(beside: Option<&Beside>) -> (String, String) {
    let names = beside.map(to_be_smaller).unwrap_or_default();
    (
        // Translators: {names} are names of partitions.
        fill(
            &gettext(
                "{names} could not be made smaller: it was not closed properly, a system sleeps in it, or more is in it than before. The details say which.",
            ),
            &[("names", &names)],
        ),
        gettext(
            "Start the system that it belongs to, let it check the disk, and shut it down; in Windows, turn fast startup off first. Then install again.",
        ),
    )
}

/// What was made smaller; nothing is known where the helper went away.
fn made_smaller(beside: &Beside, smaller: Option<&[Smaller]>) -> Vec<String> {
    let Some(smaller) = smaller else {
        // Translators: {names} are names of partitions.
        let may = gettext("{names} may be smaller now; what is in it is still there.");
        return (!beside.shrunk.is_empty())
            .then(|| fill(&may, &[("names", &to_be_smaller(beside))]))
            .into_iter()
            .collect();
    };
    let said = smaller.iter().map(|one| {
        let sentence = match one.reached {
            Reached::Begun => gettext(
                "Making {name} smaller was begun and did not come to its end. Start the system that it belongs to, and let it check the disk.",
            ),
            Reached::FileSystem => gettext("The file system of {name} is smaller now, and everything in it is there."),
            Reached::Partition => gettext("{name} is smaller now, and everything in it is there."),
        };
        fill(&sentence, &[("name", &name(beside, one.number))])
    });
    said.collect()
}

/// How far an install came that did not come to its end.
#[derive(Debug, Clone, Copy)]
pub struct Ending<'a> {
    /// Whether anything was written but what was made smaller.
    pub written: bool,
    /// What became of the partition table.
    pub table: OldTable,
    /// What was made smaller before; nothing where nobody knows.
    pub smaller: Option<&'a [Smaller]>,
}

/// What state a disk is in on which something stays.
pub fn state(beside: &Beside, ending: &Ending) -> String {
    let mut said = made_smaller(beside, ending.smaller);
    if !ending.written {
        said.push(match said.is_empty() {
            true => gettext("Nothing was written: the disk is as it was."),
            false => gettext("Nothing else was written."),
        });
        return said.join(" ");
    }
    match (beside.removed.len(), ending.table) {
        (0, OldTable::Untouched) => {
            said.push(gettext("Your other systems are untouched: the old partition table is still in force."));
            return said.join(" ");
        }
        // The boot partition that is shared was written: not everything is untouched.
        (0, OldTable::Replaced) => {}
        (0, _) => said.push(gettext("Your other systems are untouched.")),
        (lost, table) => {
            said.push(counted(lost, |n| {
                ngettext(
                    "{n} partition that was to be deleted is lost.",
                    "{n} partitions that were to be deleted are lost.",
                    n,
                )
            }));
            said.extend((table != OldTable::Replaced).then(|| gettext("Everything else is untouched.")));
        }
    }
    said.push(match ending.table {
        OldTable::Untouched => gettext("The old partition table is still in force."),
        OldTable::Restored => {
            gettext("The partition table could not be changed: the old one was put back, and is in force.")
        }
        OldTable::SecondCopyLost => gettext(
            "The old partition table is still in force, but its second copy could not be put back. A partition editor writes it anew.",
        ),
        OldTable::Replaced => gettext(
            "The new partition table is there, but the new system does not start: its boot files could not be added to the boot partition that it shares. The files that were there should be readable, but nobody has checked that: let the system that they belong to check them. The next installation can replace this system, with a boot partition of its own.",
        ),
        OldTable::Unknown => gettext(
            "It is not known whether the old partition table or the new one is there now. If no partitions are seen, a partition editor restores it from its second copy.",
        ),
    });
    said.join(" ")
}

/// What stopping now would leave.
pub fn stopping(beside: &Beside, written: bool) -> String {
    // Partitions that are made smaller are made so before everything else.
    state(beside, &Ending { written, table: OldTable::Untouched, smaller: None })
}

/// What to know about the next start, where other systems are on the disk.
pub fn next_start(plan: &Plan) -> Option<String> {
    let beside = plan.layout.beside.as_ref()?;
    (!beside.kept.is_empty()).then(|| {
        gettext("Other systems on the disk are still there. The boot menu of the computer's firmware starts them.")
    })
}

/// A system that the firmware has no boot entry for: what to do, and the command.
pub fn no_boot_entry(receipt: &Receipt) -> (String, String) {
    let sentence = match receipt.starts_only_by_entry() {
        true => gettext(
            "Nothing starts the new system until there is one. Run this command as administrator in a Linux that was started by UEFI.",
        ),
        false => gettext(
            "If another system starts after the restart, choose this disk in the boot menu of the firmware. This command makes an entry; run it as administrator in a Linux that was started by UEFI.",
        ),
    };
    (sentence, receipt.boot_entry_command().unwrap_or_default())
}

#[cfg(all(test, feature = "scripted"))]
mod tests {
    use super::*;
    use crate::{gateway::scripted::machine, sentences::errors, session::Ended};
    use forge_dbus::status::Failure;
    use forge_model::{
        Layout, Stage,
        answers::{DiskAnswers, Shrink},
        esp,
        size::MIB,
    };

    /// What a way does to the played disk at this place of the list.
    fn beside(disk: usize, answers: DiskAnswers) -> Beside {
        let disk = &machine::shared_inventory().disks[disk];
        Layout::new(disk, &answers, &machine::manifest().needed(&[], false))
            .ok()
            .and_then(|layout| layout.beside)
            .expect("it fits")
    }

    #[test]
    fn before_a_whole_disk_is_erased_its_partitions_are_named_as_for_every_other_way() {
        let plan = machine::plan(&machine::shared_inventory(), "/dev/sdc", DiskAnswers::default());
        let (headline, text) = question(&plan).expect("something is lost");
        assert_eq!(headline, "Erase WDS500G2B0A?");
        for words in
            ["4 partitions", "EFI (FAT), ", "fedora (btrfs), ", "Swap space, ", "Photos (ext4), 160", "undone."]
        {
            assert!(text.contains(words), "{words}: {text}");
            assert!(words == "undone." || lines(&plan)[0].text.contains(words), "{words}");
        }
        // A disk without partitions has none to name.
        let plan = machine::plan(&machine::inventory(), "/dev/nvme1n1", DiskAnswers::default());
        assert_eq!(question(&plan), None);
        assert_eq!(lines(&plan)[0].text, "The disk is empty.");
    }

    #[test]
    fn of_very_many_partitions_some_are_named_and_the_rest_is_counted() {
        let Content::Table { partitions, .. } = &machine::shared_inventory().disks[3].content else {
            panic!("a table")
        };
        let swap = Piece { what: What::Old(Box::new(partitions[2].clone()), Fate::Goes), size: MIB };
        let pieces = vec![swap; 20];
        assert_eq!(sized(pieces[..12].iter()).matches("Swap space").count(), 12);
        let all = sized(pieces.iter());
        assert!(all.matches("Swap space").count() == 12 && all.ends_with("; 8 more"), "{all}");
    }

    #[test]
    fn a_failure_beside_other_systems_says_which_table_is_in_force_and_what_is_lost() {
        let ending = |written, table| Ending { written, table, smaller: Some(&[]) };
        let kept = beside(3, DiskAnswers { way: Way::FreeSpace, ..DiskAnswers::default() });
        assert_eq!(state(&kept, &ending(false, OldTable::Untouched)), "Nothing was written: the disk is as it was.");
        let said = state(&kept, &ending(true, OldTable::Untouched));
        assert_eq!(said, "Your other systems are untouched: the old partition table is still in force.");
        for (table, words) in [
            (OldTable::Restored, "the old one was put back, and is in force"),
            (OldTable::SecondCopyLost, "its second copy could not be put back"),
            (OldTable::Unknown, "It is not known whether the old partition table or the new one"),
        ] {
            let said = state(&kept, &ending(true, table));
            assert!(said.starts_with("Your other systems are untouched. ") && said.contains(words), "{said}");
        }
        // The boot partition that is shared was written, and nobody has looked at it since.
        let said = state(&kept, &ending(true, OldTable::Replaced));
        assert!(said.contains("nobody has checked that") && !said.contains("untouched"), "{said}");
        let deleted = beside(3, DiskAnswers { way: Way::Manual, delete: vec![4], ..DiskAnswers::default() });
        let said = state(&deleted, &ending(true, OldTable::Replaced));
        assert!(said.starts_with("1 partition that was to be deleted is lost. The new") && !said.contains("untouched"));
        let said = state(&deleted, &ending(true, OldTable::Untouched));
        assert!(
            said.starts_with("1 partition that was to be deleted is lost. Everything else is untouched."),
            "{said}"
        );
        assert!(said.ends_with("The old partition table is still in force."), "{said}");
    }

    #[test]
    fn an_old_boot_partition_with_files_of_others_stays_and_one_without_goes() {
        let replaced = |disk: &forge_model::Disk| {
            let answers = DiskAnswers { way: Way::Replace, ..DiskAnswers::default() };
            let layout = Layout::new(disk, &answers, &machine::manifest().needed(&[], false)).expect("it fits");
            layout.beside.expect("something stays")
        };
        let disk = &machine::shared_inventory().disks[1];
        assert_eq!(replaced(disk).old_loader, None);
        assert!(replaced(disk).removed.iter().any(|one| one.number == 1));
        let mut others = disk.clone();
        if let Content::Table { partitions, .. } = &mut others.content
            && let Some(esp::Content::Fat { files: Some(files), .. }) = &mut partitions[0].esp
        {
            files.push(esp::File { path: "EFI/other/grubx64.efi".into(), size: 7 });
        }
        assert_eq!(replaced(&others).old_loader, Some(1));
        assert!(replaced(&others).kept.iter().any(|one| one.number == 1));
    }

    #[test]
    fn what_was_made_smaller_before_it_failed_is_told_exactly_where_it_is_known() {
        let shrink = vec![Shrink { number: 3, to_mib: 300_000 }];
        let answers = DiskAnswers { way: Way::FreeSpace, shrink, ..DiskAnswers::default() };
        let kept = beside(0, answers);
        let smaller = |reached| [Smaller { number: 3, before: 952_148 * MIB, wanted: 300_000 * MIB, reached }];
        for (reached, words) in [
            (Reached::Partition, "Windows (NTFS) is smaller now, and everything in it is there."),
            (Reached::FileSystem, "The file system of Windows (NTFS) is smaller now, and everything in it is there."),
            (Reached::Begun, "Making Windows (NTFS) smaller was begun and did not come to its end."),
        ] {
            let smaller = smaller(reached);
            let ending = Ending { written: false, table: OldTable::Untouched, smaller: Some(&smaller) };
            let said = state(&kept, &ending);
            assert!(said.starts_with(words) && said.ends_with("Nothing else was written."), "{said}");
        }
        let unknown = Ending { written: true, table: OldTable::Unknown, smaller: None };
        assert!(state(&kept, &unknown).starts_with("Windows (NTFS) may be smaller now"));
        let as_it_was = Ending { written: false, table: OldTable::Untouched, smaller: Some(&[]) };
        assert_eq!(state(&kept, &as_it_was), "Nothing was written: the disk is as it was.");
    }
    #[test]
    fn who_makes_something_smaller_is_told_what_a_power_cut_may_do_and_what_to_do_when_it_stops_half_way() {
        let shrink = vec![Shrink { number: 3, to_mib: 300_000 }];
        let answers = DiskAnswers { way: Way::FreeSpace, shrink, ..DiskAnswers::default() };
        let plan = machine::plan(&machine::shared_inventory(), "/dev/nvme0n1", answers);
        let outcome = BeforeAfter::of_plan(&plan);
        let risk = "If the power fails meanwhile, it can be damaged: have a copy of what matters.";
        // The line of the plan and the question before it, and the page before those.
        assert!(outcome.smaller().all(|piece| smaller(piece).ends_with(risk)));
        let consequence = usage::consequence(Way::FreeSpace, &outcome);
        assert_eq!(consequence, format!("1 partition is made smaller. {risk}"));

        let told = |ended: &Ended| errors::ended(ended, Some(&plan)).text;
        let lost = told(&Ended::Lost { stage: Some(Stage::Shrink) });
        assert!(lost.contains("Windows (NTFS) is perhaps still being changed. Leave the computer on"), "{lost}");
        assert!(!lost.contains("Try Again") && !lost.contains("still there"), "{lost}");
        assert!(lost.ends_with("Nothing else was written."), "{lost}");
        let unheard = told(&Ended::Lost { stage: None });
        assert!(unheard.ends_with("It is not known whether anything else was written."), "{unheard}");
        assert!(told(&Ended::Lost { stage: Some(Stage::Write) }).contains("Try Again"));

        let failure = |smaller| Failure {
            kind: "not-smaller".into(),
            stage: Stage::Shrink,
            written: false,
            details: "partition 3 is not made smaller: Windows sleeps".into(),
            smaller,
            table: OldTable::Untouched,
        };
        let refused = told(&Ended::Failed(failure(vec![])));
        assert!(refused.starts_with("Windows (NTFS) could not be made smaller: "), "{refused}");
        assert!(refused.contains("turn fast startup off first") && !refused.contains("Try Again"), "{refused}");
        let begun = Smaller { number: 3, before: 952_148 * MIB, wanted: 300_000 * MIB, reached: Reached::Begun };
        let gone = Failure { kind: "disk-gone".into(), ..failure(vec![]) };
        assert!(told(&Ended::Failed(gone)).starts_with("Samsung SSD 990 PRO was disconnected while"));
        let half = told(&Ended::Failed(failure(vec![begun])));
        assert!(half.contains("let it check the disk") && !half.contains("nstall again"), "{half}");
        assert!(!half.contains("Try Again"), "{half}");
    }
}
