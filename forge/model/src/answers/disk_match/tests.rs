use super::*;
use crate::Answers;

const HEAD: &str = r#"version = 1
[system]
hostname = "box"
locale = "C.UTF-8"
timezone = "Etc/UTC"
keyboard = { layout = "us" }
[user]
name = "anna"
password = { generate = "passphrase" }
[disk]
"#;

fn read(wanted: &str) -> Result<DiskMatch, String> {
    let answers = Answers::parse(&format!("{HEAD}match = {wanted}\n")).map_err(|fault| fault.to_string())?;
    // What the window writes is what was read.
    assert_eq!(Answers::parse(&answers.text()).unwrap(), answers);
    Ok(answers.disk.matching.unwrap())
}

#[test]
fn each_way_to_name_a_disk_is_read() {
    assert_eq!(read("{ wwn = \"0x5\" }"), Ok(DiskMatch::Wwn { wwn: "0x5".into() }));
    assert_eq!(read("{ eui = \"eui.5\" }"), Ok(DiskMatch::Eui { eui: "eui.5".into() }));
    assert_eq!(read("{ serial = \"S1\" }"), Ok(DiskMatch::Serial { serial: "S1".into() }));
    let described = Described {
        model: Some("M".into()),
        transport: Some(Transport::Nvme),
        min_size: Some(Size(200_000_000_000)),
        max_size: Some(Size(1 << 40)),
        removable: Some(false),
    };
    let toml = r#"{ model = "M", transport = "nvme", min-size = "200GB", max-size = "1TiB", removable = false }"#;
    assert_eq!(read(toml), Ok(DiskMatch::Described(described)));
}

#[test]
fn a_path_names_no_disk_in_whatever_way_it_is_written() {
    for path in [
        "\"/dev/sda\"",
        "\"nvme0n1\"",
        "{ path = \"/dev/sda\" }",
        "{ device = \"/dev/disk/by-id/x\" }",
        "{ serial = \"/dev/disk/by-id/x\" }",
        "{ model = \" /dev/sda\" }",
        "{ serial = \"A\", path = \"/dev/sda\" }",
    ] {
        let said = read(path).unwrap_err();
        assert!(said.starts_with("line 11, column 9: a path names no disk") && said.contains("wwn"), "{path}: {said}");
    }
}

#[test]
fn every_other_way_is_refused_with_its_place_and_what_to_write() {
    for (wanted, place, says) in [
        ("{}", "column 9", "nothing says which disk"),
        ("{ serial = \" \" }", "column 9", "an empty value"),
        ("{ serial = \"A\", model = \"B\" }", "column 9", "names the disk by itself"),
        ("{ serial = \"A\", wwn = \"B\" }", "column 9", "names the disk by itself"),
        ("{ min-size = \"2TB\", max-size = \"1TB\" }", "column 9", "swap them"),
        ("{ min-size = \"200\" }", "column 22", "'200GB' (1000s)"),
        ("{ min-size = 200 }", "column 22", "a size in quotes"),
        ("{ transport = \"sata\" }", "column 23", "Did you mean \"ata\"?"),
        ("{ modle = \"x\" }", "column 11", "Did you mean \"model\"?"),
        ("{ removable = \"no\" }", "column 23", "this is the string \"no\""),
        ("7", "column 9", "a table"),
    ] {
        let said = read(wanted).unwrap_err();
        assert!(said.starts_with(&format!("line 11, {place}:")) && said.contains(says), "{wanted}: {said}");
    }
}
