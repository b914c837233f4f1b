//! What Python says of a transcoded stream.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use relay::{Origin, Speech, Tuning, Wanted};

/// What one side of a transcoded stream gets, as `_core.pyi` says.
#[derive(FromPyObject)]
pub struct VoiceObject {
    codec: String,
    payload_type: u8,
    ptime: Option<u32>,
    maxptime: Option<u32>,
    events: Option<(u8, u32)>,
    noise: Option<u8>,
    bitrate: Option<u32>,
    fec: bool,
    cbr: bool,
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    wakes: Option<Vec<u8>>,
}

impl VoiceObject {
    pub fn read(self) -> PyResult<(Wanted, Origin)> {
        let codec = Speech::from_name(&self.codec);
        let unknown = || PyValueError::new_err(format!("{:?} cannot be transcoded", self.codec));
        let wanted = Wanted {
            codec: codec.ok_or_else(unknown)?,
            payload_type: self.payload_type,
            frame: self.ptime,
            longest: self.maxptime,
            events: self.events,
            noise: self.noise,
            tuning: Tuning {
                bitrate: self.bitrate,
                forward_correction: self.fec,
                constant: self.cbr,
            },
            wakes: self.wakes.map(|types| {
                let bits = types.into_iter().filter(|one| *one < 128);
                bits.fold(0, |bits, one| bits | 1 << one)
            }),
        };
        let origin = Origin {
            ssrc: self.ssrc,
            sequence: self.sequence,
            timestamp: self.timestamp,
        };
        Ok((wanted, origin))
    }
}
