//! A value that does not print, is not serialised, and is wiped when dropped.

use std::fmt;
use zeroize::Zeroizing;

/// A password, code or key in memory.
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes over a text that must not be shown.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself: for the place that shows it once, hashes it or hands it on by descriptor.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(not shown)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_never_shows_in_debug_output() {
        let shown = format!("{:?} {:#?}", Secret::new("canary".into()), Some(Secret::new("canary".into())));
        assert!(!shown.contains("canary"), "{shown}");
    }
}
