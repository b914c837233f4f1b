//! `farline._core.Transactions`.
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use pyo3::exceptions::PyRuntimeError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};
use transaction::{Id, Layer, Manner, Options, Output, Timers};

use super::carry::{Carry, Flow, Letter, Tag};
use super::known::{known, ClientTransaction, ServerTransaction, Transaction};
use super::words::Words;
use crate::wire::message::Message;
use crate::wire::text::Text;

/// So that no layer takes the transaction of another for its own.
static NUMBER: AtomicU64 = AtomicU64::new(0);

/// All transactions of one core; see `_core.pyi`.
#[pyclass(subclass, module = "farline._core")]
pub struct Transactions {
    pub layer: Layer<Carry>,
    pub words: Arc<Words>,
    number: u64,
    /// What `next_deadline` said last: it is asked after every message.
    deadline: Option<(f64, u8, Py<PyAny>)>,
}

impl Transactions {
    /// What Python knows a transaction by.
    pub fn known(&mut self, py: Python<'_>, id: Id) -> PyResult<Py<PyAny>> {
        let gone = || PyRuntimeError::new_err("a transaction was forgotten too early");
        let tx = self.layer.get(id).ok_or_else(gone)?;
        if let Some(tag) = &tx.tag {
            return Ok(tag.object.clone_ref(py));
        }
        let (object, state) = known(py, (self.number, id), tx, &self.words)?;
        let tag = Tag {
            object: object.clone_ref(py),
            state,
        };
        self.layer.tag(id, tag);
        Ok(object)
    }

    /// A transaction of Python's as ours; `None` for one of another layer.
    fn ours(&self, tx: &Bound<'_, Transaction>) -> Option<Id> {
        let (number, id) = tx.borrow().place;
        (number == self.number).then_some(id)
    }
}

/// An `Address` as it stands in a Via.
fn sent_by(address: &Bound<'_, PyTuple>) -> PyResult<String> {
    let (host, port) = (address.get_item(0)?, address.get_item(1)?);
    let (host, port) = (host.cast::<PyString>()?.to_str()?, port.extract::<u16>()?);
    Ok(if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    })
}

fn manner_of(manner: Option<&Bound<'_, PyAny>>) -> PyResult<Manner> {
    manner.map_or(Ok(Manner::default()), |manner| {
        let py = manner.py();
        Ok(Manner {
            t1: manner.getattr(intern!(py, "t1"))?.extract()?,
            t2: manner.getattr(intern!(py, "t2"))?.extract()?,
            old_via: manner.getattr(intern!(py, "old_via"))?.extract()?,
        })
    })
}

fn timers_of(timers: &Bound<'_, PyAny>) -> PyResult<Timers> {
    let seconds = |name: &str| timers.getattr(name)?.extract();
    Ok(Timers {
        t1: seconds("t1")?,
        t2: seconds("t2")?,
        t4: seconds("t4")?,
        c: seconds("c")?,
        d: seconds("d")?,
        trying: seconds("trying")?,
    })
}

#[pymethods]
impl Transactions {
    #[new]
    #[pyo3(signature = (words, ids, timers, /, *, limit, retry_after, merged, rport))]
    fn new(
        words: &Bound<'_, PyDict>,
        ids: Py<PyAny>,
        timers: &Bound<'_, PyAny>,
        limit: usize,
        retry_after: u32,
        merged: bool,
        rport: bool,
    ) -> PyResult<Self> {
        let words = Arc::new(Words::of(words)?);
        let carry = Carry {
            ids,
            words: words.clone(),
        };
        let options = Options {
            limit,
            retry_after,
            merged,
            rport,
        };
        Ok(Self {
            layer: Layer::new(carry, timers_of(timers)?, options),
            words,
            number: NUMBER.fetch_add(1, Ordering::Relaxed),
            deadline: None,
        })
    }

    fn __len__(&self) -> usize {
        self.layer.len()
    }

    fn receive(
        &mut self,
        message: Py<Message>,
        flow: &Bound<'_, PyTuple>,
        now: f64,
    ) -> PyResult<()> {
        Ok(self
            .layer
            .receive(&Letter(message), &Flow::of(flow)?, now)?)
    }

