//! Looking for any of many texts in one pass, however they are spelt.
use aho_corasick::AhoCorasick;

/// Finds whether one of some texts stands in bytes, upper and lower case being one (ASCII).
#[derive(Clone, Debug)]
pub struct Finder(AhoCorasick);

impl Finder {
    /// Looks for `texts`; empty ones are left out, and none of them is found nowhere.
    ///
    /// # Errors
    /// So many or so long texts that there is no room for them.
    pub fn new<T: AsRef<[u8]>>(
        texts: impl IntoIterator<Item = T>,
    ) -> Result<Self, aho_corasick::BuildError> {
        let wanted: Vec<T> = texts
            .into_iter()
            .filter(|text| !text.as_ref().is_empty())
            .collect();
        AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .build(&wanted)
            .map(Self)
    }

    /// Whether one of them stands in `data`.
    #[must_use]
    pub fn finds(&self, data: &[u8]) -> bool {
        self.0.is_match(data)
    }
}

#[cfg(test)]
mod tests {
    use super::Finder;

    #[test]
    fn finds_either_case() {
        let finder = Finder::new(["10.1.", "Office.Example"]).expect("few texts");
        assert!(finder.finds(b"Via: SIP/2.0/UDP 10.1.2.3:5060"));
        assert!(finder.finds(b"<sip:OFFICE.example>"));
        assert!(!finder.finds(b"<sip:192.0.2.1> 10.2.1.3"));
    }

    #[test]
    fn nothing_is_found_nowhere() {
        for finder in [Finder::new([""; 0]), Finder::new([""])] {
            assert!(!finder.expect("no texts").finds(b"anything"));
        }
    }
}
