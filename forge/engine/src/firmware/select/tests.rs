use super::*;
use crate::firmware::source::{Given, Source};

const WHENCE: &str = "Driver: rtw88 - x\nFile: rtw88/a.bin\nRawFile: rtw88/b.bin\nLink: rtw88/c.bin -> a.bin\n\
     Licence: Redistributable. See LICENCE.rtl.txt for details.\n----------------------------------------\n\
     Driver: other - y\nFile: other/o.bin\nLicence: Allegedly free.\n----------------------------------------\n\
     Driver: bare - z\nFile: bare.bin\n----------------------------------------\n\
     Driver: gone - z\nFile: gone.bin\nLink: lost -> nowhere.bin\nLicence: See GPL-2.\n";

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        for (path, text) in [
            ("WHENCE", WHENCE),
            ("LICENCE.rtl.txt", "the terms of rtl"),
            ("LICENSES/GPL-2", "the terms of the GNU"),
            ("rtw88/a.bin", "a"),
            ("rtw88/b.bin", "b"),
            ("other/o.bin", "o"),
            ("bare.bin", "bare"),
        ] {
            place.put(path, text);
        }
        place
    }

    fn put(&self, path: &str, text: &str) {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn select(&self, lines: &str) -> Result<Selected, SelectError> {
        let text = format!(
            "version = 1\nfirmware = \".\"\nwhence = \"WHENCE\"\n[[bundle]]\nname = \"n\"\ntitle = \"t\"\n\
             vendor = \"v\"\nkind = \"wi-fi\"\nwithout = \"w\"\n{lines}\n"
        );
        let source: Source = toml::from_str(&text).unwrap();
        let wanted = &source.bundles[0];
        select(wanted, &wanted.places(&source.places()), self.0.path())
    }
}

#[test]
fn a_driver_brings_its_files_its_links_and_its_terms() {
    let selected = Place::new().select("drivers = [\"rtw88\"]").unwrap();
    assert_eq!(selected.files.iter().collect::<Vec<_>>(), ["rtw88/a.bin", "rtw88/b.bin"]);
    assert_eq!(selected.links.into_iter().collect::<Vec<_>>(), [("rtw88/c.bin".into(), "a.bin".into())]);
    assert_eq!(selected.licence, "LicenseRef-rtl");
    assert!(selected.text.contains("Redistributable.") && selected.text.contains("the terms of rtl"));
}

#[test]
fn patterns_narrow_what_drivers_bring_and_terms_are_those_of_what_is_left() {
    let place = Place::new();
    let selected = place.select("files = [\"rtw88/a*\", \"other/*\"]").unwrap();
    assert_eq!(selected.files.iter().collect::<Vec<_>>(), ["other/o.bin", "rtw88/a.bin"]);
    assert_eq!(selected.licence, "LicenseRef-rtl AND LicenseRef-WHENCE-other");
    assert!(selected.text.contains("Allegedly free."));
    let error = place.select("drivers = [\"other\"]\nfiles = [\"rtw88/*\"]").unwrap_err();
    assert!(matches!(error, SelectError::NoMatch { .. }), "{error}");
}

#[test]
fn a_directory_without_a_list_needs_patterns_and_terms() {
    let place = Place::new();
    std::os::unix::fs::symlink("a.bin", place.0.path().join("rtw88/l.bin")).unwrap();
    let bundle = |lines: &str| {
        let text = format!(
            "version = 1\nfirmware = \".\"\n[[bundle]]\nname = \"n\"\ntitle = \"t\"\nvendor = \"v\"\n\
             kind = \"wi-fi\"\nwithout = \"w\"\n{lines}\n"
        );
        let source: Source = toml::from_str(&text).unwrap();
        let wanted = &source.bundles[0];
        select(wanted, &wanted.places(&source.places()), place.0.path())
    };
    let given = "licence = { id = \"LicenseRef-x\", texts = [\"LICENCE.rtl.txt\"] }";
    let selected = bundle(&format!("files = [\"rtw88/*\"]\n{given}")).unwrap();
    assert_eq!((selected.files.len(), selected.links.len()), (2, 1));
    assert_eq!((selected.licence.as_str(), selected.text.as_str()), ("LicenseRef-x", "the terms of rtl"));
    assert!(matches!(bundle("files = [\"rtw88/*\"]"), Err(SelectError::NoLicence { line: None })));
    assert!(matches!(bundle(&format!("drivers = [\"x\"]\n{given}")), Err(SelectError::NoWhence)));
    assert!(matches!(bundle(given), Err(SelectError::NoFiles)));
    let _ = Given { id: String::new(), texts: vec![] };
}

#[test]
fn each_thing_that_is_missing_is_named_with_its_place() {
    let place = Place::new();
    let says = |lines: &str| place.select(lines).unwrap_err().to_string();
    let said = says("drivers = [\"rtw89\"]");
    assert!(said.contains("no driver \"rtw89\"; did you mean \"rtw88\"?"), "{said}");
    let said = says("drivers = [\"gone\"]");
    assert!(said.contains("gone.bin is missing; WHENCE names it in line 15"), "{said}");
    let said = says("drivers = [\"bare\"]");
    assert!(said.contains("under which terms its files are (WHENCE, line 11)"), "{said}");
    let said = says("files = [\"nothing*\"]");
    assert!(said.contains("no file fits \"nothing*\""), "{said}");
    let said = says("files = [\"[\"]");
    assert!(said.contains("is no pattern"), "{said}");
    place.put("gone.bin.zst", "packed");
    let said = says("drivers = [\"gone\"]");
    assert!(said.contains("gone.bin.zst is compressed"), "{said}");
    place.put("gone.bin", "g");
    let said = says("drivers = [\"gone\"]");
    assert!(said.contains("the link lost leads to nowhere.bin, which is not in the bundle"), "{said}");
    let selected = place.select("files = [\"gone.bin\"]").unwrap();
    assert_eq!(selected.licence, "GPL-2.0-only");
    assert!(selected.text.contains("the terms of the GNU"));
    fs::remove_file(place.0.path().join("LICENSES/GPL-2")).unwrap();
    let said = says("files = [\"gone.bin\"]");
    assert!(said.contains("GPL-2 is missing"), "{said}");
}

#[test]
fn a_licence_file_gives_an_id() {
    for (file, id) in [
        ("LICENCE.iwlwifi_firmware", "LicenseRef-iwlwifi-firmware"),
        ("LICENSE.amd-ucode", "LicenseRef-amd-ucode"),
        ("qca/NOTICE.txt", "LicenseRef-qca-NOTICE"),
        ("GPL-3", "GPL-3.0-only"),
    ] {
        assert_eq!(licence_id(file), id);
    }
}
