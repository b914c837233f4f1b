//! Sender and receiver together: what must hold for every suite and every packet.

use proptest::prelude::*;
use srtp::{Error, MasterKey, Receiver, Sender, Suite, MAX_GROWTH, MAX_SOURCES};

fn master(suite: Suite, seed: u8) -> MasterKey {
    let material = vec![seed; suite.key_length() + suite.salt_length()];
    MasterKey::new(suite, &material).expect("of the right length")
}

fn pair(suite: Suite) -> (Sender, Receiver) {
    (
        Sender::new(master(suite, 7)),
        Receiver::new(master(suite, 7)),
    )
}

fn rtp(sequence: u16, ssrc: u32, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, 8];
    packet.extend(sequence.to_be_bytes());
    packet.extend([0, 0, 0, 160]);
    packet.extend(ssrc.to_be_bytes());
    packet.extend(payload);
    packet
}

fn protect(sender: &mut Sender, packet: &[u8]) -> Result<Vec<u8>, Error> {
    let mut room = packet.to_vec();
    room.resize(packet.len() + MAX_GROWTH, 0);
    let length = sender.protect_rtp(&mut room, packet.len())?;
    room.truncate(length);
    Ok(room)
}

fn unprotect(receiver: &mut Receiver, packet: &[u8]) -> Result<Vec<u8>, Error> {
    let mut room = packet.to_vec();
    let length = receiver.unprotect_rtp(&mut room)?;
    room.truncate(length);
    Ok(room)
}

fn protect_rtcp(sender: &mut Sender, packet: &[u8]) -> Vec<u8> {
    let mut room = packet.to_vec();
    room.resize(packet.len() + MAX_GROWTH, 0);
    let length = sender
        .protect_rtcp(&mut room, packet.len())
        .expect("protected");
    room.truncate(length);
    room
}

fn unprotect_rtcp(receiver: &mut Receiver, packet: &[u8]) -> Result<Vec<u8>, Error> {
    let mut room = packet.to_vec();
    let length = receiver.unprotect_rtcp(&mut room)?;
    room.truncate(length);
    Ok(room)
}

fn suites() -> impl Strategy<Value = Suite> {
    prop::sample::select(Suite::ALL.to_vec())
}

/// Headers with CSRC list and extension too.
fn packets() -> impl Strategy<Value = Vec<u8>> {
    let parts = (0u8..4, any::<bool>(), any::<u16>(), any::<u32>());
    (parts, prop::collection::vec(any::<u8>(), 0..300)).prop_map(|(parts, payload)| {
        let (sources, extended, sequence, ssrc) = parts;
        let mut packet = rtp(sequence, ssrc, &[]);
        packet[0] |= sources;
        packet.extend(vec![9; usize::from(sources) * 4]);
        if extended {
            packet[0] |= 0x10;
            packet.extend([0xbe, 0xde, 0, 1, 1, 2, 3, 4]);
        }
        packet.extend(payload);
        packet
    })
}

