//! Which transactions depend on which connection.
use std::collections::{BTreeSet, HashMap};

use crate::store::Id;

/// By the token of the connection.
#[derive(Default)]
pub(crate) struct Flows(HashMap<u64, BTreeSet<Id>>);

impl Flows {
    /// Connections that some transaction depends on.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// A transaction depends on a connection; UDP (0) is none.
    pub fn watch(&mut self, token: u64, tx: Id) {
        if token != 0 {
            self.0.entry(token).or_default().insert(tx);
        }
    }

    /// It does no longer.
    pub fn unwatch(&mut self, token: u64, tx: Id) {
        if let Some(there) = self.0.get_mut(&token) {
            there.remove(&tx);
            if there.is_empty() {
                self.0.remove(&token);
            }
        }
    }

    /// Who depends on a connection.
    pub fn on(&self, token: u64) -> Vec<Id> {
        let there = self.0.get(&token);
        there.map_or_else(Vec::new, |there| there.iter().copied().collect())
    }
}
