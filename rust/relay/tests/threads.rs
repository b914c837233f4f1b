//! The relay as a whole on loopback: sockets, threads, ports.

mod common;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use common::rtp;
use relay::{Content, Event, Interface, Options, Relay, RelayError, Remote, Report};

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn relay(first: u16, last: u16) -> Relay {
    let interface = |name: &str, ip: [u8; 4]| Interface {
        name: name.to_owned(),
        ip: IpAddr::from(ip),
        first,
        last,
        start: Some(first),
        traffic_class: 184,
    };
    let interfaces = vec![
        interface("B1", [127, 99, 1, 1]),
        interface("A1", [127, 99, 2, 1]),
    ];
    let options = Options {
        threads: 2,
        rest: 0,
        silence: 0,
    };
    Relay::start(interfaces, options).expect("started")
}

fn peer() -> UdpSocket {
    let socket = UdpSocket::bind((LOCALHOST, 0)).expect("a socket");
    socket
        .set_read_timeout(Some(Duration::from_secs(5)))
        .expect("a time-out");
    socket
}

#[test]
fn packets_cross_both_ways_from_our_ports() {
    let relay = relay(41_000, 41_100);
    let (phone, office) = (peer(), peer());
    relay.gather(true);
    let [outside, inside] = relay
        .open("call", 0, ["B1", "A1"], Content::Rtp)
        .expect("opened");
    let ports = relay.query("call").expect("a reply").expect("the session");
    assert_eq!(ports.len(), 4, "what has a reply comes after what was told");
    for (side, socket) in [&phone, &office].into_iter().enumerate() {
        let at = socket.local_addr().expect("bound");
        let remote = Remote {
            rtp: Some(at),
            rtcp: None,
            source: Some(LOCALHOST),
            muted: false,
            muxed: false,
            confined: false,
        };
        relay.signal("call", 0, side, remote).expect("signaled");
    }
    relay.gather(false);
    let mut room = [0; 2048];
    phone
        .send_to(&rtp(1), ("127.99.1.1", outside))
        .expect("sent");
    let (length, from) = office.recv_from(&mut room).expect("crossed");
    assert_eq!(
        (&room[..length], from),
        (&rtp(1)[..], SocketAddr::from(([127, 99, 2, 1], inside)))
    );
    office.send_to(&rtp(2), from).expect("sent");
    let (length, from) = phone.recv_from(&mut room).expect("crossed back");
    assert_eq!(
        (&room[..length], from),
        (&rtp(2)[..], SocketAddr::from(([127, 99, 1, 1], outside)))
    );
    let stats = relay.delete("call").expect("a reply").expect("the session");
    assert_eq!(stats[0].latched, phone.local_addr().ok());
    assert_eq!(stats[0].counters.received_packets, 1);
    assert_eq!(
        (stats[0].counters.sent_packets, stats[0].counters.sent_bytes),
        (1, 172)
    );
    assert!(relay.sessions().is_empty());
    assert!(relay.query("call").expect("a reply").is_none());
}

#[test]
fn ports_run_out_and_come_back() {
    let relay = relay(41_200, 41_203);
    let open = |session: &str| relay.open(session, 0, ["B1", "A1"], Content::Rtp);
    open("one").expect("opened");
    open("two").expect("opened");
    for _ in 0..2 {
        assert!(matches!(open("three"), Err(RelayError::Exhausted(name)) if name == "B1"));
    }
    let told = Report {
        session: "three".to_owned(),
        event: Event::Exhausted {
            interface: "B1".to_owned(),
        },
    };
    assert_eq!(relay.reports().expect("whole"), [told]);
    relay.close("one", 0).expect("closed");
    relay.delete("two").expect("a reply");
    open("three").expect("opened");
    assert!(matches!(open("three"), Err(RelayError::NoStream(_, 0))));
}

#[test]
fn a_pair_that_somebody_else_holds_is_passed_over() {
    let held = UdpSocket::bind("127.99.1.1:41301").expect("a socket");
    let relay = relay(41_300, 41_303);
    let opened = relay
        .open("call", 0, ["B1", "A1"], Content::Raw)
        .expect("opened");
    assert_eq!(opened, [41_302, 41_300]);
    drop(held);
    assert!(matches!(
        relay.open("other", 0, ["C1", "A1"], Content::Raw),
        Err(RelayError::NoInterface(name)) if name == "C1"
    ));
}

#[test]
fn ipv6_is_relayed_like_ipv4() {
    if UdpSocket::bind("[::1]:0").is_err() {
        eprintln!("skipped: this machine has no IPv6 loopback");
        return;
    }
    let interface = |name: &str, first| Interface {
        name: name.to_owned(),
        ip: IpAddr::V6(Ipv6Addr::LOCALHOST),
        first,
        last: first + 99,
        start: Some(first),
        traffic_class: 184,
    };
    let interfaces = vec![interface("B1", 41_400), interface("A1", 41_500)];
    let options = Options {
        threads: 1,
        rest: 0,
        silence: 0,
    };
    let relay = Relay::start(interfaces, options).expect("started");
    let office = UdpSocket::bind("[::1]:0").expect("a socket");
    office
        .set_read_timeout(Some(Duration::from_secs(5)))
        .expect("a time-out");
    let [outside, inside] = relay
        .open("call", 0, ["B1", "A1"], Content::Rtp)
        .expect("opened");
    let source = Some(IpAddr::V6(Ipv6Addr::LOCALHOST));
    let remote = Remote {
        rtp: office.local_addr().ok(),
        rtcp: None,
        source,
        muted: false,
        muxed: false,
        confined: false,
    };
    relay.signal("call", 0, 1, remote).expect("signaled");
    relay
        .signal(
            "call",
            0,
            0,
            Remote {
                source,
                ..Remote::default()
            },
        )
        .expect("signaled");
    office.send_to(&rtp(1), ("::1", outside)).expect("sent");
    let mut room = [0; 2048];
    let (length, from) = office.recv_from(&mut room).expect("crossed");
    assert_eq!((&room[..length], from.port()), (&rtp(1)[..], inside));
}
