//! The layer's outputs as objects of Python.
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use transaction::Output;

use super::carry::Carry;
use super::known::Transaction;
use super::layer::Transactions;

impl Transactions {
    /// The event of Python, or `Send`, that says the same.
    pub fn say(&mut self, py: Python<'_>, output: Output<Carry>) -> PyResult<Py<PyAny>> {
        let words = self.words.clone();
        let cause = |cause| words.cause(py, cause);
        match output {
            Output::Send { flow, data } => {
                let data = PyBytes::new(py, &data);
                words.send.call1(py, (flow.object, data))
            }
            Output::RequestArrived(tx) => {
                let known = self.known(py, tx)?;
                let tx = known.bind(py).cast::<Transaction>()?.borrow();
                let (request, flow) = (tx.request.clone_ref(py), tx.flow.clone_ref(py));
                drop(tx);
                words.request_arrived.call1(py, (known, request, flow))
            }
            Output::AckArrived { message, flow, tx } => {
                let tx = tx.map(|tx| self.known(py, tx)).transpose()?;
                words.ack_arrived.call1(py, (message.0, flow.object, tx))
            }
            Output::CancelArrived { tx, message } => words
                .cancel_arrived
                .call1(py, (self.known(py, tx)?, message.0)),
            Output::ResponseArrived { tx, message } => words
                .response_arrived
                .call1(py, (self.known(py, tx)?, message.0)),
            Output::RequestFailed { tx, cause: why } => words
                .request_failed
                .call1(py, (self.known(py, tx)?, cause(why))),
            Output::ResponseLost { tx, cause: why } => words
                .response_lost
                .call1(py, (self.known(py, tx)?, cause(why))),
            Output::StrayResponse { message, flow } => {
                words.stray_response.call1(py, (message.0, flow.object))
            }
            Output::Ended { tx, cause: why } => {
                let known = self.known(py, tx)?;
                self.layer.forget(tx);
                words.ended.call1(py, (known, why.map(cause)))
            }
        }
    }
}
