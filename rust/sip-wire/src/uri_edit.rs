//! Making URIs: from parts, and from another URI with one part changed.
use crate::error::Error;
use crate::params::ParamText;
use crate::tokens::{escape_into, PARAM, USER};
use crate::uri::{is_host, is_ipv6, raw_params, Kind, Uri};

fn write_host(out: &mut Vec<u8>, host: &[u8], port: Option<u16>) -> Result<(), Error> {
    if is_host(host) {
        out.extend_from_slice(host);
    } else if is_ipv6(host) {
        out.extend_from_slice(&[b"[", host, b"]"].concat());
    } else {
        return Err(Error::unusable("not a host", "URI"));
    }
    if let Some(port) = port {
        out.extend_from_slice(format!(":{port}").as_bytes());
    }
    Ok(())
}

fn write_param(out: &mut Vec<u8>, name: &[u8], value: Option<&[u8]>) -> Result<(), Error> {
    if name.is_empty() {
        return Err(Error::unusable("not a parameter name", "URI"));
    }
    out.push(b';');
    escape_into(out, name, PARAM);
    if let Some(value) = value {
        out.push(b'=');
        escape_into(out, value, PARAM);
    }
    Ok(())
}

impl Uri {
    /// Puts a URI together, escaping what needs it; an IPv6 host may come without brackets.
    ///
    /// # Errors
    /// A part that no escaping makes fit: host, scheme, an empty parameter name.
    pub fn build(
        scheme: &[u8],
        user: Option<&[u8]>,
        host: &[u8],
        port: Option<u16>,
        params: &[ParamText<'_>],
    ) -> Result<Self, Error> {
        let mut text = [scheme, b":"].concat();
        if scheme.eq_ignore_ascii_case(b"tel") {
            escape_into(&mut text, user.unwrap_or(host), USER);
        } else {
            if let Some(user) = user {
                escape_into(&mut text, user, USER);
                text.push(b'@');
            }
            write_host(&mut text, host, port)?;
        }
        for (name, value) in params {
            write_param(&mut text, name, value.as_deref())?;
        }
        Self::parse(&text)
    }

    /// The URI with the parameter in its place, or after the others.
    ///
    /// # Errors
    /// The scheme has no parameters or the name is empty.
    pub fn with_param(&self, name: &[u8], value: Option<&[u8]>) -> Result<Self, Error> {
        if self.parts().kind == Kind::Other {
            return Err(Error::unusable("no parameters in this scheme", "URI"));
        }
        let last = self.parts().params.end as usize;
        let (start, end) = self.find(name).map_or((last, last), |p| (p.start, p.end));
        let mut text = self.text()[..start].to_vec();
        write_param(&mut text, name, value)?;
        text.extend_from_slice(&self.text()[end..]);
        Self::parse(&text)
    }

    /// The URI without the parameters of that name.
    ///
    /// # Errors
    /// None in practice: what is left of a URI is one.
    pub fn without_param(&self, name: &[u8]) -> Result<Self, Error> {
        let mut text = Vec::with_capacity(self.text().len());
        let mut from = 0;
        for param in raw_params(self.text(), self.parts().params) {
            if param.name(self.text()).eq_ignore_ascii_case(name) {
                text.extend_from_slice(&self.text()[from..param.start]);
                from = param.end;
            }
        }
        text.extend_from_slice(&self.text()[from..]);
        Self::parse(&text)
    }

    /// The URI with another host and port.
    ///
    /// # Errors
    /// Not a SIP or SIPS URI, or not a host.
    pub fn with_host(&self, host: &[u8], port: Option<u16>) -> Result<Self, Error> {
        if self.parts().kind != Kind::Sip {
            return Err(Error::unusable("no host in this scheme", "URI"));
        }
        let mut text = self.text()[..self.parts().hostport.start as usize].to_vec();
        write_host(&mut text, host, port)?;
        text.extend_from_slice(&self.text()[self.parts().hostport.end as usize..]);
        Self::parse(&text)
    }
}
