//! Python face of `transaction`: the transaction half of `farline._core`.
use pyo3::prelude::*;

mod carry;
mod known;
mod layer;
mod said;
mod words;

/// Adds this file's classes to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<layer::Transactions>()?;
    module.add_class::<known::Transaction>()?;
    module.add_class::<known::ClientTransaction>()?;
    module.add_class::<known::ServerTransaction>()?;
    module.add_function(wrap_pyfunction!(words::transaction_tables, module)?)
}
