//! Python face of `sip-wire`: the classes of the SIP half of `farline._core`.
use pyo3::prelude::*;

mod address;
mod crossing;
mod finder;
mod framer;
pub mod message;
pub mod text;

/// The usual reason phrase; see `_core.pyi`.
#[pyfunction]
#[pyo3(signature = (status, /))]
fn reason_phrase(status: u16) -> &'static str {
    sip_wire::reason_phrase(status)
}

/// The registered reason phrase; see `_core.pyi`.
#[pyfunction]
#[pyo3(signature = (status, /))]
fn registered_phrase(status: u16) -> Option<&'static str> {
    sip_wire::registered_phrase(status)
}

/// Adds this file's classes to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    text::register(module)?;
    module.add("MAX_MESSAGE", sip_wire::MAX_MESSAGE)?;
    module.add_function(wrap_pyfunction!(reason_phrase, module)?)?;
    module.add_function(wrap_pyfunction!(registered_phrase, module)?)?;
    module.add_class::<message::Message>()?;
    module.add_class::<address::Uri>()?;
    module.add_class::<address::NameAddr>()?;
    module.add_class::<address::Via>()?;
    module.add_class::<framer::StreamFramer>()?;
    module.add_class::<crossing::Crossing>()?;
    module.add_class::<finder::Finder>()
}
