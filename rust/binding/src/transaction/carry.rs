//! What the layer carries, as Python has it: messages, flows and identifiers.
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};
use transaction::{Carried, State, Transport};

use super::words::Words;
use crate::wire::message::Message;
use crate::wire::text::raise;

/// An exception of Python, or what it will see of an error of `sip-wire`.
pub struct Failed(PyErr);

impl From<PyErr> for Failed {
    fn from(error: PyErr) -> Self {
        Self(error)
    }
}

impl From<sip_wire::Error> for Failed {
    fn from(error: sip_wire::Error) -> Self {
        Self(Python::attach(|py| raise(py, error, b"")))
    }
}

impl From<Failed> for PyErr {
    fn from(failed: Failed) -> Self {
        failed.0
    }
}

/// A message that Python may hold too.
pub struct Letter(pub Py<Message>);

impl Clone for Letter {
    fn clone(&self) -> Self {
        Python::attach(|py| Self(self.0.clone_ref(py)))
    }
}

impl transaction::Letter for Letter {
    fn read<R>(&self, look: impl FnOnce(&sip_wire::Message) -> R) -> R {
        Python::attach(|py| look(&self.0.borrow(py).0))
    }

    fn change<R>(&self, edit: impl FnOnce(&mut sip_wire::Message) -> R) -> R {
        Python::attach(|py| edit(&mut self.0.borrow_mut(py).0))
    }
}

/// A `Flow`: (token, interface, transport, local, remote).
pub struct Flow {
    pub object: Py<PyTuple>,
    token: u64,
    transport: Transport,
}

impl Flow {
    /// Reads what the layer wants to know of it.
    pub fn of(flow: &Bound<'_, PyTuple>) -> PyResult<Self> {
        let name = flow.get_item(2)?;
        let transport = Transport::named(name.cast::<PyString>()?.to_str()?);
        Ok(Self {
            object: flow.clone().unbind(),
            token: flow.get_item(0)?.extract()?,
            transport: transport.ok_or_else(|| PyValueError::new_err("no such transport"))?,
        })
    }
}

impl Clone for Flow {
    fn clone(&self) -> Self {
        Python::attach(|py| Self {
            object: self.object.clone_ref(py),
            ..*self
        })
    }
}

impl PartialEq for Flow {
    fn eq(&self, other: &Self) -> bool {
        let equal = || Python::attach(|py| self.object.bind(py).eq(&other.object).unwrap_or(false));
        self.token == other.token && (self.object.is(&other.object) || equal())
    }
}

impl transaction::Flow for Flow {
    fn token(&self) -> u64 {
        self.token
    }

    fn transport(&self) -> Transport {
        self.transport
    }
}

/// What Python knows a transaction by: its object, and the state that this shows.
pub struct Tag {
    pub object: Py<PyAny>,
    pub state: Arc<AtomicU8>,
}

/// Where the layer's things come from.
pub struct Carry {
    pub ids: Py<PyAny>,
    pub words: Arc<Words>,
}

impl Carried for Carry {
    type Letter = Letter;
    type Flow = Flow;
    type Tag = Tag;
    type Error = Failed;

    fn letter(&self, message: sip_wire::Message) -> Result<Letter, Failed> {
        Ok(Letter(Python::attach(|py| Py::new(py, Message(message)))?))
    }

    fn token(&self) -> Result<String, Failed> {
        Ok(Python::attach(|py| {
            let token = self.ids.bind(py).call_method0(intern!(py, "token"))?;
            token.extract::<String>()
        })?)
    }

    fn remote(&self, flow: &Flow) -> Result<(String, u16), Failed> {
        Ok(Python::attach(|py| {
            flow.object.bind(py).get_item(4)?.extract()
        })?)
    }

    fn with_port(&self, flow: &Flow, port: u16) -> Result<Flow, Failed> {
        let (host, _) = self.remote(flow)?;
        Ok(Python::attach(|py| {
            let changed = PyDict::new(py);
            changed.set_item("remote", self.words.address.call1(py, (host, port))?)?;
            let object = flow.object.bind(py);
            let moved = object.call_method(intern!(py, "_replace"), (), Some(&changed))?;
            Flow::of(moved.cast::<PyTuple>()?)
        })?)
    }

    fn entered(tag: &Tag, state: State) {
        tag.state.store(state as u8, Ordering::Relaxed);
    }
}
