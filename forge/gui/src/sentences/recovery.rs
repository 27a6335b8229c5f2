//! What a recovery key is for, on the screen and on paper.

use super::fill;
use gettextrs::gettext;
use zeroize::Zeroizing;

/// What the page says about it, a paragraph each.
pub fn purpose() -> [String; 2] {
    [
        gettext(
            "If you forget the passphrase, this key opens your files as well. It is typed where the passphrase is asked for.",
        ),
        gettext("If you lose both, nobody can read the files any more. There is no third way."),
    ]
}

/// What is saved and printed. `disk` is the name of the disk that it opens.
pub fn sheet(key: &str, disk: &str) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(4096));
    let with_disk = fill(
        // Translators: {disk} is the name of a disk. This stands on a sheet of paper with a recovery key.
        &gettext(
            "It opens the encrypted system on {disk}. Type it where the passphrase is asked for, with its hyphens. Keep it \
             away from the computer.",
        ),
        &[("disk", disk)],
    );
    for part in [&*gettext("Recovery Key"), "\n\n", key, "\n\n", &*with_disk, "\n"] {
        text.push_str(part);
    }
    text
}
