//! What is relayed: every byte of it.

use super::frames::{folded, incoming, outgoing, pseudo, rtp, voice};
use super::rig::{flow4, flow6, Rig, ALAW, REDIRECTED, XDP_PASS, XDP_REDIRECT};

#[test]
fn a_settled_packet_is_the_other_sides_and_both_checksums_are_right() {
    for flow in [flow4(), flow6()] {
        let Some(mut rig) = Rig::new(flow) else {
            return;
        };
        let packet = incoming(&flow, &voice());
        assert_eq!(rig.tc(&packet), (REDIRECTED, outgoing(&flow, &voice())));
        assert_eq!(rig.xdp(&packet), (XDP_REDIRECT, outgoing(&flow, &voice())));
        let count = rig.count();
        assert_eq!((count.packets, count.bytes), (2, 344));
        assert_eq!(count.idle, Some(0));
    }
}

#[test]
fn checksums_are_right_whatever_the_payload() {
    for flow in [flow4(), flow6()] {
        let Some(mut rig) = Rig::new(flow) else {
            return;
        };
        for number in 0..600u16 {
            let payload = rtp(ALAW, number, u32::from(number).wrapping_mul(0x9e37_79b9));
            let packet = incoming(&flow, &payload);
            assert_eq!(rig.tc(&packet), (REDIRECTED, outgoing(&flow, &payload)));
        }
    }
}

/// The sender leaves the sum to its device: only the pseudo header's is there.
#[test]
fn a_checksum_like_an_unfinished_one_is_patched_by_the_kernel_and_never_in_xdp() {
    for flow in [flow4(), flow6()] {
        let Some(mut rig) = Rig::new(flow) else {
            return;
        };
        let at = if flow.from.is_ipv4() { 40 } else { 60 };
        // A complete packet whose sum is by chance what the pseudo header's would be.
        let length = voice().len() + 8;
        let seed = folded(pseudo(flow.key.remote.ip(), flow.key.local.ip(), length));
        let payload = (0..=u16::MAX)
            .map(|word| [&rtp(ALAW, 1, 160)[..170], &word.to_be_bytes()].concat())
            .find(|payload| incoming(&flow, payload)[at..at + 2] == seed.to_be_bytes())
            .expect("one of 65,536");
        let packet = incoming(&flow, &payload);
        assert_eq!(rig.xdp(&packet), (XDP_PASS, packet.clone()));
        assert_eq!(rig.tc(&packet), (REDIRECTED, outgoing(&flow, &payload)));
    }
}

#[test]
fn no_checksum_stays_none_over_ipv4_and_is_for_the_relay_over_ipv6() {
    let Some(mut rig) = Rig::new(flow4()) else {
        return;
    };
    let mut packet = incoming(&flow4(), &voice());
    packet[40..42].copy_from_slice(&[0, 0]);
    let mut expected = outgoing(&flow4(), &voice());
    expected[40..42].copy_from_slice(&[0, 0]);
    assert_eq!(rig.tc(&packet), (REDIRECTED, expected));
    let mut rig = Rig::new(flow6()).expect("root");
    let mut packet = incoming(&flow6(), &voice());
    packet[60..62].copy_from_slice(&[0, 0]);
    rig.goes_up(&packet);
}

#[test]
fn without_a_lease_the_kernel_finds_the_neighbour_and_xdp_leaves_it_to_tc() {
    for flow in [flow4(), flow6()] {
        let Some(mut rig) = Rig::new(flow) else {
            return;
        };
        rig.hop(0, 1500);
        let packet = incoming(&flow, &voice());
        assert_eq!(rig.xdp(&packet), (XDP_PASS, packet.clone()));
        let (result, sent) = rig.tc(&packet);
        assert_eq!(result, REDIRECTED);
        assert_eq!(sent[..12], packet[..12]);
        assert_eq!(sent[12..], outgoing(&flow, &voice())[12..]);
    }
}

#[test]
fn a_packet_longer_than_the_next_link_takes_goes_up() {
    for flow in [flow4(), flow6()] {
        let Some(mut rig) = Rig::new(flow) else {
            return;
        };
        let length = incoming(&flow, &voice()).len() as u32 - 14;
        rig.hop(u64::MAX, length - 1);
        rig.goes_up(&incoming(&flow, &voice()));
        rig.hop(u64::MAX, length);
        assert_eq!(rig.tc(&incoming(&flow, &voice())).0, REDIRECTED);
    }
}
