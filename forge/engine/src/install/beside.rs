//! The order of writes beside other systems: the old table is in force until everything is in place.
//!
//! | stage | on the disk afterwards |
//! |---|---|
//! | claim | zeros at the ends of the room that is used, and of each partition that goes |
//! | write, prove, fill | contents in that room, and no table that points to them |
//! | commit | the first sectors of the ESP, which were held back |
//! | | the second copy of the table, then the first, with the new partitions added: the one write that counts |
//!
//! Until the first sectors of the ESP are there, nothing in the room of an ESP that goes can be taken for one, by a firmware
//! or by the next run. Behind the table, they would make two things of the commit, and a cut between them would leave
//! partitions that start nothing. There is no journal: it would have to lie where somebody else's data may be. Partitions
//! that go are lost from the claim on, though the table names them until the commit. What an earlier run left is found by
//! the image's own superblock, and proved.

use super::{
    InstallError,
    writing::{Writing, edges},
};
use crate::{
    gpt,
    target::{Target, TargetError},
    verity::{BLOCK, Parameters},
    watch::{Outcome, Unwatched, Watch},
};
use forge_model::{
    Plan, Stage,
    layout::{Beside, Role},
};
use std::os::unix::fs::FileExt;

impl Writing<'_> {
    /// Checks that the table is the one that was confirmed, and empties the room. True when the image may be there.
    pub(super) fn claim_beside(&self, beside: &Beside, watch: &dyn Watch) -> Result<Outcome<bool>, InstallError> {
        gpt::Change::prepare(self.target, beside, &self.prepared.partitions)?;
        let resumed = self.image_may_be_there()?;
        let ids = beside.removed.iter().filter_map(|gone| Some(gone.entry?.id));
        self.reached.replaced.set(ids.collect());
        self.reached.written.set(true);
        if clear_removed(self.plan, self.target, beside, resumed, watch)? == Outcome::Cancelled {
            return Ok(Outcome::Cancelled);
        }
        Ok(self.clear(resumed, watch)?.map(|()| resumed))
    }

    /// Whether this image begins where it would be written, and the superblock of its tree lies where that would be. One of
    /// the two can be there of an earlier system with the same release: then it is no image that is worth proving.
    fn image_may_be_there(&self) -> Result<bool, InstallError> {
        let wanted = self.payload.verity_parameters()?.superblock();
        let mut found = [0; Parameters::SUPERBLOCK];
        self.target.read(&mut found, self.place().tree)?;
        let (mut begins, mut there) = ([0; BLOCK], [0; BLOCK]);
        self.payload.image()?.read_exact_at(&mut begins, 0)?;
        self.target.read(&mut there, self.place().data)?;
        Ok(wanted == found && begins == there)
    }

    /// Notes on the disk how far this run is, where that place is Forge's.
    pub(super) fn note(&self, stage: Stage) -> Result<(), InstallError> {
        match self.plan.layout.beside {
            None => Ok(self.journal(stage).write(self.target)?),
            Some(_) => Ok(()),
        }
    }

    /// Bytes of a file target that are no room for what is written: others have them.
    pub(super) fn held_by_others(&self) -> Result<u64, InstallError> {
        match self.plan.layout.beside {
            None => Ok(0),
            Some(_) => Ok(self.target.allocated()?),
        }
    }
}

/// Zeros at the ends of each partition that goes: until the commit the table still names it, and nothing in it may be
/// taken for a file system, or started. An image that is worth proving is left alone.
fn clear_removed(
    plan: &Plan,
    target: &Target,
    beside: &Beside,
    resumed: bool,
    watch: &dyn Watch,
) -> Result<Outcome<()>, TargetError> {
    let image = plan.layout.partitions.iter().filter(|_| resumed);
    let image: Vec<(u64, u64)> = image
        .filter(|one| matches!(one.role, Role::RootA | Role::VerityA))
        .map(|one| (one.offset, one.offset + one.size))
        .collect();
    for (offset, size) in beside.removed.iter().filter_map(|gone| Some((gone.entry?.offset, gone.size))) {
        for edge in edges(offset, size) {
            for (from, to) in without(edge, &image) {
                if target.zero_alone(from, to - from, watch)? == Outcome::Cancelled {
                    return Ok(Outcome::Cancelled);
                }
            }
        }
    }
    target.sync()?;
    Ok(Outcome::Done(()))
}

/// Empties the ends of the partitions that go once more, after a run that did not get as far as the new table: the old one
/// would name new boot files where they lie in the room of the old ones, and they start a system that is not there. The
/// image is left for the next run. It is done as well as it can be.
pub(super) fn withdraw(plan: &Plan, target: &Target) {
    if let Some(beside) = &plan.layout.beside
        && let Err(error) = clear_removed(plan, target, beside, true, &Unwatched)
    {
        log::warn!("{}: what was begun could not be taken back: {error}", target.path());
    }
}

/// The parts of a range that none of the others has.
fn without(range: (u64, u64), others: &[(u64, u64)]) -> Vec<(u64, u64)> {
    others.iter().fold(vec![range], |parts, (from, to)| {
        let rest = |(start, end): (u64, u64)| [(start, end.min(*from)), (start.max(*to), end)];
        parts.into_iter().flat_map(rest).filter(|(start, end)| start < end).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_without_others_is_what_they_leave_of_it() {
        for (others, left) in [
            (&[][..], &[(10, 20)][..]),
            (&[(0, 10), (20, 30)], &[(10, 20)]),
            (&[(12, 14)], &[(10, 12), (14, 20)]),
            (&[(12, 14), (13, 18)], &[(10, 12), (18, 20)]),
            (&[(0, 30)], &[]),
            (&[(5, 15)], &[(15, 20)]),
            (&[(15, 25)], &[(10, 15)]),
        ] {
            assert_eq!(without((10, 20), others), left, "{others:?}");
        }
    }
}
