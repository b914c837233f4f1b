//! The one crate that knows `PyO3`: everything below it is plain Rust.
use pyo3::prelude::*;

mod bencode;
mod bytes;
mod media;
mod sdp;
mod transaction;
mod voice;
mod wire;

/// The compiled module `farline._core`; its contract is `src/farline/_core.pyi`.
#[pymodule(gil_used = false)]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    wire::register(module)?;
    bencode::register(module)?;
    sdp::register(module)?;
    transaction::register(module)?;
    media::register(module)
}
