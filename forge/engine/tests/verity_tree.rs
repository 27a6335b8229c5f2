//! The hash tree: equal to veritysetup's, and believed only when every block of it is right.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
mod verity_support;

use std::fs::File;
use std::process::Command;

use forge_engine::verity::{BLOCK, Parameters, RootHash, SuperblockError, Trusted, VerityError, build};
use forge_engine::watch::Unwatched;
use verity_support::*;

const VERITYSETUP: &str = "/usr/sbin/veritysetup";

/// The tree and the root hash that veritysetup makes of `data`.
fn veritysetup_format(data: &[u8], salt: &[u8]) -> (Vec<u8>, RootHash) {
    let dir = tempfile::tempdir().unwrap();
    let (image, tree) = (dir.path().join("image"), dir.path().join("tree"));
    std::fs::write(&image, data).unwrap();
    let salt = if salt.is_empty() { "-".to_owned() } else { hex::encode(salt) };
    let uuid = "30313233-3435-3637-3839-616263646566";
    let output = Command::new(VERITYSETUP)
        .args(["format", "--salt", &salt, "--uuid", uuid])
        .args([&image, &tree])
        .output()
        .expect("veritysetup is installed");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let root = text.lines().find_map(|line| line.strip_prefix("Root hash:")).unwrap();
    (std::fs::read(tree).unwrap(), root.trim().parse().unwrap())
}

#[test]
fn the_tree_and_the_root_hash_are_byte_for_byte_those_of_veritysetup() {
    for blocks in [1, 2, 127, 128, 129, 1000, 16384, 16385] {
        for salt in [0, 16, 32, 256] {
            let sample = Sample::new(blocks, salt);
            let (tree, root) = veritysetup_format(&bytes(&sample.data), sample.parameters.salt());
            assert_eq!(sample.root, root, "{blocks} blocks, salt of {salt}");
            assert!(bytes(&sample.tree) == tree, "{blocks} blocks, salt of {salt}");
            assert_eq!(sample.parameters.tree_bytes(), tree.len() as u64);
            assert_eq!(Parameters::from_superblock(&tree), Ok(sample.parameters));
        }
    }
}

#[test]
fn the_tree_does_not_depend_on_the_number_of_threads_nor_on_what_the_file_held() {
    let sample = Sample::new(700, 32);
    for threads in [1, 2, 5, 64] {
        let tree = file(&noise(1 << 20));
        let root = build(&sample.data, &sample.parameters, &tree, threads, &Unwatched).unwrap();
        assert_eq!(root.done(), Some(sample.root));
        assert!(bytes(&tree) == bytes(&sample.tree));
    }
}

#[test]
fn data_that_is_not_as_long_as_said_is_refused_with_the_numbers() {
    let odd = Parameters::for_data(4097, vec![], UUID).unwrap_err();
    assert_eq!(odd, SuperblockError::DataLength { bytes: 4097, over: 1 });
    assert_eq!(odd.to_string(), "the image has 4097 bytes, 1 more than a whole number of blocks of 4096 bytes");
    let parameters = Parameters::new(2, vec![], UUID).unwrap();
    for length in [0, 4096, 8191, 8193, 12288] {
        let out = tempfile::tempfile().unwrap();
        let result = build(&file(&noise(length)), &parameters, &out, 2, &Unwatched);
        let Err(VerityError::DataLength { found, wanted: 8192 }) = result else {
            panic!("{length}: {result:?}");
        };
        assert_eq!(found, length as u64);
        assert!(bytes(&out).is_empty());
    }
}

#[test]
fn a_tree_that_is_right_is_trusted_and_progress_adds_up() {
    for blocks in [1, 2, 128, 129, 16385] {
        let sample = Sample::new(blocks, 16);
        let watch = Counter::new(u64::MAX);
        let opened = Trusted::open(&sample.tree, sample.parameters.clone(), sample.root, &watch);
        assert_eq!(opened.unwrap().done().unwrap().root(), sample.root);
        assert_eq!(watch.total(), sample.parameters.tree_bytes());
    }
}

