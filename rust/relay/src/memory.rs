//! The files behind the keepers: one a worker, and those that processes before this one left.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::keeper::{Before, Keeper, CELL_WORDS};
use crate::sys::Mapping;

/// Cells of one worker: a call takes four, two to four more for each leg with SRTP, as many again for
/// the keys of a handshake, two where it is transcoded, and one for each side that heard music. The file has holes: only pages that were
/// written take memory.
const CELLS: usize = 65_536;

/// A directory with the files of this process and of those before it.
pub(crate) struct Memory {
    directory: PathBuf,
    before: Before,
    /// What may be removed once everything is taken over.
    old: Vec<PathBuf>,
}

impl Memory {
    /// Reads what is there. A file that is not of this form is of no use and left out.
    ///
    /// # Errors
    /// The directory cannot be made or read.
    pub fn open(directory: &Path) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        let (mut before, mut old) = (Before::new(), Vec::new());
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            if path.extension().is_some_and(|end| end == "cells") {
                if let Ok(mapping) = Mapping::open(&path) {
                    Keeper::read(&mapping, &mut before);
                }
                old.push(path);
            }
        }
        Ok(Self {
            directory: directory.to_owned(),
            before,
            old,
        })
    }

    /// The keeper of a worker, with a new file.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn keeper(&self, worker: usize) -> io::Result<Keeper> {
        let mut number = self.old.len();
        loop {
            let path = self.directory.join(format!("{number}-{worker}.cells"));
            match Mapping::create(&path, CELLS * CELL_WORDS) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                made => return Ok(Keeper::new(Box::new(made?), self.before.clone())),
            }
        }
    }

    /// Removes what processes before this one left.
    pub fn forget(&mut self) {
        for path in self.old.drain(..) {
            // Already gone is as good.
            let _ = fs::remove_file(path);
        }
    }
}
