//! Memory that outlives the process: a file mapped into it.

use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Deref;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;

/// A file as words that any thread, or process, may read and write.
pub struct Mapping {
    start: NonNull<AtomicU64>,
    words: usize,
}

// SAFETY: the memory is only reached as atomic words, and stays mapped until the value is dropped.
unsafe impl Send for Mapping {}

impl Mapping {
    /// Makes a new file of so many zero words, for its owner only.
    pub fn create(path: &Path, words: usize) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true).mode(0o600);
        let file = options.open(path)?;
        file.set_len(words as u64 * 8)?;
        Self::of(&file, words)
    }

    /// Maps a file that is there, whatever is in it.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let words = file.metadata()?.len() / 8;
        Self::of(&file, words as usize)
    }

    fn of(file: &File, words: usize) -> io::Result<Self> {
        if words == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let (length, access) = (words * 8, libc::PROT_READ | libc::PROT_WRITE);
        let fd = file.as_raw_fd();
        // SAFETY: a new mapping at an address that the kernel chooses; the file is as long as it.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                length,
                access,
                libc::MAP_SHARED,
                fd,
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::Other)?;
        Ok(Self { start, words })
    }
}

impl Deref for Mapping {
    type Target = [AtomicU64];

    fn deref(&self) -> &[AtomicU64] {
        // SAFETY: so many words are mapped, page-aligned, for as long as `self` lives; atomic words
        // may be changed by others meanwhile. A file of ours is not made shorter by anybody.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.words) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: exactly what `of` mapped, and nobody holds a reference any more.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.words * 8) };
    }
}
