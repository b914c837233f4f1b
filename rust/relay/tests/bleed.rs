//! The invariant of the relay, on many random conversations: nothing a stranger sends is forwarded,
//! and nothing is ever sent to a stranger ("RTP bleed", EnableSecurity ES2017-04 and ES2025-01).

use std::net::{IpAddr, SocketAddr};

use relay::{Content, Datagram, Key, Remote, Shard, StreamPorts, Verdict};

/// A small generator of the xorshift family: the same conversations in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }
}

const STRANGERS: [[u8; 4]; 2] = [[203, 0, 113, 9], [198, 51, 100, 66]];
const PHONES: [[u8; 4]; 2] = [[192, 168, 67, 61], [172, 22, 33, 101]];
const OFFICES: [[u8; 4]; 2] = [[10, 10, 10, 13], [10, 10, 10, 14]];

/// Shows the shard a copy of a packet.
fn packet(shard: &mut Shard, key: Key, from: SocketAddr, bytes: &[u8], now: u64) -> Verdict {
    let mut room = bytes.to_vec();
    shard.packet(key, from, &mut Datagram::new(&mut room, bytes.len()), now)
}

fn ports() -> StreamPorts {
    let pair = |ip: [u8; 4]| [35_000, 35_001].map(|port| SocketAddr::new(IpAddr::from(ip), port));
    [pair([192, 168, 64, 96]), pair([10, 10, 10, 7])]
}

fn datagram(chance: &mut Chance) -> Vec<u8> {
    let length = chance.below(40) as usize;
    let mut bytes: Vec<u8> = (0..length).map(|_| chance.below(256) as u8).collect();
    if let Some(first) = bytes.first_mut().filter(|_| chance.below(4) > 0) {
        *first = 0x80;
    }
    bytes
}

fn remote(chance: &mut Chance, ips: &[[u8; 4]; 2]) -> Remote {
    let address = SocketAddr::new(
        IpAddr::from(chance.pick(ips)),
        5_000 + chance.below(4) as u16,
    );
    Remote {
        rtp: (chance.below(4) > 0).then_some(address),
        rtcp: (chance.below(4) > 0).then_some(address),
        source: (chance.below(4) > 0).then_some(IpAddr::from(chance.pick(ips))),
        muted: chance.below(8) == 0,
        muxed: chance.below(4) == 0,
        confined: false,
    }
}

#[test]
fn strangers_get_nothing_and_give_nothing() {
    let mut chance = Chance(0x2545_f491_4f6c_dd1d);
    let mut forwarded = 0;
    for _ in 0..200 {
        let mut shard = Shard::default();
        let keys = shard.open(1, 0, Content::Rtp, &ports(), 0);
        for now in 0..400 {
            let side = chance.below(2) as usize;
            let known = if side == 0 { &PHONES } else { &OFFICES };
            if chance.below(20) == 0 {
                shard.signal(1, 0, side, &remote(&mut chance, known));
            }
            let stranger = chance.below(2) == 0;
            let ip = chance.pick(if stranger { &STRANGERS } else { known });
            let from = SocketAddr::new(IpAddr::from(ip), 5_000 + chance.below(4) as u16);
            let key = keys[side][chance.below(2) as usize];
            let verdict = packet(&mut shard, key, from, &datagram(&mut chance), now);
            if let Verdict::Forward { to, .. } = verdict {
                assert!(!stranger, "{from} is a stranger");
                let others = if side == 0 { OFFICES } else { PHONES };
                assert!(
                    others.map(IpAddr::from).contains(&to.ip()),
                    "{to} is a stranger"
                );
                forwarded += 1;
            }
        }
    }
    assert!(forwarded > 1_000, "only {forwarded} packets went through");
}