proptest! {
    #[test]
    fn protect_then_unprotect_is_the_packet(suite in suites(), packet in packets()) {
        let (mut sender, mut receiver) = pair(suite);
        let sealed = protect(&mut sender, &packet).expect("protected");
        prop_assert_eq!(sealed.len(), packet.len() + suite.rtp_tag());
        prop_assert_eq!(unprotect(&mut receiver, &sealed), Ok(packet));
        prop_assert_eq!(unprotect(&mut receiver, &sealed), Err(Error::Replayed));
    }

    #[test]
    fn any_bit_that_changed_is_refused(suite in suites(), packet in packets(), bit in any::<prop::sample::Index>()) {
        let (mut sender, mut receiver) = pair(suite);
        let mut sealed = protect(&mut sender, &packet).expect("protected");
        let bit = bit.index(sealed.len() * 8);
        sealed[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(unprotect(&mut receiver, &sealed).is_err());
        sealed[bit / 8] ^= 1 << (bit % 8);
        prop_assert_eq!(unprotect(&mut receiver, &sealed), Ok(packet));
    }

    #[test]
    fn rtcp_comes_through_and_is_refused_when_changed(
        suite in suites(), body in prop::collection::vec(any::<u8>(), 0..200), bit in any::<prop::sample::Index>()
    ) {
        let (mut sender, mut receiver) = pair(suite);
        let packet = [&[0x80, 200, 0, 1, 0, 0, 0, 7][..], &body].concat();
        let first = protect_rtcp(&mut sender, &packet);
        let second = protect_rtcp(&mut sender, &packet);
        prop_assert_ne!(&first, &second);
        let mut changed = second.clone();
        let bit = bit.index(changed.len() * 8);
        changed[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(unprotect_rtcp(&mut receiver, &changed).is_err());
        prop_assert_eq!(unprotect_rtcp(&mut receiver, &second), Ok(packet.clone()));
        prop_assert_eq!(unprotect_rtcp(&mut receiver, &first), Ok(packet));
        prop_assert_eq!(unprotect_rtcp(&mut receiver, &first), Err(Error::Replayed));
    }

    #[test]
    fn noise_is_refused_and_never_more(suite in suites(), noise in prop::collection::vec(any::<u8>(), 0..80)) {
        let (mut sender, mut receiver) = pair(suite);
        prop_assert!(unprotect(&mut receiver, &noise).is_err());
        prop_assert!(unprotect_rtcp(&mut receiver, &noise).is_err());
        let mut room = noise.clone();
        prop_assert!(sender.protect_rtp(&mut room, noise.len()).is_err());
        prop_assert!(sender.protect_rtcp(&mut room, noise.len()).is_err());
        prop_assert!(sender.protect_rtp(&mut room, noise.len() + 1).is_err());
    }

    #[test]
    fn packets_out_of_order_come_through_once(order in Just((0u16..100).collect::<Vec<_>>()).prop_shuffle()) {
        let (mut sender, mut receiver) = pair(Suite::AesCm128HmacSha1_80);
        let sealed: Vec<_> = (0..100u16)
            .map(|n| protect(&mut sender, &rtp(n.wrapping_add(65_500), 7, b"voice")).expect("protected"))
            .collect();
        // The first decides in which round the stream begins, so it goes ahead.
        prop_assert!(unprotect(&mut receiver, &sealed[0]).is_ok());
        for at in order.into_iter().filter(|at| *at != 0) {
            prop_assert!(unprotect(&mut receiver, &sealed[usize::from(at)]).is_ok());
            prop_assert!(unprotect(&mut receiver, &sealed[usize::from(at)]).is_err());
        }
    }
}

#[test]
fn the_rollover_counter_goes_on_through_several_wraps() {
    for suite in Suite::ALL {
        let (mut sender, mut receiver) = pair(suite);
        for step in 0..200_000u32 / 1000 {
            let packet = rtp((step * 1000) as u16, 7, b"voice");
            let sealed = protect(&mut sender, &packet).expect("protected");
            assert_eq!(unprotect(&mut receiver, &sealed), Ok(packet));
        }
        // In the fourth round a packet of the first does not pass, with its number free or not.
        let mut fresh = Sender::new(master(suite, 7));
        let old = protect(&mut fresh, &rtp(3500, 7, b"voice")).expect("protected");
        assert!(unprotect(&mut receiver, &old).is_err());
    }
}

#[test]
fn a_number_is_protected_once_only() {
    let (mut sender, _) = pair(Suite::AeadAes128Gcm);
    assert!(protect(&mut sender, &rtp(5, 7, b"one")).is_ok());
    assert_eq!(
        protect(&mut sender, &rtp(5, 7, b"two")),
        Err(Error::Replayed)
    );
    assert!(protect(&mut sender, &rtp(5, 8, b"two")).is_ok());
}

#[test]
fn a_new_source_begins_anew_and_the_old_one_goes_on() {
    let (mut sender, mut receiver) = pair(Suite::AesCm128HmacSha1_32);
    for (sequence, ssrc) in [(65_535, 7), (0, 7), (9, 8), (1, 7), (10, 8)] {
        let packet = rtp(sequence, ssrc, b"voice");
        let sealed = protect(&mut sender, &packet).expect("protected");
        assert_eq!(unprotect(&mut receiver, &sealed), Ok(packet));
    }
}

#[test]
fn another_key_makes_no_sources() {
    let mut receiver = Receiver::new(master(Suite::AesCm128HmacSha1_80, 7));
    for ssrc in 0..2 * MAX_SOURCES as u32 {
        let mut stranger = Sender::new(master(Suite::AesCm128HmacSha1_80, 8));
        let sealed = protect(&mut stranger, &rtp(1, ssrc, b"noise")).expect("protected");
        assert_eq!(unprotect(&mut receiver, &sealed), Err(Error::Unauthentic));
    }
}

#[test]
fn no_room_for_the_tag_is_said() {
    let (mut sender, _) = pair(Suite::AesCm128HmacSha1_80);
    let mut packet = rtp(1, 7, b"voice");
    let length = packet.len();
    assert_eq!(
        sender.protect_rtp(&mut packet, length),
        Err(Error::Malformed)
    );
    assert_eq!(packet, rtp(1, 7, b"voice"));
}

/// Another process goes on with the progress of this one, under every suite, after many rounds.
#[test]
fn a_resumed_context_goes_on_and_lets_nothing_pass_twice() {
    for suite in Suite::ALL {
        let material: Vec<u8> = (0..suite.key_length() + suite.salt_length())
            .map(|n| n as u8)
            .collect();
        let key = || MasterKey::new(suite, &material).expect("a key");
        let (mut sender, mut receiver) = (Sender::new(key()), Receiver::new(key()));
        let packet = |sequence: u16| {
            let mut room = vec![0; 64 + MAX_GROWTH];
            room[0] = 0x80;
            room[2..4].copy_from_slice(&sequence.to_be_bytes());
            room[8..12].copy_from_slice(&7u32.to_be_bytes());
            room
        };
        let mut sealed = Vec::new();
        let strides = (0..50).map(|count| count * 0x1000);
        for index in strides.chain(49 * 0x1000 + 1..49 * 0x1000 + 300) {
            let sequence = index as u16; // three rounds, and then one by one
            let mut room = packet(sequence);
            let length = sender.protect_rtp(&mut room, 64).expect("protected");
            room.truncate(length);
            sealed.push(room);
        }
        for room in &sealed {
            receiver
                .unprotect_rtp(&mut room.clone())
                .expect("authentic");
        }
        let (_, sent) = sender.progress(false).expect("a source");
        let (_, came) = receiver.progress(false).expect("a source");
        assert!(sent.highest >> 16 >= 3 && sent == came);

        let (mut sender, mut receiver) = (Sender::new(key()), Receiver::new(key()));
        sender.resume(false, sent).expect("room");
        receiver.resume(false, came).expect("room");
        for room in sealed.iter().rev().take(300) {
            let again = receiver.unprotect_rtp(&mut room.clone());
            assert_eq!(again, Err(Error::Replayed));
        }
        let mut room = packet(sent.highest as u16);
        assert_eq!(sender.protect_rtp(&mut room, 64), Err(Error::Replayed));
        let mut room = packet((sent.highest + 5) as u16);
        let length = sender.protect_rtp(&mut room, 64).expect("protected");
        receiver
            .unprotect_rtp(&mut room[..length])
            .expect("authentic");
        assert_eq!(sender.progress(false), receiver.progress(false));
    }
}

#[test]
fn rtcp_goes_on_with_its_own_index() {
    let suite = Suite::AeadAes128Gcm;
    let key = || MasterKey::new(suite, &[7; 28]).expect("a key");
    let report = || {
        let mut room = vec![0u8; 28 + MAX_GROWTH];
        room[..4].copy_from_slice(&[0x80, 200, 0, 6]);
        room
    };
    let mut sender = Sender::new(key());
    for _ in 0..3 {
        sender.protect_rtcp(&mut report(), 28).expect("protected");
    }
    let (_, progress) = sender.progress(true).expect("a source");
    assert_eq!(progress.highest, 2);
    let mut again = Sender::new(key());
    again.resume(true, progress).expect("room");
    again.protect_rtcp(&mut report(), 28).expect("protected");
    assert_eq!(again.progress(true).expect("a source").1.highest, 3);
}
