use super::*;
use std::fs;

/// From Debian's package amd64-microcode 3.20251202.1, `/usr/share/doc/amd64-microcode/WHENCE.amd`: the sections of
/// linux-firmware's own file that are AMD's processors'.
const AMD: &str = include_str!("WHENCE.amd");

const SMALL: &str = r#"
             * WHENCE *

This file attempts to document: licences.
File names are relative.

--------------------------------------------------------------------------

Driver: rtw88 - Realtek 802.11ac WLAN driver for RTL8822BE
Driver: rtw89 rtw89-usb - Realtek 802.11ax

Info: taken from somewhere
File: rtw88/rtw8822b_fw.bin
Version: 30.20.0
RawFile: rtw88/README
Link: rtw88/other.bin -> rtw8822b_fw.bin
File: "brcm/brcmfmac43430a0-sdio.ONDA-V80 PLUS.txt"
File: brcm/with\ space.bin

Licence: Redistributable. See LICENCE.rtlwifi_firmware.txt and
 qca/NOTICE.txt for details.

--------------------------------------------------------------------------
Driver: bnx2x: Broadcom Everest
Driver: smctr -- SMC ISA/MCA - Token Ring
File: bnx2x/a.fw

License:

 Allegedly GPLv2+: no source visible.
--------------------------------------------------------------------------

Driver: nothing

File: nothing.bin
Version: 1
"#;

fn refused(text: &str) -> WhenceError {
    Whence::parse(text).unwrap_err()
}

#[test]
fn a_section_has_its_drivers_files_links_and_terms() {
    let whence = Whence::parse(SMALL).unwrap();
    let [first, second, third] = whence.sections.as_slice() else { panic!("{whence:#?}") };
    assert_eq!(first.line, 9);
    let names: Vec<_> = first.drivers.iter().map(|driver| driver.names.clone()).collect();
    assert_eq!(names, [vec!["rtw88".to_owned()], vec!["rtw89".into(), "rtw89-usb".into()]]);
    assert_eq!(first.drivers[0].title, "Realtek 802.11ac WLAN driver for RTL8822BE");
    let files: Vec<_> = first.files.iter().map(|file| (file.path.as_str(), file.raw, file.line)).collect();
    assert_eq!(
        files,
        [
            ("rtw88/rtw8822b_fw.bin", false, 13),
            ("rtw88/README", true, 15),
            ("brcm/brcmfmac43430a0-sdio.ONDA-V80 PLUS.txt", false, 17),
            ("brcm/with space.bin", false, 18),
        ]
    );
    let link = Link { line: 16, path: "rtw88/other.bin".into(), to: "rtw8822b_fw.bin".into() };
    assert_eq!(first.links, [link]);
    let licence = first.licence.as_ref().unwrap();
    assert_eq!(licence.texts, ["LICENCE.rtlwifi_firmware.txt", "qca/NOTICE.txt"]);
    assert!(licence.words.starts_with("Redistributable.") && licence.words.ends_with("details."), "{licence:?}");

    assert_eq!(second.drivers.iter().flat_map(|driver| &driver.names).collect::<Vec<_>>(), ["bnx2x", "smctr"]);
    let licence = second.licence.as_ref().unwrap();
    assert_eq!((licence.words.as_str(), licence.texts.len()), ("Allegedly GPLv2+: no source visible.", 0));
    assert_eq!(third.licence, None);
    assert_eq!(whence.without_licence().map(|section| section.line).collect::<Vec<_>>(), [third.line]);
    assert_eq!(whence.of_driver("RTW89_usb").count(), 1);
    assert_eq!(whence.of_driver("rtw8").count(), 0);
}

