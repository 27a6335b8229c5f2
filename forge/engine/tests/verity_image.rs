//! An image on its way to a file: only signed blocks arrive, and what arrived is proved.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
mod verity_support;

use std::fs::File;
use std::os::unix::fs::FileExt;

use forge_engine::image::{ImageError, Place, check, read_back, write};
use forge_engine::verity::{BLOCK, RootHash, Trusted, VerityError};
use forge_engine::watch::{Outcome, Unwatched};
use verity_support::*;

const MIB: u64 = 1 << 20;
const PLACE: Place = Place { data: 3 * MIB, tree: MIB };

/// Enough for three pieces of 4 MiB, the last one partial.
const BLOCKS: usize = 2 * 1024 + 300;

fn target() -> File {
    let file = tempfile::tempfile().unwrap();
    file.set_len(PLACE.data + 80 * MIB).unwrap();
    file
}

fn write_to(target: &File, sample: &Sample, trusted: &Trusted) -> Result<Outcome<()>, ImageError> {
    write(&sample.data, &sample.tree, trusted, target, PLACE, &Unwatched)
}

fn written(sample: &Sample) -> File {
    let target = target();
    write_to(&target, sample, &sample.open().unwrap()).unwrap().done().unwrap();
    target
}

fn proof(target: &File, sample: &Sample) -> Result<RootHash, ImageError> {
    let proof = read_back(target, &sample.parameters, PLACE, &Unwatched);
    proof.map(|outcome| outcome.done().unwrap())
}

#[test]
fn image_and_tree_arrive_byte_for_byte_and_nothing_else_does() {
    for blocks in [1, 2, 127, 128, 129, 1023, 1024, 1025, 16385] {
        let sample = Sample::new(blocks, 32);
        let target = written(&sample);
        let disk = bytes(&target);
        let (data, tree) = (bytes(&sample.data), bytes(&sample.tree));
        let (data_at, tree_at) = (PLACE.data as usize, PLACE.tree as usize);
        assert!(disk[data_at..][..data.len()] == data, "{blocks} blocks");
        assert!(disk[tree_at..][..tree.len()] == tree, "{blocks} blocks");
        assert!(disk[..tree_at].iter().all(|byte| *byte == 0));
        assert!(disk[tree_at + tree.len()..data_at].iter().all(|byte| *byte == 0));
        assert!(disk[data_at + data.len()..].iter().all(|byte| *byte == 0));
        assert_eq!(proof(&target, &sample).unwrap(), sample.root, "{blocks} blocks");
    }
}

#[test]
fn progress_adds_up_to_the_bytes_of_image_and_tree() {
    let sample = Sample::new(BLOCKS, 0);
    let (target, trusted) = (target(), sample.open().unwrap());
    let all = sample.parameters.data_bytes() + sample.parameters.tree_bytes();
    let watch = Counter::new(u64::MAX);
    let outcome = write(&sample.data, &sample.tree, &trusted, &target, PLACE, &watch);
    assert_eq!((outcome.unwrap().done(), watch.total()), (Some(()), all));
    let watch = Counter::new(u64::MAX);
    read_back(&target, &sample.parameters, PLACE, &watch).unwrap().done().unwrap();
    assert_eq!(watch.total(), all);
}

#[test]
fn a_block_that_was_not_signed_is_named_and_never_written() {
    for bad in [0, 1, 1023, 1024, 2047, BLOCKS as u64 - 1] {
        let sample = Sample::new(BLOCKS, 32);
        let trusted = sample.open().unwrap();
        flip(&sample.data, bad * BLOCK as u64 + 100);
        let target = target();
        let error = write_to(&target, &sample, &trusted).unwrap_err();
        let ImageError::SourceBlock { block, offset } = error else { panic!("{error:?}") };
        assert_eq!((block, offset), (bad, bad * BLOCK as u64));
        let mut found = [0; BLOCK];
        target.read_exact_at(&mut found, PLACE.data + offset).unwrap();
        assert_eq!(found, [0; BLOCK], "the bad block reached the target");
        target.read_exact_at(&mut found, PLACE.tree).unwrap();
        assert_eq!(found, [0; BLOCK], "a superblock stands before an incomplete image");
        let error = check(&sample.data, &sample.tree, &trusted, &Unwatched).unwrap_err();
        assert!(matches!(error, ImageError::SourceBlock { block, .. } if block == bad));
    }
}

#[test]
fn of_two_bad_blocks_the_first_is_named() {
    let sample = Sample::new(BLOCKS, 0);
    let trusted = sample.open().unwrap();
    flip(&sample.data, 900 * BLOCK as u64);
    flip(&sample.data, 1900 * BLOCK as u64);
    let error = check(&sample.data, &sample.tree, &trusted, &Unwatched).unwrap_err();
    assert!(matches!(error, ImageError::SourceBlock { block: 900, .. }), "{error:?}");
}

#[test]
fn a_tree_that_changes_after_it_was_opened_is_noticed() {
    let sample = Sample::new(BLOCKS, 32);
    let trusted = sample.open().unwrap();
    let leaf = sample.parameters.shape().leaf().unwrap();
    // A swapped medium: other data, and a leaf block that agrees with it.
    let other = [0xee; BLOCK];
    sample.data.write_all_at(&other, 130 * BLOCK as u64).unwrap();
    let swapped = Sample { tree: tempfile::tempfile().unwrap(), ..sample };
    forge_engine::verity::build(&swapped.data, &swapped.parameters, &swapped.tree, 2, &Unwatched)
        .unwrap()
        .done()
        .unwrap();
    let error = write_to(&target(), &swapped, &trusted).unwrap_err();
    let ImageError::Tree(VerityError::TreeBlock { level: 0, block: 1, offset }) = error else { panic!("{error:?}") };
    assert_eq!(offset, leaf.offset(1));
}

