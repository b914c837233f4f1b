//! Python face of the media crates.

use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use relay::Remote;

mod raised;
mod starting;
mod told;
mod words;

use crate::voice::VoiceObject;
use raised::{OrRaise, RelayError};
use starting::Start;
use told::{all_stats, report, AllStats};
use words::{
    content, format, member, names, ours, protection, remote, side_index, sound, terms,
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
        let settings = Start {
            interfaces,
            threads,
            rest_ms,
            silence_ms,
            state,
            fast_path,
            identity,
            recordings,
        };
        settings.start(py).map(Self)
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
        let (content, names) = (content(rtp), names(&interfaces));
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
        let (content, names) = (content(rtp), names(&interfaces));
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

    #[pyo3(signature = (session, stream, side, *, rtp, rtcp, source, muted, muxed=false, confined=false))]
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
        confined: bool,
    ) -> PyResult<()> {
        let remote = Remote {
            muted,
            muxed,
            confined,
            ..remote(rtp, rtcp, source)?
        };
        let side = side_index(side)?;
        self.0.signal(session, stream, side, remote).or_raise()
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
        let side = side_index(side)?;
        self.0.protect(session, stream, side, wanted).or_raise()
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
        let side = side_index(side)?;
        self.0.shake(session, stream, side, terms).or_raise()
    }

    #[pyo3(signature = (session, stream, side, credentials, /))]
    fn ice(
        &self,
        session: &str,
        stream: u16,
        side: usize,
        credentials: Option<(String, String)>,
    ) -> PyResult<()> {
        let (side, credentials) = (side_index(side)?, credentials.map(ours));
        self.0.ice(session, stream, side, credentials).or_raise()
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
        let side = side_index(side)?;
        self.0.describe(session, stream, side, formats).or_raise()
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
        let side = side_index(side)?;
        self.0.withhold(session, stream, side, withheld).or_raise()
    }

    #[pyo3(signature = (session, side, digit, duration_ms, /))]
    fn dial(&self, session: &str, side: usize, digit: char, duration_ms: u64) -> PyResult<()> {
        let side = side_index(side)?;
        self.0.dial(session, side, digit, duration_ms).or_raise()
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
        let done = self
            .0
            .bundle(session, carrier, side, mid_extension, members);
        done.or_raise()
    }

    #[pyo3(signature = (session, stream, stem, /))]
    fn record(&self, session: &str, stream: u16, stem: Option<&str>) -> PyResult<()> {
        self.0.record(session, stream, stem).or_raise()
    }

    #[pyo3(signature = (name, samples, rate, /))]
    fn music(&self, name: &str, samples: &[u8], rate: u32) -> PyResult<()> {
        self.0.music(name, sound(samples), rate).or_raise()
    }

    #[pyo3(signature = (session, stream, side, name, /))]
    fn play(&self, session: &str, stream: u16, side: usize, name: Option<&str>) -> PyResult<()> {
        let side = side_index(side)?;
        self.0.play(session, stream, side, name).or_raise()
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

    #[pyo3(signature = (session, quiet, /))]
    fn quiet(&self, session: &str, quiet: bool) -> PyResult<()> {
        self.0.quiet(session, quiet).or_raise()
    }

    #[pyo3(signature = (session, stream, /))]
    fn close(&self, session: &str, stream: u16) -> PyResult<()> {
        self.0.close(session, stream).or_raise()
    }

    #[pyo3(signature = (session, /))]
    fn query<'py>(&self, py: Python<'py>, session: &str) -> PyResult<AllStats<'py>> {
        let found = py.detach(|| self.0.query(session)).or_raise()?;
        all_stats(py, found)
    }

    #[pyo3(signature = (session, /))]
    fn delete<'py>(&self, py: Python<'py>, session: &str) -> PyResult<AllStats<'py>> {
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
