use super::*;

fn at(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn phone_behind_nat() -> Latch {
    let mut latch = Latch::default();
    latch.signal(
        Some(at("172.22.33.101:5000")),
        Some(at("192.168.67.61:1").ip()),
    );
    latch
}

#[test]
fn the_first_packet_from_the_signaling_source_latches_and_locks() {
    let mut latch = phone_behind_nat();
    assert_eq!(latch.target(), Some(at("172.22.33.101:5000")));
    assert_eq!(latch.accept(at("192.168.67.61:40001")), Acceptance::Latched);
    assert_eq!(latch.target(), Some(at("192.168.67.61:40001")));
    assert_eq!(latch.accept(at("192.168.67.61:40001")), Acceptance::Known);
    assert_eq!(latch.accept(at("192.168.67.61:40002")), Acceptance::Refused);
    assert_eq!(latch.latched(), Some(at("192.168.67.61:40001")));
}

#[test]
fn a_stranger_never_latches() {
    let mut latch = phone_behind_nat();
    assert_eq!(latch.accept(at("203.0.113.9:5000")), Acceptance::Refused);
    assert_eq!(latch.latched(), None);
}

#[test]
fn nobody_may_send_before_anything_is_signaled() {
    let mut latch = Latch::default();
    assert_eq!(latch.accept(at("10.10.10.13:40752")), Acceptance::Refused);
    assert_eq!(latch.target(), None);
}

#[test]
fn the_exact_sdp_address_replaces_a_neighbour_behind_the_same_nat() {
    let mut latch = Latch::default();
    latch.signal(
        Some(at("198.51.100.7:5000")),
        Some(at("198.51.100.7:1").ip()),
    );
    assert_eq!(latch.accept(at("198.51.100.7:6666")), Acceptance::Latched);
    assert_eq!(latch.accept(at("198.51.100.7:5000")), Acceptance::Latched);
    assert_eq!(latch.accept(at("198.51.100.7:6666")), Acceptance::Refused);
}

#[test]
fn a_new_address_or_signaling_source_opens_the_latch_and_the_same_does_not() {
    let mut latch = phone_behind_nat();
    latch.accept(at("192.168.67.61:40001"));
    latch.signal(
        Some(at("172.22.33.101:5000")),
        Some(at("192.168.67.61:1").ip()),
    );
    assert_eq!(latch.latched(), Some(at("192.168.67.61:40001")));
    latch.signal(
        Some(at("172.22.33.101:5000")),
        Some(at("192.168.67.99:1").ip()),
    );
    assert_eq!(latch.latched(), None);
    assert_eq!(latch.accept(at("192.168.67.61:40001")), Acceptance::Refused);
    assert_eq!(latch.accept(at("192.168.67.99:7000")), Acceptance::Latched);
    latch.signal(
        Some(at("172.22.33.101:5002")),
        Some(at("192.168.67.99:1").ip()),
    );
    assert_eq!(latch.latched(), None);
}

#[test]
fn early_media_stays_latched_when_the_answer_comes() {
    let mut latch = Latch::default();
    latch.signal(None, Some(at("10.10.10.13:1").ip()));
    assert_eq!(latch.accept(at("10.10.10.13:40752")), Acceptance::Latched);
    latch.signal(
        Some(at("10.10.10.13:40752")),
        Some(at("10.10.10.13:1").ip()),
    );
    assert_eq!(latch.latched(), Some(at("10.10.10.13:40752")));
}

#[test]
fn where_ice_is_spoken_only_proved_sources_send_and_the_nominated_one_receives() {
    let mut latch = phone_behind_nat();
    latch.require_proof(true);
    let (first, second) = (at("192.168.67.61:40001"), at("203.0.113.9:5000"));
    assert_eq!(latch.accept(first), Acceptance::Refused);
    assert_eq!(latch.target(), None);
    latch.prove(first, false);
    assert_eq!(latch.accept(first), Acceptance::Known);
    assert_eq!(latch.target(), Some(first));
    latch.prove(second, false);
    assert_eq!(latch.accept(second), Acceptance::Known);
    assert_eq!(latch.target(), Some(first));
    latch.prove(second, true);
    assert_eq!(latch.target(), Some(second));
    latch.signal(None, None);
    assert_eq!(latch.target(), Some(second));
}

#[test]
fn proved_sources_are_bounded_and_the_one_in_use_stays() {
    let mut latch = phone_behind_nat();
    latch.require_proof(true);
    let first = at("192.168.67.61:1");
    latch.prove(first, true);
    for port in 2..40 {
        latch.prove(SocketAddr::new(first.ip(), port), false);
    }
    assert_eq!(latch.judge(first), Acceptance::Known);
    assert_eq!(latch.judge(at("192.168.67.61:2")), Acceptance::Refused);
    assert_eq!(latch.judge(at("192.168.67.61:39")), Acceptance::Known);
    latch.require_proof(false);
    assert_eq!(latch.target(), Some(at("172.22.33.101:5000")));
}

#[test]
fn what_was_proved_to_the_process_before_is_proved() {
    let mut latch = phone_behind_nat();
    latch.require_proof(true);
    latch.resume(at("203.0.113.9:5000"));
    assert_eq!(latch.judge(at("203.0.113.9:5000")), Acceptance::Known);
    assert_eq!(latch.judge(at("203.0.113.9:5001")), Acceptance::Refused);
    assert_eq!(latch.target(), Some(at("203.0.113.9:5000")));
}

#[test]
fn an_authentic_packet_moves_the_latch_but_not_too_often() {
    let mut latch = phone_behind_nat();
    latch.accept(at("192.168.67.61:40001"));
    assert!(latch.may_roam(1_000));
    latch.roam(at("198.51.100.7:9"), 1_000);
    assert_eq!(latch.target(), Some(at("198.51.100.7:9")));
    assert!(!latch.may_roam(1_000 + SETTLED - 1));
    assert!(latch.may_roam(1_000 + SETTLED));
}

#[test]
fn a_flood_from_elsewhere_is_looked_into_so_many_times_a_second() {
    let mut latch = phone_behind_nat();
    let looked = (0..5 * MAX_TRIES).filter(|_| latch.may_roam(2_300)).count();
    assert_eq!(looked, MAX_TRIES as usize);
    assert!(latch.may_roam(3_000));
}
