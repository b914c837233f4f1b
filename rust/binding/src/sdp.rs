//! Python face of `sdp`: descriptions rewritten.

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use sdp::{rewrite, Ours, Profile, Section, Security};

/// Profile RTP/SAVP or not; instead another profile, and whether the null address stays; a= lines.
type SecurityTuple = (bool, Option<(Vec<u8>, bool)>, Vec<Vec<u8>>);

/// Adds this file's function to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(rewrite_sdp, module)?)
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

fn read((secure, replaced, added): &SecurityTuple) -> Security<'_> {
    let profile = match replaced {
        None => Profile::Secure(*secure),
        Some((profile, null_stays)) => Profile::Replaced {
            profile,
            null_stays: *null_stays,
        },
    };
    Security { profile, added }
}
