//! Messages: what parsing keeps, what edits change, what `validate` refuses.
use std::borrow::Cow;

use sip_wire::{Error, Message, MAX_HEADERS, MAX_MESSAGE};

const INVITE: &[u8] = b"INVITE sip:3003@example.com SIP/2.0\r\n\
v : SIP/2.0/UDP 192.0.2.1 ;branch=z9hG4bKa , SIP/2.0/TCP 192.0.2.2;branch=z9hG4bKb\r\n\
Via: SIP/2.0/TLS 192.0.2.3;branch=z9hG4bKc\r\n\
f: \"A \\\"quoted\\\" name, with comma\" <sip:a@example.com>;tag=1\r\n\
To:\r\n <sip:b@example.com>\r\n\
Call-ID: 1@example.com\r\n\
CSeq: 7\r\n\tINVITE\r\n\
X-Odd:  keep   this \t\r\n\
l: 4\r\n\r\nbodyrest";

fn text(value: Option<Cow<'_, [u8]>>) -> String {
    String::from_utf8_lossy(&value.unwrap_or(Cow::Borrowed(b"(none)"))).into_owned()
}

fn values(message: &Message, name: &[u8]) -> Vec<String> {
    message
        .values(name)
        .map(|value| text(Some(value)))
        .collect()
}

fn failure(data: &[u8]) -> Option<Error> {
    Message::parse(data)
        .and_then(|message| message.validate())
        .err()
}

#[test]
fn untouched_bytes_stay() -> Result<(), Error> {
    let message = Message::parse(INVITE)?;
    message.validate()?;
    assert_eq!(message.to_bytes(), &INVITE[..INVITE.len() - 4]);
    assert_eq!(message.body(), b"body");
    Ok(())
}

#[test]
fn reads_compact_folded_and_listed_headers() -> Result<(), Error> {
    let message = Message::parse(INVITE)?;
    assert_eq!(text(message.get(b"t")), "<sip:b@example.com>");
    assert_eq!(text(message.get(b"cseq")), "7 INVITE");
    assert_eq!(text(message.get(b"x-odd")), "keep   this");
    assert_eq!(message.all(b"Via").count(), 2);
    let vias = [
        "SIP/2.0/UDP 192.0.2.1 ;branch=z9hG4bKa",
        "SIP/2.0/TCP 192.0.2.2;branch=z9hG4bKb",
        "SIP/2.0/TLS 192.0.2.3;branch=z9hG4bKc",
    ];
    assert_eq!(values(&message, b"VIA"), vias);
    assert_eq!(values(&message, b"From").len(), 1);
    assert_eq!(message.from_tag().as_ref(), b"1");
    assert_eq!(message.to_tag().as_ref(), b"");
    assert_eq!(message.cseq(), Some(7));
    Ok(())
}

#[test]
fn pop_takes_one_value_and_leaves_the_others() -> Result<(), Error> {
    let mut message = Message::parse(INVITE)?;
    let popped = message.pop(b"Via").expect("three values");
    assert_eq!(popped, b"SIP/2.0/UDP 192.0.2.1 ;branch=z9hG4bKa");
    assert_eq!(
        text(message.get(b"Via")),
        "SIP/2.0/TCP 192.0.2.2;branch=z9hG4bKb"
    );
    let out = message.to_bytes();
    assert!(out.starts_with(
        b"INVITE sip:3003@example.com SIP/2.0\r\nv: SIP/2.0/TCP 192.0.2.2;branch=z9hG4bKb\r\nVia: SIP"
    ));
    assert!(message.pop(b"Via").is_some() && message.pop(b"Via").is_some());
    assert_eq!(message.pop(b"Via"), None);
    assert_eq!(message.all(b"Via").count(), 0);
    Ok(())
}

#[test]
fn edits_keep_places() -> Result<(), Error> {
    let mut message = Message::request(b"OPTIONS", b"sip:a@example.com")?;
    message.add(b"B", b"1")?;
    message.add(b"C", b"2")?;
    message.add(b"b", b"3")?;
    message.prepend(b"C", b"0")?;
    message.prepend(b"A", b"0")?;
    let head = "OPTIONS sip:a@example.com SIP/2.0\r\n";
    let is = |message: &Message, lines: &str| {
        assert_eq!(
            String::from_utf8_lossy(&message.to_bytes()),
            format!("{head}{lines}\r\n")
        );
    };
    is(&message, "A: 0\r\nB: 1\r\nb: 3\r\nC: 0\r\nC: 2\r\n");
    message.set(b"c", b"9")?;
    message.set_all(
        b"B",
        &[
            Cow::Borrowed(b"x"),
            Cow::Borrowed(b"y"),
            Cow::Borrowed(b"z"),
        ],
    )?;
    is(&message, "A: 0\r\nB: x\r\nB: y\r\nB: z\r\nC: 9\r\n");
    message.set_all(b"b", &[])?;
    assert_eq!(message.remove(b"a"), 1);
    message.set_body(b"hello");
    let out = format!("{head}C: 9\r\nContent-Length: 5\r\n\r\nhello");
    assert_eq!(String::from_utf8_lossy(&message.to_bytes()), out);
    Ok(())
}

#[test]
fn an_empty_body_takes_its_type_along() -> Result<(), Error> {
    let mut message = Message::response(200, b"OK")?;
    message.add(b"c", b"application/sdp")?;
    message.set_body(b"v=0");
    message.set_body(b"");
    assert_eq!(
        message.to_bytes(),
        b"SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"
    );
    Ok(())
}

