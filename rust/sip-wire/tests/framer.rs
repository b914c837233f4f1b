//! Streams: half messages, several in one piece, pings, and streams that cannot be followed.
use sip_wire::{Broken, Frame, Framer};

const ONE: &[u8] = b"MESSAGE sip:a SIP/2.0\r\nContent-Length: 5\r\n\r\nhello";
const TWO: &[u8] = b"OPTIONS sip:a SIP/2.0\r\nX: Content-Length: 3\r\nL :\r\n 0\r\n\r\n";

fn message(bytes: &[u8]) -> Frame {
    Frame::Message(bytes.to_vec())
}

fn fault(stream: &[u8]) -> Option<(u16, &'static str, Vec<u8>)> {
    let broken = Framer::new(1000).feed(stream).err()?;
    Some((broken.error.status, broken.error.place, broken.head))
}

#[test]
fn any_cut_gives_the_same_messages() -> Result<(), Broken> {
    let stream = [ONE, b"\r\n\r\n", TWO, ONE, b"\r\n", TWO].concat();
    let whole = Framer::new(1000).feed(&stream)?;
    let expected = [
        message(ONE),
        Frame::Ping,
        message(TWO),
        message(ONE),
        Frame::Pong,
        message(TWO),
    ];
    assert_eq!(whole, expected);
    let without_pongs = |frames: Vec<Frame>| -> Vec<Frame> {
        frames
            .into_iter()
            .filter(|frame| *frame != Frame::Pong)
            .collect()
    };
    for size in 1..stream.len() {
        let mut framer = Framer::new(1000);
        let mut frames = Vec::new();
        for piece in stream.chunks(size) {
            frames.extend(framer.feed(piece)?);
        }
        assert_eq!(
            without_pongs(frames),
            without_pongs(whole.clone()),
            "{size}"
        );
        assert_eq!(framer.buffered(), 0);
    }
    Ok(())
}

#[test]
fn a_pong_does_not_wait() -> Result<(), Broken> {
    let mut framer = Framer::new(1000);
    assert_eq!(framer.feed(b"\r")?, []);
    assert_eq!(framer.feed(b"\n")?, [Frame::Pong]);
    assert_eq!(framer.feed(b"\r\n")?, [Frame::Ping]);
    assert_eq!(framer.feed(b"\r\n")?, [Frame::Pong]);
    assert_eq!(framer.feed(ONE)?, [message(ONE)]);
    assert_eq!(framer.feed(b"\r\n")?, [Frame::Pong]);
    Ok(())
}

#[test]
fn faults() {
    let head = |length: &str| format!("OPTIONS sip:a SIP/2.0\r\n{length}\r\n").into_bytes();
    for (line, status) in [
        ("", 400),
        ("Content-Length: x\r\n", 400),
        ("Content-Length: -1\r\n", 400),
        ("Content-Length:\r\n", 400),
        ("l: 1\r\nContent-Length: 2\r\n", 400),
        ("l: 99999999999999999999\r\n", 400),
        ("l: 2000\r\n", 513),
    ] {
        assert_eq!(
            fault(&head(line)),
            Some((status, "Content-Length", head(line))),
            "{line}"
        );
    }
    assert_eq!(fault(&[b'a'; 1001]), Some((513, "header", Vec::new())));
    assert_eq!(fault(&[b'a'; 1000]), None);
}

#[test]
fn what_came_before_the_fault_is_given_first() -> Result<(), Broken> {
    let mut framer = Framer::new(1000);
    let bad = b"BYE sip:a SIP/2.0\r\n\r\n";
    assert_eq!(framer.feed(&[ONE, bad, TWO].concat())?, [message(ONE)]);
    assert_eq!(
        framer.broken().map(|broken| broken.head.clone()),
        Some(bad.to_vec())
    );
    assert!(framer.feed(b"").is_err() && framer.feed(TWO).is_err());
    assert_eq!(framer.buffered(), 0);
    Ok(())
}
