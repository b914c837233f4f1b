//! `farline._core.Uri`, `NameAddr` and `Via`: immutable values that keep their text.
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use pyo3::prelude::*;
use pyo3::types::PyString;

use super::text::{check, maybe, params_in, params_out, to_text, ParamArg, ParamOut, Text};

type Str<'py> = Bound<'py, PyString>;

fn hash(text: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

fn value_in<'a>(value: Option<&'a Str<'_>>) -> PyResult<Option<Text<'a>>> {
    value.map(Text::of).transpose()
}

/// A SIP, SIPS or TEL URI; see `_core.pyi`.
#[pyclass(frozen, eq, hash, module = "farline._core")]
pub struct Uri(sip_wire::Uri);

impl PartialEq for Uri {
    fn eq(&self, other: &Self) -> bool {
        self.0.text() == other.0.text()
    }
}

impl Hash for Uri {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(hash(self.0.text()));
    }
}

#[pymethods]
impl Uri {
    #[staticmethod]
    #[pyo3(signature = (text, /))]
    fn parse(py: Python<'_>, text: &Str<'_>) -> PyResult<Self> {
        check(py, sip_wire::Uri::parse(&Text::of(text)?)).map(Self)
    }

    #[staticmethod]
    #[pyo3(
        signature = (host, *, user=None, port=None, scheme=None, params=None),
        text_signature = "(host, *, user=None, port=None, scheme='sip', params=None)"
    )]
    fn build(
        py: Python<'_>,
        host: &Str<'_>,
        user: Option<&Str<'_>>,
        port: Option<u16>,
        scheme: Option<&Str<'_>>,
        params: Option<Vec<ParamArg<'_>>>,
    ) -> PyResult<Self> {
        let (host, user, scheme) = (Text::of(host)?, value_in(user)?, value_in(scheme)?);
        let scheme = scheme.as_deref().unwrap_or(b"sip");
        let params = params_in(params.as_ref())?;
        let made = sip_wire::Uri::build(scheme, user.as_deref(), &host, port, &params);
        check(py, made).map(Self)
    }

    #[getter]
    fn scheme<'py>(&self, py: Python<'py>) -> PyResult<Str<'py>> {
        to_text(py, self.0.scheme())
    }

    #[getter]
    fn user<'py>(&self, py: Python<'py>) -> PyResult<Option<Str<'py>>> {
        maybe(py, self.0.user())
    }

    #[getter]
    fn host<'py>(&self, py: Python<'py>) -> PyResult<Str<'py>> {
        to_text(py, self.0.host())
    }

    #[getter]
    fn port(&self) -> Option<u16> {
        self.0.port()
    }

    #[getter]
    fn params<'py>(&self, py: Python<'py>) -> PyResult<Vec<ParamOut<'py>>> {
        params_out(py, self.0.params())
    }

    #[getter]
    fn headers<'py>(&self, py: Python<'py>) -> PyResult<Str<'py>> {
        to_text(py, self.0.headers())
    }

    #[pyo3(signature = (name, /))]
    fn param<'py>(&self, py: Python<'py>, name: &Str<'_>) -> PyResult<Option<Str<'py>>> {
        maybe(py, self.0.param(&Text::of(name)?))
    }

    #[pyo3(signature = (name, value, /))]
    fn with_param(
        &self,
        py: Python<'_>,
        name: &Str<'_>,
        value: Option<&Str<'_>>,
    ) -> PyResult<Self> {
        let value = value_in(value)?;
        check(py, self.0.with_param(&Text::of(name)?, value.as_deref())).map(Self)
    }

    #[pyo3(signature = (name, /))]
    fn without_param(&self, py: Python<'_>, name: &Str<'_>) -> PyResult<Self> {
        check(py, self.0.without_param(&Text::of(name)?)).map(Self)
    }

    #[pyo3(signature = (host, port, /))]
    fn with_host(&self, py: Python<'_>, host: &Str<'_>, port: Option<u16>) -> PyResult<Self> {
        check(py, self.0.with_host(&Text::of(host)?, port)).map(Self)
    }

    #[pyo3(signature = (other, /))]
    fn equivalent(&self, other: &Self) -> bool {
        self.0.equivalent(&other.0)
    }

    fn __str__<'py>(&self, py: Python<'py>) -> PyResult<Str<'py>> {
        to_text(py, self.0.text())
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!("Uri.parse({})", self.__str__(py)?.repr()?))
    }
}

/// Name, address and header parameters; see `_core.pyi`.
#[pyclass(frozen, eq, hash, module = "farline._core")]
pub struct NameAddr(sip_wire::NameAddr);

impl PartialEq for NameAddr {
    fn eq(&self, other: &Self) -> bool {
        self.0.text() == other.0.text()
    }
}

