//! Takes terminal escapes out of a byte stream that arrives in pieces.

/// Where in an escape sequence the stream is.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum State {
    /// Plain text.
    #[default]
    Text,
    /// After ESC.
    Escape,
    /// After `ESC [`, until a letter.
    Control,
    /// After `ESC (` or a like one: one more byte belongs to it.
    Charset,
    /// After `ESC ]`, `ESC P`, `ESC ^` or `ESC _`, until BEL or `ESC \`.
    Quoted,
    /// ESC inside such a string.
    QuotedEscape,
}

/// A filter that remembers an escape sequence which is not complete yet.
#[derive(Default)]
pub(super) struct Ansi(State);

impl Ansi {
    /// Appends to `text` what `bytes` shows on a screen.
    pub(super) fn strip(&mut self, bytes: &[u8], text: &mut Vec<u8>) {
        for &byte in bytes {
            self.0 = match (self.0, byte) {
                (State::Text, 0x1b) => State::Escape,
                (State::Text, 0) => State::Text,
                (State::Text, _) => {
                    text.push(byte);
                    State::Text
                }
                (State::Escape, b'[') => State::Control,
                (State::Escape, b'(' | b')' | b'*' | b'+' | b'#' | b'%') => State::Charset,
                (State::Escape, b']' | b'P' | b'^' | b'_') => State::Quoted,
                (State::Escape | State::Control | State::QuotedEscape, 0x1b) => State::Escape,
                (State::Control, 0x40..=0x7e) => State::Text,
                (State::Control, _) => State::Control,
                (State::Quoted, 0x07) => State::Text,
                (State::Quoted, 0x1b) => State::QuotedEscape,
                (State::Quoted, _) => State::Quoted,
                (State::Escape | State::Charset | State::QuotedEscape, _) => State::Text,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Ansi;

    const COLOURED: &[u8] =
        b"\x1b[2J\x1b[01;01H\x1b[0;37;40mEnroll \x1b(BMOK\x1b=\x1b]8;;http://x\x1b\\ now\x1b]3008;id=1\x07!\x1b[?25h";

    #[test]
    fn escapes_vanish_wherever_the_stream_is_cut() {
        for cut in 0..=COLOURED.len() {
            let (mut ansi, mut text) = (Ansi::default(), Vec::new());
            ansi.strip(&COLOURED[..cut], &mut text);
            ansi.strip(&COLOURED[cut..], &mut text);
            assert_eq!(String::from_utf8_lossy(&text), "Enroll MOK now!", "cut at {cut}");
        }
    }
}
