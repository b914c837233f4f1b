//! Python face of `sdp`: descriptions read and rewritten.

use pyo3::create_exception;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString, PyTuple};
use sdp::{rewrite, Media, Ours, Profile, Section, Security};

use crate::bytes::{ascii, latin_1};

create_exception!(_core, SdpFault, PyValueError);

/// Profile RTP/SAVP or not; instead another profile, and whether the null address stays; a= lines.
type SecurityTuple = ((bool, Option<bool>), Option<(Vec<u8>, bool)>, Vec<Vec<u8>>);

/// Adds what is here to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("MAX_SDP", sdp::MAX_SIZE)?;
    module.add("MAX_SDP_LINE", sdp::MAX_LINE)?;
    module.add("MAX_SDP_MEDIA", sdp::MAX_MEDIA)?;
    module.add("SdpFault", module.py().get_type::<SdpFault>())?;
    module.add_function(wrap_pyfunction!(read_sdp, module)?)?;
    module.add_function(wrap_pyfunction!(rewrite_sdp, module)?)
}

/// What is read of a description; see `_core.pyi`.
#[pyfunction]
#[pyo3(signature = (data, /))]
fn read_sdp<'py>(py: Python<'py>, data: &[u8]) -> PyResult<Bound<'py, PyTuple>> {
    let read = sdp::read(data)
        .map_err(|fault| SdpFault::new_err((fault.line, fault.reason.to_string())))?;
    let [user, session, version, address] = read.origin;
    let numbers = [user, session, version].map(|one| PyBytes::new(py, one));
    let [user, session, version] = numbers;
    let origin = (user, session, version, ascii(py, address));
    let media: PyResult<Vec<_>> = read.media.iter().map(|one| section(py, one)).collect();
    let attributes = attributes(py, &read.attributes)?;
    (origin, read.connection, attributes, media?).into_pyobject(py)
}

fn section<'py>(py: Python<'py>, media: &Media<'_>) -> PyResult<Bound<'py, PyTuple>> {
    let formats: Vec<_> = media.formats().map(|word| latin_1(py, word)).collect();
    let line = (
        ascii(py, &media.kind.to_ascii_lowercase()),
        media.port,
        ascii(py, &media.protocol.to_ascii_uppercase()),
        PyTuple::new(py, formats)?,
    );
    let attributes = attributes(py, &media.attributes)?;
    let direction = PyString::intern(py, media.direction.name());
    let muxed = media.muxes();
    (
        line,
        media.connection,
        media.rtcp,
        muxed,
        direction,
        attributes,
    )
        .into_pyobject(py)
}

fn attributes<'py>(py: Python<'py>, values: &[&[u8]]) -> PyResult<Bound<'py, PyTuple>> {
    PyTuple::new(py, values.iter().map(|one| PyBytes::new(py, one)))
}

/// A description with our addresses and ports; see `_core.pyi`.
#[pyfunction]
#[pyo3(signature = (data, address, ports, security = None, session = None, /))]
fn rewrite_sdp<'py>(
    py: Python<'py>,
    data: &[u8],
    address: &str,
    ports: Vec<(u16, u16)>,
    security: Option<Vec<Option<SecurityTuple>>>,
    session: Option<Vec<Vec<u8>>>,
) -> Bound<'py, PyBytes> {
    let security = security.unwrap_or_default();
    let sections: Vec<_> = ports
        .iter()
        .enumerate()
        .map(|(index, (rtp, rtcp))| Section {
            rtp: *rtp,
            rtcp: *rtcp,
            security: security.get(index).and_then(Option::as_ref).map(read),
        })
        .collect();
    let ours = Ours {
        address,
        sections: &sections,
        session: &session.unwrap_or_default(),
    };
    PyBytes::new(py, &rewrite(data, &ours))
}

fn read(((secure, feedback), replaced, added): &SecurityTuple) -> Security<'_> {
    let profile = match replaced {
        None => Profile::Rtp {
            secure: *secure,
            feedback: *feedback,
        },
        Some((profile, null_stays)) => Profile::Replaced {
            profile,
            null_stays: *null_stays,
        },
    };
    Security { profile, added }
}
