//! The classes of Python in which the layer speaks, and the tables for the documentation.
use pyo3::prelude::*;
use pyo3::types::PyDict;
use transaction::{
    invite_client, invite_server, non_invite_client, non_invite_server, Cause, State, Table,
};

/// Classes that `farline.sip.transaction` gives the layer, so that nothing is imported upwards.
pub struct Words {
    pub address: Py<PyAny>,
    pub deadline: Py<PyAny>,
    pub counters: Py<PyAny>,
    pub send: Py<PyAny>,
    pub request_arrived: Py<PyAny>,
    pub ack_arrived: Py<PyAny>,
    pub cancel_arrived: Py<PyAny>,
    pub response_arrived: Py<PyAny>,
    pub request_failed: Py<PyAny>,
    pub response_lost: Py<PyAny>,
    pub stray_response: Py<PyAny>,
    pub ended: Py<PyAny>,
    timeout: Py<PyAny>,
    transport: Py<PyAny>,
    /// In the order of the states.
    states: Vec<Py<PyAny>>,
}

impl Words {
    /// By the names of the classes.
    pub fn of(classes: &Bound<'_, PyDict>) -> PyResult<Self> {
        let class = |name: &str| Ok::<_, PyErr>(classes.as_any().get_item(name)?.unbind());
        let cause = classes.as_any().get_item("Cause")?;
        let state = classes.as_any().get_item("State")?;
        let states = State::ALL
            .iter()
            .map(|one| Ok(state.call1((one.name(),))?.unbind()));
        Ok(Self {
            address: class("Address")?,
            deadline: class("Deadline")?,
            counters: class("Counters")?,
            send: class("Send")?,
            request_arrived: class("RequestArrived")?,
            ack_arrived: class("AckArrived")?,
            cancel_arrived: class("CancelArrived")?,
            response_arrived: class("ResponseArrived")?,
            request_failed: class("RequestFailed")?,
            response_lost: class("ResponseLost")?,
            stray_response: class("StrayResponse")?,
            ended: class("TransactionEnded")?,
            timeout: cause.getattr("TIMEOUT")?.unbind(),
            transport: cause.getattr("TRANSPORT")?.unbind(),
            states: states.collect::<PyResult<_>>()?,
        })
    }

    /// The member of `Cause`.
    pub fn cause(&self, py: Python<'_>, cause: Cause) -> Py<PyAny> {
        match cause {
            Cause::Timeout => self.timeout.clone_ref(py),
            Cause::Transport => self.transport.clone_ref(py),
        }
    }

    /// The member of `State`.
    pub fn state(&self, py: Python<'_>, state: u8) -> Py<PyAny> {
        let state = self.states.get(usize::from(state));
        state.map_or_else(|| py.None(), |state| state.clone_ref(py))
    }
}

type Row = (&'static str, &'static str, &'static str, Vec<&'static str>);

/// The four tables in words, by their names; see `_core.pyi`.
#[pyfunction]
pub fn transaction_tables() -> Vec<(&'static str, Vec<Row>)> {
    let rows = |table: &'static Table| {
        let row = |&(state, input, after, actions): &'static transaction::Row| {
            let actions = actions.iter().map(|action| action.name()).collect();
            (state.name(), input.name(), after.name(), actions)
        };
        table.rows().iter().map(row).collect()
    };
    vec![
        ("invite-client", rows(&invite_client::TABLE)),
        ("invite-server", rows(&invite_server::TABLE)),
        ("non-invite-client", rows(&non_invite_client::TABLE)),
        ("non-invite-server", rows(&non_invite_server::TABLE)),
    ]
}
