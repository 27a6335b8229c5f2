//! Made-up trees of proc, sysfs and the root directory.

use super::*;
use crate::udisks::objects::{Block, Partition};
use std::os::unix::fs::symlink;

struct Tree(tempfile::TempDir);

impl Tree {
    /// A stick sdb with two partitions, a disk sda with one, and these lines of mountinfo.
    fn new(mounts: &[&str]) -> Self {
        let tree = Self(tempfile::tempdir().unwrap());
        fs::create_dir_all(tree.at("proc/self")).unwrap();
        fs::write(tree.at("proc/self/mountinfo"), mounts.join("\n")).unwrap();
        for made in ["root/dev", "root/medium", "root/layer", "sys/dev/block", "sys/class/block"] {
            fs::create_dir_all(tree.at(made)).unwrap();
        }
        tree.device("pci/sda", "8:0");
        tree.partition("pci/sda/sda1", "8:1");
        tree.device("usb/sdb", "8:16");
        tree.partition("usb/sdb/sdb1", "8:17");
        tree.partition("usb/sdb/sdb2", "8:18");
        tree
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn device(&self, place: &str, number: &str) -> PathBuf {
        let device = self.at("sys/devices").join(place);
        fs::create_dir_all(&device).unwrap();
        fs::write(device.join("dev"), number).unwrap();
        symlink(&device, self.at("sys/dev/block").join(number)).unwrap();
        symlink(&device, self.at("sys/class/block").join(device.file_name().unwrap())).unwrap();
        device
    }

    fn partition(&self, place: &str, number: &str) {
        fs::write(self.device(place, number).join("partition"), "1\n").unwrap();
    }

    fn mapped(&self, name: &str, number: &str, slaves: &[&str]) {
        let device = self.device(&format!("virtual/block/{name}"), number);
        fs::create_dir_all(device.join("slaves")).unwrap();
        for slave in slaves {
            symlink(self.at("sys/class/block").join(slave), device.join("slaves").join(slave)).unwrap();
        }
    }

    fn attached(&self, name: &str, number: &str, file: &str) {
        let device = self.device(&format!("virtual/block/{name}"), number);
        fs::create_dir_all(device.join("loop")).unwrap();
        fs::write(device.join("loop/backing_file"), format!("{file}\n")).unwrap();
        let _ = fs::write(self.at("root").join(file.trim_start_matches('/')), "");
    }

    fn loader_says(&self, id: &str) {
        let variable = self.at("sys").join(LOADER_PARTITION);
        fs::create_dir_all(variable.parent().unwrap()).unwrap();
        let mut value = vec![6, 0, 0, 0];
        value.extend(id.encode_utf16().chain([0]).flat_map(u16::to_le_bytes));
        fs::write(variable, value).unwrap();
    }

    fn find_with(&self, also: &[&str], objects: &Objects) -> BootMedium {
        let roots = Roots { root: self.at("root"), proc: self.at("proc"), sys: self.at("sys") };
        find(&roots, &also.iter().map(PathBuf::from).collect::<Vec<_>>(), objects)
    }

    fn find(&self) -> BootMedium {
        self.find_with(&[], &Objects::default())
    }
}

fn disks(names: &[&str]) -> BootMedium {
    BootMedium::Disks(names.iter().map(|name| (*name).to_owned()).collect())
}

const ID: &str = "11111111-2222-4333-8444-555555555501";

/// A view in which these disks have the partition that [`ID`] names.
fn with_partition(on: &[&str]) -> Objects {
    let mut objects = Objects::default();
    for disk in on {
        let table = format!("/{disk}");
        let partition = Partition { table: table.clone(), id: Uuid::try_parse(ID).ok(), ..Partition::default() };
        let of = |device: String, partition| Block { device, partition, ..Block::default() };
        objects.blocks.insert(table, of(format!("/dev/{disk}"), None));
        objects.blocks.insert(format!("/{disk}1"), of(format!("/dev/{disk}1"), Some(partition)));
    }
    objects
}

const ON_VERITY: &str = "27 1 252:0 / / ro - erofs /dev/mapper/root ro";
const IN_MEMORY: &str = "27 1 0:30 / / rw - tmpfs tmpfs rw";

#[test]
fn a_partition_leads_to_its_disk() {
    assert_eq!(Tree::new(&["27 1 8:18 / / ro - ext4 /dev/sdb2 ro"]).find(), disks(&["sdb"]));
}

#[test]
fn a_sealed_root_leads_through_device_mapper_to_the_stick() {
    let tree = Tree::new(&[ON_VERITY]);
    tree.mapped("dm-0", "252:0", &["sdb1", "sdb2"]);
    assert_eq!(tree.find(), disks(&["dm-0", "sdb"]));
}

#[test]
fn a_live_overlay_leads_through_layer_loop_and_medium_to_the_stick() {
    let tree = Tree::new(&[
        "27 1 0:40 / / rw - overlay live rw,lowerdir=/layer,upperdir=/run/rw/upper,workdir=/run/rw/work",
        "28 27 7:0 / /layer ro - squashfs /dev/loop0 ro",
        "29 27 8:17 / /medium ro - iso9660 /dev/sdb1 ro",
    ]);
    tree.attached("loop0", "7:0", "/medium/system.squashfs");
    assert_eq!(tree.find(), disks(&["loop0", "sdb"]));
}

#[test]
fn an_overlay_whose_layers_all_lie_in_memory_is_unknown() {
    let tree =
        Tree::new(&["27 1 0:40 / / rw - overlay live rw,lowerdir=/layer", "28 27 0:41 / /layer rw - tmpfs t rw"]);
    assert_eq!(tree.find(), BootMedium::Unknown);
}

#[test]
fn an_overlay_over_a_layer_that_it_hides_is_unknown() {
    let tree = Tree::new(&["27 1 0:40 / / rw - overlay live rw,lowerdir=/layer"]);
    assert_eq!(tree.find(), BootMedium::Unknown);
}

#[test]
fn two_files_on_one_medium_lead_to_it_twice() {
    let tree = Tree::new(&[ON_VERITY, "29 27 8:17 / /medium ro - iso9660 /dev/sdb1 ro"]);
    tree.attached("loop0", "7:0", "/medium/system.erofs");
    tree.attached("loop1", "7:1", "/medium/system.verity");
    tree.mapped("dm-0", "252:0", &["loop0", "loop1"]);
    // Here the medium is mounted above the root that came from it.
    assert_eq!(tree.find(), disks(&["dm-0", "loop0", "loop1", "sdb"]));
}

#[test]
fn btrfs_leads_to_every_disk_that_it_spans() {
    let tree = Tree::new(&["27 1 0:25 /@ / rw - btrfs /dev/sda1 rw"]);
    fs::write(tree.at("root/dev/sda1"), "").unwrap();
    let devices = tree.at("sys/fs/btrfs/8e2e7f9a/devices");
    fs::create_dir_all(&devices).unwrap();
    for device in ["sda1", "sdb"] {
        symlink(tree.at("sys/class/block").join(device), devices.join(device)).unwrap();
    }
    assert_eq!(tree.find(), disks(&["sda", "sdb"]));
}

#[test]
fn a_system_in_memory_is_unknown_unless_the_loader_says_where_it_came_from() {
    let tree = Tree::new(&[IN_MEMORY]);
    assert_eq!(tree.find_with(&[], &with_partition(&["sdb"])), BootMedium::Unknown);
    tree.loader_says(ID);
    assert_eq!(tree.find_with(&[], &with_partition(&["sdb"])), disks(&["sdb"]));
    assert_eq!(tree.find_with(&[], &with_partition(&[])), BootMedium::Unknown);
    assert_eq!(tree.find_with(&[], &with_partition(&["sda", "sdb"])), BootMedium::Unknown);
}

#[test]
fn the_loaders_disk_counts_besides_the_one_of_the_root() {
    let tree = Tree::new(&["27 1 8:1 / / ro - ext4 /dev/sda1 ro"]);
    tree.loader_says(ID);
    assert_eq!(tree.find_with(&[], &with_partition(&["sdb"])), disks(&["sda", "sdb"]));
    // A second copy of the medium: which of the two the loader came from, nobody can tell.
    assert_eq!(tree.find_with(&[], &with_partition(&["sda", "sdc"])), disks(&["sda", "sdc"]));
}

#[test]
fn the_disk_that_holds_the_payload_counts_and_a_payload_that_can_not_be_traced_spoils_it() {
    let tree = Tree::new(&["27 1 8:1 / / ro - ext4 /dev/sda1 ro", "28 27 8:17 / /medium ro - vfat /dev/sdb1 ro"]);
    assert_eq!(tree.find_with(&["/medium", "/not/there"], &Objects::default()), disks(&["sda", "sdb"]));
    // In memory is fine, and so is a second path by the same way.
    let tree = Tree::new(&["27 1 8:1 / / ro - ext4 /dev/sda1 ro", "28 27 0:50 / /medium ro - tmpfs t ro"]);
    assert_eq!(tree.find_with(&["/medium", "/layer"], &Objects::default()), disks(&["sda"]));
    let tree = Tree::new(&["27 1 8:1 / / ro - ext4 /dev/sda1 ro", "28 27 0:50 / /medium ro - fuse.x x ro"]);
    assert_eq!(tree.find_with(&["/medium"], &Objects::default()), BootMedium::Unknown);
}

#[test]
fn slaves_that_go_in_a_circle_come_to_an_end() {
    let tree = Tree::new(&[ON_VERITY]);
    tree.mapped("dm-0", "252:0", &["dm-1"]);
    tree.mapped("dm-1", "252:1", &["dm-0"]);
    assert_eq!(tree.find(), BootMedium::Unknown);
}

#[test]
fn a_loop_whose_file_is_gone_or_lies_on_itself_is_unknown() {
    let tree = Tree::new(&["27 1 7:0 / / ro - squashfs /dev/loop0 ro"]);
    tree.attached("loop0", "7:0", "/gone (deleted)");
    fs::remove_file(tree.at("root/gone (deleted)")).unwrap();
    assert_eq!(tree.find(), BootMedium::Unknown);
    let tree = Tree::new(&["27 1 7:0 / / ro - squashfs /dev/loop0 ro"]);
    tree.attached("loop0", "7:0", "/layer/system.squashfs");
    assert_eq!(tree.find(), BootMedium::Unknown);
}

#[test]
fn nothing_readable_is_unknown() {
    let roots = Roots { root: "/".into(), proc: "/nowhere".into(), sys: "/nowhere".into() };
    assert_eq!(find(&roots, &[], &Objects::default()), BootMedium::Unknown);
}

#[test]
fn a_loop_that_shows_the_partitions_of_a_cd_leads_to_its_drive_also_when_the_initrd_attached_it() {
    for name in ["/dev/sr0", "/sr0"] {
        let tree = Tree::new(&["27 1 252:0 / / ro - erofs /dev/mapper/root ro"]);
        tree.device("ata/sr0", "11:0");
        tree.attached("loop0", "7:0", name);
        fs::remove_file(tree.at("root").join(name.trim_start_matches('/'))).unwrap();
        tree.mapped("dm-0", "252:0", &["loop0"]);
        assert_eq!(tree.find(), disks(&["dm-0", "loop0", "sr0"]), "{name}");
    }
}

#[test]
fn a_loop_whose_file_is_called_like_a_disk_does_not_lead_to_that_disk() {
    let tree = Tree::new(&["27 1 7:0 / / ro - erofs /dev/loop0 ro"]);
    tree.attached("loop0", "7:0", "/sda");
    fs::remove_file(tree.at("root/sda")).unwrap();
    assert_eq!(tree.find(), BootMedium::Unknown);
}

#[test]
fn a_copy_of_the_medium_that_is_plugged_in_is_it_as_well_even_where_the_loader_left_no_note() {
    let tree = Tree::new(&[ON_VERITY]);
    tree.mapped("dm-0", "252:0", &["sdb1", "sdb2"]);
    assert_eq!(tree.find_with(&[], &with_partition(&["sdb", "sdc"])), disks(&["dm-0", "sdb", "sdc"]));
    assert_eq!(tree.find_with(&[], &with_partition(&["sda", "sdc"])), disks(&["dm-0", "sdb"]));
}
