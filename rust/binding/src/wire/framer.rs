//! `farline._core.StreamFramer`.
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use sip_wire::{Frame, Framer};

use super::text::raise;

/// Cuts a byte stream into messages; see `_core.pyi`.
#[pyclass(module = "farline._core")]
pub struct StreamFramer(Framer);

#[pymethods]
impl StreamFramer {
    #[classattr]
    const MESSAGE: u8 = 0;
    #[classattr]
    const PING: u8 = 1;
    #[classattr]
    const PONG: u8 = 2;

    #[new]
    #[pyo3(signature = (max_message=sip_wire::MAX_MESSAGE), text_signature = "(max_message=65535)")]
    fn new(max_message: usize) -> Self {
        Self(Framer::new(max_message))
    }

    #[pyo3(signature = (data, /))]
    fn feed<'py>(
        &mut self,
        py: Python<'py>,
        data: &[u8],
    ) -> PyResult<Vec<(u8, Bound<'py, PyBytes>)>> {
        let frames = self
            .0
            .feed(data)
            .map_err(|broken| raise(py, broken.error, &broken.head))?;
        let given = frames.into_iter().map(|frame| match frame {
            Frame::Message(bytes) => (Self::MESSAGE, PyBytes::new(py, &bytes)),
            Frame::Ping => (Self::PING, PyBytes::new(py, b"\r\n\r\n")),
            Frame::Pong => (Self::PONG, PyBytes::new(py, b"\r\n")),
        });
        Ok(given.collect())
    }

    #[getter]
    fn broken(&self) -> bool {
        self.0.broken().is_some()
    }

    #[getter]
    fn buffered(&self) -> usize {
        self.0.buffered()
    }
}
