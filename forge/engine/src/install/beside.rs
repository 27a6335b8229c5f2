//! The order of writes beside other systems: the old table is in force until everything is in place.
//!
//! | stage | on the disk afterwards |
//! |---|---|
//! | claim | zeros at the ends of room that no partition has |
//! | write, prove, fill | contents in that room, the whole ESP too, and no table that points to them |
//! | commit | the second copy of the table, then the first, with the new partitions added: the one write that counts |
//!
//! The boot sector of the ESP is not held back: nothing finds it before the table does. With it, the commit would be two
//! things, and a cut between them would leave partitions that start nothing. There is no journal either: it would have to
//! lie where somebody else's data may be. What an earlier run left is found by the image's own superblock, and proved.

use super::{InstallError, writing::Writing};
use crate::{
    gpt,
    verity::Parameters,
    watch::{Outcome, Watch},
};
use forge_model::{Stage, layout::Beside};

impl Writing<'_> {
    /// Checks that the table is the one that was confirmed, and empties the room. True when the image may be there.
    pub(super) fn claim_beside(&self, beside: &Beside, watch: &dyn Watch) -> Result<Outcome<bool>, InstallError> {
        gpt::Change::prepare(self.target, beside, &self.prepared.partitions)?;
        let resumed = self.image_may_be_there()?;
        self.reached.written.set(true);
        Ok(self.clear(resumed, watch)?.map(|()| resumed))
    }

    /// Whether the superblock of this image's tree lies where it would be written.
    fn image_may_be_there(&self) -> Result<bool, InstallError> {
        let wanted = self.payload.verity_parameters()?.superblock();
        let mut found = [0; Parameters::SUPERBLOCK];
        self.target.read(&mut found, self.place().tree)?;
        Ok(wanted == found)
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
