//! Audio and video of a browser on one port, and of a phone on a port each.

mod common;

use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;

use common::at;
use relay::{
    name_of, Before, Codec, Content, Datagram, Format, Keeper, Key, MasterKey, Member, Protection,
    Remote, Shard, Suite, Tap, Verdict, CELL_WORDS,
};
use rtp::{replace_extensions, RtpHeader};
use srtp::{Receiver, Sender};

const CALL: u64 = 7;
const BROWSER: &str = "203.0.113.5:50000";
const SUITE: Suite = Suite::AesCm128HmacSha1_80;
const MID: u8 = 3;
const ALAW: Format = Format {
    payload_type: 8,
    clock: 8_000,
    codec: Codec::Pcma,
};

fn phone(stream: u16) -> String {
    format!("10.10.10.13:{}", 40_000 + 10 * stream)
}

fn master(seed: u8) -> MasterKey {
    let material = vec![seed; SUITE.key_length() + SUITE.salt_length()];
    MasterKey::new(SUITE, &material).expect("of the right length")
}

fn rtp(ssrc: u32, kind: u8, sequence: u16, mid: &str) -> Vec<u8> {
    let mut packet = vec![0x80, kind];
    packet.extend(sequence.to_be_bytes());
    packet.extend([0, 0, 0, 160]);
    packet.extend(ssrc.to_be_bytes());
    packet.resize(172, 0xd5);
    let element = Some((MID, mid.as_bytes())).filter(|_| !mid.is_empty());
    packet.resize(200, 0);
    let length = replace_extensions(&mut packet, 172, element).expect("room");
    packet.truncate(length);
    packet
}

fn mid_of(packet: &[u8]) -> &[u8] {
    let header = RtpHeader::parse(packet).expect("RTP");
    header.extension(MID).unwrap_or_default()
}

struct Call {
    shard: Shard,
    browser: [Key; 3],
    phone: [[Key; 2]; 3],
    /// The browser's contexts.
    receiver: Receiver,
    sender: Sender,
}

fn members() -> Vec<Member> {
    let member = |stream: u16, mid: &str, kind: u8| Member {
        stream,
        mid: mid.as_bytes().to_vec(),
        payload_types: 1 << kind,
        sources: Vec::new(),
    };
    vec![
        member(0, "0", 8),
        member(1, "1", 96),
        member(2, "2", 96), // a second camera
    ]
}

fn process(words: &'static [AtomicU64], before: Before) -> (Shard, [Key; 3], [[Key; 2]; 3]) {
    let mut shard = Shard::with_keeper(Keeper::new(Box::new(words), before));
    let (mut browser, mut office) = (Vec::new(), Vec::new());
    for stream in 0..3u16 {
        let port = 35_000 + 2 * stream;
        let pair = |ip: &str| [port, port + 1].map(|port| at(&format!("{ip}:{port}")));
        let ports = [pair("192.168.64.96"), pair("10.10.10.7")];
        let [outer, inner] = shard.open(CALL, stream, Content::Rtp, &ports, 0);
        shard.identify(CALL, stream, name_of(stream));
        shard.await_resume(CALL, stream);
        for (side, rtp) in [(0, BROWSER.to_owned()), (1, phone(stream))] {
            let rtp = at(&rtp);
            let rtcp = SocketAddr::new(rtp.ip(), rtp.port() + 1);
            let remote = Remote {
                rtp: Some(rtp),
                rtcp: Some(rtcp),
                source: Some(rtp.ip()),
                muted: false,
                muxed: side == 0,
                confined: false,
            };
            shard.signal(CALL, stream, side, &remote);
        }
        browser.push(outer[0]);
        office.push(inner);
    }
    let wanted = Protection::Srtp {
        receive: master(1),
        send: master(2),
    };
    shard.protect(CALL, 0, 0, wanted);
    shard.protect(CALL, 1, 0, Protection::Closed);
    shard.protect(CALL, 2, 0, Protection::Closed);
    shard.bundle(CALL, 0, 0, MID, members());
    (0..3).for_each(|stream| shard.resume(CALL, stream));
    let three = "three streams";
    (
        shard,
        browser.try_into().expect(three),
        office.try_into().expect(three),
    )
}

fn memory() -> &'static [AtomicU64] {
    let words: Vec<_> = (0..64 * CELL_WORDS).map(|_| AtomicU64::new(0)).collect();
    words.leak()
}

