//! ICE on one side: only the peer that proves itself by a check sends and receives.

mod common;

use std::net::SocketAddr;

use common::{at, rtp, RTCP};
use relay::{Content, Credentials, Datagram, Key, Remote, Shard, Verdict};
use stun::{Attribute, Kind, Message, Writer};

const CALL: u64 = 7;
const BROWSER: &str = "203.0.113.5:50000";
const OFFICE: &str = "10.10.10.13:40752";
const PASSWORD: &str = "a password of ICE's length";

struct Call {
    shard: Shard,
    browser: [Key; 2],
    office: [Key; 2],
}

/// A browser outside with ICE and RTCP on the RTP port, the office inside with neither.
fn call() -> Call {
    let mut shard = Shard::default();
    let pair = |ip: &str| [at(&format!("{ip}:35000")), at(&format!("{ip}:35001"))];
    let ports = [pair("192.168.64.96"), pair("10.10.10.7")];
    let [browser, office] = shard.open(CALL, 0, Content::Rtp, &ports, 0);
    for (side, text) in [(0, BROWSER), (1, OFFICE)] {
        let rtp = at(text);
        let remote = Remote {
            rtp: Some(rtp),
            rtcp: Some(SocketAddr::new(rtp.ip(), rtp.port() + 1)),
            source: Some(rtp.ip()),
            muted: false,
            muxed: side == 0,
            confined: false,
        };
        shard.signal(CALL, 0, side, &remote);
    }
    let ours = Credentials {
        fragment: "abcd".to_owned(),
        password: PASSWORD.to_owned(),
    };
    shard.ice(CALL, 0, 0, Some(&ours));
    Call {
        shard,
        browser,
        office,
    }
}

fn check(password: &str, nominate: bool) -> Vec<u8> {
    let check = Writer::new(Kind::BindingRequest, *b"transaction!")
        .with(Attribute::Username, b"abcd:efgh")
        .with(Attribute::Priority, &[0x6e, 0, 1, 0xff])
        .with(Attribute::IceControlling, &[1; 8]);
    let check = if nominate {
        check.with(Attribute::UseCandidate, &[])
    } else {
        check
    };
    check.finish(password.as_bytes())
}

impl Call {
    fn pass(&mut self, key: Key, from: &str, bytes: &[u8]) -> Verdict {
        let mut room = bytes.to_vec();
        let mut data = Datagram::new(&mut room, bytes.len());
        self.shard.packet(key, at(from), &mut data, 10)
    }
}

#[test]
fn nothing_passes_before_a_check_and_all_does_after() {
    let mut call = call();
    let ([browser, _], [office, office_rtcp]) = (call.browser, call.office);
    assert_eq!(call.pass(browser, BROWSER, &rtp(1)), Verdict::Refused);
    assert_eq!(call.pass(office, OFFICE, &rtp(1)), Verdict::NoTarget);
    assert_eq!(
        call.pass(browser, BROWSER, &check(PASSWORD, true)),
        Verdict::Handled
    );
    let answer = call.shard.poll_transmit().expect("an answer");
    assert_eq!((answer.via, answer.to), (browser, at(BROWSER)));
    let message = Message::parse(&answer.bytes).expect("a message");
    assert_eq!(message.kind(), Kind::BindingSuccess);
    assert_eq!(call.shard.poll_transmit(), None);
    let (via, to) = (office, at(OFFICE));
    let forward = call.pass(browser, BROWSER, &rtp(1));
    assert_eq!(forward, Verdict::Forward { via, to });
    let (via, to) = (browser, at(BROWSER));
    let back = call.pass(office, OFFICE, &rtp(1));
    assert_eq!(back, Verdict::Forward { via, to });
    // RTCP parts and joins: two ports inside, one outside.
    let (via, to) = (office_rtcp, at("10.10.10.13:40753"));
    let forward = call.pass(browser, BROWSER, &RTCP);
    assert_eq!(forward, Verdict::Forward { via, to });
    let (via, to) = (browser, at(BROWSER));
    let back = call.pass(office_rtcp, "10.10.10.13:40753", &RTCP);
    assert_eq!(back, Verdict::Forward { via, to });
}

#[test]
fn who_does_not_know_the_password_gets_nothing_back() {
    let mut call = call();
    let browser = call.browser[0];
    for from in [BROWSER, "198.51.100.66:6666"] {
        let guess = check("a guess", true);
        assert_eq!(call.pass(browser, from, &guess), Verdict::Refused);
        assert_eq!(call.pass(browser, from, &rtp(1)), Verdict::Refused);
    }
    assert_eq!(call.shard.poll_transmit(), None);
    assert_eq!(
        call.pass(call.office[0], OFFICE, &rtp(1)),
        Verdict::NoTarget
    );
}

#[test]
fn a_peer_that_moves_is_followed_as_soon_as_it_nominates() {
    let mut call = call();
    let ([browser, _], [office, _]) = (call.browser, call.office);
    call.pass(browser, BROWSER, &check(PASSWORD, true));
    let moved = "198.51.100.7:4000";
    assert_eq!(call.pass(browser, moved, &rtp(1)), Verdict::Refused);
    call.pass(browser, moved, &check(PASSWORD, false));
    assert!(matches!(
        call.pass(browser, moved, &rtp(1)),
        Verdict::Forward { .. }
    ));
    let (via, to) = (browser, at(BROWSER));
    let still = call.pass(office, OFFICE, &rtp(1));
    assert_eq!(still, Verdict::Forward { via, to });
    call.pass(browser, moved, &check(PASSWORD, true));
    let to = at(moved);
    let followed = call.pass(office, OFFICE, &rtp(1));
    assert_eq!(followed, Verdict::Forward { via, to });
}