#[test]
fn nothing_smuggles_a_line() -> Result<(), Error> {
    let mut message = Message::request(b"OPTIONS", b"sip:a@example.com")?;
    for value in [&b"x\r\nEvil: 1"[..], b"x\nEvil: 1", b"x\rEvil"] {
        assert!(message.set(b"Subject", value).is_err());
        assert!(message.add(b"Subject", value).is_err());
        assert!(message.prepend(b"Subject", value).is_err());
        assert!(message
            .set_all(b"Subject", &[Cow::Borrowed(value)])
            .is_err());
        assert!(message.set(value, b"1").is_err());
        assert!(message.set_uri(value).is_err());
        assert!(Message::response(200, value).is_err());
        assert!(Message::request(value, b"sip:a").is_err());
    }
    assert_eq!(message.headers().count(), 0);
    Ok(())
}

#[test]
fn bare_line_feeds_are_refused_and_read_harmlessly() -> Result<(), Error> {
    let data = b"OPTIONS sip:a SIP/2.0\r\nSubject: a\nEvil: 1\r\n\r\n";
    let mut message = Message::parse(data)?;
    assert_eq!(text(message.get(b"Subject")), "a Evil: 1");
    assert_eq!(message.get(b"Evil"), None);
    assert_eq!(
        message.validate().err().map(|e| (e.status, e.place)),
        Some((400, "header"))
    );
    let subject = message
        .get(b"Subject")
        .map(Cow::into_owned)
        .unwrap_or_default();
    message.set(b"Subject", &subject)
}

#[test]
fn many_edits_do_not_grow_the_message() -> Result<(), Error> {
    let mut message = Message::parse(INVITE)?;
    let value = vec![b'x'; 1000];
    for _ in 0..1000 {
        message.set(b"X-Odd", &value)?;
        message.set_body(&value);
    }
    message.set(b"X-Odd", b"end")?;
    message.set_body(b"body");
    message.set_uri(b"sip:other@example.com")?;
    let again = Message::parse(&message.to_bytes())?;
    again.validate()?;
    assert_eq!(again.uri(), b"sip:other@example.com");
    assert_eq!(text(again.get(b"X-Odd")), "end");
    assert_eq!(text(again.get(b"CSeq")), "7 INVITE");
    assert_eq!(again.body(), b"body");
    Ok(())
}

#[test]
fn limits() {
    let mut data = b"OPTIONS sip:a SIP/2.0\r\n".to_vec();
    data.extend(b"A:\r\n".repeat(MAX_HEADERS));
    data.extend(b"\r\n");
    assert!(Message::parse(&data).is_ok());
    data.truncate(data.len() - 2);
    data.extend(b"A:\r\n\r\n");
    assert_eq!(Message::parse(&data).err().map(|e| e.status), Some(513));
    let large = vec![b'a'; MAX_MESSAGE + 1];
    assert_eq!(Message::parse(&large).err().map(|e| e.status), Some(513));
}

#[test]
fn line_ends_before_the_start_line() -> Result<(), Error> {
    let after = |before: &[u8]| Message::parse(&[before, INVITE].concat());
    after(b"\r\n\r\n")?.validate()?;
    for before in [b"\n", b"\r", b" "] {
        assert_eq!(after(before)?.validate().err().map(|e| e.status), Some(400));
    }
    Ok(())
}

#[test]
fn what_is_not_sip_is_not_answered() {
    for data in [
        &b""[..],
        b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"SIP/2.0 abc\r\n\r\n",
        b"x",
    ] {
        assert_eq!(Message::parse(data).err().map(|e| e.status), Some(0));
    }
}

#[test]
fn validate_names_the_header() {
    let good = String::from_utf8_lossy(INVITE).into_owned();
    let cases = [
        ("Call-ID: 1@example.com\r\n", "", "Call-ID"),
        ("Call-ID: 1@example.com", "Call-ID: 1 2", "Call-ID"),
        ("\tINVITE", "\tBYE", "CSeq"),
        ("CSeq: 7", "CSeq: 2147483648", "CSeq"),
        ("l: 4", "l: 40", "Content-Length"),
        ("l: 4", "l: +4", "Content-Length"),
        ("X-Odd:", "Max-Forwards: 256\r\nX-Odd:", "Max-Forwards"),
        ("X-Odd:", "To: <sip:c@example.com>\r\nX-Odd:", "To"),
        ("X-Odd:", "X Odd:", "header"),
        ("192.0.2.1 ;", "192.0.2.1:0 ;", "Via"),
        (" <sip:b@", " <sip:b b@", "To"),
        (
            "sip:3003@example.com",
            "sip:3003@exa[mple.com",
            "start-line",
        ),
    ];
    for (old, new, place) in cases {
        assert!(good.contains(old), "{old}");
        let error = failure(good.replacen(old, new, 1).as_bytes());
        assert_eq!(
            error.map(|e| (e.status, e.place)),
            Some((400, place)),
            "{new}"
        );
    }
    let version = failure(good.replacen(" SIP/2.0\r", " SIP/3.0\r", 1).as_bytes());
    assert_eq!(version.map(|e| e.status), Some(505));
    let ack = good.replace("INVITE", "ACK").replacen("l: 4", "l: x", 1);
    assert_eq!(failure(ack.as_bytes()).map(|e| e.status), Some(0));
}
