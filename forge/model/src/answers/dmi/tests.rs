use super::*;

const HEAD: &str = r#"version = 1
[disk]
erase = "all-data-on-this-disk"
match = { transport = "nvme" }
[system]
hostname = "fleet"
locale = "C.UTF-8"
timezone = "Etc/UTC"
keyboard = { layout = "us" }
[user]
name = "anna"
full-name = "Anna"
password = { generate = "passphrase" }
"#;

fn with(more: &str) -> Answers {
    Answers::parse(&format!("{HEAD}{more}")).unwrap()
}

fn fault(more: &str) -> String {
    Answers::parse(&format!("{HEAD}{more}")).unwrap_err().to_string()
}

fn facts() -> MachineFacts {
    let text = |text: &str| Some(text.to_owned());
    MachineFacts {
        vendor: text("Dell Inc."),
        product: text("Latitude 7420"),
        serial: text("5B5TN2\n"),
        uuid: text("4c4c4544-0042-3510-8054-b4c04f4e4e32"),
    }
}

fn matches(machine: &str, facts: &MachineFacts) -> Result<(), Mismatch> {
    with(&format!("[machine]\n{machine}\n")).machine.unwrap().matches(facts)
}

#[test]
fn a_machine_fits_by_every_key_that_is_given() {
    for machine in [
        "vendor = 'Dell Inc.'",
        "product = ' Latitude 7420 '",
        "serial = '5B5TN2'",
        "uuid = '4C4C4544-0042-3510-8054-B4C04F4E4E32'",
        "vendor = 'Dell Inc.'\nproduct = 'Latitude 7420'\nserial = '5B5TN2'",
    ] {
        assert_eq!(matches(machine, &facts()), Ok(()), "{machine}");
    }
}

#[test]
fn each_key_that_differs_is_named_with_what_is_wanted_and_what_is_there() {
    let machine = "vendor = 'Dell Inc.'\nproduct = 'latitude 7420'\nserial = '5B5TN3'\nuuid = '4c4c4544-0042-3510-8054-b4c04f4e4e33'";
    let found = MachineFacts { uuid: None, ..facts() };
    let differs = |key, wanted: &str, found| Differs { key, wanted: wanted.into(), found };
    let expected = vec![
        differs(Key::Product, "latitude 7420", FoundValue::Other("Latitude 7420".into())),
        differs(Key::Serial, "5B5TN3", FoundValue::Other("5B5TN2".into())),
        differs(Key::Uuid, "4c4c4544-0042-3510-8054-b4c04f4e4e33", FoundValue::Nothing),
    ];
    assert_eq!(matches(machine, &found), Err(Mismatch { keys: expected }));
}

#[test]
fn what_nobody_filled_in_fits_nothing_and_is_said() {
    let junk = "To Be Filled By O.E.M.";
    let found = MachineFacts { serial: Some(junk.into()), ..facts() };
    let mismatch = matches("serial = '5B5TN2'", &found).unwrap_err();
    assert_eq!(mismatch.keys[0].found, FoundValue::Junk(junk.into()));
    // Neither when the answers were made without reading them.
    let machine = MachineAnswers { vendor: None, product: None, serial: Some(junk.into()), uuid: None };
    assert!(machine.matches(&found).is_err());
    let nil = "00000000-0000-0000-0000-000000000000";
    let machine = MachineAnswers { vendor: None, product: None, serial: None, uuid: Some(nil.into()) };
    assert!(machine.matches(&MachineFacts { uuid: Some(nil.into()), ..facts() }).is_err());
}

#[test]
fn a_value_that_fits_no_machine_is_refused_in_the_file() {
    let said = fault("[machine]\nserial = \"Default string\"\n");
    assert!(said.starts_with("line 15, column 10:") && said.contains("nobody filled it in"), "{said}");
    let said = fault("[machine]\nuuid = \"0\"\n");
    assert!(said.starts_with("line 15, column 8:") && said.contains("32 hexadecimal digits"), "{said}");
    assert!(fault("[machine]\nuuid = \"00000000-0000-0000-0000-000000000000\"\n").contains("fits no machine"));
    assert!(fault("[machine]\nvendor = \" \"\n").contains("an empty value"));
    let said = fault("[machine]\n");
    assert!(said.starts_with("line 14") && said.contains("at least one of"), "{said}");
    assert!(fault("[machine]\nmodel = \"x\"\n").contains("not known here"));
    assert!(fault("[[override]]\nserial = \"None\"\n").contains("nobody filled it in"));
}

#[test]
fn the_override_of_a_machine_is_applied_and_those_of_others_are_gone() {
    let answers = with(
        "[[override]]\nserial = \"OTHER1\"\nhostname = \"other\"\n\
         [[override]]\nserial = \"5B5TN2\"\nhostname = \"mine\"\ndisk-match = { serial = \"S1\" }\n\
         user = { name = \"ben\", password = { hash = \"$6$x\" } }\n",
    );
    let mine = answers.for_machine(&facts());
    assert_eq!(mine.system.hostname, "mine");
    assert_eq!(mine.disk.matching, Some(DiskMatch::Serial { serial: "S1".into() }));
    assert_eq!((mine.user.name.as_str(), mine.user.full_name.as_str()), ("ben", "Anna"));
    assert_eq!(mine.user.password, Password::Hash { hash: "$6$x".into() });
    assert!(!mine.text().contains("OTHER1"));
    assert_eq!(Answers::parse(&mine.text()).unwrap(), mine);
    // A machine that no override names gets what all get.
    let other = answers.for_machine(&MachineFacts { serial: Some("5B5TN9".into()), ..facts() });
    assert_eq!(other, Answers { overrides: Vec::new(), ..answers.clone() });
}

#[test]
fn a_machine_without_a_serial_number_gets_no_disk_where_an_override_names_one() {
    let with_disk = "[[override]]\nserial = \"A1\"\n[[override]]\nserial = \"A2\"\ndisk-match = { serial = \"S1\" }\n";
    let unknown = [
        (None, FoundValue::Nothing),
        (Some(" \n"), FoundValue::Nothing),
        (Some("Default string"), FoundValue::Junk("Default string".into())),
        (Some("Not Present\n"), FoundValue::Junk("Not Present".into())),
    ];
    for (serial, found) in unknown {
        let facts = MachineFacts { serial: serial.map(str::to_owned), ..facts() };
        let answers = with(with_disk);
        assert_eq!(answers.unknown_override(&facts), Some(found));
        assert_eq!(answers.for_machine(&facts).disk.matching, None);
        // Where no override names a disk, the rule for all is the rule for this one.
        let answers = with("[[override]]\nserial = \"A1\"\nhostname = \"other\"\n");
        assert_eq!(answers.unknown_override(&facts), None);
        assert_eq!(answers.for_machine(&facts), Answers { overrides: Vec::new(), ..answers });
    }
}

#[test]
fn two_overrides_for_one_machine_are_refused_at_the_second() {
    let said = fault("[[override]]\nserial = \"A1\"\n[[override]]\nserial = \"A2\"\n[[override]]\nserial = \" A1\"\n");
    assert!(said.starts_with("line 19, column 10:") && said.contains("\"A1\" stands above"), "{said}");
}

#[test]
fn a_password_in_an_override_is_refused_without_being_repeated() {
    let said = fault("[[override]]\nserial = \"A1\"\nuser = { password = \"canary\" }\n");
    assert!(said.starts_with("line 16") && !said.contains("canary"), "{said}");
}
