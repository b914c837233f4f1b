//! The requests that belong to an INVITE transaction: its ACK and its CANCEL.
use sip_wire::{Error, Message};

/// The ACK to a final response other than 2xx (RFC 3261 section 17.1.1.3).
pub(crate) fn make_ack(invite: &Message, via: &[u8], response: &Message) -> Result<Message, Error> {
    inside(invite, via, "ACK", response)
}

/// The CANCEL of a pending INVITE (section 9.1); `headers` are added to it (Reason).
pub(crate) fn make_cancel(
    invite: &Message,
    via: &[u8],
    headers: &[(&[u8], &[u8])],
) -> Result<Message, Error> {
    let mut cancel = inside(invite, via, "CANCEL", invite)?;
    for (name, value) in headers {
        cancel.add(name, value)?;
    }
    Ok(cancel)
}

/// A request with the Request-URI, the one Via, Route, From, Call-ID and number of the INVITE.
fn inside(invite: &Message, via: &[u8], method: &str, to: &Message) -> Result<Message, Error> {
    let mut message = Message::request(method.as_bytes(), invite.uri())?;
    message.add(b"Via", via)?;
    for route in invite.all(b"Route") {
        message.add(b"Route", &route)?;
    }
    message.add(b"Max-Forwards", b"70")?;
    message.add(b"From", &invite.get(b"From").unwrap_or_default())?;
    message.add(b"To", &to.get(b"To").unwrap_or_default())?;
    message.add(b"Call-ID", &invite.call_id())?;
    let number = invite.cseq().map_or(-1, i64::from);
    message.add(b"CSeq", format!("{number} {method}").as_bytes())?;
    message.add(b"Content-Length", b"0")?;
    Ok(message)
}
