//! The port pairs of one media interface: RTP on an even port, RTCP on the next (RFC 3550 section 11).

use std::collections::VecDeque;

use crate::Millis;

/// Free pairs in the order in which they will be given; a returned pair rests at the end, so that
/// late packets of the last call do not reach the next.
#[derive(Debug)]
pub struct PortPool {
    free: VecDeque<(u16, Millis)>,
    rest: Millis,
}

impl PortPool {
    /// A pool over the even ports whose pair lies in `first..=last`, beginning with the pair at or
    /// after `start` (wrapping round). `rest` is how long a returned pair is not given again.
    #[must_use]
    pub fn new(first: u16, last: u16, start: u16, rest: Millis) -> Self {
        let pairs = (first..last)
            .filter(|port| port % 2 == 0)
            .map(|port| (port, 0));
        let mut free: VecDeque<_> = pairs.collect();
        let before = free.iter().take_while(|(port, _)| *port < start).count();
        if before < free.len() {
            free.rotate_left(before);
        }
        Self { free, rest }
    }

    /// The RTP port of the next rested pair.
    pub fn take(&mut self, now: Millis) -> Option<u16> {
        let (_, rested_at) = *self.free.front()?;
        if rested_at > now {
            return None;
        }
        self.free.pop_front().map(|(port, _)| port)
    }

    /// Puts a pair back to rest.
    pub fn give_back(&mut self, port: u16, now: Millis) {
        self.free.push_back((port, now + self.rest));
    }

    /// How many pairs are free, resting ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.free.len()
    }

    /// Whether every pair is in use.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.free.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_even_and_wholly_within_the_range() {
        let mut pool = PortPool::new(35001, 35006, 35001, 0);
        assert_eq!(pool.take(0), Some(35002));
        assert_eq!(pool.take(0), Some(35004));
        assert_eq!(pool.take(0), None);
        assert!(pool.is_empty());
    }

    #[test]
    fn the_start_is_where_giving_begins_and_it_wraps_round() {
        let mut pool = PortPool::new(35000, 35005, 35003, 0);
        let given: Vec<_> = std::iter::from_fn(|| pool.take(0)).collect();
        assert_eq!(given, [35004, 35000, 35002]);
        assert_eq!(PortPool::new(35000, 40000, 65535, 0).take(0), Some(35000));
    }

    #[test]
    fn a_returned_pair_rests() {
        let mut pool = PortPool::new(35000, 35001, 35000, 5_000);
        assert_eq!(pool.take(0), Some(35000));
        pool.give_back(35000, 1_000);
        assert_eq!(pool.take(5_999), None);
        assert_eq!(pool.len(), 1);
        assert_eq!(pool.take(6_000), Some(35000));
    }
}
