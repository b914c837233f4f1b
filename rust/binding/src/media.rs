//! Python face of the media crates.
use pyo3::prelude::*;

/// Adds this file's classes to the module.
pub fn register(_module: &Bound<'_, PyModule>) -> PyResult<()> {
    Ok(())
}
