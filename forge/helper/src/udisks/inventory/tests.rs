use super::*;
use std::collections::BTreeSet;

/// A disk sda with partitions sda1 (ext4) and sda2, on a drive.
fn machine() -> Objects {
    let mut objects = Objects::default();
    let drive = Drive { model: "Disk 9000".into(), media_available: true, ..Drive::default() };
    objects.drives.insert("/drive".into(), drive);
    let block =
        |device: &str| Block { device: device.into(), size: 1 << 40, drive: Some("/drive".into()), ..Block::default() };
    let partition = |number| Partition { table: "/sda".into(), number, size: 1 << 30, ..Partition::default() };
    objects.blocks.insert("/sda".into(), Block { table: Some("gpt".into()), ..block("/dev/sda") });
    for number in [2, 1] {
        let part = Block { partition: Some(partition(number)), ..block(&format!("/dev/sda{number}")) };
        objects.blocks.insert(format!("/sda{number}"), part);
    }
    objects
}

fn change<'a>(objects: &'a mut Objects, path: &str) -> &'a mut Block {
    objects.blocks.get_mut(path).unwrap()
}

fn booted_elsewhere() -> BootMedium {
    BootMedium::Disks(BTreeSet::from(["sdz".to_owned()]))
}

fn disk(objects: &Objects) -> Disk {
    let found = inventory(objects, &Sysfs::default(), &booted_elsewhere());
    found.disk("/dev/sda").unwrap().clone()
}

#[test]
fn partitions_stand_in_the_order_of_the_table() {
    let Content::Table { partitions, .. } = disk(&machine()).content else { panic!("no table") };
    assert_eq!(partitions.iter().map(|p| p.number).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn a_disk_that_nobody_uses_can_be_taken() {
    assert_eq!(disk(&machine()).obstacles, []);
}

#[test]
fn every_mount_and_swap_of_any_partition_stands_in_the_way() {
    let mut objects = machine();
    change(&mut objects, "/sda1").mounted_at = vec!["/mnt".into(), "/srv".into()];
    change(&mut objects, "/sda2").swaps = true;
    let mounted = |at: &str| Obstacle::Mounted { device: "/dev/sda1".into(), at: at.into() };
    let swap = Obstacle::Swap { device: "/dev/sda2".into() };
    assert_eq!(disk(&objects).obstacles, [mounted("/mnt"), mounted("/srv"), swap]);
}

#[test]
fn a_btrfs_that_is_mounted_by_another_device_uses_this_one_too() {
    let mut objects = machine();
    for (path, at) in [("/sda1", None), ("/other", Some("/home".to_owned()))] {
        let mut block = objects.blocks.get("/sda1").cloned().unwrap_or_default();
        block.device = format!("/dev{path}");
        (block.id_type, block.id_uuid) = ("btrfs".into(), "one".into());
        block.mounted_at = at.into_iter().collect();
        block.drive = block.drive.filter(|_| path != "/other");
        block.partition = block.partition.filter(|_| path != "/other");
        objects.blocks.insert(path.into(), block);
    }
    let mounted = Obstacle::Mounted { device: "/dev/sda1".into(), at: "/home".into() };
    assert_eq!(disk(&objects).obstacles, [mounted]);
}

#[test]
fn an_unlocked_volume_and_a_running_array_hold_the_disk_even_when_sysfs_says_nothing() {
    let mut objects = machine();
    objects.blocks.insert("/open".into(), Block { device: "/dev/dm-0".into(), ..Block::default() });
    change(&mut objects, "/sda1").cleartext = Some("/open".into());
    change(&mut objects, "/sda2").array = Some("/mdraid/one".into());
    let open = Obstacle::Held { device: "/dev/sda1".into(), by: "/dev/dm-0".into() };
    assert_eq!(disk(&objects).obstacles, std::slice::from_ref(&open));
    objects.running_arrays = vec!["/mdraid/one".into()];
    let array = Obstacle::Held { device: "/dev/sda2".into(), by: "/dev/md/one".into() };
    assert_eq!(disk(&objects).obstacles, [open, array]);
}

#[test]
fn a_mere_member_is_named_and_does_not_stand_in_the_way() {
    for (name, holding) in [
        ("LVM2_member", Holding::LvmMember),
        ("linux_raid_member", Holding::MdMember),
        ("zfs_member", Holding::ZfsMember),
        ("crypto_LUKS", Holding::Luks),
        ("BitLocker", Holding::Bitlocker),
    ] {
        let mut objects = machine();
        change(&mut objects, "/sda1").id_type = name.into();
        let disk = disk(&objects);
        assert_eq!(disk.obstacles, []);
        let Content::Table { partitions, .. } = disk.content else { panic!("no table") };
        assert_eq!(partitions[0].holding.as_ref(), Some(&holding));
    }
}

#[test]
fn when_nobody_knows_what_the_system_came_from_no_disk_can_be_taken() {
    let found = inventory(&machine(), &Sysfs::default(), &BootMedium::Unknown);
    assert!(found.disks.iter().all(|disk| disk.obstacles == [Obstacle::BootMediumUnknown]));
}

#[test]
fn a_disk_without_a_drive_or_for_discs_or_an_area_of_emmc_is_no_disk() {
    let none = |objects: &Objects| inventory(objects, &Sysfs::default(), &booted_elsewhere()).disks.is_empty();
    let mut objects = machine();
    change(&mut objects, "/sda").drive = None;
    assert!(none(&objects));
    let mut objects = machine();
    objects.drives.get_mut("/drive").unwrap().takes = vec!["optical_cd".into()];
    assert!(none(&objects));
    for area in ["/dev/mmcblk0boot0", "/dev/mmcblk0rpmb", "/dev/mmcblk1gp0"] {
        let mut objects = machine();
        change(&mut objects, "/sda").device = area.into();
        assert!(none(&objects), "{area}");
    }
}

#[test]
fn vendor_and_model_make_one_name() {
    let name = |vendor: &str, model: &str| {
        self::model(&Drive { vendor: vendor.into(), model: model.into(), ..Drive::default() })
    };
    assert_eq!(name("ATA", "Samsung SSD").as_deref(), Some("Samsung SSD"));
    assert_eq!(name("Samsung", "samsung SSD").as_deref(), Some("samsung SSD"));
    assert_eq!(name("Generic-", "SD/MMC").as_deref(), Some("Generic SD/MMC"));
    assert_eq!(name("SanDisk", "").as_deref(), Some("SanDisk"));
    assert_eq!(name("", ""), None);
}
