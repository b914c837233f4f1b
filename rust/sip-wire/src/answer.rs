//! Responses made from requests (RFC 3261 section 8.2.6).
use crate::error::Error;
use crate::message::Message;
use crate::reasons::reason_phrase;

/// Whose answers copy Record-Route (RFC 3261 section 12.1.1, RFC 6665).
const DIALOG_MAKING: [&[u8]; 4] = [b"INVITE", b"SUBSCRIBE", b"REFER", b"NOTIFY"];

/// What an answer has beside what it copies.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// 100 to 699.
    pub status: u16,
    /// Empty: the usual one.
    pub reason: &'a [u8],
    /// Goes into To where it has none; empty: none.
    pub to_tag: &'a [u8],
    /// Names and values, after the headers that are copied.
    pub headers: &'a [(&'a [u8], &'a [u8])],
    /// Empty: none.
    pub body: &'a [u8],
    /// What the body is.
    pub content_type: &'a [u8],
}

impl Answer<'_> {
    /// One with nothing of its own.
    pub const fn new(status: u16) -> Self {
        Self {
            status,
            reason: b"",
            to_tag: b"",
            headers: &[],
            body: b"",
            content_type: b"",
        }
    }
}

impl Message {
    /// Answers a request: Via, Record-Route where it makes a dialog, From, To, Call-ID, `CSeq`.
    ///
    /// Then the answer's own headers, the body with its Content-Type and always Content-Length.
    /// 100 copies Timestamp (section 8.2.6.1).
    ///
    /// # Errors
    /// No status code, or something cannot be written.
    pub fn answer(&self, answer: &Answer<'_>) -> Result<Self, Error> {
        let reason = match answer.reason {
            b"" => reason_phrase(answer.status).as_bytes(),
            reason => reason,
        };
        let mut response = Self::response(answer.status, reason)?;
        for via in self.all(b"Via") {
            response.add(b"Via", &via)?;
        }
        let makes_dialog = (101..300).contains(&answer.status);
        if makes_dialog && DIALOG_MAKING.contains(&self.method()) {
            for route in self.all(b"Record-Route") {
                response.add(b"Record-Route", &route)?;
            }
        }
        let copied = |name: &[u8]| self.get(name).unwrap_or_default().into_owned();
        let mut to = copied(b"To");
        if !answer.to_tag.is_empty() && self.to_tag().is_empty() {
            to.extend_from_slice(b";tag=");
            to.extend_from_slice(answer.to_tag);
        }
        response.add(b"From", &copied(b"From"))?;
        response.add(b"To", &to)?;
        response.add(b"Call-ID", &copied(b"Call-ID"))?;
        response.add(b"CSeq", &copied(b"CSeq"))?;
        if let Some(stamp) = self.get(b"Timestamp").filter(|_| answer.status == 100) {
            response.add(b"Timestamp", &stamp)?;
        }
        for (name, value) in answer.headers {
            response.add(name, value)?;
        }
        if !answer.body.is_empty() {
            response.add(b"Content-Type", answer.content_type)?;
        }
        response.set_body(answer.body);
        Ok(response)
    }
}
