//! The relay's errors as Python's.

use pyo3::create_exception;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;

create_exception!(_core, RelayError, PyException);

/// Lets what failed be raised as `RelayError`.
pub(super) trait OrRaise<T> {
    fn or_raise(self) -> PyResult<T>;
}

impl<T> OrRaise<T> for Result<T, relay::RelayError> {
    fn or_raise(self) -> PyResult<T> {
        self.map_err(|error| failed(&error))
    }
}

fn failed(error: &relay::RelayError) -> PyErr {
    let status = match error {
        relay::RelayError::Exhausted(_) => 503,
        _ => 500,
    };
    Python::attach(|py| {
        let raised = RelayError::new_err((status, error.to_string()));
        let value = raised.value(py);
        let named = value.setattr("status", status);
        match named.and_then(|()| value.setattr("reason", error.to_string())) {
            Ok(()) => raised,
            Err(other) => other,
        }
    })
}