    #[pyo3(signature = (message, flow, now, *, sent_by, manner=None))]
    fn request(
        &mut self,
        message: Py<Message>,
        flow: &Bound<'_, PyTuple>,
        now: f64,
        sent_by: &Bound<'_, PyTuple>,
        manner: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<ClientTransaction>> {
        let (by, manner) = (self::sent_by(sent_by)?, manner_of(manner)?);
        let id = self
            .layer
            .request(Letter(message), Flow::of(flow)?, now, &by, manner)?;
        let known = self.known(flow.py(), id)?.into_bound(flow.py());
        Ok(known.cast_into::<ClientTransaction>()?.unbind())
    }

    fn respond(
        &mut self,
        tx: &Bound<'_, ServerTransaction>,
        response: Py<Message>,
        now: f64,
    ) -> PyResult<()> {
        let Some(id) = self.ours(tx.as_super()) else {
            return Ok(());
        };
        Ok(self.layer.respond(id, &Letter(response), now)?)
    }

    fn take_over(
        &mut self,
        request: Py<Message>,
        flow: &Bound<'_, PyTuple>,
        back: &Bound<'_, PyTuple>,
        now: f64,
    ) -> PyResult<Option<Py<PyAny>>> {
        let (came, back) = (Flow::of(flow)?, Flow::of(back)?);
        let id = self.layer.take_over(&Letter(request), &came, back, now)?;
        id.map(|id| self.known(flow.py(), id)).transpose()
    }

    #[pyo3(signature = (tx, now, headers=None), text_signature = "(self, tx, now, headers=())")]
    fn cancel(
        &mut self,
        tx: &Bound<'_, ClientTransaction>,
        now: f64,
        headers: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let Some(id) = self.ours(tx.as_super()) else {
            return Ok(());
        };
        let mut pairs: Vec<(Bound<'_, PyString>, Bound<'_, PyString>)> = Vec::new();
        if let Some(headers) = headers {
            for pair in headers.try_iter()? {
                pairs.push(pair?.extract()?);
            }
        }
        let texts = pairs
            .iter()
            .map(|(name, value)| Ok((Text::of(name)?, Text::of(value)?)));
        let texts = texts.collect::<PyResult<Vec<_>>>()?;
        let headers: Vec<(&[u8], &[u8])> = texts
            .iter()
            .map(|(name, value)| (&**name, &**value))
            .collect();
        Ok(self.layer.cancel(id, now, &headers)?)
    }

    #[pyo3(signature = (message, flow, *, sent_by=None, manner=None))]
    fn send_stateless(
        &mut self,
        message: Py<Message>,
        flow: &Bound<'_, PyTuple>,
        sent_by: Option<&Bound<'_, PyTuple>>,
        manner: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let by = sent_by.map(self::sent_by).transpose()?;
        let (flow, manner) = (Flow::of(flow)?, manner_of(manner)?);
        Ok(self
            .layer
            .send_stateless(&Letter(message), flow, by.as_deref(), manner)?)
    }

    fn reroute(
        &mut self,
        tx: &Bound<'_, ServerTransaction>,
        flow: &Bound<'_, PyTuple>,
    ) -> PyResult<()> {
        if let Some(id) = self.ours(tx.as_super()) {
            self.layer.reroute(id, Flow::of(flow)?);
            tx.as_super().borrow_mut().back = flow.clone().unbind();
        }
        Ok(())
    }

    fn flow_lost(&mut self, flow: &Bound<'_, PyTuple>, now: f64) -> PyResult<()> {
        Ok(self.layer.flow_lost(&Flow::of(flow)?, now)?)
    }

    fn expire(&mut self, now: f64) -> PyResult<()> {
        Ok(self.layer.expire(now)?)
    }

    fn poll(&mut self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let output: Option<Output<Carry>> = self.layer.pop();
        output.map(|output| self.say(py, output)).transpose()
    }

    fn next_deadline(&mut self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let Some((at, timer)) = self.layer.next_timer() else {
            return Ok(None);
        };
        if let Some((when, which, said)) = &self.deadline {
            if *which == timer as u8 && when.to_bits() == at.to_bits() {
                return Ok(Some(said.clone_ref(py)));
            }
        }
        let said = self.words.deadline.call1(py, (at, timer.name()))?;
        self.deadline = Some((at, timer as u8, said.clone_ref(py)));
        Ok(Some(said))
    }

    fn transactions(&mut self, py: Python<'_>) -> PyResult<Vec<Py<PyAny>>> {
        let running = self.layer.running();
        running.into_iter().map(|id| self.known(py, id)).collect()
    }

    #[getter]
    fn connections(&self) -> usize {
        self.layer.connections()
    }

    #[getter]
    fn counters(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let seen = self.layer.counters();
        let counted = (
            seen.refused,
            seen.stray,
            seen.without_via,
            seen.absorbed,
            seen.late,
        );
        self.words.counters.call1(py, counted)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        for (_, tx) in self.layer.kept() {
            if let Some(tag) = &tx.tag {
                visit.call(&tag.object)?;
            }
        }
        Ok(())
    }
}