#[test]
fn a_source_that_is_short_or_becomes_short_is_refused_with_the_numbers() {
    let sample = Sample::new(BLOCKS, 32);
    let trusted = sample.open().unwrap();
    let wanted = sample.parameters.data_bytes();
    for length in [0, 4096, wanted - 1] {
        sample.data.set_len(length).unwrap();
        let error = write_to(&target(), &sample, &trusted).unwrap_err();
        let ImageError::ShortSource { found, wanted: needed } = error else { panic!("{error:?}") };
        assert_eq!((found, needed), (length, wanted));
    }
    let error = check(&sample.data, &sample.tree, &trusted, &Unwatched).unwrap_err();
    assert!(error.to_string().contains(&wanted.to_string()));
}

#[test]
fn a_tree_that_becomes_short_is_an_error() {
    let sample = Sample::new(BLOCKS, 32);
    let trusted = sample.open().unwrap();
    sample.tree.set_len(3 * 4096).unwrap();
    let error = write_to(&target(), &sample, &trusted).unwrap_err();
    assert!(matches!(error, ImageError::Tree(VerityError::ReadTree { .. })), "{error:?}");
}

#[test]
fn a_changed_block_of_the_image_on_the_target_is_named() {
    for bad in [0, 127, 128, 1500, BLOCKS as u64 - 1] {
        let sample = Sample::new(BLOCKS, 32);
        let target = written(&sample);
        flip(&target, PLACE.data + bad * BLOCK as u64 + 5);
        let error = proof(&target, &sample).unwrap_err();
        let ImageError::TargetBlock { block, offset } = error else { panic!("{error:?}") };
        assert_eq!((block, offset), (bad, PLACE.data + bad * BLOCK as u64));
    }
}

#[test]
fn a_changed_block_of_any_level_of_the_tree_on_the_target_is_named() {
    let sample = Sample::new(16385, 32);
    let target = written(&sample);
    for (number, in_level) in sample.parameters.shape().levels().iter().enumerate() {
        for index in [0, in_level.blocks - 1] {
            let at = PLACE.tree + in_level.offset(index);
            flip(&target, at + 40);
            let error = proof(&target, &sample).unwrap_err();
            let ImageError::TargetTreeBlock { level, block, offset } = error else {
                panic!("level {number}, block {index}: {error:?}")
            };
            assert_eq!((level, block, offset), (number, index, at));
            flip(&target, at + 40);
        }
    }
    assert_eq!(proof(&target, &sample).unwrap(), sample.root);
}

#[test]
fn a_changed_superblock_on_the_target_is_named() {
    let sample = Sample::new(2, 32);
    let target = written(&sample);
    for at in [0, 16, 80, 4095] {
        flip(&target, PLACE.tree + at);
        let error = proof(&target, &sample).unwrap_err();
        assert!(matches!(error, ImageError::TargetSuperblock { offset } if offset == PLACE.tree));
        flip(&target, PLACE.tree + at);
    }
}

#[test]
fn another_image_with_its_own_tree_gives_another_root_hash() {
    let sample = Sample::new(300, 32);
    let other = Sample::new(300, 32);
    flip(&other.data, 0);
    let root = forge_engine::verity::build(&other.data, &other.parameters, &other.tree, 2, &Unwatched);
    let other = Sample { root: root.unwrap().done().unwrap(), ..other };
    let target = written(&other);
    assert_ne!(other.root, sample.root);
    assert_eq!(proof(&target, &sample).unwrap(), other.root);
}

#[test]
fn a_target_that_ends_inside_the_image_or_the_tree_is_named() {
    let sample = Sample::new(BLOCKS, 32);
    let target = written(&sample);
    target.set_len(PLACE.data + 5 * MIB).unwrap();
    let error = proof(&target, &sample).unwrap_err();
    let ImageError::ShortTarget { offset } = error else { panic!("{error:?}") };
    assert_eq!(offset, PLACE.data + 5 * MIB);
}

#[test]
fn places_that_overlap_or_lie_inside_a_block_are_refused() {
    let sample = Sample::new(300, 0);
    let trusted = sample.open().unwrap();
    let end = sample.parameters.data_bytes();
    for (data, tree) in [(0, 100), (512, 8 * MIB), (0, 0), (0, end - 4096), (8192, 0), (u64::MAX - 4095, 0)] {
        let target = target();
        let place = Place { data, tree };
        let error = write(&sample.data, &sample.tree, &trusted, &target, place, &Unwatched);
        assert!(matches!(error, Err(ImageError::Place { .. })), "{place:?}: {error:?}");
        let error = read_back(&target, &sample.parameters, place, &Unwatched);
        assert!(matches!(error, Err(ImageError::Place { .. })), "{place:?}: {error:?}");
    }
}

#[test]
fn a_write_that_is_cancelled_in_the_middle_leaves_no_superblock() {
    let sample = Sample::new(16385, 0);
    let (target, trusted) = (target(), sample.open().unwrap());
    for part in [0, 1, 2] {
        let watch = Counter::new(sample.parameters.data_bytes() / 2 * part);
        let outcome = write(&sample.data, &sample.tree, &trusted, &target, PLACE, &watch).unwrap();
        assert!(is_cancelled(&outcome), "after {part} halves");
        let mut superblock = [0; BLOCK];
        target.read_exact_at(&mut superblock, PLACE.tree).unwrap();
        assert_eq!(superblock, [0; BLOCK]);
    }
    write_to(&target, &sample, &trusted).unwrap().done().unwrap();
    let watch = Counter::new(sample.parameters.data_bytes() / 2);
    let outcome = read_back(&target, &sample.parameters, PLACE, &watch).unwrap();
    assert!(is_cancelled(&outcome));
}
