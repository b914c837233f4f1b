//! Stereo WAV files of 16-bit samples (RIFF WAVE, format 1), as they grow.
//!
//! While a call is recorded the file is called `NAME.INSTANCE.part`, and its head says that it is empty.
//! `close` and `repair` write the head by the length of the file, so a file that a killed process
//! has left is whole but for its last moments.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::timeline::Frame;

const HEAD: u32 = 44;
const CHANNELS: u32 = 2;
const FRAME_BYTES: u32 = 2 * CHANNELS;
/// Where the rate stands in the head.
const RATE_AT: usize = 24;
const PART: &str = "part";
/// Frames that a file can hold: its length is written in 32 bits.
const MAX_FRAMES: u64 = (u32::MAX as u64 - 2 * HEAD as u64) / FRAME_BYTES as u64;

/// Where recordings go.
#[derive(Clone, Debug)]
pub struct Place {
    /// The directory.
    pub directory: PathBuf,
    /// Names this process and those before and after it: what they left unfinished is ours. Letters and
    /// digits.
    pub instance: String,
}

/// A file that is written.
#[derive(Debug)]
pub struct Growing {
    file: File,
    part: PathBuf,
    whole: PathBuf,
    rate: u32,
    frames: u64,
    bytes: Vec<u8>,
}

impl Growing {
    /// Makes a file, and its directory where there is none; neither is for others to read.
    pub fn create(place: &Place, name: &str, rate: u32) -> io::Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&place.directory)?;
        let whole = place.directory.join(name);
        if whole.try_exists()? {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let part = place
            .directory
            .join(format!("{name}.{}.{PART}", place.instance));
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&part)?;
        file.write_all(&head(rate, 0))?;
        Ok(Self {
            file,
            part,
            whole,
            rate,
            frames: 0,
            bytes: Vec::new(),
        })
    }

    /// Whether it can take as many frames as are waiting and so many more.
    pub fn has_room(&self, frames: usize) -> bool {
        self.frames + frames as u64 <= MAX_FRAMES
    }

    /// Frames that were added and not written yet.
    pub fn waiting(&self) -> usize {
        self.bytes.len() / FRAME_BYTES as usize
    }

    /// Adds a frame; `flush` writes it.
    pub fn push(&mut self, frame: Frame) {
        for sample in frame {
            self.bytes.extend(sample.to_le_bytes());
        }
    }

    /// Writes what was added. After an error the file has a part of it at most.
    pub fn flush(&mut self) -> io::Result<()> {
        let written = self.file.write_all(&self.bytes);
        self.frames += self.bytes.len() as u64 / u64::from(FRAME_BYTES);
        self.bytes.clear();
        written
    }

    /// Writes the head, and gives the file its name.
    pub fn close(self) -> io::Result<()> {
        drop(self.file);
        finish(&self.part, &self.whole, self.rate)
    }
}

/// Finishes what processes before this one have left, and names the files. One that cannot be
/// finished stays as it is.
pub fn repair(place: &Place) -> Vec<String> {
    let end = format!(".{}.{PART}", place.instance);
    let mut repaired = Vec::new();
    for entry in fs::read_dir(&place.directory)
        .into_iter()
        .flatten()
        .flatten()
    {
        let name = entry.file_name();
        let Some(name) = name.to_str().and_then(|name| name.strip_suffix(&end)) else {
            continue;
        };
        let done = rate_of(&entry.path())
            .and_then(|rate| finish(&entry.path(), &place.directory.join(name), rate));
        if done.is_ok() {
            repaired.push(name.to_owned());
        }
    }
    repaired.sort();
    repaired
}

fn rate_of(path: &Path) -> io::Result<u32> {
    let mut head = [0; HEAD as usize];
    File::open(path)?.read_exact(&mut head)?;
    let rate = &head[RATE_AT..RATE_AT + 4];
    Ok(u32::from_le_bytes([rate[0], rate[1], rate[2], rate[3]]))
}

/// Cuts a torn last frame off, writes the head by the length, and renames the file.
fn finish(part: &Path, whole: &Path, rate: u32) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(part)?;
    let length = file.metadata()?.len().saturating_sub(u64::from(HEAD));
    let length = (length / u64::from(FRAME_BYTES)).min(MAX_FRAMES) as u32 * FRAME_BYTES;
    file.set_len(u64::from(HEAD) + u64::from(length))?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(&head(rate, length))?;
    drop(file);
    fs::rename(part, whole)
}

fn head(rate: u32, length: u32) -> Vec<u8> {
    let mut bytes = Vec::from(*b"RIFF");
    bytes.extend((length + HEAD - 8).to_le_bytes());
    bytes.extend(*b"WAVEfmt ");
    bytes.extend(16_u32.to_le_bytes());
    bytes.extend(1_u16.to_le_bytes());
    bytes.extend((CHANNELS as u16).to_le_bytes());
    bytes.extend(rate.to_le_bytes());
    bytes.extend((rate * FRAME_BYTES).to_le_bytes());
    bytes.extend((FRAME_BYTES as u16).to_le_bytes());
    bytes.extend(16_u16.to_le_bytes());
    bytes.extend(*b"data");
    bytes.extend(length.to_le_bytes());
    bytes
}
