//! The transactions as Python sees them: `farline._core.ClientTransaction` and its like.
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::Arc;

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};
use transaction::{Id, Side};

use super::carry::Carry;
use super::words::Words;
use crate::wire::message::Message;
use crate::wire::text::to_text;

/// What both sides have; see `_core.pyi`.
#[pyclass(subclass, module = "farline._core")]
pub struct Transaction {
    /// The layer that runs it, and its name there.
    pub place: (u64, Id),
    #[pyo3(get)]
    pub request: Py<Message>,
    #[pyo3(get)]
    pub flow: Py<PyTuple>,
    #[pyo3(get)]
    pub back: Py<PyTuple>,
    #[pyo3(get)]
    method: Py<PyString>,
    #[pyo3(get)]
    reliable: bool,
    #[pyo3(get, set)]
    user: Option<Py<PyAny>>,
    state: Arc<AtomicU8>,
    words: Arc<Words>,
}

impl Transaction {
    /// The one of a layer that `tx` is.
    fn of(
        py: Python<'_>,
        place: (u64, Id),
        tx: &transaction::Transaction<Carry>,
        words: &Arc<Words>,
    ) -> PyResult<Self> {
        let request = tx.request.0.clone_ref(py);
        let method = to_text(py, request.borrow(py).0.method())?.unbind();
        Ok(Self {
            place,
            request,
            flow: tx.flow.object.clone_ref(py),
            back: tx.back.object.clone_ref(py),
            method,
            reliable: tx.is_reliable(),
            user: None,
            state: Arc::new(AtomicU8::new(tx.state() as u8)),
            words: words.clone(),
        })
    }
}

#[pymethods]
impl Transaction {
    #[getter]
    fn state(&self, py: Python<'_>) -> Py<PyAny> {
        self.words.state(py, self.state.load(Ordering::Relaxed))
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let (kind, tx) = (slf.get_type().name()?, slf.borrow());
        let (method, state) = (tx.method.bind(slf.py()), tx.state(slf.py()));
        Ok(format!("<{kind} {method} {}>", state.bind(slf.py()).str()?))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.user)
    }

    fn __clear__(&mut self) {
        self.user = None;
    }
}

/// A request of ours; see `_core.pyi`.
#[pyclass(extends = Transaction, frozen, module = "farline._core")]
pub struct ClientTransaction {
    branch: Box<[u8]>,
    via: Box<[u8]>,
}

#[pymethods]
impl ClientTransaction {
    #[getter]
    fn via<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        to_text(py, &self.via)
    }

    #[getter]
    fn key<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyString>, Py<PyString>)> {
        let py = slf.py();
        let method = slf.as_super().borrow().method.clone_ref(py);
        Ok((to_text(py, &slf.get().branch)?, method))
    }
}

/// A request of a peer; see `_core.pyi`.
#[pyclass(extends = Transaction, frozen, module = "farline._core")]
pub struct ServerTransaction;

/// The object for a transaction that has none yet, and the state that it shows.
pub fn known(
    py: Python<'_>,
    place: (u64, Id),
    tx: &transaction::Transaction<Carry>,
    words: &Arc<Words>,
) -> PyResult<(Py<PyAny>, Arc<AtomicU8>)> {
    let both = Transaction::of(py, place, tx, words)?;
    let state = both.state.clone();
    let both = PyClassInitializer::from(both);
    let object = match &tx.side {
        Side::Client { branch, via, .. } => {
            let (branch, via) = (branch.clone(), via.clone());
            Py::new(py, both.add_subclass(ClientTransaction { branch, via }))?.into_any()
        }
        Side::Server { .. } => Py::new(py, both.add_subclass(ServerTransaction))?.into_any(),
    };
    Ok((object, state))
}
