//! Where pins live: a directory of this deployment's on a BPF file system.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::statfs;
use rustix::mount::{mount, MountFlags};

/// Where Linux has it.
const BPFFS: &str = "/sys/fs/bpf";
/// Its magic number (linux/magic.h).
const MAGIC: i64 = 0xcafe_4a11;

/// The directory for an instance's pins; it is made, and a BPF file system mounted, where absent.
pub fn prepare(instance: &str) -> io::Result<PathBuf> {
    if statfs(BPFFS)?.f_type != MAGIC {
        mount("bpf", BPFFS, "bpf", MountFlags::empty(), None)?;
    }
    let directory = Path::new(BPFFS).join("farline").join(instance);
    fs::create_dir_all(&directory)?;
    Ok(directory)
}

/// Removes an instance's pins, and its directory.
pub fn clear(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        fs::remove_file(entry?.path())?;
    }
    fs::remove_dir(directory)
}
