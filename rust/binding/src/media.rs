//! Python face of the media crates.

use std::path::PathBuf;
use std::sync::Arc;

use fastpath::Fastpath;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use relay::{Content, Credentials, Options, Place, Remote};

mod raised;
mod told;
mod words;

use crate::voice::VoiceObject;
use raised::{OrRaise, RelayError};
use told::{all_stats, report};
use words::{
    address, fast_path_settings, format, interface, ip, member, protection, side_index, terms,
    AddressTuple, FormatTuple, InterfaceTuple, KeysTuple, MemberTuple,
};

/// Adds this file's classes to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("RelayError", module.py().get_type::<RelayError>())?;
    module.add_class::<Relay>()
}

/// The relay's threads and ports.
#[pyclass(module = "farline._core", frozen)]
struct Relay(relay::Relay);

#[pymethods]
impl Relay {
    #[new]
    #[pyo3(signature = (interfaces, *, threads, rest_ms, silence_ms, state = None, fast_path = None, identity = None, recordings = None))]
    #[allow(clippy::too_many_arguments)] // Python's keyword arguments.
    fn new(
        py: Python<'_>,
        interfaces: Vec<InterfaceTuple>,
        threads: usize,
        rest_ms: u64,
        silence_ms: u64,
        state: Option<PathBuf>,
        fast_path: Option<(String, String)>,
        identity: Option<(Vec<u8>, Vec<u8>)>,
        recordings: Option<(PathBuf, String)>,
    ) -> PyResult<Self> {
        let interfaces = interfaces
            .into_iter()
            .map(interface)
            .collect::<PyResult<Vec<_>>>()?;
        let options = Options {
            threads,
            rest: rest_ms,
            silence: silence_ms,
        };
        let settings = fast_path
            .map(|(instance, hook)| fast_path_settings(&interfaces, instance, &hook))
            .transpose()?;
        let started = py.detach(|| {
            let kernel = settings.map_or(Err("off".to_owned()), |settings| {
                let started = Fastpath::start(&settings);
                started.map(Arc::new).map_err(|why| why.to_string())
            });
            let place = recordings.map(|(directory, instance)| Place {
                directory,
                instance,
            });
            relay::Relay::start_beside(interfaces, options, kernel, state.as_deref(), place)
        });
        let mut relay = started.or_raise()?;
        if let Some((certificate, key)) = identity {
            if !relay.identify(certificate, key) {
                return Err(PyValueError::new_err("not a certificate with its key"));
            }
        }
        Ok(Self(relay))
    }

    #[pyo3(signature = (session, stream, interfaces, rtp, /))]
    fn open(
        &self,
        py: Python<'_>,
        session: &str,
        stream: u16,
        interfaces: (String, String),
        rtp: bool,
    ) -> PyResult<(u16, u16)> {
        let content = if rtp { Content::Rtp } else { Content::Raw };
        let names = [interfaces.0.as_str(), interfaces.1.as_str()];
        let opened = py.detach(|| self.0.open(session, stream, names, content));
        opened.map(|[a, b]| (a, b)).or_raise()
    }

    #[pyo3(signature = (session, stream, interfaces, rtp, ports, /))]
    fn reopen(
        &self,
        py: Python<'_>,
        session: &str,
        stream: u16,
        interfaces: (String, String),
        rtp: bool,
        ports: (u16, u16),
    ) -> PyResult<()> {
        let content = if rtp { Content::Rtp } else { Content::Raw };
        let names = [interfaces.0.as_str(), interfaces.1.as_str()];
        let ports = [ports.0, ports.1];
        let done = py.detach(|| self.0.reopen(session, stream, names, content, ports));
        done.or_raise()
    }

    #[pyo3(signature = (session, stream, /))]
    fn resume(&self, session: &str, stream: u16) -> PyResult<()> {
        self.0.resume(session, stream).or_raise()
    }

    fn restored(&self) {
        self.0.restored();
    }

    #[pyo3(signature = (session, stream, side, *, rtp, rtcp, source, muted, muxed=false))]
    #[allow(clippy::too_many_arguments)] // Python's keyword arguments.
    fn signal(
        &self,
        session: &str,
        stream: u16,
        side: usize,
        rtp: Option<AddressTuple>,
        rtcp: Option<AddressTuple>,
        source: Option<&str>,
        muted: bool,
        muxed: bool,
    ) -> PyResult<()> {
        let source = source.map(ip).transpose()?;
        let remote = Remote {
            rtp: address(rtp)?,
            rtcp: address(rtcp)?,
            source,
            muted,
            muxed,
        };
        self.0
            .signal(session, stream, side_index(side)?, remote)
            .or_raise()
    }

    #[pyo3(signature = (session, stream, side, keys, /, *, closed = false))]
    fn protect(
        &self,
        session: &str,
        stream: u16,
        side: usize,
        keys: Option<KeysTuple>,
        closed: bool,
    ) -> PyResult<()> {
        let wanted = protection(keys, closed)?;
        self.0
            .protect(session, stream, side_index(side)?, wanted)
            .or_raise()
    }

    #[pyo3(signature = (session, stream, side, fingerprints, /, *, active))]
    fn shake(
        &self,
        session: &str,
        stream: u16,
        side: usize,
        fingerprints: Vec<(String, Vec<u8>)>,
        active: bool,
    ) -> PyResult<()> {
        let terms = terms(fingerprints, active)?;
        self.0
            .shake(session, stream, side_index(side)?, terms)
            .or_raise()
    }

