//! `farline._core.Finder`.
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::text::Text;

/// Finds any of some texts in bytes; see `_core.pyi`.
#[pyclass(module = "farline._core", frozen)]
pub struct Finder(sip_wire::Finder);

#[pymethods]
impl Finder {
    #[new]
    #[pyo3(signature = (texts, /))]
    fn new(texts: Vec<Bound<'_, PyString>>) -> PyResult<Self> {
        let wanted: PyResult<Vec<_>> = texts
            .iter()
            .map(|text| Text::of(text).map(Text::into_inner))
            .collect();
        let made = sip_wire::Finder::new(wanted?);
        made.map(Self)
            .map_err(|error| PyValueError::new_err(error.to_string()))
    }

    #[pyo3(signature = (data, /))]
    fn search(&self, data: &[u8]) -> bool {
        self.0.finds(data)
    }
}
