//! Who this program is: set by the build, so that plain cargo works without meson.

/// The application's id; the Devel build has its own.
pub const ID: &str = match option_env!("FORGE_APP_ID") {
    Some(id) => id,
    None => "org.intergenos.Forge",
};
/// The name of its icon.
pub const ICON: &str = ID;
/// The domain of its translations.
pub const DOMAIN: &str = "forge";
/// Where translations are.
pub const LOCALE_DIRECTORY: &str = match option_env!("FORGE_LOCALE_DIRECTORY") {
    Some(directory) => directory,
    None => "/usr/share/locale",
};
/// Where style and icons are inside the program.
pub const RESOURCES: &str = "/org/intergenos/Forge";
