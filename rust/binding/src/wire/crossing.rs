//! `farline._core.Crossing`.
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::message::Message;
use super::text::{check, params_in, to_text, ParamArg, Text};

type Str<'py> = Bound<'py, PyString>;

/// Rewrites messages for the other side of a border; see `_core.pyi`.
#[pyclass(frozen, module = "farline._core")]
pub struct Crossing(sip_wire::Crossing);

#[pymethods]
impl Crossing {
    #[new]
    #[pyo3(signature = (host, port, params, route, *, believes))]
    fn new(
        host: &Str<'_>,
        port: Option<u16>,
        params: Vec<ParamArg<'_>>,
        route: &Str<'_>,
        believes: bool,
    ) -> PyResult<Self> {
        let (host, route) = (Text::of(host)?, Text::of(route)?);
        let params = params_in(Some(&params))?;
        let made = sip_wire::Crossing::new(&host, port, &params, &route, believes);
        Ok(Self(made))
    }

    #[pyo3(signature = (value, /))]
    fn contact<'py>(&self, py: Python<'py>, value: &Str<'py>) -> PyResult<Str<'py>> {
        let moved = check(py, self.0.contact(&Text::of(value)?))?;
        to_text(py, moved.text())
    }

    #[pyo3(signature = (request, uri, routes, /))]
    fn request(
        &self,
        py: Python<'_>,
        request: &Message,
        uri: &Str<'_>,
        routes: Vec<Str<'_>>,
    ) -> PyResult<Message> {
        let routes: PyResult<Vec<_>> = routes
            .iter()
            .map(|value| Text::of(value).map(Text::into_inner))
            .collect();
        let made = self.0.request(&request.0, &Text::of(uri)?, &routes?);
        check(py, made).map(Message)
    }

    #[pyo3(signature = (response, request, /))]
    fn response(&self, py: Python<'_>, response: &Message, request: &Message) -> PyResult<Message> {
        check(py, self.0.response(&response.0, &request.0)).map(Message)
    }
}
