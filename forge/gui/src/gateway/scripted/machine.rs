//! The machine that is played: four disks of the kinds that people have, and a payload with many choices.

use forge_model::{
    Answers, Disk, Handover, Inventory, Manifest, Plan, Receipt, Secret,
    answers::{DiskAnswers, Way},
    esp,
    firmware::Device,
    handover::DiskKeys,
    inventory::{Content, DiskKind, Entry, Found, Gpt, Holding, Identity, Obstacle, ShrinkFault, Shrinks, Transport},
    layout::{Partition, Role},
    machine::{Firmware, Preflight, SecureBoot, Staged, Staging, StagingFault},
    plan::PasswordKind,
    receipt::{Key, WrittenPartition},
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use uuid::Uuid;

const GB: u64 = 1_000_000_000;
const MB: u64 = 1_000_000;

fn entry(path: &str, size: u64) -> Value {
    json!({ "path": path, "size": size, "sha256": "ab".repeat(32) })
}

fn bundle(name: &str, title: &str, vendor: &str, kind: &str, files: &[&str], modalias: &str) -> Value {
    let files: Vec<Value> =
        files.iter().map(|path| json!({ "path": path, "size": MB, "sha256": "cd".repeat(32) })).collect();
    json!({
        "name": name, "title": title, "vendor": vendor, "kind": kind,
        "licence": { "id": format!("LicenseRef-{name}"), "text": entry(&format!("firmware/{name}.licence"), 2000) },
        "image": entry(&format!("firmware/{name}.raw"), 1_400_000), "root_hash": "6c".repeat(32),
        "files": files, "modaliases": [modalias], "without": "Something does not work.",
    })
}

/// The licence of a bundle that is played.
pub fn licence(bundle: &str) -> String {
    format!(
        "The licence of {bundle}.\n\nThis is no licence of anybody: it stands here so that the window has a text to show.\n\n\
         {}",
        "A maker of firmware would say here what may be done with the files, and that nobody may take them apart.\n\n"
            .repeat(12)
    )
}

/// The devices that firmware is a question for: Wi-Fi, graphics and the processor.
fn devices() -> Vec<Device> {
    let device = |modalias: &str, name: Option<&str>, driver: Option<&str>, missed: &[&str]| Device {
        modalias: modalias.into(),
        name: name.map(str::to_owned),
        driver: driver.map(str::to_owned),
        missed: missed.iter().map(|file| (*file).to_owned()).collect(),
    };
    vec![
        device("cpu:type:x86,ven0002fam0019mod0021:feature:", None, None, &[]),
        device(
            "pci:v00001002d000073BFsv00001002sd00000E3Abc03sc00i00",
            Some("Advanced Micro Devices, Inc. [AMD/ATI] Navi 21 [Radeon RX 6800/6800 XT / 6900 XT]"),
            Some("amdgpu"),
            &["amdgpu/sienna_cichlid_sos.bin"],
        ),
        device(
            "pci:v00008086d00002723sv00008086sd00000084bc02sc80i00",
            Some("Intel Corporation Wi-Fi 6 AX200"),
            Some("iwlwifi"),
            &["iwlwifi-cc-a0-77.ucode"],
        ),
    ]
}

/// The payload.
pub fn manifest() -> Manifest {
    let keyboards: Vec<Value> = [
        ("us", ""),
        ("us", "intl"),
        ("gb", ""),
        ("de", ""),
        ("de", "nodeadkeys"),
        ("de", "neo"),
        ("at", ""),
        ("ch", ""),
        ("fr", ""),
        ("fr", "bepo"),
        ("es", ""),
        ("it", ""),
        ("pt", ""),
        ("br", ""),
        ("pl", ""),
        ("cz", ""),
        ("se", ""),
        ("no", ""),
        ("dk", ""),
        ("fi", ""),
        ("nl", ""),
        ("ara", ""),
        ("il", ""),
        ("ru", ""),
        ("ua", ""),
        ("gr", ""),
        ("tr", ""),
        ("jp", ""),
    ]
    .map(|(layout, variant)| json!({ "layout": layout, "variant": variant, "keymap": layout }))
    .into();
    let value = json!({
        "version": 1, "id": "intergenos", "name": "InterGenOS", "release": "1.0",
        "image": {
            "data": entry("system.img", 3_600 * MB), "tree": entry("system.verity", 29 * MB), "file_system": "erofs",
            "root_hash": "5b".repeat(32), "salt": "00".repeat(32),
            "uuid": "0f0e0d0c-0b0a-0908-0706-050403020100", "block_size": 4096,
        },
        "boot": {
            "kernel": entry("kernel", 14 * MB), "kernel_release": "6.18.0", "initrd": entry("initrd", 38 * MB),
            "command_line": "quiet", "os_release": entry("os-release", 300), "shim": entry("shim", MB),
            "mok_manager": entry("mm", MB), "fallback": entry("fb", MB / 10), "grub": entry("grub", 2 * MB),
        },
        "accounts": {
            "passwd": entry("passwd", 1000), "group": entry("group", 1000), "shadow": entry("shadow", 1000),
            "gshadow": entry("gshadow", 1000), "subuid": entry("subuid", 0), "subgid": entry("subgid", 0),
            "shell": "/bin/bash", "groups": ["wheel"],
        },
        "offered": {
            "locales": [
                "ar_EG.UTF-8", "cs_CZ.UTF-8", "da_DK.UTF-8", "de_AT.UTF-8", "de_CH.UTF-8", "de_DE.UTF-8", "el_GR.UTF-8",
                "en_GB.UTF-8", "en_US.UTF-8", "es_ES.UTF-8", "es_MX.UTF-8", "fi_FI.UTF-8", "fr_FR.UTF-8", "he_IL.UTF-8",
                "it_IT.UTF-8", "ja_JP.UTF-8", "nb_NO.UTF-8", "nl_NL.UTF-8", "pl_PL.UTF-8", "pt_BR.UTF-8", "ru_RU.UTF-8",
                "sv_SE.UTF-8", "tr_TR.UTF-8", "uk_UA.UTF-8",
            ],
            "keyboards": keyboards,
            "timezones": [
                "Africa/Cairo", "Africa/Johannesburg", "Africa/Lagos", "Africa/Nairobi", "America/Argentina/Buenos_Aires",
                "America/Chicago", "America/Denver", "America/Los_Angeles", "America/Mexico_City", "America/New_York",
                "America/Sao_Paulo", "Asia/Dubai", "Asia/Jerusalem", "Asia/Kolkata", "Asia/Shanghai", "Asia/Singapore",
                "Asia/Tokyo", "Australia/Sydney", "Europe/Amsterdam", "Europe/Athens", "Europe/Berlin",
                "Europe/Copenhagen", "Europe/Helsinki", "Europe/Istanbul", "Europe/Kyiv", "Europe/Lisbon",
                "Europe/London", "Europe/Madrid", "Europe/Oslo", "Europe/Paris", "Europe/Prague", "Europe/Rome",
                "Europe/Stockholm", "Europe/Vienna", "Europe/Warsaw", "Europe/Zurich", "Pacific/Auckland", "UTC",
            ],
        },
        "credentials": [{ "name": "mesh.token", "kind": "hex", "bytes": 32, "unit": "mesh.service" }],
        "minimum_state_bytes": 4 * GB,
        "firmware": [
            bundle("intel-wifi", "Intel Wi-Fi", "Intel Corporation", "wi-fi", &["iwlwifi-cc-a0-77.ucode"],
                   "pci:v00008086d00002723sv*sd*bc*sc*i*"),
            bundle("amd-graphics", "AMD graphics", "Advanced Micro Devices, Inc.", "graphics", &[
                "amdgpu/sienna_cichlid_ce.bin", "amdgpu/sienna_cichlid_dmcub.bin", "amdgpu/sienna_cichlid_me.bin",
                "amdgpu/sienna_cichlid_mec.bin", "amdgpu/sienna_cichlid_mec2.bin", "amdgpu/sienna_cichlid_pfp.bin",
                "amdgpu/sienna_cichlid_rlc.bin", "amdgpu/sienna_cichlid_sdma.bin", "amdgpu/sienna_cichlid_smc.bin",
                "amdgpu/sienna_cichlid_sos.bin", "amdgpu/sienna_cichlid_ta.bin", "amdgpu/sienna_cichlid_vcn.bin",
            ], "pci:v00001002d000073BFsv*sd*bc*sc*i*"),
            bundle("amd-microcode", "AMD microcode", "Advanced Micro Devices, Inc.", "processor",
                   &["amd-ucode/microcode_amd_fam19h.bin"], "cpu:type:x86,ven0002fam*mod*:feature:*"),
            // No device of this machine wants it, so nobody sees it.
            bundle("intel-sound", "Intel Smart Sound", "Intel Corporation", "sound", &["intel/sof/sof-tgl.ri"],
                   "pci:v00008086d0000A0C8sv*sd*bc*sc*i*"),
        ],
    });
    serde_json::from_value(value).expect("a manifest")
}

/// What the demo's answers do to a disk, with these for the disk itself.
pub fn plan(inventory: &Inventory, path: &str, disk: DiskAnswers) -> Plan {
    let text = include_str!("../../../../../data/demo/answers.toml");
    let mut answers = Answers::parse(text).expect("the demo's answers are some");
    // A whole disk is what they are for already.
    if disk.way != Way::WholeDisk {
        answers.disk = disk;
    }
    Plan::new(inventory, path, &answers, &manifest(), "00").expect("it fits")
}

fn disk(path: &str, model: &str, transport: Transport, size: u64, content: Content) -> Disk {
    let serial = format!("S{}", path.len() * 7_919_733);
    let identity = Identity { path: path.into(), serial: Some(serial), wwn: None, sequence: Some(9) };
    Disk {
        identity,
        model: Some(model.into()),
        kind: DiskKind::Disk,
        transport,
        rotational: false,
        removable: transport == Transport::Usb,
        size,
        sector_size: 512,
        content,
        obstacles: vec![],
    }
}

fn found(number: u32, label: &str, size: u64, holding: Option<Holding>) -> Found {
    Found { number, label: label.into(), type_id: None, size, holding, entry: None, shrinks: None, esp: None }
}

fn file_system(name: &str, label: &str) -> Option<Holding> {
    Some(Holding::FileSystem { name: name.into(), label: label.into() })
}

/// The disks.
pub fn inventory() -> Inventory {
    let windows = vec![
        esp(1, "EFI system partition", "SYSTEM", 272 * MB, 238 * MB),
        found(2, "Microsoft reserved partition", 16 * MB, None),
        not_smaller(found(3, "Basic data partition", 812 * GB, Some(Holding::Bitlocker)), ShrinkFault::Wrapped),
        found(4, "", 900 * MB, file_system("ntfs", "Recovery")),
    ];
    let photos = vec![found(1, "Photos", 4000 * GB, file_system("ext4", "Photos"))];
    let array = Content::Whole { holding: Holding::FirmwareRaidMember { name: "isw_raid_member".into() } };
    let mut medium = disk("/dev/sdc", "SanDisk Ultra Fit", Transport::Usb, 64 * GB, Content::Unknown);
    medium.obstacles = vec![Obstacle::BootMedium];
    let mut used = disk("/dev/sda", "WDC WD40EZAX", Transport::Ata, 4_000 * GB, table(photos));
    used.rotational = true;
    used.obstacles = vec![Obstacle::Mounted { device: "/dev/sda1".into(), at: "/run/media/live/Photos".into() }];
    let mut member = disk("/dev/sdb", "INTEL SSDSC2KB48", Transport::Ata, 480 * GB, array.clone());
    if let Content::Whole { holding } = array {
        member.obstacles = vec![Obstacle::PartOf { holding }];
    }
    Inventory {
        devices: devices(),
        tpm2: true,
        disks: vec![
            disk("/dev/nvme0n1", "Samsung SSD 990 PRO", Transport::Nvme, 1_000 * GB, laid(windows, 1_000 * GB)),
            used,
            member,
            medium,
            disk("/dev/nvme1n1", "KIOXIA EXCERIA", Transport::Nvme, 2_000 * GB, Content::Empty),
        ],
        firmware: Some(firmware()),
    }
}

fn firmware() -> Preflight {
    let firmware = Firmware { secure_boot: SecureBoot::On, shim_validates: true, writable: true, free: Some(42 << 10) };
    Preflight { firmware, faults: vec![] }
}

/// Another machine: a Windows that fills its disk and can be made smaller, an earlier system beside photos, and a
/// Fedora.
pub fn shared_inventory() -> Inventory {
    let windows = vec![
        esp(1, "EFI system partition", "SYSTEM", 104 * MB, 61 * MB),
        found(2, "Microsoft reserved partition", 16 * MB, None),
        smaller(found(3, "Basic data partition", 998 * GB, file_system("ntfs", "Windows")), 214 * GB),
        not_smaller(found(4, "", 900 * MB, file_system("ntfs", "Recovery")), ShrinkFault::Hibernated),
    ];
    let slot = |number: u32, role: Role, label: &str, size: u64| Found {
        type_id: Some(role.type_id()),
        ..found(number, label, size, None)
    };
    let earlier = vec![
        with_files(esp(1, "esp", "ESP", 1074 * MB, 862 * MB), &["EFI/intergenos/shimx64.efi", "EFI/BOOT/BOOTX64.EFI"]),
        slot(2, Role::RootA, "intergenos_0.9", 5 * GB),
        slot(3, Role::VerityA, "intergenos_0.9_verity", 44 * MB),
        slot(4, Role::RootB, "_empty", 5 * GB),
        slot(5, Role::VerityB, "_empty", 44 * MB),
        Found { holding: file_system("ext4", ""), ..slot(6, Role::State, "state", 300 * GB) },
        smaller(found(7, "Photos", 160 * GB, file_system("ext4", "Photos")), 96 * GB),
    ];
    let fedora = vec![
        esp(1, "EFI System Partition", "EFI", 1074 * MB, 862 * MB),
        not_smaller(found(2, "fedora", 280 * GB, file_system("btrfs", "fedora")), ShrinkFault::FileSystem),
        found(3, "swap", 8 * GB, Some(Holding::Swap)),
        smaller(found(4, "Photos", 160 * GB, file_system("ext4", "Photos")), 96 * GB),
    ];
    let group = vec![not_smaller(found(1, "", 480 * GB, Some(Holding::LvmMember)), ShrinkFault::Wrapped)];
    Inventory {
        tpm2: true,
        devices: devices(),
        disks: vec![
            disk("/dev/nvme0n1", "Samsung SSD 990 PRO", Transport::Nvme, 1_000 * GB, laid(windows, 1_000 * GB)),
            disk("/dev/sda", "CT500MX500SSD1", Transport::Ata, 500 * GB, laid(earlier, 500 * GB)),
            disk("/dev/sdb", "INTEL SSDSC2KB48", Transport::Ata, 480 * GB, table(group)),
            disk("/dev/sdc", "WDS500G2B0A", Transport::Ata, 500 * GB, laid(fedora, 500 * GB)),
        ],
        firmware: Some(firmware()),
    }
}

fn esp(number: u32, label: &str, name: &str, size: u64, free: u64) -> Found {
    let type_id = Some(Role::Esp.type_id());
    Found {
        type_id,
        esp: Some(esp::Content::Fat { free: Some(free), files: None }),
        ..found(number, label, size, file_system("vfat", name))
    }
}

/// An EFI system partition with these files, which are all alike.
fn with_files(found: Found, paths: &[&str]) -> Found {
    let file = |path: &&str| esp::File { path: (*path).into(), size: 1 << 20 };
    let files = Some(paths.iter().map(file).collect());
    Found { esp: Some(esp::Content::Fat { free: found.free(), files }), ..found }
}

fn smaller(found: Found, least: u64) -> Found {
    Found { shrinks: Some(Shrinks::To { least }), ..found }
}

fn not_smaller(found: Found, why: ShrinkFault) -> Found {
    Found { shrinks: Some(Shrinks::Not { why }), ..found }
}

/// A table that was read: its partitions lie one behind the other, and the rest is free.
fn laid(mut partitions: Vec<Found>, size: u64) -> Content {
    const MIB: u64 = 1 << 20;
    let mut at = MIB;
    for found in &mut partitions {
        found.size = found.size / MIB * MIB;
        found.entry = Some(Entry { offset: at, id: Uuid::from_u128(u128::from(found.number)), attributes: 0 });
        at += found.size;
    }
    let gpt = Gpt {
        disk_id: Uuid::from_u128(7),
        sector_size: 512,
        first_usable: 34 * 512,
        end_usable: size / 512 * 512 - 33 * 512,
        entries: 128,
        fault: None,
    };
    Content::Table { table: "gpt".into(), partitions, gpt: Some(gpt) }
}

fn table(partitions: Vec<Found>) -> Content {
    Content::Table { table: "gpt".into(), partitions, gpt: None }
}

/// The proof of the install that is played.
pub fn receipt(plan: &Plan) -> Receipt {
    let key = |name: &str| Key { name: name.into(), sha1: "1A".repeat(20), sha256: "2B".repeat(32) };
    Receipt {
        way: plan.layout.beside.as_ref().map(|beside| beside.way).unwrap_or_default(),
        version: 1,
        forge: env!("CARGO_PKG_VERSION").into(),
        finished: 1_790_000_000,
        plan_digest: plan.digest(),
        target: plan.target.clone(),
        payload: plan.payload.clone(),
        payload_certificate: "F0".repeat(20),
        payload_subkey: "F1".repeat(20),
        root_hash: plan.payload.root_hash,
        disk_id: Uuid::from_u128(7),
        partitions: plan.layout.partitions.iter().map(written).collect(),
        esp_files: vec![],
        firmware: vec![],
        encryption: None,
        boot_key: key("boot key of quiet-otter"),
        module_key: key("module key of quiet-otter"),
        command_line: String::new(),
        credentials: vec!["mesh.token".into()],
    }
}

fn written(one: &Partition) -> WrittenPartition {
    let (role, offset, size) = (one.role, one.offset, one.size);
    let id = Uuid::from_u128(u128::from(one.number));
    WrittenPartition { number: one.number, role, offset, size, label: one.label.clone(), id, shared: one.shared }
}

/// The recovery key that is played. It opens nothing.
pub fn recovery_key() -> Secret {
    Secret::new("cbdefghi-jklnrtuv-vutrnlkj-ihgfedbc-ccbbddee-ffgghhii-jjkkllnn-rrttuuvv".into())
}

/// What opens the disk that is played.
pub fn disk_keys(kind: PasswordKind) -> DiskKeys {
    let made = || Secret::new("marble sparrow hums under winter bridge".into());
    DiskKeys { passphrase: (kind == PasswordKind::Generated).then(made), recovery: recovery_key() }
}

/// What was left in a firmware that has no room.
pub fn refused_request() -> Staged {
    let failed =
        || Staging::Failed { fault: StagingFault::NoRoom, details: "No space left on device (os error 28)".into() };
    Staged { boot_entry: failed(), request: failed() }
}

/// What the install that is played hands over. Nothing of it opens anything.
pub fn handover() -> Handover {
    let secret = |text: &str| Secret::new(text.into());
    Handover {
        receipt_json: "{}".into(),
        receipt_signature: String::new(),
        certificate: String::new(),
        disk: None,
        user_password: Some(secret("copper lantern walks quietly past harbor")),
        enrollment_code: secret("hdjkufgsxbntrcep"),
        services: BTreeMap::from([("mesh.token".into(), secret(&"5e".repeat(32)))]),
        variables_json: secret("{}"),
        staged: Staged { boot_entry: Staging::Done, request: Staging::Done },
    }
}