    #[pyo3(signature = (session, stream, side, credentials, /))]
    fn ice(
        &self,
        session: &str,
        stream: u16,
        side: usize,
        credentials: Option<(String, String)>,
    ) -> PyResult<()> {
        let credentials =
            credentials.map(|(fragment, password)| Credentials { fragment, password });
        self.0
            .ice(session, stream, side_index(side)?, credentials)
            .or_raise()
    }

    #[pyo3(signature = (session, stream, side, formats, /))]
    fn describe(
        &self,
        session: &str,
        stream: u16,
        side: usize,
        formats: Vec<FormatTuple>,
    ) -> PyResult<()> {
        let formats = formats.into_iter().map(format).collect();
        self.0
            .describe(session, stream, side_index(side)?, formats)
            .or_raise()
    }

    #[pyo3(signature = (gathering, /))]
    fn gather(&self, gathering: bool) {
        self.0.gather(gathering);
    }

    #[pyo3(signature = (session, stream, sides, /))]
    fn transcode(
        &self,
        session: &str,
        stream: u16,
        sides: Option<(VoiceObject, VoiceObject)>,
    ) -> PyResult<()> {
        let sides = match sides {
            Some((one, other)) => Some([one.read()?, other.read()?]),
            None => None,
        };
        self.0.transcode(session, stream, sides).or_raise()
    }

    #[pyo3(signature = (session, stream, side, withheld, /))]
    fn withhold(&self, session: &str, stream: u16, side: usize, withheld: bool) -> PyResult<()> {
        self.0
            .withhold(session, stream, side_index(side)?, withheld)
            .or_raise()
    }

    #[pyo3(signature = (session, side, digit, duration_ms, /))]
    fn dial(&self, session: &str, side: usize, digit: char, duration_ms: u64) -> PyResult<()> {
        self.0
            .dial(session, side_index(side)?, digit, duration_ms)
            .or_raise()
    }

    #[pyo3(signature = (session, carrier, side, mid_extension, members, /))]
    fn bundle(
        &self,
        session: &str,
        carrier: u16,
        side: usize,
        mid_extension: u8,
        members: Vec<MemberTuple>,
    ) -> PyResult<()> {
        let members = members.into_iter().map(member).collect();
        let side = side_index(side)?;
        self.0
            .bundle(session, carrier, side, mid_extension, members)
            .or_raise()
    }

    #[pyo3(signature = (session, stream, stem, /))]
    fn record(&self, session: &str, stream: u16, stem: Option<&str>) -> PyResult<()> {
        self.0.record(session, stream, stem).or_raise()
    }

    #[pyo3(signature = (name, samples, rate, /))]
    fn music(&self, name: &str, samples: &[u8], rate: u32) -> PyResult<()> {
        let pairs = samples.chunks_exact(2);
        let samples = pairs.map(|two| i16::from_ne_bytes([two[0], two[1]]));
        self.0.music(name, samples.collect(), rate).or_raise()
    }

    #[pyo3(signature = (session, stream, side, name, /))]
    fn play(&self, session: &str, stream: u16, side: usize, name: Option<&str>) -> PyResult<()> {
        self.0
            .play(session, stream, side_index(side)?, name)
            .or_raise()
    }

    #[pyo3(signature = (session, stream, to, /))]
    fn fork(&self, session: &str, stream: u16, to: Option<u16>) -> PyResult<()> {
        self.0.fork(session, stream, to).or_raise()
    }

    fn repaired(&self) -> Vec<String> {
        self.0.repaired().to_vec()
    }

    #[pyo3(signature = (session, held, silence_ms, /))]
    fn hold(&self, session: &str, held: bool, silence_ms: u64) -> PyResult<()> {
        let patience = (silence_ms > 0).then_some(silence_ms);
        self.0.hold(session, held, patience).or_raise()
    }

    #[pyo3(signature = (session, stream, /))]
    fn close(&self, session: &str, stream: u16) -> PyResult<()> {
        self.0.close(session, stream).or_raise()
    }

    #[pyo3(signature = (session, /))]
    fn query<'py>(
        &self,
        py: Python<'py>,
        session: &str,
    ) -> PyResult<Option<Vec<Bound<'py, PyDict>>>> {
        let found = py.detach(|| self.0.query(session)).or_raise()?;
        all_stats(py, found)
    }

    #[pyo3(signature = (session, /))]
    fn delete<'py>(
        &self,
        py: Python<'py>,
        session: &str,
    ) -> PyResult<Option<Vec<Bound<'py, PyDict>>>> {
        let found = py.detach(|| self.0.delete(session)).or_raise()?;
        all_stats(py, found)
    }

    fn sessions(&self) -> Vec<String> {
        self.0.sessions()
    }

    fn reports<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyDict>>> {
        let found = self.0.reports().or_raise()?;
        found.iter().map(|one| report(py, one)).collect()
    }

    fn report_fd(&self) -> i32 {
        self.0.report_fd()
    }

    fn no_fast_path(&self) -> Option<String> {
        self.0.kernel().as_ref().err().cloned()
    }

    fn adopt(&self, py: Python<'_>) -> usize {
        py.detach(|| self.0.adopt())
    }
}
