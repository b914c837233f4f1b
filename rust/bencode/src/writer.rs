//! Writing a document, value by value.

use std::io::Write;

/// A document as far as it is written. Lists and dictionaries are opened and ended by the caller; the
/// keys of a dictionary are strings, each before its value.
#[derive(Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// A writer whose first bytes are there, and are no part of the document.
    #[must_use]
    pub fn behind(first: &[u8]) -> Self {
        Self(first.to_vec())
    }

    /// Writes a string.
    pub fn bytes(&mut self, value: &[u8]) {
        self.digits(value.len() as u64);
        self.0.push(b':');
        self.0.extend_from_slice(value);
    }

    /// Writes a number.
    pub fn integer(&mut self, value: i128) {
        match u64::try_from(value) {
            Ok(small) => {
                self.0.push(b'i');
                self.digits(small);
                self.0.push(b'e');
            }
            // Into memory nothing fails.
            Err(_) => drop(write!(self.0, "i{value}e")),
        }
    }

    /// Opens a list.
    pub fn list(&mut self) {
        self.0.push(b'l');
    }

    /// Opens a dictionary.
    pub fn dictionary(&mut self) {
        self.0.push(b'd');
    }

    /// Ends the list or dictionary that was opened last.
    pub fn end(&mut self) {
        self.0.push(b'e');
    }

    /// Decimal digits. The formatter of the standard library takes most of the time of a document.
    fn digits(&mut self, mut value: u64) {
        let mut digits = [0; 20];
        let mut at = digits.len();
        loop {
            at -= 1;
            digits[at] = b'0' + (value % 10) as u8;
            value /= 10;
            if value == 0 {
                break;
            }
        }
        self.0.extend_from_slice(&digits[at..]);
    }

    /// What was written.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_all_their_digits() {
        let mut out = Writer::default();
        for value in [0, 10, i128::from(u64::MAX), i128::from(u64::MAX) + 1, -1] {
            out.integer(value);
        }
        let wanted = "i0ei10ei18446744073709551615ei18446744073709551616ei-1e";
        assert_eq!(out.into_bytes(), wanted.as_bytes());
    }

    #[test]
    fn what_is_written_stands_behind_what_was_there() {
        let mut out = Writer::behind(b"5323_1 ");
        out.dictionary();
        out.bytes(b"n");
        out.list();
        out.integer(-12);
        out.end();
        out.end();
        assert_eq!(out.into_bytes(), b"5323_1 d1:nli-12eee");
    }
}
