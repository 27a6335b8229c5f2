//! What a plan does to a disk on which something stays: its lines, its question, its button; and what is left when it
//! does not come to its end.

use super::{disks, fill, plan, plan::Line, size, usage};
use crate::session::before_after::{BeforeAfter, Piece, What};
use forge_dbus::status::{Reached, Smaller};
use forge_model::{
    Plan, Stage,
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
        return vec![line("drive-harddisk-symbolic", title, disks::loss(&plan.erased))];
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
            _ => {}
        }
    }
    lines
}

fn counted(count: usize, sentence: impl Fn(u32) -> String) -> String {
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    fill(&sentence(count), &[("n", &count.to_string())])
}

/// Names with sizes, one after another.
fn sized<'a>(pieces: impl Iterator<Item = &'a Piece>) -> String {
    // Translators: what stands between the items of a list, each of which has a comma in it.
    pieces.map(usage::name_and_size).collect::<Vec<_>>().join(&gettext("; "))
}

fn smaller(piece: &Piece) -> String {
    let What::Old(_, Fate::Shrinks { before, after }) = &piece.what else { return String::new() };
    fill(
        &gettext("From {before} to {after}, before anything else is done. What is in it stays."),
        &[("before", &size(*before)), ("after", &size(*after))],
    )
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
        return (plan.erased != Content::Empty).then(|| (headline, [disks::loss(&plan.erased), undone].join(" ")));
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
    let advice = gettext("A copy of what matters is a good idea all the same. This cannot be undone here.");
    Some((headline, [shrunk, vec![advice]].concat().join(" ")))
}

/// What was made smaller; nothing is known where the helper went away.
fn made_smaller(beside: &Beside, smaller: Option<&[Smaller]>) -> Vec<String> {
    let name = |number: u32| {
        let found = beside.kept.iter().find(|found| found.number == number);
        found.map(disks::partition_and_kind).unwrap_or_default()
    };
    let Some(smaller) = smaller else {
        let names: Vec<String> = beside.shrunk.iter().map(|shrunk| name(shrunk.number)).collect();
        // Translators: {names} are names of partitions.
        let may = gettext("{names} may be smaller now; what is in it is still there.");
        return (!names.is_empty())
            .then(|| fill(&may, &[("names", &names.join(&gettext(", ")))]))
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
        fill(&sentence, &[("name", &name(one.number))])
    });
    said.collect()
}

/// What state a disk is in on which something stays, when the install does not come to its end in this stage. What was
/// made smaller before is told apart, where that is known.
pub fn state(beside: &Beside, stage: Option<Stage>, written: bool, smaller: Option<&[Smaller]>) -> String {
    let smaller = made_smaller(beside, smaller);
    let old_table = || gettext("The old partition table is still in force.");
    let said = match (written, stage) {
        (false, _) if smaller.is_empty() => vec![gettext("Nothing was written: the disk is as it was.")],
        (false, _) => vec![gettext("Nothing else was written.")],
        (true, Some(stage)) if stage >= Stage::Commit => vec![
            gettext("Your other systems are untouched."),
            gettext("It is not certain that the new system is complete."),
        ],
        (true, _) => match beside.removed.len() {
            0 => vec![gettext("Your other systems are untouched: the old partition table is still in force.")],
            lost => vec![
                counted(lost, |n| {
                    ngettext(
                        "{n} partition that was to be deleted is lost.",
                        "{n} partitions that were to be deleted are lost.",
                        n,
                    )
                }),
                gettext("Everything else is untouched."),
                old_table(),
            ],
        },
    };
    smaller.into_iter().chain(said).collect::<Vec<_>>().join(" ")
}

/// What stopping would leave behind, once writing has begun.
pub fn stopping(beside: &Beside) -> String {
    state(beside, Some(Stage::Write), true, None)
}

/// What to know about the next start, where other systems are on the disk.
pub fn next_start(plan: &Plan) -> Option<String> {
    let beside = plan.layout.beside.as_ref()?;
    (!beside.kept.is_empty()).then(|| {
        gettext("Other systems on the disk are still there. The boot menu of the computer's firmware starts them.")
    })
}
