//! The same with threads and sockets: the relay that follows has the ports of the one before.

use std::net::UdpSocket;
use std::path::PathBuf;
use std::time::Duration;

use relay::{Content, Interface, Options, Relay, Remote};

use super::rtp;

struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

#[test]
fn a_relay_on_the_same_ports_hears_what_came_meanwhile() {
    let name = format!("relay-kept-{}", std::process::id());
    let scratch = Scratch(std::env::temp_dir().join(name));
    let start = || {
        let interface = |name: &str, ip: &str| Interface {
            name: name.to_owned(),
            ip: ip.parse().expect("an address"),
            first: 36_000,
            last: 36_099,
            start: Some(36_000),
            traffic_class: 0,
        };
        let interfaces = vec![
            interface("outside", "127.77.0.1"),
            interface("inside", "127.77.0.2"),
        ];
        let options = Options {
            threads: 2,
            rest: 0,
            silence: 0,
        };
        let off = Err("off".to_owned());
        Relay::start_beside(interfaces, options, off, Some(&scratch.0), None).expect("started")
    };
    let (phone, office) = ("127.77.0.3:0", "127.77.0.4:0");
    let [phone, office] = [phone, office].map(|at| UdpSocket::bind(at).expect("bound"));
    office
        .set_read_timeout(Some(Duration::from_secs(10)))
        .expect("set");
    let remote = |socket: &UdpSocket| Remote {
        rtp: socket.local_addr().ok(),
        source: socket.local_addr().ok().map(|at| at.ip()),
        ..Remote::default()
    };
    let between = ["outside", "inside"];
    let signal = |relay: &Relay| {
        relay.signal("call", 0, 0, remote(&phone)).expect("told");
        relay.signal("call", 0, 1, remote(&office)).expect("told");
    };
    let hears = |sequence| {
        let mut room = [0; 2048];
        let length = office.recv(&mut room).expect("heard");
        assert_eq!(room[..length], rtp(sequence));
    };
    let relay = start();
    let ports = relay
        .open("call", 0, between, Content::Rtp)
        .expect("opened");
    signal(&relay);
    let to = ("127.77.0.1", ports[0]);
    phone.send_to(&rtp(1), to).expect("sent");
    hears(1);
    drop(relay);

    let relay = start();
    relay
        .reopen("call", 0, between, Content::Rtp, ports)
        .expect("the same ports");
    phone.send_to(&rtp(2), to).expect("sent");
    signal(&relay);
    relay.resume("call", 0).expect("resumed");
    relay.restored();
    hears(2);
    let again = relay.reopen("call", 0, between, Content::Rtp, ports);
    assert!(again.is_err());
    let taken = relay.reopen("other", 0, between, Content::Rtp, ports);
    assert!(taken.is_err());
    let other = relay
        .open("other", 0, between, Content::Rtp)
        .expect("other ports");
    assert_ne!(other, ports);
    let files = std::fs::read_dir(&scratch.0).expect("there").count();
    assert_eq!(files, 2, "one a thread");
}
