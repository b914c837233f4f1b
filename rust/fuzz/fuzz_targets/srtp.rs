//! SRTP and SRTCP: nothing that was not protected with the key passes, and what was comes back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use srtp::{MasterKey, Receiver, Sender, Suite, MAX_GROWTH};

fn master(suite: Suite) -> MasterKey {
    let length = suite.key_length() + suite.salt_length();
    MasterKey::new(suite, &vec![7; length]).expect("of the right length")
}

fuzz_target!(|data: &[u8]| {
    let Some((choice, packet)) = data.split_first() else {
        return;
    };
    let suite = Suite::ALL[usize::from(*choice) % Suite::ALL.len()];
    let mut receiver = Receiver::new(master(suite));
    let mut sender = Sender::new(master(suite));
    assert!(receiver.unprotect_rtp(&mut packet.to_vec()).is_err());
    assert!(receiver.unprotect_rtcp(&mut packet.to_vec()).is_err());
    let mut room = packet.to_vec();
    room.resize(packet.len() + MAX_GROWTH, 0);
    if let Ok(length) = sender.protect_rtp(&mut room, packet.len()) {
        let length = receiver.unprotect_rtp(&mut room[..length]).expect("ours");
        assert_eq!(&room[..length], packet);
    }
    if rtp::classify(packet) != rtp::Class::Rtcp {
        return;
    }
    let mut room = packet.to_vec();
    room.resize(packet.len() + MAX_GROWTH, 0);
    if let Ok(length) = sender.protect_rtcp(&mut room, packet.len()) {
        let length = receiver.unprotect_rtcp(&mut room[..length]).expect("ours");
        assert_eq!(&room[..length], packet);
    }
});
