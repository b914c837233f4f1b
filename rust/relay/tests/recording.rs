//! Recordings: which packets are copied, and what stands in the files.

mod common;

use std::fs;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use common::at;
use relay::{
    Codec, Content, Datagram, Event, Format, Heard, Interface, Key, Options, Place, Progress,
    Relay, Remote, Shard, StreamPorts, Tap, Verdict,
};

const CALL: u64 = 7;
const ALAW: Format = Format {
    payload_type: 8,
    clock: 8000,
    codec: Codec::Pcma,
};

fn rtp(number: u16, byte: u8) -> Vec<u8> {
    let mut packet = vec![0x80, 8];
    packet.extend(number.to_be_bytes());
    packet.extend((u32::from(number) * 160).to_be_bytes());
    packet.extend([0, 0, 0, 7]);
    packet.resize(172, byte);
    packet
}

fn remote(rtp: SocketAddr, muted: bool) -> Remote {
    Remote {
        rtp: Some(rtp),
        muted,
        ..Remote::default()
    }
}

/// A call whose both sides have sent, and are described.
fn call() -> (Shard, [[Key; 2]; 2]) {
    let mut shard = Shard::default();
    let ports: StreamPorts = [
        [at("192.168.64.96:35000"), at("192.168.64.96:35001")],
        [at("10.10.10.7:35000"), at("10.10.10.7:35001")],
    ];
    let keys = shard.open(CALL, 0, Content::Rtp, &ports, 0);
    for (side, peer) in ["172.22.33.101:5000", "10.10.10.13:40752"]
        .iter()
        .enumerate()
    {
        shard.signal(CALL, 0, side, &remote(at(peer), false));
        shard.describe(CALL, 0, side, &[ALAW]);
    }
    (shard, keys)
}

fn send(shard: &mut Shard, key: Key, from: &str, bytes: &[u8], now: u64) -> Verdict {
    let mut room = bytes.to_vec();
    shard.packet(
        key,
        at(from),
        &mut Datagram::new(&mut room, bytes.len()),
        now,
    )
}

fn taps(shard: &mut Shard) -> Vec<Tap> {
    std::iter::from_fn(|| shard.poll_tap()).collect()
}

fn heard(side: usize, at: u64, packet: Vec<u8>) -> Tap {
    Tap::Packet(Heard {
        recording: 3,
        side,
        at,
        format: ALAW,
        packet,
    })
}

#[test]
fn what_passes_is_copied_and_what_does_not_is_not() {
    let (mut shard, [[outside, outside_rtcp], [inside, _]]) = call();
    send(&mut shard, outside, "172.22.33.101:5000", &rtp(0, 1), 5);
    assert_eq!(taps(&mut shard), []);
    shard.record(CALL, 0, Some(3), 9);
    send(&mut shard, outside, "172.22.33.101:5000", &rtp(1, 1), 10);
    send(&mut shard, outside, "203.0.113.9:5000", &rtp(2, 9), 11); // a stranger
    send(&mut shard, inside, "10.10.10.13:40752", &rtp(7, 2), 20);
    let report = [0x80, 201, 0, 1, 0, 0, 0, 7];
    send(&mut shard, outside_rtcp, "172.22.33.101:5001", &report, 20);
    let mut unknown = rtp(2, 1);
    unknown[1] = 96;
    send(&mut shard, outside, "172.22.33.101:5000", &unknown, 21);
    assert_eq!(
        taps(&mut shard),
        [heard(0, 10, rtp(1, 1)), heard(1, 20, rtp(7, 2))]
    );
    // On hold with the null address nothing reaches the phone.
    shard.signal(CALL, 0, 0, &remote(at("172.22.33.101:5000"), true));
    assert_eq!(
        send(&mut shard, inside, "10.10.10.13:40752", &rtp(8, 2), 30),
        Verdict::NoTarget
    );
    assert_eq!(taps(&mut shard), []);
    shard.record(CALL, 0, None, 40);
    let end = Tap::End {
        recording: 3,
        at: 40,
    };
    assert_eq!(taps(&mut shard), [end]);
    shard.record(CALL, 0, Some(4), 50);
    shard.delete(CALL, 60);
    let end = Tap::End {
        recording: 4,
        at: 60,
    };
    assert_eq!(taps(&mut shard), [end]);
}

struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("farline-rec-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Self(path)
    }

    fn place(&self) -> Option<Place> {
        Some(Place {
            directory: self.0.clone(),
            instance: "test1".to_owned(),
        })
    }

    fn names(&self) -> Vec<String> {
        let found = fs::read_dir(&self.0).expect("the directory");
        let names = found.map(|one| one.expect("an entry").file_name());
        let mut names: Vec<_> = names
            .map(|one| one.to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn relay(ports: u16, place: Option<Place>) -> Relay {
    let interface = |name: &str, ip: [u8; 4]| Interface {
        name: name.to_owned(),
        ip: IpAddr::from(ip),
        first: ports,
        last: ports + 9,
        start: Some(ports),
        traffic_class: 0,
    };
    let interfaces = vec![
        interface("B1", [127, 99, 1, 1]),
        interface("A1", [127, 99, 2, 1]),
    ];
    let options = Options {
        threads: 1,
        rest: 0,
        silence: 0,
    };
    Relay::start_beside(interfaces, options, Err("off".to_owned()), None, place).expect("started")
}

/// Waits for news of recordings.
fn progress(relay: &Relay) -> (String, Progress) {
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(10) {
        for one in relay.reports().expect("whole") {
            if let Event::Recording { file, progress } = one.event {
                assert_eq!(one.session, "call");
                return (file, progress);
            }
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    panic!("nothing was told");
}

/// Both phones send a packet each; returns once both have crossed.
fn speak(relay: &Relay, record: &str) -> (UdpSocket, UdpSocket) {
    speak_as(relay, record, 8)
}

/// The same, with the phone in another format.
fn speak_as(relay: &Relay, record: &str, payload_type: u8) -> (UdpSocket, UdpSocket) {
    let bound = || UdpSocket::bind(("127.0.0.1", 0)).expect("a socket");
    let (phone, office) = (bound(), bound());
    let ports = relay
        .open("call", 0, ["B1", "A1"], Content::Rtp)
        .expect("opened");
    for (side, peer) in [&phone, &office].into_iter().enumerate() {
        let peer = remote(peer.local_addr().expect("bound"), false);
        relay.signal("call", 0, side, peer).expect("told");
        let g722 = Format {
            payload_type: 9,
            clock: 8000,
            codec: Codec::G722,
        };
        relay
            .describe("call", 0, side, vec![ALAW, g722])
            .expect("told");
    }
    relay.record("call", 0, Some(record)).expect("told");
    relay.query("call").expect("served");
    let mut room = [0; 200];
    for (from, to, ip, port, byte) in [
        (&phone, &office, "127.99.1.1", ports[0], 0x55 ^ 0xaa),
        (&office, &phone, "127.99.2.1", ports[1], 0x55 ^ 0x2a),
    ] {
        let mut packet = rtp(1, byte);
        if ip == "127.99.1.1" {
            packet[1] = payload_type;
        }
        from.send_to(&packet, (ip, port)).expect("sent");
        to.set_read_timeout(Some(Duration::from_secs(5)))
            .expect("set");
        to.recv(&mut room).expect("relayed");
    }
    (phone, office)
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

#[test]
fn both_sides_stand_in_a_file_that_only_we_can_read() {
    use std::os::unix::fs::PermissionsExt;
    let scratch = Scratch::new("whole");
    let relay = relay(44_000, scratch.place());
    let _phones = speak(&relay, "20261123T040000Z-00ff");
    let name = "20261123T040000Z-00ff.wav".to_owned();
    assert_eq!(progress(&relay), (name.clone(), Progress::Began));
    assert_eq!(scratch.names(), [format!("{name}.test1.part")]);
    relay.delete("call").expect("served");
    let (file, ended) = progress(&relay);
    let Progress::Ended { duration, dropped } = ended else {
        panic!("{ended:?}");
    };
    assert!((20..5_000).contains(&duration), "{duration}");
    assert_eq!((file.as_str(), dropped), (name.as_str(), 0));
    assert_eq!(scratch.names(), std::slice::from_ref(&name));
    let path = scratch.0.join(&name);
    let mode = |path: &PathBuf| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(&scratch.0)), (0o600, 0o700));
    let bytes = fs::read(&path).expect("readable");
    assert_eq!(&bytes[..4], b"RIFF");
    assert_eq!(
        (word(&bytes, 4) as usize, word(&bytes, 40) as usize),
        (bytes.len() - 8, bytes.len() - 44)
    );
    assert_eq!(
        (word(&bytes, 24), word(&bytes, 40)),
        (8_000, duration as u32 * 32)
    );
    let samples: Vec<i16> = bytes[44..]
        .chunks_exact(2)
        .map(|two| i16::from_le_bytes([two[0], two[1]]))
        .collect();
    let left = samples.iter().step_by(2).filter(|one| **one != 0).count();
    let right: Vec<i16> = samples
        .iter()
        .skip(1)
        .step_by(2)
        .copied()
        .filter(|one| *one != 0)
        .collect();
    assert_eq!((left, right.len()), (160, 160));
    assert!(
        samples[0] > 0 && right.iter().all(|one| *one == -samples[0]),
        "{right:?}"
    );
}

#[test]
fn a_directory_that_cannot_be_had_is_told_and_the_call_goes_on() {
    let scratch = Scratch::new("none");
    fs::write(&scratch.0, "a file in its place").expect("written");
    let relay = relay(44_010, scratch.place());
    let (phone, office) = speak(&relay, "x");
    let (_, told) = progress(&relay);
    let Progress::Failed { why } = told else {
        panic!("{told:?}");
    };
    let begin = format!("in {}: File exists", scratch.0.display());
    assert!(
        why.starts_with(&begin),
        "the directory and the system's word: {why}"
    );
    let ours = relay.query("call").expect("served").expect("there")[0].local;
    phone.send_to(&rtp(2, 1), ours).expect("sent");
    office.recv(&mut [0; 200]).expect("relayed");
    let _ = fs::remove_file(&scratch.0);
}

#[test]
fn what_a_killed_process_has_left_is_finished_by_the_next() {
    let scratch = Scratch::new("left");
    let writing = relay(44_020, scratch.place());
    let _phones = speak(&writing, "left");
    assert_eq!(progress(&writing).1, Progress::Began);
    // As after SIGKILL: what is open stays as it is on the disk, with a torn last frame.
    let part = scratch.0.join("left.wav.test1.part");
    let mut torn = fs::read(&part).expect("there");
    drop(writing);
    torn.truncate(44);
    torn.extend([1, 0, 2, 0, 3, 0, 4, 0, 5]);
    fs::remove_file(scratch.0.join("left.wav")).expect("closed in order");
    fs::write(&part, &torn).expect("written");
    fs::write(scratch.0.join("other.wav.test2.part"), &torn).expect("written");
    let next = relay(44_020, scratch.place());
    assert_eq!(next.repaired(), ["left.wav"]);
    assert_eq!(scratch.names(), ["left.wav", "other.wav.test2.part"]);
    let bytes = fs::read(scratch.0.join("left.wav")).expect("there");
    assert_eq!(
        (bytes.len(), word(&bytes, 40), word(&bytes, 4)),
        (52, 8, 44)
    );
}

#[test]
fn a_file_has_the_rate_of_the_first_codec_and_the_other_is_brought_to_it() {
    let scratch = Scratch::new("wide");
    let relay = relay(44_030, scratch.place());
    let _phones = speak_as(&relay, "wide", 9);
    assert_eq!(progress(&relay).1, Progress::Began);
    relay.delete("call").expect("served");
    assert!(matches!(progress(&relay).1, Progress::Ended { .. }));
    let bytes = fs::read(scratch.0.join("wide.wav")).expect("readable");
    assert_eq!(word(&bytes, 24), 16_000);
    for side in 0..2 {
        let samples = bytes[44..]
            .chunks_exact(4)
            .map(|one| &one[2 * side..2 * side + 2]);
        let loud = samples.filter(|one| **one != [0, 0]).count();
        assert!((200..=320).contains(&loud), "{side}: {loud}"); // 20 ms of both
    }
}