fn call(words: &'static [AtomicU64]) -> Call {
    let (shard, browser, phone) = process(words, Before::new());
    Call {
        shard,
        browser,
        phone,
        receiver: Receiver::new(master(2)),
        sender: Sender::new(master(1)),
    }
}

type Sent = (Key, SocketAddr, Vec<u8>);

impl Call {
    fn pass(&mut self, key: Key, from: &str, bytes: &[u8]) -> Result<Sent, Verdict> {
        let mut room = bytes.to_vec();
        room.resize(2048, 0);
        let mut data = Datagram::new(&mut room, bytes.len());
        match self.shard.packet(key, at(from), &mut data, 10) {
            Verdict::Forward { via, to } => {
                self.shard.forwarded(via, data.length, true);
                Ok((via, to, data.bytes().to_vec()))
            }
            other => Err(other),
        }
    }

    fn browser_sends(&mut self, packet: &[u8]) -> Result<Sent, Verdict> {
        let mut room = packet.to_vec();
        room.resize(packet.len() + 40, 0);
        let length = match packet[1] {
            192..=223 => self.sender.protect_rtcp(&mut room, packet.len()),
            _ => self.sender.protect_rtp(&mut room, packet.len()),
        };
        room.truncate(length.expect("sealed"));
        self.pass(self.browser[0], BROWSER, &room)
    }

    fn hears(&mut self, stream: u16, packet: &[u8]) {
        let (via, to, heard) = self.browser_sends(packet).expect("forwarded");
        let key = self.phone[usize::from(stream)][0];
        assert_eq!((via, to), (key, at(&phone(stream))));
        let mut plain = packet.to_vec();
        let length = plain.len();
        let length = replace_extensions(&mut plain, length, None).expect("RTP");
        assert_eq!(heard, plain[..length], "without the transport's extension");
    }

    fn phone_sends(&mut self, stream: u16, packet: &[u8]) -> Result<Vec<u8>, Verdict> {
        let key = self.phone[usize::from(stream)][0];
        let (via, to, mut sealed) = self.pass(key, &phone(stream), packet)?;
        assert_eq!(self.shard.outlet(via), self.browser[0], "one socket");
        assert_eq!(to, at(BROWSER));
        let length = self.receiver.unprotect_rtp(&mut sealed).expect("authentic");
        sealed.truncate(length);
        Ok(sealed)
    }

    fn transmits(&mut self) -> Vec<(Key, SocketAddr, Vec<u8>)> {
        let next = || self.shard.poll_transmit();
        let sent = std::iter::from_fn(next);
        sent.map(|one| (one.via, one.to, one.bytes)).collect()
    }
}

#[test]
fn each_stream_reaches_its_port_and_comes_back_with_its_mid() {
    let mut call = call(memory());
    call.hears(0, &rtp(11, 8, 1, ""));
    call.hears(2, &rtp(13, 96, 1, "2"));
    call.hears(1, &rtp(12, 96, 1, "1"));
    call.hears(2, &rtp(13, 96, 2, ""));
    let unknown = call.browser_sends(&rtp(14, 96, 1, ""));
    assert_eq!(unknown, Err(Verdict::Malformed));
    for (stream, kind) in [(0, 8), (1, 96), (2, 96)] {
        let ssrc = 21 + u32::from(stream);
        let heard = call.phone_sends(stream, &rtp(ssrc, kind, 1, ""));
        let heard = heard.expect("forwarded");
        assert_eq!(mid_of(&heard), stream.to_string().as_bytes());
        let header = RtpHeader::parse(&heard).expect("RTP");
        assert_eq!((header.ssrc(), header.payload().len()), (ssrc, 160));
    }
    // A source is one stream's: the other may not speak in its name.
    let twice = call.phone_sends(0, &rtp(22, 8, 2, ""));
    assert_eq!(twice, Err(Verdict::Unprotected));
    let stats = call.shard.stats(CALL, 10).expect("a session");
    let of = |stream: u16| {
        let mut found = stats.iter().filter(|one| one.stream == stream);
        let port = found.next().expect("the browser's RTP port");
        let counters = &port.counters;
        assert_eq!(port.suite, Some(SUITE.name()));
        assert_eq!(port.local, at("192.168.64.96:35000"));
        assert!(port.bundled);
        (counters.received_packets, counters.sent_packets)
    };
    assert_eq!([of(0), of(1), of(2)], [(1, 1), (1, 1), (2, 1)]);
}

