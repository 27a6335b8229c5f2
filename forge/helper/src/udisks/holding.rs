//! What libblkid's names mean for a person who is about to erase a disk.

use super::objects::Block;
use forge_model::inventory::Holding;

/// libblkid's name of a swap area that holds the memory of a hibernated Linux.
pub(super) const HIBERNATED: &str = "swsuspend";

/// What a partition or disk holds, as far as it could be named.
pub(super) fn of(block: &Block) -> Option<Holding> {
    let name = block.id_type.as_str();
    Some(match name {
        "" => return None,
        "BitLocker" => Holding::Bitlocker,
        "crypto_LUKS" => Holding::Luks,
        "LVM2_member" | "LVM1_member" => Holding::LvmMember,
        "linux_raid_member" => Holding::MdMember,
        "zfs_member" => Holding::ZfsMember,
        "mpath_member" => Holding::MultipathMember,
        "swap" => Holding::Swap,
        // `swsuspend` too: a swap area that holds the memory of a Linux that is hibernated is no free room.
        _ if is_firmware_raid(name) => Holding::FirmwareRaidMember { name: name.into() },
        _ if block.id_usage == "filesystem" => Holding::FileSystem { name: name.into(), label: block.id_label.clone() },
        _ => Holding::Other { name: name.into() },
    })
}

/// The arrays that firmware makes, by libblkid's names (its `superblocks` directory).
fn is_firmware_raid(name: &str) -> bool {
    const NAMES: &[&str] = &[
        "isw_raid_member",
        "ddf_raid_member",
        "lsi_mega_raid_member",
        "via_raid_member",
        "silicon_medley_raid_member",
        "nvidia_raid_member",
        "promise_fasttrack_raid_member",
        "highpoint_raid_member",
        "adaptec_raid_member",
        "jmicron_raid_member",
    ];
    NAMES.contains(&name)
}
