//! Python face of `sip-wire`: the classes of the SIP half of `farline._core`.
use pyo3::prelude::*;

mod address;
mod crossing;
mod finder;
mod framer;
mod message;
mod text;

/// Adds this file's classes to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    text::register(module)?;
    module.add("MAX_MESSAGE", sip_wire::MAX_MESSAGE)?;
    module.add_class::<message::Message>()?;
    module.add_class::<address::Uri>()?;
    module.add_class::<address::NameAddr>()?;
    module.add_class::<address::Via>()?;
    module.add_class::<framer::StreamFramer>()?;
    module.add_class::<crossing::Crossing>()?;
    module.add_class::<finder::Finder>()
}
