use super::*;
use crate::watch::{Stop, Unwatched};

fn file_of(bytes: u64) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(bytes).unwrap();
    // Only the path stays: a descriptor of our own would not count, but one of a copy in a child would.
    file
}

#[test]
fn a_file_that_another_process_holds_is_refused_by_name() {
    let file = file_of(4096);
    let stdin = File::open(file.path()).unwrap();
    let mut child = std::process::Command::new("/bin/sleep").arg("60").stdin(stdin).spawn().unwrap();
    let error = Target::open_file(file.path()).unwrap_err().to_string();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(error.contains("sleep"), "{error}");
}

#[test]
fn a_directory_and_a_device_are_refused() {
    let error = Target::open_file(Path::new("/tmp")).unwrap_err().to_string();
    assert!(error.contains("a directory"), "{error}");
    let error = Target::open_file(Path::new("/dev/null")).unwrap_err().to_string();
    assert!(error.contains("a character device"), "{error}");
}

#[test]
fn a_write_past_the_end_is_refused() {
    let file = file_of(4096);
    let target = Target::open_file(file.path()).unwrap();
    assert!(target.write(&[1; 2], 4095).is_err());
    assert!(target.write(&[1; 2], u64::MAX).is_err());
    assert_eq!(target.file().metadata().unwrap().len(), 4096);
}

#[test]
fn a_sparse_image_replaces_what_was_there() {
    let file = file_of(4 << 20);
    let target = Target::open_file(file.path()).unwrap();
    target.write(&vec![0xff; 4 << 20], 0).unwrap();
    let image = tempfile::tempfile().unwrap();
    image.set_len(2 << 20).unwrap();
    image.write_all_at(b"data", 1 << 20).unwrap();
    target.write_sparse(&image, 1 << 20, 2 << 20, &Unwatched).unwrap().done().unwrap();
    let all = fs::read(file.path()).unwrap();
    assert_eq!(&all[2 << 20..(2 << 20) + 4], b"data");
    assert!(all[1 << 20..2 << 20].iter().all(|b| *b == 0));
    assert!(all[..1 << 20].iter().all(|b| *b == 0xff) && all[3 << 20..].iter().all(|b| *b == 0xff));
}

#[test]
fn a_file_that_shrinks_is_noticed() {
    let file = file_of(8192);
    let target = Target::open_file(file.path()).unwrap();
    file.as_file().set_len(4096).unwrap();
    assert!(target.check_size().is_err());
}

#[test]
fn a_stop_ends_the_copy_of_an_image_before_its_next_piece() {
    let file = file_of(4 << 20);
    let target = Target::open_file(file.path()).unwrap();
    let image = tempfile::tempfile().unwrap();
    image.write_all_at(&vec![1; 2 << 20], 0).unwrap();
    let stop = Stop::default();
    stop.request();
    assert_eq!(target.write_sparse(&image, 0, 4 << 20, &stop).unwrap(), Outcome::Cancelled);
    assert_eq!(fs::read(file.path()).unwrap(), vec![0; 4 << 20]);
    assert_eq!(target.prove_sparse(&image, 0, 4 << 20, &stop).unwrap(), Outcome::Cancelled);
}

#[test]
fn what_is_no_block_device_is_not_taken_as_a_disk() {
    let disk = Disk {
        identity: Identity { path: "/dev/sdz".into(), serial: None, wwn: None, sequence: None },
        model: None,
        kind: DiskKind::Disk,
        transport: forge_model::inventory::Transport::Other,
        rotational: false,
        removable: false,
        size: 0,
        sector_size: 512,
        content: forge_model::inventory::Content::Empty,
        obstacles: Vec::new(),
    };
    let refused = |file| Target::device(file, &disk).unwrap_err().to_string();
    assert_eq!(refused(tempfile::tempfile().unwrap()), "/dev/sdz is a plain file, not a whole disk");
    assert_eq!(refused(File::open("/dev/null").unwrap()), "/dev/sdz is a character device, not a whole disk");
}
