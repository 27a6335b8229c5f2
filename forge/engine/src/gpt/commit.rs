//! The one write that counts, and the way back: two copies of a table, one after the other, each flushed and read back.

use super::GptError;
use crate::target::{self, Sectors, TargetError};
use forge_model::OldTable;

/// Offsets and bytes, whole sectors.
pub(super) type Pieces = Vec<(u64, Vec<u8>)>;

/// One copy: what is written, and what is there before.
pub(super) struct CopyChange {
    pub(super) new: Pieces,
    pub(super) old: Pieces,
}

/// Writes the second copy, then the first. When that fails, what was there before is put back, as far as the disk lets
/// it: the first copy first, as that is the one that everybody takes.
pub(super) fn commit(disk: &dyn Sectors, second: &CopyChange, first: &CopyChange) -> Result<(), GptError> {
    let mut first_begun = false;
    let written = put(disk, &second.new).and_then(|()| {
        first_begun = true;
        put(disk, &first.new)
    });
    let Err(source) = written else { return Ok(()) };
    log::error!("{}: the partition table could not be written: {source}", disk.path());
    // A copy that was not written is not touched for this either.
    let first_back = if first_begun { put(disk, &first.old) } else { Ok(()) };
    let second_back = put(disk, &second.old);
    for error in [&first_back, &second_back].into_iter().filter_map(|back| back.as_ref().err()) {
        log::error!("{}: a copy of the old partition table could not be put back: {error}", disk.path());
    }
    let table = match (first_begun, first_back, second_back) {
        (true, Err(_), _) => OldTable::Unknown,
        (_, _, Ok(())) => OldTable::Restored,
        // The first one is back, or was never written: the old table is in force, whatever the second one says.
        (_, _, Err(_)) => OldTable::SecondCopyLost,
    };
    Err(GptError::NotCommitted { source, table })
}

fn put(disk: &dyn Sectors, pieces: &Pieces) -> Result<(), TargetError> {
    target::put(disk, pieces.iter().map(|(offset, bytes)| (*offset, bytes.as_slice())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::faulty::{Fault, Faulty};

    const SECTOR: usize = 512;
    /// Where the four pieces of the tests lie: two of the second copy, one of the first, and one of others between them.
    const SECOND: [u64; 2] = [12, 15];
    const FIRST: u64 = 1;

    fn pieces(at: &[u64], byte: u8) -> Pieces {
        at.iter().map(|sector| (sector * SECTOR as u64, vec![byte; SECTOR])).collect()
    }

    /// The bytes of the disk afterwards, whether it is done, and how many calls there were.
    fn run(faulty: std::ops::Range<usize>, how: Fault) -> (Vec<u8>, Result<(), OldTable>, usize) {
        let disk = Faulty::new(vec![b'o'; 16 * SECTOR], faulty, how);
        let change = |at: &[u64]| CopyChange { new: pieces(at, b'n'), old: pieces(at, b'o') };
        let end = commit(&disk, &change(&SECOND), &change(&[FIRST])).map_err(|error| match error {
            GptError::NotCommitted { table, .. } => table,
            other => panic!("{other}"),
        });
        (disk.bytes(), end, disk.calls())
    }

    fn is(bytes: &[u8], at: &[u64], byte: u8) -> bool {
        at.iter().all(|sector| bytes[*sector as usize * SECTOR..][..SECTOR].iter().all(|found| *found == byte))
    }

    #[test]
    fn a_call_that_fails_once_anywhere_leaves_the_old_table_byte_for_byte() {
        let (bytes, end, calls) = run(0..0, Fault::Fails);
        assert!(end.is_ok() && is(&bytes, &[1, 12, 15], b'n') && is(&bytes, &[0, 2, 11, 13, 14], b'o'));
        for how in [Fault::Fails, Fault::Tears, Fault::Lies] {
            for call in 0..calls {
                let (bytes, end, _) = run(call..call + 1, how);
                if end.is_ok() {
                    // A flush or a read that lies once can not be told from one that does not; the bytes are there.
                    assert!(how == Fault::Lies && is(&bytes, &[1, 12, 15], b'n'), "{how:?} {call}");
                    continue;
                }
                assert_eq!(end, Err(OldTable::Restored), "{how:?} {call}");
                assert!(bytes.iter().all(|byte| *byte == b'o'), "{how:?} {call}");
            }
        }
    }

    #[test]
    fn a_disk_that_fails_from_a_call_on_is_never_said_to_be_as_it_was_when_it_is_not() {
        let (_, _, calls) = run(0..0, Fault::Fails);
        let mut seen = Vec::new();
        for how in [Fault::Fails, Fault::Tears, Fault::Lies] {
            for call in 0..calls {
                let (bytes, end, _) = run(call..usize::MAX, how);
                match end {
                    Ok(()) => assert!(is(&bytes, &[1, 12, 15], b'n'), "{how:?} {call}"),
                    Err(OldTable::Restored | OldTable::Untouched) => {
                        assert!(bytes.iter().all(|byte| *byte == b'o'), "{how:?} {call}");
                    }
                    Err(OldTable::SecondCopyLost) => assert!(is(&bytes, &[FIRST], b'o'), "{how:?} {call}"),
                    Err(OldTable::Unknown | OldTable::Replaced) => {}
                }
                seen.extend(end.err());
            }
        }
        assert!(seen.contains(&OldTable::Unknown) && seen.contains(&OldTable::SecondCopyLost), "{seen:?}");
    }

    #[test]
    fn the_first_copy_is_not_written_for_a_second_one_that_failed() {
        let (_, end, calls) = run(1..2, Fault::Fails);
        assert_eq!(end, Err(OldTable::Restored));
        // One write that works, one that fails; then two writes, a flush and two reads of the way back.
        assert_eq!(calls, 2 + 5);
    }
}