#[test]
fn one_stream_of_a_bundle_is_recorded_without_what_is_of_the_transport() {
    let mut call = call(memory());
    call.shard.record(CALL, 0, Some(3), 0);
    call.shard.describe(CALL, 0, 0, &[ALAW]);
    call.shard.describe(CALL, 0, 1, &[ALAW]);
    call.hears(0, &rtp(11, 8, 1, "0"));
    call.hears(1, &rtp(12, 96, 1, "1"));
    call.phone_sends(0, &rtp(21, 8, 1, "")).expect("forwarded");
    let taps = std::iter::from_fn(|| call.shard.poll_tap());
    let heard = taps.map(|tap| match tap {
        Tap::Packet(heard) => (heard.side, heard.packet),
        Tap::End { .. } => panic!("it goes on"),
    });
    let said = [(0, rtp(11, 8, 1, "")), (1, rtp(21, 8, 1, ""))];
    assert_eq!(heard.collect::<Vec<_>>(), said);
}

#[test]
fn reports_reach_the_streams_that_they_are_about() {
    let mut call = call(memory());
    call.hears(0, &rtp(11, 8, 1, "0"));
    call.hears(1, &rtp(12, 96, 1, "1"));
    call.phone_sends(1, &rtp(22, 96, 1, "")).expect("forwarded");
    let report = |about: &[u32]| {
        let mut bytes = vec![0x80 | about.len() as u8, 201, 0, 1 + 6 * about.len() as u8];
        bytes.extend(11u32.to_be_bytes());
        for ssrc in about {
            bytes.extend(ssrc.to_be_bytes());
            bytes.resize(bytes.len() + 20, 0);
        }
        bytes
    };
    let goodbye = [vec![0x81, 203, 0, 1], 12u32.to_be_bytes().to_vec()].concat();
    let compound = [report(&[22]), goodbye.clone()].concat();
    assert_eq!(call.browser_sends(&compound), Err(Verdict::Handled));
    let rtcp = |stream: u16| {
        let phone = at(&phone(stream));
        SocketAddr::new(phone.ip(), phone.port() + 1)
    };
    let keys = call.phone;
    let sent = call.transmits();
    let first = (keys[0][1], rtcp(0), report(&[]));
    let second = (keys[1][1], rtcp(1), [report(&[22]), goodbye].concat());
    assert_eq!(sent, [first, second]);
}

#[test]
fn the_port_of_a_stream_that_is_carried_elsewhere_hears_nobody() {
    let mut call = call(memory());
    let stray = call.pass(call.browser[1], BROWSER, &rtp(12, 96, 1, ""));
    assert_eq!(stray, Err(Verdict::Refused));
    // Out of the bundle it has its own keys again, and the others go on.
    call.shard.protect(CALL, 1, 0, Protection::Plain);
    let left = members().into_iter().filter(|one| one.stream != 1);
    call.shard.bundle(CALL, 0, 0, MID, left.collect());
    let (via, ..) = call
        .pass(call.browser[1], BROWSER, &rtp(12, 96, 1, ""))
        .expect("forwarded");
    assert_eq!(via, call.phone[1][0]);
    let (back, ..) = call
        .pass(call.phone[1][0], &phone(1), &rtp(22, 96, 1, ""))
        .expect("forwarded");
    assert_eq!(call.shard.outlet(back), call.browser[1]);
    call.hears(2, &rtp(13, 96, 1, ""));
    call.shard.bundle(CALL, 0, 0, 0, Vec::new());
    call.shard.close(CALL, 0, 0);
    let carried = call.shard.stats(CALL, 10).expect("a session");
    assert!(carried.iter().all(|one| !one.bundled));
}

#[test]
fn a_bundle_outlives_the_process() {
    let words = memory();
    let mut call = call(words);
    call.hears(2, &rtp(13, 96, 1, "2"));
    call.hears(0, &rtp(11, 8, 1, ""));
    call.phone_sends(2, &rtp(23, 96, 1, "")).expect("forwarded");
    let mut found = Before::new();
    assert!(Keeper::read(words, &mut found));
    (call.shard, call.browser, call.phone) = process(memory(), found);
    call.hears(2, &rtp(13, 96, 2, ""));
    let twice = call.phone_sends(2, &rtp(23, 96, 1, ""));
    assert_eq!(twice, Err(Verdict::Unprotected));
    call.phone_sends(2, &rtp(23, 96, 2, "")).expect("forwarded");
}
