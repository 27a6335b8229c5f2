mod facts;
mod signatures;
mod variables;

use super::*;

/// A directory that plays the firmware: no immutable flag by itself, no limit of a store, no names that are refused.
fn firmware_directory() -> (tempfile::TempDir, Variables) {
    let directory = tempfile::tempdir().unwrap();
    let variables = Variables::at(directory.path());
    (directory, variables)
}

fn set(variables: &Variables, name: &str, guid: &str, data: &[u8]) {
    variables.write(name, guid, &Variable { attributes: PERSISTENT, data: data.to_vec() }).unwrap();
}
