//! A master key with its salt, as SDP carries them.

use std::collections::hash_map::DefaultHasher;
use std::fmt;
use std::hash::{Hash, Hasher};

use zeroize::Zeroizing;

use crate::suite::Suite;

/// A master key and salt. They are wiped when it is dropped, and do not print.
#[derive(Clone, PartialEq, Eq)]
pub struct MasterKey {
    suite: Suite,
    material: Zeroizing<Vec<u8>>,
}

impl MasterKey {
    /// Takes key and salt one after the other (RFC 4568 section 6.1); None: of another length.
    #[must_use]
    pub fn new(suite: Suite, material: &[u8]) -> Option<Self> {
        (material.len() == suite.key_length() + suite.salt_length()).then(|| Self {
            suite,
            material: Zeroizing::new(material.to_vec()),
        })
    }

    /// What it is for.
    #[must_use]
    pub fn suite(&self) -> Suite {
        self.suite
    }

    /// A number that tells this key from others, to find again what belongs to it. It is as secret
    /// as the key's use is: 64 bits of a hash.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.suite.hash(&mut hasher);
        self.material.hash(&mut hasher);
        hasher.finish()
    }

    /// Key and salt, one after the other, as `new` takes them.
    #[must_use]
    pub fn material(&self) -> &[u8] {
        &self.material
    }

    pub(crate) fn key(&self) -> &[u8] {
        &self.material[..self.suite.key_length()]
    }

    pub(crate) fn salt(&self) -> &[u8] {
        &self.material[self.suite.key_length()..]
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "MasterKey({}, ***)", self.suite.name())
    }
}
