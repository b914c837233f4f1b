//! A message on its way through a border: what the reader on the other side gets instead of the
//! sender's Via, Contact, Route and Record-Route.
use std::borrow::Cow;

use crate::error::Error;
use crate::message::Message;
use crate::name_addr::NameAddr;
use crate::params::ParamText;
use crate::uri::Uri;

/// Contacts of one message that are rewritten.
const MAX_CONTACTS: usize = 16;
/// Of a request that comes without one (RFC 3261 section 16.6).
const DEFAULT_MAX_FORWARDS: u64 = 70;
/// Requests that get our Record-Route; ACK because the guide's does.
const RECORDED: [&[u8]; 5] = [b"INVITE", b"ACK", b"SUBSCRIBE", b"NOTIFY", b"REFER"];

/// One direction of a line, made once for every message that goes that way.
#[derive(Clone, Debug)]
pub struct Crossing {
    host: Vec<u8>,
    port: Option<u16>,
    params: Vec<ParamText<'static>>,
    route: Vec<u8>,
    believes: bool,
}

impl Crossing {
    /// `host`, `port` and `params` stand in every Contact, `route` is our Record-Route value.
    /// `believes`: the sender's P-Asserted-Identity stays (RFC 3325 section 5).
    pub fn new(
        host: &[u8],
        port: Option<u16>,
        params: &[ParamText<'_>],
        route: &[u8],
        believes: bool,
    ) -> Self {
        let owned = |text: &Cow<'_, [u8]>| Cow::Owned(text.to_vec());
        Self {
            host: host.to_vec(),
            port,
            params: params
                .iter()
                .map(|(name, value)| (owned(name), value.as_ref().map(owned)))
                .collect(),
            route: route.to_vec(),
            believes,
        }
    }

    /// A Contact of the sender as the reader gets it: our address, the same user and parameters.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn contact(&self, value: &[u8]) -> Result<NameAddr, Error> {
        let contact = NameAddr::parse(value)?;
        let uri = contact.uri()?;
        let user = uri.user();
        let moved = Uri::build(b"sip", user.as_deref(), &self.host, self.port, &self.params)?;
        contact.with_uri(&moved)
    }

    /// A request for the other side: without Via, one hop less, to `uri` by `routes`.
    ///
    /// # Errors
    /// A Contact that cannot be read, too many of them, a `uri` that is none.
    pub fn request(
        &self,
        request: &Message,
        uri: &[u8],
        routes: &[Cow<'_, [u8]>],
    ) -> Result<Message, Error> {
        let mut out = request.clone();
        out.remove(b"Via");
        let left = match out.get(b"Max-Forwards") {
            None => DEFAULT_MAX_FORWARDS,
            Some(text) => crate::tokens::number(&text, 255)
                .and_then(|number| number.checked_sub(1))
                .ok_or(Error::bad("malformed header", "Max-Forwards"))?,
        };
        out.set(b"Max-Forwards", left.to_string().as_bytes())?;
        out.set_all(b"Route", routes)?;
        out.set_uri(uri)?;
        self.contacts(&mut out)?;
        if RECORDED.contains(&out.method()) {
            out.set(b"Record-Route", &self.route)?;
        } else {
            out.remove(b"Record-Route");
        }
        Ok(out)
    }

    /// A response for the other side; `request` is the one that was asked there.
    ///
    /// # Errors
    /// A Contact that cannot be read, or too many of them.
    pub fn response(&self, response: &Message, request: &Message) -> Result<Message, Error> {
        let mut out = response.clone();
        let vias: Vec<_> = request.all(b"Via").collect();
        out.set_all(b"Via", &vias)?;
        self.contacts(&mut out)?;
        if response.get(b"Record-Route").is_some() {
            let ours = std::iter::once(Cow::Borrowed(&self.route[..]));
            let all: Vec<_> = ours.chain(request.all(b"Record-Route")).collect();
            out.set_all(b"Record-Route", &all)?;
        }
        Ok(out)
    }

    fn contacts(&self, out: &mut Message) -> Result<(), Error> {
        if !self.believes {
            out.remove(b"P-Asserted-Identity");
        }
        let mut moved = Vec::new();
        {
            let values: Vec<_> = out.values(b"Contact").take(MAX_CONTACTS + 1).collect();
            if values.is_empty() || (values.len() == 1 && *values[0] == *b"*") {
                return Ok(());
            }
            if values.len() > MAX_CONTACTS {
                return Err(Error::bad("too many contacts", "Contact"));
            }
            for value in &values {
                moved.push(Cow::Owned(self.contact(value)?.text().to_vec()));
            }
        }
        out.set_all(b"Contact", &moved)
    }
}