#[test]
fn one_bit_changed_in_any_level_is_found_and_named() {
    let sample = Sample::new(16385, 32);
    let shape = sample.parameters.shape();
    for (number, level) in shape.levels().iter().enumerate() {
        for index in [0, level.blocks / 2, level.blocks - 1] {
            let at = level.offset(index) + 7;
            flip(&sample.tree, at);
            match sample.open().unwrap_err() {
                VerityError::TreeBlock { level, block, offset } => {
                    assert_eq!((level, block, offset), (number, index, at - 7));
                }
                VerityError::WrongRoot { wanted, .. } => {
                    assert_eq!((wanted, number), (sample.root, shape.levels().len() - 1));
                }
                other => panic!("{other:?}"),
            }
            flip(&sample.tree, at);
        }
    }
    sample.open().unwrap();
}

#[test]
fn padding_after_the_last_hash_is_checked_too() {
    let sample = Sample::new(129, 0);
    flip(&sample.tree, sample.parameters.tree_bytes() - 1);
    let error = sample.open().unwrap_err();
    assert!(matches!(error, VerityError::TreeBlock { level: 0, block: 1, .. }), "{error:?}");
}

#[test]
fn another_root_hash_or_another_salt_is_refused() {
    for blocks in [2, 129] {
        let mut sample = Sample::new(blocks, 32);
        let right = sample.root;
        sample.root = RootHash::new([7; 32]);
        let error = sample.open().unwrap_err();
        let VerityError::WrongRoot { found, wanted } = error else { panic!("{error:?}") };
        assert_eq!((found, wanted), (right, sample.root));
        sample.root = right;
        sample.parameters = Parameters::new(blocks as u64, vec![1; 32], UUID).unwrap();
        assert!(matches!(sample.open().unwrap_err(), VerityError::OtherSuperblock));
    }
}

#[test]
fn a_superblock_with_anything_else_in_its_block_is_refused() {
    let sample = Sample::new(2, 32);
    for at in [0, 8, 16, 72, 88, 511] {
        flip(&sample.tree, at);
        let error = sample.open().unwrap_err();
        assert!(matches!(error, VerityError::Superblock(_) | VerityError::OtherSuperblock), "{error:?}");
        flip(&sample.tree, at);
    }
    flip(&sample.tree, BLOCK as u64 - 1);
    assert!(matches!(sample.open().unwrap_err(), VerityError::OtherSuperblock));
}

#[test]
fn a_tree_that_ends_too_early_is_refused_with_the_numbers() {
    let sample = Sample::new(129, 32);
    for length in [0, 511, 4096, 4 * 4096 - 1] {
        sample.tree.set_len(length).unwrap();
        let error = sample.open().unwrap_err();
        let VerityError::ShortTree { found, wanted } = error else { panic!("{error:?}") };
        assert_eq!((found, wanted), (length, 4 * 4096));
    }
}

#[test]
fn building_and_opening_can_be_cancelled_in_the_middle() {
    let sample = Sample::new(16385, 0);
    let half = sample.parameters.data_bytes() / 2;
    let out = tempfile::tempfile().unwrap();
    let watch = Counter::new(half);
    let built = build(&sample.data, &sample.parameters, &out, 2, &watch).unwrap();
    assert!(is_cancelled(&built) && watch.total() < sample.parameters.data_bytes());
    let watch = Counter::new(1);
    let opened = Trusted::open(&sample.tree, sample.parameters.clone(), sample.root, &watch);
    assert!(is_cancelled(&opened.unwrap()));
}

#[test]
fn a_tree_that_cannot_be_written_is_an_error_with_its_place() {
    let sample = Sample::new(2, 0);
    let full = File::options().write(true).open("/dev/full").unwrap();
    let error = build(&sample.data, &sample.parameters, &full, 1, &Unwatched).unwrap_err();
    assert!(matches!(error, VerityError::WriteTree { offset: 4096, .. }), "{error:?}");
}