impl Hash for NameAddr {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(hash(self.0.text()));
    }
}

#[pymethods]
impl NameAddr {
    #[staticmethod]
    #[pyo3(signature = (text, /))]
    fn parse(py: Python<'_>, text: &Str<'_>) -> PyResult<Self> {
        check(py, sip_wire::NameAddr::parse(&Text::of(text)?)).map(Self)
    }

    #[staticmethod]
    #[pyo3(
        signature = (uri, *, display=None, params=None),
        text_signature = "(uri, *, display='', params=None)"
    )]
    fn build(
        py: Python<'_>,
        uri: &Uri,
        display: Option<&Str<'_>>,
        params: Option<Vec<ParamArg<'_>>>,
    ) -> PyResult<Self> {
        let display = value_in(display)?;
        let params = params_in(params.as_ref())?;
        let display = display.as_deref().unwrap_or(b"");
        check(py, sip_wire::NameAddr::build(&uri.0, display, &params)).map(Self)
    }

    #[getter]
    fn display<'py>(&self, py: Python<'py>) -> PyResult<Str<'py>> {
        to_text(py, &self.0.display())
    }

    #[getter]
    fn uri(&self, py: Python<'_>) -> PyResult<Uri> {
        check(py, self.0.uri()).map(Uri)
    }

    #[getter]
    fn params<'py>(&self, py: Python<'py>) -> PyResult<Vec<ParamOut<'py>>> {
        params_out(py, self.0.params())
    }

    #[pyo3(signature = (name, /))]
    fn param<'py>(&self, py: Python<'py>, name: &Str<'_>) -> PyResult<Option<Str<'py>>> {
        maybe(py, self.0.param(&Text::of(name)?))
    }

    #[pyo3(signature = (uri, /))]
    fn with_uri(&self, py: Python<'_>, uri: &Uri) -> PyResult<Self> {
        check(py, self.0.with_uri(&uri.0)).map(Self)
    }

    #[pyo3(signature = (name, value, /))]
    fn with_param(
        &self,
        py: Python<'_>,
        name: &Str<'_>,
        value: Option<&Str<'_>>,
    ) -> PyResult<Self> {
        let value = value_in(value)?;
        check(py, self.0.with_param(&Text::of(name)?, value.as_deref())).map(Self)
    }

    #[pyo3(signature = (name, /))]
    fn without_param(&self, py: Python<'_>, name: &Str<'_>) -> PyResult<Self> {
        check(py, self.0.without_param(&Text::of(name)?)).map(Self)
    }

    fn __str__<'py>(&self, py: Python<'py>) -> PyResult<Str<'py>> {
        to_text(py, self.0.text())
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!("NameAddr.parse({})", self.__str__(py)?.repr()?))
    }
}

/// One Via value; see `_core.pyi`.
#[pyclass(frozen, eq, hash, module = "farline._core")]
pub struct Via(pub sip_wire::Via);

impl PartialEq for Via {
    fn eq(&self, other: &Self) -> bool {
        self.0.text() == other.0.text()
    }
}

impl Hash for Via {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(hash(self.0.text()));
    }
}

#[pymethods]
impl Via {
    #[staticmethod]
    #[pyo3(signature = (text, /))]
    fn parse(py: Python<'_>, text: &Str<'_>) -> PyResult<Self> {
        check(py, sip_wire::Via::parse(&Text::of(text)?)).map(Self)
    }

    #[getter]
    fn transport<'py>(&self, py: Python<'py>) -> PyResult<Str<'py>> {
        to_text(py, self.0.transport())
    }

    #[getter]
    fn host<'py>(&self, py: Python<'py>) -> PyResult<Str<'py>> {
        to_text(py, self.0.host())
    }

    #[getter]
    fn port(&self) -> Option<u16> {
        self.0.port()
    }

    #[getter]
    fn branch<'py>(&self, py: Python<'py>) -> PyResult<Str<'py>> {
        let branch = self.0.param(b"branch");
        to_text(py, branch.as_deref().unwrap_or(b""))
    }

    #[pyo3(signature = (name, /))]
    fn param<'py>(&self, py: Python<'py>, name: &Str<'_>) -> PyResult<Option<Str<'py>>> {
        maybe(py, self.0.param(&Text::of(name)?))
    }

    #[pyo3(signature = (name, value, /))]
    fn with_param(
        &self,
        py: Python<'_>,
        name: &Str<'_>,
        value: Option<&Str<'_>>,
    ) -> PyResult<Self> {
        let value = value_in(value)?;
        check(py, self.0.with_param(&Text::of(name)?, value.as_deref())).map(Self)
    }

    fn __str__<'py>(&self, py: Python<'py>) -> PyResult<Str<'py>> {
        to_text(py, self.0.text())
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!("Via.parse({})", self.__str__(py)?.repr()?))
    }
}
