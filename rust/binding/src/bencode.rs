//! Python face of `bencode`: documents of the ng protocol as plain values.

use bencode::{decode, Value, Writer, MAX_DEPTH};
use pyo3::create_exception;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyInt, PyList, PyMapping, PyString};

use crate::bytes::latin_1;

type Entry<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>);

create_exception!(_core, BencodeError, PyValueError);

/// Adds this file's functions to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("BencodeError", module.py().get_type::<BencodeError>())?;
    module.add_function(wrap_pyfunction!(read_bencode, module)?)?;
    module.add_function(wrap_pyfunction!(write_bencode, module)?)
}

/// Reads one document; see `_core.pyi`.
#[pyfunction]
#[pyo3(signature = (data, /))]
fn read_bencode<'py>(py: Python<'py>, data: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    let value = decode(data).map_err(|error| BencodeError::new_err(error.to_string()))?;
    read(py, &value)
}

/// Writes one document behind other bytes; see `_core.pyi`.
#[pyfunction]
#[pyo3(signature = (value, behind, /))]
fn write_bencode<'py>(
    py: Python<'py>,
    value: &Bound<'py, PyAny>,
    behind: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    let mut out = Writer::behind(behind);
    write(value, &mut out, 0)?;
    Ok(PyBytes::new(py, &out.into_bytes()))
}

fn read<'py>(py: Python<'py>, value: &Value<'_>) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::Integer(number) => match i64::try_from(*number) {
            Ok(small) => small.into_pyobject(py)?.into_any(),
            Err(_) => number.into_pyobject(py)?.into_any(),
        },
        Value::Bytes(bytes) => PyBytes::new(py, bytes).into_any(),
        Value::List(values) => {
            let found: PyResult<Vec<_>> = values.iter().map(|one| read(py, one)).collect();
            PyList::new(py, found?)?.into_any()
        }
        Value::Dictionary(entries) => {
            let found = PyDict::new(py);
            for (key, one) in entries {
                found.set_item(latin_1(py, key), read(py, one)?)?;
            }
            found.into_any()
        }
    })
}

fn write(value: &Bound<'_, PyAny>, out: &mut Writer, depth: usize) -> PyResult<()> {
    if depth > MAX_DEPTH {
        return Err(PyValueError::new_err("too many values inside each other"));
    }
    if let Ok(bytes) = value.cast::<PyBytes>() {
        out.bytes(bytes.as_bytes());
    } else if let Ok(shown) = value.cast::<PyString>() {
        out.bytes(shown.to_cow()?.as_bytes());
    } else if value.is_instance_of::<PyInt>() {
        // Of what has more than 64 bits a number is made step by step: slow, and rare.
        out.integer(match value.extract::<i64>() {
            Ok(small) => small.into(),
            Err(_) => value.extract()?,
        });
    } else if let Ok(known) = value.cast::<PyDict>() {
        write_entries(&known.iter().collect::<Vec<_>>(), out, depth)?;
    } else if let Ok(known) = value.cast::<PyMapping>() {
        let entries: PyResult<Vec<_>> = known.items()?.iter().map(|pair| pair.extract()).collect();
        write_entries(&entries?, out, depth)?;
    } else {
        out.list();
        for one in value.try_iter()? {
            write(&one?, out, depth + 1)?;
        }
        out.end();
    }
    Ok(())
}

/// A dictionary, its keys in order: that of their characters is that of their bytes.
fn write_entries(entries: &[Entry<'_>], out: &mut Writer, depth: usize) -> PyResult<()> {
    let mut named = Vec::with_capacity(entries.len());
    for (key, one) in entries {
        named.push((key.cast::<PyString>()?.to_str()?, one));
    }
    named.sort_unstable_by_key(|(key, _)| *key);
    out.dictionary();
    for (key, one) in named {
        if key.is_ascii() {
            out.bytes(key.as_bytes());
        } else {
            out.bytes(&to_latin_1(key)?);
        }
        write(one, out, depth + 1)?;
    }
    out.end();
    Ok(())
}

/// The reverse of `latin_1`.
fn to_latin_1(key: &str) -> PyResult<Vec<u8>> {
    let bytes: Option<_> = key.chars().map(|one| u8::try_from(one).ok()).collect();
    bytes.ok_or_else(|| PyValueError::new_err("a key is not of ISO 8859-1"))
}
