//! The fast path on real interfaces: three network namespaces, sockets in them, and a loader that is
//! killed. Needs root; without it these tests pass by.

mod net;
mod survival;

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::process::Command;
use std::time::Duration;

use fastpath::{Fastpath, Flow, FlowKey, Hook, Settings, Unavailable};

use net::{ip, Net};

const PATIENCE: Duration = Duration::from_secs(2);
const NOT_YET: Duration = Duration::from_millis(150);

fn at(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn settings(instance: &str, hook: Hook) -> Settings {
    let address = |text: &str| text.parse().expect("an address");
    Settings {
        instance: instance.to_owned(),
        addresses: ["10.91.1.1", "10.91.2.1", "fd91:1::1", "fd91:2::1"]
            .map(address)
            .to_vec(),
        hook,
    }
}

/// From the phone's socket at port 5000 to the office's at 6000, through 35000 and 35002.
fn flow(is_v4: bool) -> Flow {
    let [local, remote, from, to] = if is_v4 {
        [
            "10.91.1.1:35000",
            "10.91.1.2:5000",
            "10.91.2.1:35002",
            "10.91.2.2:6000",
        ]
    } else {
        [
            "[fd91:1::1]:35000",
            "[fd91:1::2]:5000",
            "[fd91:2::1]:35002",
            "[fd91:2::2]:6000",
        ]
    };
    Flow {
        key: FlowKey {
            local: at(local),
            remote: at(remote),
        },
        from: at(from),
        to: at(to),
        payload_types: 1 << 8,
        traffic_class: 184,
        clock_rate: 8000,
    }
}

fn rtp(sequence: u16) -> Vec<u8> {
    let mut packet = vec![0x80, 8];
    packet.extend(sequence.to_be_bytes());
    packet.extend([0; 8]);
    packet.extend([0xd5; 160]);
    packet
}

/// Sends, and says what arrives: the payload and who it seems to be from.
fn relayed(
    from: &UdpSocket,
    flow: &Flow,
    to: &UdpSocket,
    payload: &[u8],
) -> io::Result<SocketAddr> {
    from.send_to(payload, flow.key.local)?;
    let mut room = [0; 2000];
    let (length, source) = to.recv_from(&mut room)?;
    assert_eq!(&room[..length], payload);
    Ok(source)
}

fn nothing(socket: &UdpSocket) {
    socket.set_read_timeout(Some(NOT_YET)).expect("set");
    let came = socket.recv_from(&mut [0; 2000]);
    socket.set_read_timeout(Some(PATIENCE)).expect("set");
    assert!(came.is_err(), "{came:?}");
}

#[test]
fn packets_are_relayed_with_right_checksums_whichever_hook_and_family() {
    for hook in [Hook::Auto, Hook::Clsact] {
        for flow in [flow(true), flow(false)] {
            let Some(net) = Net::new() else {
                return;
            };
            net.finish_checksums("r", "r1 r2");
            let phone = net.socket("a", &flow.key.remote.to_string());
            let office = net.socket("b", &flow.to.to_string());
            let fastpath = net.start(hook);
            fastpath.settle(&flow).expect("settled");
            // The first has to find its neighbour, the others use what was learned.
            for sequence in 0..5 {
                let source = relayed(&phone, &flow, &office, &rtp(sequence)).expect("relayed");
                assert_eq!(source, flow.from);
                fastpath.maintain().expect("the kernel's routing answers");
            }
            let count = fastpath.count(&flow.key).expect("settled");
            assert_eq!(
                (count.packets, count.bytes, count.expected),
                (5, 5 * 172, 5)
            );
            assert!(count.idle.is_some_and(|idle| idle < 10_000));
        }
    }
}

/// XDP sends into a veth only where the far end takes packets in threads of its own kind: with GRO.
const GRO_ON: &str = "import array,fcntl,socket,struct;\
    s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM);\
    v=array.array('B',struct.pack('II',0x2c,1));\
    fcntl.ioctl(s,0x8946,struct.pack('16sP16x',b'p0',v.buffer_info()[0]))";

#[test]
fn xdp_relays_what_has_a_lease_and_leaves_the_first_packet_to_tc() {
    let Some(net) = Net::new() else {
        return;
    };
    net.finish_checksums("r", "r1 r2");
    net.finish_checksums("a", "p0");
    for end in ["a", "b"] {
        let space = format!("{}{end}", net.name);
        let words = ["netns", "exec", &space, "python3", "-I", "-c", GRO_ON];
        let done = Command::new("ip").args(words).status();
        assert!(done.expect("python3").success());
    }
    let flow = flow(true);
    let phone = net.socket("a", "10.91.1.2:5000");
    let office = net.socket("b", "10.91.2.2:6000");
    let fastpath = net.start(Hook::Xdp);
    fastpath.settle(&flow).expect("settled");
    for sequence in 0..5 {
        relayed(&phone, &flow, &office, &rtp(sequence)).expect("relayed");
        fastpath.maintain().expect("the kernel's routing answers");
    }
    assert_eq!(fastpath.count(&flow.key).expect("settled").packets, 5);
}

#[test]
fn what_is_not_the_flows_comes_up_to_the_relay() {
    let Some(net) = Net::new() else {
        return;
    };
    let flow = flow(true);
    let phone = net.socket("a", "10.91.1.2:5000");
    let stranger = net.socket("a", "10.91.1.2:5002");
    let office = net.socket("b", "10.91.2.2:6000");
    let relay = net.socket("r", "10.91.1.1:35000");
    let fastpath = net.start(Hook::Auto);
    fastpath.settle(&flow).expect("settled");
    let mut event = rtp(1);
    event[1] = 101;
    for (socket, payload) in [
        (&stranger, rtp(1)),
        (&phone, event),
        (&phone, vec![0x80, 200]),
    ] {
        let seen = relayed(socket, &flow, &relay, &payload).expect("came up");
        assert_eq!(seen, socket.local_addr().expect("bound"));
    }
    nothing(&office);
    let last = fastpath.withdraw(&flow.key).expect("was settled");
    assert_eq!(last.packets, 0);
    relayed(&phone, &flow, &relay, &rtp(2)).expect("came up");
}

#[test]
fn a_next_hop_on_the_same_interface_and_one_behind_a_gateway() {
    let Some(net) = Net::new() else {
        return;
    };
    let phone = net.socket("a", "10.91.1.2:5000");
    let other = net.socket("a", "10.91.1.2:5010");
    let fastpath = net.start(Hook::Auto);
    let back = Flow {
        from: at("10.91.1.1:35002"),
        to: at("10.91.1.2:5010"),
        ..flow(true)
    };
    fastpath.settle(&back).expect("settled");
    relayed(&phone, &back, &other, &rtp(1)).expect("relayed");
    ip(&format!("-n {}b addr add 10.92.0.9/32 dev lo", net.name));
    ip(&format!(
        "-n {}r route add 10.92.0.0/24 via 10.91.2.2",
        net.name
    ));
    let far = net.socket("b", "10.92.0.9:6000");
    let onward = Flow {
        to: at("10.92.0.9:6000"),
        ..flow(true)
    };
    fastpath.settle(&onward).expect("settled");
    for sequence in 2..4 {
        relayed(&phone, &onward, &far, &rtp(sequence)).expect("relayed");
        fastpath.maintain().expect("the kernel's routing answers");
    }
    // The gateway goes: no rule leads to it any more, and the packet comes up.
    ip(&format!(
        "-n {}r route del 10.92.0.0/24 via 10.91.2.2",
        net.name
    ));
    fastpath.maintain().expect("the kernel's routing answers");
    let relay = net.socket("r", "10.91.1.1:35000");
    relayed(&phone, &onward, &relay, &rtp(9)).expect("came up");
}

#[test]
fn loopback_families_and_addresses_without_an_interface_are_refused_by_name() {
    let Some(net) = Net::new() else {
        return;
    };
    let only = |text: &str| Settings {
        addresses: vec![text.parse().expect("an address")],
        ..settings(&format!("{}none", net.name), Hook::Auto)
    };
    let start = |address| net.within("r", || Fastpath::start(&only(address)).err());
    assert!(matches!(start("127.0.0.1"), Some(Unavailable::Loopback)));
    assert!(matches!(start("10.99.0.1"), Some(Unavailable::NoInterface)));
    let fastpath = net.start(Hook::Auto);
    let refused = |flow: Flow| fastpath.settle(&flow).expect_err("refused").to_string();
    let to = |text: &str| Flow {
        to: at(text),
        ..flow(true)
    };
    assert_eq!(refused(to("[fd91:2::2]:6000")), "IPv4 and IPv6");
    assert_eq!(refused(to("10.91.1.1:35004")), "loopback");
    assert_eq!(refused(to("10.77.0.1:6000")), "no route to 10.77.0.1");
    assert_eq!(fastpath.flows(), 0);
}
