//! Bytes of peers as Python's text.

use pyo3::prelude::*;
use pyo3::types::PyString;

/// One character a byte (ISO 8859-1), so that any bytes are text.
pub fn latin_1<'py>(py: Python<'py>, bytes: &[u8]) -> Bound<'py, PyString> {
    of(py, bytes, char::from)
}

/// ASCII; a replacement character for each other byte.
pub fn ascii<'py>(py: Python<'py>, bytes: &[u8]) -> Bound<'py, PyString> {
    of(py, bytes, |byte| match byte {
        0..=0x7f => char::from(byte),
        _ => char::REPLACEMENT_CHARACTER,
    })
}

fn of<'py>(py: Python<'py>, bytes: &[u8], other: impl Fn(u8) -> char) -> Bound<'py, PyString> {
    match std::str::from_utf8(bytes) {
        Ok(plain) if plain.is_ascii() => PyString::new(py, plain),
        _ => PyString::new(py, &bytes.iter().copied().map(other).collect::<String>()),
    }
}
