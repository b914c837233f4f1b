//! Text and errors on their way between Rust and Python.
use std::borrow::Cow;
use std::ffi::CString;

use pyo3::exceptions::PyUnicodeEncodeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyString, PyType};
use sip_wire::ParamText;

static WIRE_ERROR: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// Makes `WireError` and adds it to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    let source = CString::new(include_str!("error.py"))?;
    let made = PyModule::from_code(py, &source, c"farline/_core/error.py", c"farline._core")?;
    let class = made.getattr("WireError")?.cast_into::<PyType>()?;
    WIRE_ERROR.get_or_init(py, || class.clone().unbind());
    module.add("WireError", class)
}

/// The exception for an error of `sip-wire`.
pub fn raise(py: Python<'_>, error: sip_wire::Error, head: &[u8]) -> PyErr {
    let Some(class) = WIRE_ERROR.get(py) else {
        return pyo3::exceptions::PyValueError::new_err(error.reason);
    };
    let args = (
        error.status,
        error.reason,
        error.place,
        PyBytes::new(py, head),
    );
    match class.bind(py).call1(args) {
        Ok(exception) => PyErr::from_value(exception),
        Err(failure) => failure,
    }
}

/// `Result` of `sip-wire` as one of Python.
pub fn check<T>(py: Python<'_>, result: Result<T, sip_wire::Error>) -> PyResult<T> {
    result.map_err(|error| raise(py, error, b""))
}

/// Bytes as text: UTF-8, other bytes as lone surrogates.
pub fn to_text<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyString>> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(PyString::new(py, text)),
        Err(_) => {
            let bytes = PyBytes::new(py, bytes);
            PyString::from_encoded_object(&bytes, Some(c"utf-8"), Some(c"surrogateescape"))
        }
    }
}

/// An argument: text that may hold lone surrogates, as bytes.
pub struct Text<'a>(Cow<'a, [u8]>);

impl<'a> Text<'a> {
    /// Encodes the way `to_text` decodes; other lone surrogates (out of JSON, say) are refused.
    pub fn of(text: &'a Bound<'_, PyString>) -> PyResult<Self> {
        if let Ok(plain) = text.to_str() {
            return Ok(Self(Cow::Borrowed(plain.as_bytes())));
        }
        let py = text.py();
        match text.call_method1("encode", ("utf-8", "surrogateescape")) {
            Ok(encoded) => Ok(Self(Cow::Owned(encoded.extract()?))),
            Err(error) if error.is_instance_of::<PyUnicodeEncodeError>(py) => {
                let error = sip_wire::Error::unusable("text cannot be encoded", "argument");
                Err(raise(py, error, b""))
            }
            Err(error) => Err(error),
        }
    }

    /// The bytes, to keep.
    pub fn into_inner(self) -> Cow<'a, [u8]> {
        self.0
    }
}

impl std::ops::Deref for Text<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

/// A parameter as Python gives it.
pub type ParamArg<'py> = (Bound<'py, PyString>, Option<Bound<'py, PyString>>);

/// Parameters as Python gives them, as bytes.
pub fn params_in<'a>(list: Option<&'a Vec<ParamArg<'_>>>) -> PyResult<Vec<ParamText<'a>>> {
    let pair = |(name, value): &'a ParamArg<'_>| {
        let value = value
            .as_ref()
            .map(|value| Text::of(value).map(Text::into_inner));
        Ok((Text::of(name)?.into_inner(), value.transpose()?))
    };
    list.into_iter().flatten().map(pair).collect()
}

/// A parameter as Python gets it.
pub type ParamOut<'py> = (Bound<'py, PyString>, Option<Bound<'py, PyString>>);

/// Parameters for Python.
pub fn params_out<'a, 'py>(
    py: Python<'py>,
    list: impl Iterator<Item = ParamText<'a>>,
) -> PyResult<Vec<ParamOut<'py>>> {
    list.map(|(name, value)| {
        let value = value.map(|value| to_text(py, &value)).transpose()?;
        Ok((to_text(py, &name)?, value))
    })
    .collect()
}

/// An optional value for Python.
pub fn maybe<'py>(
    py: Python<'py>,
    value: Option<Cow<'_, [u8]>>,
) -> PyResult<Option<Bound<'py, PyString>>> {
    value.map(|value| to_text(py, &value)).transpose()
}
