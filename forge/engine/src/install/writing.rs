//! Everything that a run writes, stage by stage.

use super::{End, InstallError, Installed, RECEIPT_FILE, RECEIPT_SIGNATURE_FILE, Reached};
use crate::{
    esp::{EspError, Finished},
    gpt,
    image::{self, Place},
    journal::Journal,
    memory,
    nvram::{self, BootEntry},
    payload::Payload,
    prepare::Prepared,
    target::{Target, TargetError, put},
    verity::Trusted,
    watch::{Outcome, Watch},
};
use forge_model::{
    Plan, Receipt, RootHash, Stage,
    layout::{Partition, Role},
    machine::Staged,
};
use std::{
    fs::File,
    iter,
    os::unix::fs::{FileExt, MetadataExt},
    time::SystemTime,
};
use uuid::Uuid;

/// The boot sector of a FAT32 and its copy, which is sector 6.
const HELD_BACK_SECTORS: usize = 7;

/// Room for the partition tables (1 MiB at either end), the receipt, and what a file system needs to keep account.
const REST: u64 = 3 * forge_model::size::MIB;

/// Signatures of file systems, RAID and LVM members lie this near to either end of a partition; VMFS has the deepest,
/// 2 MiB from the start.
const EDGE: u64 = 4 * forge_model::size::MIB;

/// A run that holds everything it writes.
pub(super) struct Writing<'a> {
    pub(super) plan: &'a Plan,
    pub(super) payload: &'a Payload,
    pub(super) target: &'a Target,
    pub(super) prepared: Prepared<'a>,
    pub(super) reached: &'a Reached,
}

