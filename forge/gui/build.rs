//! Packs style and icons into the program.
use std::{env, path::PathBuf, process::Command};

fn main() {
    let resources = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../resources");
    let packed = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it")).join("forge.gresource");
    println!("cargo::rerun-if-changed={}", resources.display());
    println!("cargo::rerun-if-env-changed=FORGE_APP_ID");
    println!("cargo::rerun-if-env-changed=FORGE_LOCALE_DIRECTORY");
    let status = Command::new("glib-compile-resources")
        .arg("--sourcedir")
        .arg(&resources)
        .arg("--target")
        .arg(&packed)
        .arg(resources.join("org.intergenos.Forge.gresource.xml"))
        .status()
        .expect("glib-compile-resources (libglib2.0-dev-bin) is needed to build the window");
    assert!(status.success(), "glib-compile-resources failed");
}
