//! Which flows the kernel gets, and when it has to give them back.

#[path = "../common/mod.rs"]
mod common;
mod counting;
mod signaling;

use common::at;
use fastpath::{Count, Flow, FlowKey};
use relay::{
    Codec, Content, Datagram, Event, Format, Key, MasterKey, Offload, Protection, Reason, Remote,
    Shard, StreamPorts, Suite, Verdict,
};

const CALL: u64 = 7;
const PHONE: &str = "192.168.67.61:40001";
const OFFICE: &str = "10.10.10.13:40752";

fn ports() -> StreamPorts {
    [
        [at("192.168.64.96:35000"), at("192.168.64.96:35001")],
        [at("10.10.10.7:35000"), at("10.10.10.7:35001")],
    ]
}

fn format(payload_type: u8, codec: Codec, clock: u32) -> Format {
    Format {
        payload_type,
        clock,
        codec,
    }
}

fn remote(rtp: &str, source: &str) -> Remote {
    Remote {
        rtp: Some(at(rtp)),
        source: Some(source.parse().expect("an address")),
        ..Remote::default()
    }
}

fn rtp(payload_type: u8, sequence: u16) -> Vec<u8> {
    let mut packet = vec![0x80, payload_type];
    packet.extend(sequence.to_be_bytes());
    packet.extend((u32::from(sequence) * 160).to_be_bytes());
    packet.resize(172, 7);
    packet
}

struct Call {
    shard: Shard,
    keys: [[Key; 2]; 2],
}

impl Call {
    /// The guide's call, answered; nobody has spoken yet.
    fn new(kernel: Result<(), String>) -> Self {
        let mut shard = Shard::with_kernel(kernel);
        let keys = shard.open(CALL, 0, Content::Rtp, &ports(), 0);
        shard.mark(CALL, 0, [184, 136]);
        shard.signal(CALL, 0, 0, &remote("172.22.33.101:5000", "192.168.67.61"));
        shard.signal(CALL, 0, 1, &remote(OFFICE, "10.10.10.13"));
        let formats = [
            format(8, Codec::Pcma, 8000),
            format(101, Codec::TelephoneEvent, 8000),
            format(111, Codec::Opus, 48000),
        ];
        for side in 0..2 {
            shard.describe(CALL, 0, side, &formats);
        }
        Self { shard, keys }
    }

    fn speak(&mut self, side: usize, from: &str, bytes: &[u8], now: u64) -> Verdict {
        let mut room = bytes.to_vec();
        let mut data = Datagram::new(&mut room, bytes.len());
        self.shard
            .packet(self.keys[side][0], at(from), &mut data, now)
    }

    fn commands(&mut self) -> Vec<Offload> {
        std::iter::from_fn(|| self.shard.poll_offload()).collect()
    }

    /// Has both sides speak, and the kernel take both flows.
    fn settled() -> Self {
        let mut call = Self::new(Ok(()));
        call.speak(1, OFFICE, &rtp(8, 1), 10);
        assert_eq!(call.commands(), [], "one side only");
        call.speak(0, PHONE, &rtp(8, 1), 20);
        for command in call.commands() {
            let Offload::Settle { port, flow } = command else {
                panic!("{command:?}");
            };
            call.shard.settled(port, &flow, Ok(()));
        }
        call
    }

    fn why(&self, side: usize) -> Option<Reason> {
        let stats = self.shard.stats(CALL, 100).expect("a session");
        stats[side * 2].why.clone()
    }
}

/// From the phone to the office.
fn inwards() -> Flow {
    Flow {
        key: FlowKey {
            local: at("192.168.64.96:35000"),
            remote: at(PHONE),
        },
        from: at("10.10.10.7:35000"),
        to: at(OFFICE),
        payload_types: 1 << 8,
        traffic_class: 136,
        clock_rate: 8000,
    }
}

fn outwards() -> Flow {
    Flow {
        key: FlowKey {
            local: at("10.10.10.7:35000"),
            remote: at(OFFICE),
        },
        from: at("192.168.64.96:35000"),
        to: at(PHONE),
        traffic_class: 184,
        ..inwards()
    }
}

fn withdraw(port: Key, flow: Flow) -> Offload {
    let flow = flow.key;
    Offload::Withdraw { port, flow }
}

fn settle(port: Key, flow: Flow) -> Offload {
    Offload::Settle { port, flow }
}

#[test]
fn both_ways_are_settled_once_both_sides_have_spoken() {
    let mut call = Call::new(Ok(()));
    let [[phone, _], [office, _]] = call.keys;
    assert_eq!(call.why(0), Some(Reason::NotLatched));
    call.speak(1, OFFICE, &rtp(8, 1), 10);
    call.speak(0, PHONE, &rtp(8, 1), 20);
    assert_eq!(
        call.commands(),
        [settle(phone, inwards()), settle(office, outwards())]
    );
    assert_eq!(call.why(0), Some(Reason::Settling));
    call.shard.settled(phone, &inwards(), Ok(()));
    call.shard
        .settled(office, &outwards(), Err("loopback".into()));
    assert_eq!(call.why(0), None);
    assert_eq!(call.why(1), Some(Reason::Refused("loopback".into())));
    call.speak(0, PHONE, &rtp(8, 2), 30);
    assert_eq!(call.commands(), [], "and asked for once");
}

#[test]
fn rtcp_and_every_port_without_a_kernel_say_why() {
    let call = Call::settled();
    let stats = call.shard.stats(CALL, 100).expect("a session");
    let why: Vec<_> = stats.iter().map(|one| one.why.clone()).collect();
    assert_eq!(why, [None, Some(Reason::Rtcp), None, Some(Reason::Rtcp)]);
    let mut call = Call::new(Err("built without clang".into()));
    call.speak(1, OFFICE, &rtp(8, 1), 10);
    call.speak(0, PHONE, &rtp(8, 1), 20);
    assert_eq!(call.commands(), []);
    assert_eq!(
        call.why(0).expect("a reason").to_string(),
        "built without clang"
    );
}

#[test]
fn a_codec_of_another_clock_takes_the_other_payload_types() {
    let mut call = Call::settled();
    call.speak(0, PHONE, &rtp(111, 2), 30);
    assert_eq!(
        call.commands(),
        [],
        "one packet beside the kernel is no other stream"
    );
    let mut call = Call::new(Ok(()));
    call.speak(1, OFFICE, &rtp(111, 1), 10);
    call.speak(0, PHONE, &rtp(111, 1), 20);
    let Some(Offload::Settle { flow, .. }) = call.shard.poll_offload() else {
        panic!("nothing is settled");
    };
    assert_eq!((flow.payload_types, flow.clock_rate), (1 << 111, 48000));
}

#[test]
fn nobody_but_the_latched_source_is_ever_settled() {
    let mut call = Call::new(Ok(()));
    call.speak(1, OFFICE, &rtp(8, 1), 10);
    assert_eq!(
        call.speak(0, "203.0.113.9:40001", &rtp(8, 1), 20),
        Verdict::Refused
    );
    assert_eq!(call.commands(), []);
    let mut call = Call::settled();
    assert_eq!(
        call.speak(0, "203.0.113.9:40001", &rtp(8, 1), 20),
        Verdict::Refused
    );
    assert_eq!(
        call.speak(0, "192.168.67.61:40003", &rtp(8, 1), 20),
        Verdict::Refused
    );
    assert_eq!(call.commands(), []);
}
