//! A relay as Python wants it started.

use std::path::PathBuf;
use std::sync::Arc;

use fastpath::Fastpath;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use relay::{Options, Place, Relay};

use super::raised::OrRaise;
use super::words::{fast_path_settings, interface, InterfaceTuple};

/// The arguments of Python's `Relay`.
pub(super) struct Start {
    pub interfaces: Vec<InterfaceTuple>,
    pub threads: usize,
    pub rest_ms: u64,
    pub silence_ms: u64,
    /// Directory in which sessions outlive the process.
    pub state: Option<PathBuf>,
    /// Instance and hook.
    pub fast_path: Option<(String, String)>,
    /// Certificate and key.
    pub identity: Option<(Vec<u8>, Vec<u8>)>,
    /// Directory and instance.
    pub recordings: Option<(PathBuf, String)>,
}

impl Start {
    /// Starts the relay; its threads run at once.
    pub(super) fn start(self, py: Python<'_>) -> PyResult<Relay> {
        let options = Options {
            threads: self.threads,
            rest: self.rest_ms,
            silence: self.silence_ms,
        };
        let interfaces = self.interfaces.into_iter().map(interface);
        let interfaces = interfaces.collect::<PyResult<Vec<_>>>()?;
        let settings = self
            .fast_path
            .map(|(instance, hook)| fast_path_settings(&interfaces, instance, &hook))
            .transpose()?;
        let place = self.recordings.map(|(directory, instance)| Place {
            directory,
            instance,
        });
        let started = py.detach(|| {
            let kernel = settings.map_or(Err("off".to_owned()), |settings| {
                let started = Fastpath::start(&settings);
                started.map(Arc::new).map_err(|why| why.to_string())
            });
            Relay::start_beside(interfaces, options, kernel, self.state.as_deref(), place)
        });
        let mut relay = started.or_raise()?;
        if let Some((certificate, key)) = self.identity {
            if !relay.identify(certificate, key) {
                return Err(PyValueError::new_err("not a certificate with its key"));
            }
        }
        Ok(relay)
    }
}