impl Writing<'_> {
    pub(super) fn place(&self) -> Place {
        let layout = &self.plan.layout;
        Place { data: layout.must(Role::RootA).offset, tree: layout.must(Role::VerityA).offset }
    }

    pub(super) fn journal(&self, stage: Stage) -> Journal {
        Journal::new(stage, self.plan.payload.root_hash, self.place().data, self.place().tree)
    }

    /// Takes the room that a file target lacks, so that a full file system is noticed while the old contents are there.
    pub(super) fn reserve(&self) -> Result<(), InstallError> {
        self.target.check_identity(&self.plan.target)?;
        let parameters = self.payload.verity_parameters()?;
        let image = parameters.data_bytes() + parameters.tree_bytes();
        self.target.check_room(image + self.file_systems()? + REST + self.held_by_others()?)?;
        Ok(image::reserve(self.target.file(), &parameters, self.place())?)
    }

    /// Bytes of state and ESP that were written in memory, and will be copied.
    pub(super) fn file_systems(&self) -> Result<u64, InstallError> {
        Ok((self.prepared.state.metadata()?.blocks() + self.prepared.esp.blocks()?) * 512)
    }

    /// Makes the disk start nothing, and notes what goes on. True when an earlier run had already proved this image.
    pub(super) fn claim(&self, watch: &dyn Watch) -> Result<Outcome<bool>, InstallError> {
        let (target, plan) = (self.target, self.plan);
        target.check_identity(&plan.target)?;
        if let Some(beside) = &plan.layout.beside {
            return self.claim_beside(beside, watch);
        }
        let earlier = Journal::read(target)?;
        self.reached.replaced.set(partition_ids(target));
        self.reached.written.set(true);
        gpt::erase(target, plan.target.size)?;
        let resumed = earlier.is_some_and(|j| j.stage >= Stage::Write && j.is_for(&self.journal(Stage::Write)));
        self.note(if resumed { Stage::Write } else { Stage::Claim })?;
        Ok(self.clear(resumed, watch)?.map(|()| resumed))
    }

    /// Zeros at the ends of each new partition, but where an image lies that is worth proving.
    pub(super) fn clear(&self, resumed: bool, watch: &dyn Watch) -> Result<Outcome<()>, InstallError> {
        let target = self.target;
        for partition in self.plan.layout.partitions.iter().filter(|one| !one.shared) {
            if resumed && matches!(partition.role, Role::RootA | Role::VerityA) {
                continue;
            }
            for (from, to) in edges(partition.offset, partition.size) {
                if target.zero(from, to - from, watch)? == Outcome::Cancelled {
                    return Ok(Outcome::Cancelled);
                }
            }
        }
        Ok(Outcome::Done(()))
    }

    pub(super) fn write(&self, tree: &File, trusted: &Trusted, watch: &dyn Watch) -> Result<Outcome<()>, InstallError> {
        let image = self.payload.image()?;
        Ok(image::write(&image, tree, trusted, self.target.file(), self.place(), watch)?)
    }

    pub(super) fn prove(&self, watch: &dyn Watch) -> Result<Outcome<RootHash>, InstallError> {
        let parameters = self.payload.verity_parameters()?;
        Ok(image::read_back(self.target.file(), &parameters, self.place(), watch)?)
    }

    /// State and boot files, then the table, then the sector that was held back.
    pub(super) fn finish(self, now: SystemTime, watch: &dyn Watch, begin: impl Fn(Stage)) -> Result<End, InstallError> {
        let cancelled = Ok(End::Cancelled { stage: Stage::Fill });
        let Self { plan, payload, target, prepared, reached } = self;
        let Prepared {
            partitions,
            mut esp,
            state,
            encryption,
            boot_pair,
            keys,
            command_line,
            firmware,
            credentials,
            request,
            certificate,
        } = prepared;
        let state_partition = plan.layout.must(Role::State);
        if copy(target, &state, state_partition, watch)? == Outcome::Cancelled {
            return cancelled;
        }
        drop(state);

        let [boot_key, module_key] = keys;
        let beside = plan.layout.beside.as_ref();
        let disk_id = beside.map_or_else(Uuid::new_v4, |beside| beside.disk_id);
        let receipt = Receipt {
            version: 1,
            forge: env!("CARGO_PKG_VERSION").into(),
            finished: now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |t| t.as_secs()),
            plan_digest: plan.digest(),
            target: plan.target.clone(),
            payload: plan.payload.clone(),
            payload_certificate: payload.signer.certificate.to_hex(),
            payload_subkey: payload.signer.subkey.to_hex(),
            root_hash: plan.payload.root_hash,
            way: beside.map_or_else(Default::default, |beside| beside.way),
            disk_id,
            partitions,
            esp_files: esp.files.clone(),
            firmware,
            encryption,
            boot_key,
            module_key,
            command_line,
            credentials: credentials.services.keys().cloned().collect(),
        };
        let mut receipt_json = serde_json::to_vec_pretty(&receipt).map_err(std::io::Error::from)?;
        receipt_json.push(b'\n');
        let receipt_signature = boot_pair.sign_detached(&receipt_json)?;
        for (name, bytes) in [(RECEIPT_FILE, &receipt_json), (RECEIPT_SIGNATURE_FILE, &receipt_signature)] {
            esp.add(name, &memory::file(c"forge-receipt", bytes)?)?;
        }
        let esp_partition = plan.layout.must(Role::Esp);
        let sector = plan.target.sector_size as usize;
        let mut held_back = vec![0; HELD_BACK_SECTORS * sector];
        let (copied, added) = match esp.finish()? {
            Finished::Whole(esp) => {
                esp.read_exact_at(&mut held_back, 0)?;
                esp.write_all_at(&vec![0; held_back.len()], 0)?;
                (copy(target, &esp, esp_partition, watch)?, None)
            }
            Finished::Added(changes) => match changes.is_as_read(target, esp_partition.offset)? {
                true => (Outcome::Done(()), Some(changes)),
                false => return Err(EspError::NotShared("it changed since it was read".into()).into()),
            },
        };
        // From the commit on a run goes to its end: it takes an instant, and half of it would help nobody.
        if copied == Outcome::Cancelled || watch.cancelled() {
            return cancelled;
        }
        let change = beside.map(|beside| gpt::Change::prepare(target, beside, &receipt.partitions)).transpose()?;
        begin(Stage::Commit);
        target.check_size()?;
        match change {
            Some(change) => {
                if added.is_none() {
                    begin_esp(target, &held_back, esp_partition.offset, sector)?;
                }
                change.write(target)?;
            }
            None => {
                gpt::write(target, plan.target.size, sector as u64, disk_id, &receipt.partitions)?;
                begin_esp(target, &held_back, esp_partition.offset, sector)?;
            }
        }
        if let Some(added) = added {
            // Until here nothing of it was touched: a table that could not be changed leaves no files without a system.
            added.write(target, esp_partition.offset).map_err(InstallError::SharedEsp)?;
        }
        // Only now, when there is something to start. The disk is complete, whatever becomes of this.
        let staged = target.firmware().map_or(Staged::NOT_HERE, |firmware| {
            let sectors = |bytes| bytes / sector as u64;
            let place = receipt.partitions.iter().find(|partition| partition.role == Role::Esp);
            let place = place.map(|esp| (esp.number, sectors(esp.offset), sectors(esp.size), esp.id));
            let (id, name) = (&payload.manifest.id, &payload.manifest.name);
            place.map_or(Staged::NOT_HERE, |place| {
                nvram::stage(firmware, &BootEntry::new(name, id, place, reached.replaced.take()), &request)
            })
        });

        begin(Stage::Receipt);
        Ok(End::Installed(Box::new(Installed {
            receipt,
            receipt_json,
            receipt_signature,
            credentials,
            request,
            certificate,
            staged,
        })))
    }
}

/// The first and the last bytes of a partition, each as start and end: there lies what a file system is told by.
pub(super) fn edges(offset: u64, size: u64) -> [(u64, u64); 2] {
    let edge = size.min(EDGE);
    [(offset, offset + edge), (offset + size - edge, offset + size)]
}

/// The PARTUUIDs that a disk has; none where that can not be told.
fn partition_ids(target: &Target) -> Vec<Uuid> {
    let table = gpt::read(target.file()).ok().flatten();
    let entries = table.into_iter().flat_map(|table| table.entries);
    entries.map(|(_, partition)| Uuid::from_bytes_le(partition.unique_partition_guid)).collect()
}

/// Writes the first sectors of an EFI system partition, which were held back, the boot sector last, and reads them back.
fn begin_esp(target: &Target, held_back: &[u8], offset: u64, sector: usize) -> Result<(), TargetError> {
    let (first, others) = held_back.split_at(sector);
    put(target, iter::once((offset + sector as u64, others)))?;
    put(target, iter::once((offset, first)))
}

/// Writes a file system to its partition and reads it back.
fn copy(target: &Target, image: &File, to: &Partition, watch: &dyn Watch) -> Result<Outcome<()>, TargetError> {
    match target.write_sparse(image, to.offset, to.size, watch)? {
        Outcome::Done(()) => target.prove_sparse(image, to.offset, to.size, watch),
        Outcome::Cancelled => Ok(Outcome::Cancelled),
    }
}
