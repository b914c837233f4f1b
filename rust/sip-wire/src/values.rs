//! Header lines that hold several values, separated by commas (RFC 3261 section 7.3.1).
use std::borrow::Cow;

use crate::tokens;

/// Cuts one line into its values.
pub(crate) struct Values<'a> {
    pub(crate) text: &'a [u8],
    pub(crate) at: usize,
    pub(crate) list: bool,
    pub(crate) folded: bool,
}

impl<'a> Values<'a> {
    /// The next value that is not empty, as indices.
    pub(crate) fn next_span(&mut self) -> Option<(usize, usize)> {
        while self.at < self.text.len() {
            let end = if self.list {
                tokens::value_end(self.text, self.at)
            } else {
                self.text.len()
            };
            let (start, stop) = tokens::trim(self.text, self.at, end);
            self.at = end + 1;
            if start < stop {
                return Some((start, stop));
            }
        }
        None
    }
}

impl<'a> Iterator for Values<'a> {
    type Item = Cow<'a, [u8]>;

    fn next(&mut self) -> Option<Self::Item> {
        let (start, end) = self.next_span()?;
        let value = &self.text[start..end];
        Some(if self.folded {
            Cow::Owned(tokens::unfold(value))
        } else {
            Cow::Borrowed(value)
        })
    }
}
