//! What a message becomes on its way to the other side of a line.
use std::borrow::Cow;

use sip_wire::{Crossing, Error, Message};

fn crossing(believes: bool) -> Crossing {
    let params = [
        (
            Cow::Borrowed(&b"transport"[..]),
            Some(Cow::Borrowed(&b"tcp"[..])),
        ),
        (Cow::Borrowed(&b"token"[..]), Some(Cow::Borrowed(&b"7"[..]))),
    ];
    Crossing::new(
        b"10.0.0.2",
        Some(5060),
        &params,
        b"<sip:10.0.0.2;lr>",
        believes,
    )
}

fn parse(text: &str) -> Message {
    Message::parse(text.replace('\n', "\r\n").as_bytes()).expect("readable")
}

fn request(method: &str, more: &str) -> Message {
    parse(&format!(
        "{method} sip:a@b SIP/2.0\nVia: SIP/2.0/UDP p;branch=z9hG4bK1\n{more}\
         Contact: \"R\" <sip:ruel@192.0.2.9:5062;ob>;expires=60\n\
         P-Asserted-Identity: <sip:ruel@x>\nRoute: <sip:us;lr>\nRecord-Route: <sip:them;lr>\n\n"
    ))
}

fn lines(message: &Message, name: &str) -> Vec<String> {
    let values = message.all(name.as_bytes());
    values
        .map(|value| String::from_utf8(value.to_vec()).expect("readable"))
        .collect()
}

#[test]
fn a_request_shows_us_and_nothing_of_its_sender() {
    let given = request("INVITE", "Max-Forwards: 70\n");
    let route = [Cow::Borrowed(&b"<sip:next;lr>"[..])];
    let out = crossing(false)
        .request(&given, b"sip:far@c", &route)
        .expect("readable");
    assert_eq!(out.uri(), b"sip:far@c");
    assert_eq!(lines(&out, "Via"), [""; 0]);
    assert_eq!(lines(&out, "Max-Forwards"), ["69"]);
    assert_eq!(
        lines(&out, "Contact"),
        ["\"R\" <sip:ruel@10.0.0.2:5060;transport=tcp;token=7>;expires=60"]
    );
    assert_eq!(lines(&out, "Route"), ["<sip:next;lr>"]);
    assert_eq!(lines(&out, "Record-Route"), ["<sip:10.0.0.2;lr>"]);
    assert_eq!(lines(&out, "P-Asserted-Identity"), [""; 0]);
    assert_eq!(given.uri(), b"sip:a@b");
}

#[test]
fn requests_that_make_no_dialog_have_no_record_route_and_seventy_hops_are_given() {
    let out = crossing(true)
        .request(&request("MESSAGE", ""), b"sip:a@b", &[])
        .expect("readable");
    assert_eq!(lines(&out, "Record-Route"), [""; 0]);
    assert_eq!(lines(&out, "Route"), [""; 0]);
    assert_eq!(lines(&out, "Max-Forwards"), ["70"]);
    assert_eq!(lines(&out, "P-Asserted-Identity"), ["<sip:ruel@x>"]);
}

#[test]
fn no_hop_is_left_too_many_contacts_and_a_star() {
    let over = request("ACK", "Max-Forwards: 0\n");
    let place = |result: Result<Message, Error>| result.expect_err("refused").place;
    assert_eq!(
        place(crossing(true).request(&over, b"sip:a@b", &[])),
        "Max-Forwards"
    );
    let many = request("OPTIONS", &"Contact: <sip:a@b>\n".repeat(16));
    assert_eq!(
        place(crossing(true).request(&many, b"sip:a@b", &[])),
        "Contact"
    );
    let star = parse("REGISTER sip:b SIP/2.0\nContact: *\n\n");
    let out = crossing(true)
        .request(&star, b"sip:b", &[])
        .expect("readable");
    assert_eq!(lines(&out, "Contact"), ["*"]);
}

#[test]
fn a_response_goes_back_by_the_vias_and_routes_of_the_request() {
    let asked = request("INVITE", "Via: SIP/2.0/UDP q;branch=z9hG4bK2\n");
    let answer = parse(
        "SIP/2.0 200 OK\nVia: SIP/2.0/TCP us\nRecord-Route: <sip:inner;lr>\nContact: <sip:o@i>\n\n",
    );
    let out = crossing(true).response(&answer, &asked).expect("readable");
    assert_eq!(
        lines(&out, "Via"),
        [
            "SIP/2.0/UDP p;branch=z9hG4bK1",
            "SIP/2.0/UDP q;branch=z9hG4bK2"
        ]
    );
    assert_eq!(
        lines(&out, "Record-Route"),
        ["<sip:10.0.0.2;lr>", "<sip:them;lr>"]
    );
    assert_eq!(
        lines(&out, "Contact"),
        ["<sip:o@10.0.0.2:5060;transport=tcp;token=7>"]
    );
    let plain = parse("SIP/2.0 486 Busy\nVia: SIP/2.0/TCP us\n\n");
    let out = crossing(true).response(&plain, &asked).expect("readable");
    assert_eq!(lines(&out, "Record-Route"), [""; 0]);
}