#[test]
fn what_is_broken_is_refused_with_its_line() {
    let section = |line: &str| format!("Driver: x - y\n{line}\n");
    for (line, wanted) in [
        ("File:", WhenceError::Nothing { line: 2, keyword: "File:" }),
        ("RawFile: ", WhenceError::Nothing { line: 2, keyword: "RawFile:" }),
        ("Driver:", WhenceError::Nothing { line: 2, keyword: "Driver:" }),
        ("File: \"a b", WhenceError::Quotation { line: 2 }),
        ("File: \"a b\" c", WhenceError::Quotation { line: 2 }),
        ("Link: a", WhenceError::Link { line: 2 }),
        ("Link: a -> ", WhenceError::Link { line: 2 }),
        ("Link: a -> /etc/shadow", WhenceError::Path { line: 2, path: "/etc/shadow".into() }),
        ("Link: a/b -> ../../c", WhenceError::Path { line: 2, path: "../../c".into() }),
        ("File: ../../etc/shadow", WhenceError::Path { line: 2, path: "../../etc/shadow".into() }),
        ("File: /bin/sh", WhenceError::Path { line: 2, path: "/bin/sh".into() }),
        ("File: a\nLink: a -> b", WhenceError::Twice { line: 3, path: "a".into(), first: 2 }),
        ("Link: a -> b\nLink: a -> c", WhenceError::Twice { line: 3, path: "a".into(), first: 2 }),
    ] {
        assert_eq!(refused(&section(line)), wanted, "{line}");
    }
    assert_eq!(refused("\nFile: a\n"), WhenceError::NoDriver { line: 2 });
    assert_eq!(refused(""), WhenceError::Empty);
    assert_eq!(refused("just words\n"), WhenceError::Empty);
    // The same file in two sections is one file.
    Whence::parse("Driver: a\nFile: f\nLicence: x\n----------------------------------------\nDriver: b\nFile: f\n")
        .unwrap();
}

#[test]
fn a_link_is_followed_from_its_own_directory() {
    assert_eq!(resolved("a/b/c", "../d").as_deref(), Some("a/d"));
    assert_eq!(resolved("c", "d/./e").as_deref(), Some("d/e"));
    for to in ["../d", "/d", "..", "a/../../x"] {
        assert_eq!(resolved("c", to), None, "{to}");
    }
}

#[test]
fn debians_own_file_of_amd_is_read_as_a_whole() {
    let whence = Whence::parse(AMD).unwrap();
    let names: Vec<_> = whence.drivers().collect();
    assert_eq!(names, ["amd_pmf", "ccp", "microcode_amd"]);
    let counts: Vec<_> = whence.sections.iter().map(|section| (section.files.len(), section.links.len())).collect();
    assert_eq!(counts, [(2, 2), (6, 0), (7, 0)]);
    let texts: Vec<_> = whence.sections.iter().flat_map(|section| &section.licence.as_ref().unwrap().texts).collect();
    assert_eq!(texts, ["LICENSE.amd_pmf", "LICENSE.amd-sev", "LICENSE.amd-ucode"]);
    assert_eq!(whence.sections[2].files.iter().filter(|file| file.raw).count(), 6);
    holds_everything(AMD, &whence);
}

/// linux-firmware's whole `WHENCE`, where `FORGE_WHENCE` names one or more (it has 300 KB, which are not kept here).
#[test]
fn every_file_and_link_of_a_whole_linux_firmware_is_found() {
    let Some(paths) = std::env::var_os("FORGE_WHENCE") else {
        return println!("skipped: FORGE_WHENCE names no file");
    };
    for path in std::env::split_paths(&paths) {
        let text = fs::read_to_string(&path).unwrap();
        let whence = Whence::parse(&text).unwrap();
        holds_everything(&text, &whence);
        let without: Vec<usize> = whence.without_licence().map(|section| section.line).collect();
        println!("{}: {} sections, without terms: {without:?}", path.display(), whence.sections.len());
        assert!(without.len() * 20 <= whence.sections.len(), "{without:?}");
    }
}

/// Counts the lines by the plainest means there is.
fn holds_everything(text: &str, whence: &Whence) {
    let lines = |keywords: &[&str]| {
        let starts = |line: &&str| keywords.iter().any(|keyword| line.starts_with(keyword));
        text.lines().filter(starts).count()
    };
    let files = whence.sections.iter().map(|section| section.files.len()).sum::<usize>();
    let links = whence.sections.iter().map(|section| section.links.len()).sum::<usize>();
    let drivers = whence.sections.iter().map(|section| section.drivers.len()).sum::<usize>();
    assert_eq!(files, lines(&["File:", "RawFile:", "Raw:"]));
    assert_eq!(links, lines(&["Link:"]));
    assert_eq!(drivers, lines(&["Driver:"]));
}
