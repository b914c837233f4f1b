//! `farline._core.Message`.
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use super::address::Via;
use super::text::{check, maybe, to_text, Text};

/// A SIP request or response; see `_core.pyi`.
#[pyclass(module = "farline._core")]
pub struct Message(pub sip_wire::Message);

type Str<'py> = Bound<'py, PyString>;

#[pymethods]
impl Message {
    #[staticmethod]
    #[pyo3(signature = (data, /))]
    fn parse(py: Python<'_>, data: &[u8]) -> PyResult<Self> {
        check(py, sip_wire::Message::parse(data)).map(Self)
    }

    #[staticmethod]
    #[pyo3(signature = (method, uri, /))]
    fn request(py: Python<'_>, method: &Str<'_>, uri: &Str<'_>) -> PyResult<Self> {
        let made = sip_wire::Message::request(&Text::of(method)?, &Text::of(uri)?);
        check(py, made).map(Self)
    }

    #[staticmethod]
    #[pyo3(signature = (status, reason, /))]
    fn response(py: Python<'_>, status: u16, reason: &Str<'_>) -> PyResult<Self> {
        check(py, sip_wire::Message::response(status, &Text::of(reason)?)).map(Self)
    }

    #[getter]
    fn is_request(&self) -> bool {
        self.0.is_request()
    }

    #[getter]
    fn method<'py>(&self, py: Python<'py>) -> PyResult<Str<'py>> {
        to_text(py, self.0.method())
    }

    #[getter]
    fn get_uri<'py>(&self, py: Python<'py>) -> PyResult<Str<'py>> {
        to_text(py, self.0.uri())
    }

    #[setter]
    fn set_uri(&mut self, py: Python<'_>, uri: &Str<'_>) -> PyResult<()> {
        check(py, self.0.set_uri(&Text::of(uri)?))
    }

    #[getter]
    fn status(&self) -> u16 {
        self.0.status()
    }

    #[getter]
    fn reason<'py>(&self, py: Python<'py>) -> PyResult<Str<'py>> {
        to_text(py, self.0.reason())
    }

    #[getter]
    fn get_body<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.body())
    }

    #[setter]
    fn set_body(&mut self, body: &[u8]) {
        self.0.set_body(body);
    }

    #[getter]
    fn call_id<'py>(&self, py: Python<'py>) -> PyResult<Str<'py>> {
        to_text(py, &self.0.call_id())
    }

    #[getter]
    fn cseq(&self) -> i64 {
        self.0.cseq().map_or(-1, i64::from)
    }

    #[getter(from_tag)]
    fn tag_of_from<'py>(&self, py: Python<'py>) -> PyResult<Str<'py>> {
        to_text(py, &self.0.from_tag())
    }

    #[getter]
    fn to_tag<'py>(&self, py: Python<'py>) -> PyResult<Str<'py>> {
        to_text(py, &self.0.to_tag())
    }

    #[getter]
    fn top_via(&self) -> Option<Via> {
        self.0.top_via().map(Via)
    }

    fn validate(&self, py: Python<'_>) -> PyResult<()> {
        check(py, self.0.validate())
    }

    #[pyo3(signature = (name, /))]
    fn get<'py>(&self, py: Python<'py>, name: &Str<'_>) -> PyResult<Option<Str<'py>>> {
        maybe(py, self.0.get(&Text::of(name)?))
    }

    #[pyo3(signature = (name, /))]
    fn all<'py>(&self, py: Python<'py>, name: &Str<'_>) -> PyResult<Vec<Str<'py>>> {
        let name = Text::of(name)?;
        let lines = self.0.all(&name);
        lines.map(|value| to_text(py, &value)).collect()
    }

    #[pyo3(signature = (name, /))]
    fn values<'py>(&self, py: Python<'py>, name: &Str<'_>) -> PyResult<Vec<Str<'py>>> {
        let name = Text::of(name)?;
        let values = self.0.values(&name);
        values.map(|value| to_text(py, &value)).collect()
    }

    fn headers<'py>(&self, py: Python<'py>) -> PyResult<Vec<(Str<'py>, Str<'py>)>> {
        let pair = |(name, value): (&[u8], std::borrow::Cow<'_, [u8]>)| {
            Ok((to_text(py, name)?, to_text(py, &value)?))
        };
        self.0.headers().map(pair).collect()
    }

    #[pyo3(signature = (name, value, /))]
    fn set(&mut self, py: Python<'_>, name: &Str<'_>, value: &Str<'_>) -> PyResult<()> {
        check(py, self.0.set(&Text::of(name)?, &Text::of(value)?))
    }

    #[pyo3(signature = (name, values, /))]
    fn set_all(&mut self, py: Python<'_>, name: &Str<'_>, values: Vec<Str<'_>>) -> PyResult<()> {
        let values: PyResult<Vec<_>> = values
            .iter()
            .map(|value| Text::of(value).map(Text::into_inner))
            .collect();
        check(py, self.0.set_all(&Text::of(name)?, &values?))
    }

    #[pyo3(signature = (name, value, /))]
    fn add(&mut self, py: Python<'_>, name: &Str<'_>, value: &Str<'_>) -> PyResult<()> {
        check(py, self.0.add(&Text::of(name)?, &Text::of(value)?))
    }

    #[pyo3(signature = (name, value, /))]
    fn prepend(&mut self, py: Python<'_>, name: &Str<'_>, value: &Str<'_>) -> PyResult<()> {
        check(py, self.0.prepend(&Text::of(name)?, &Text::of(value)?))
    }

    #[pyo3(signature = (name, /))]
    fn pop<'py>(&mut self, py: Python<'py>, name: &Str<'_>) -> PyResult<Option<Str<'py>>> {
        maybe(py, self.0.pop(&Text::of(name)?).map(Into::into))
    }

    #[pyo3(signature = (name, /))]
    fn remove(&mut self, name: &Str<'_>) -> PyResult<usize> {
        Ok(self.0.remove(&Text::of(name)?))
    }

    #[pyo3(signature = (status, reason, to_tag, headers, body, content_type, /))]
    #[allow(clippy::too_many_arguments)] // Python's arguments.
    fn answer(
        &self,
        py: Python<'_>,
        status: u16,
        reason: &Str<'_>,
        to_tag: &Str<'_>,
        headers: Vec<(Str<'_>, Str<'_>)>,
        body: &[u8],
        content_type: &Str<'_>,
    ) -> PyResult<Self> {
        let texts = headers
            .iter()
            .map(|(name, value)| Ok((Text::of(name)?, Text::of(value)?)));
        let texts = texts.collect::<PyResult<Vec<_>>>()?;
        let headers: Vec<(&[u8], &[u8])> = texts.iter().map(|(n, v)| (&**n, &**v)).collect();
        let answer = sip_wire::Answer {
            status,
            reason: &Text::of(reason)?,
            to_tag: &Text::of(to_tag)?,
            headers: &headers,
            body,
            content_type: &Text::of(content_type)?,
        };
        check(py, self.0.answer(&answer)).map(Self)
    }

    fn copy(&self) -> Self {
        Self(self.0.clone())
    }

    fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.to_bytes())
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        if self.0.is_request() {
            let (method, uri) = (self.method(py)?.repr()?, self.get_uri(py)?.repr()?);
            Ok(format!("<Message {method} {uri}>"))
        } else {
            Ok(format!(
                "<Message {} {}>",
                self.0.status(),
                self.reason(py)?.repr()?
            ))
        }
    }
}
