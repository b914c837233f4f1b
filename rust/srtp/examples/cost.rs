//! What protecting and unprotecting a 172-byte RTP packet costs, for every suite:
//! `cargo run --release -p srtp --example cost`.

use std::hint::black_box;
use std::time::Instant;

use srtp::{MasterKey, Receiver, Sender, Suite};

const PACKETS: u32 = 500_000;

fn main() {
    for suite in Suite::ALL {
        let material = vec![7; suite.key_length() + suite.salt_length()];
        let Some(master) = MasterKey::new(suite, &material) else {
            unreachable!("of the suite's length")
        };
        let (mut sender, mut receiver) = (Sender::new(master.clone()), Receiver::new(master));
        let mut room = [0x55; 200];
        room[..2].copy_from_slice(&[0x80, 8]);
        let started = Instant::now();
        for number in 0..PACKETS {
            room[2..4].copy_from_slice(&(number as u16).to_be_bytes());
            let opened = sender
                .protect_rtp(&mut room, 172)
                .and_then(|length| receiver.unprotect_rtp(&mut room[..length]));
            assert_eq!(black_box(opened), Ok(172));
        }
        let cost = started.elapsed().as_nanos() as f64 / f64::from(PACKETS);
        println!("{:24} {cost:6.0} ns for both", suite.name());
    }
}
