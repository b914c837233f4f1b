//! The port pairs of one media interface: RTP on an even port, RTCP on the next (RFC 3550 section 11).

use std::collections::VecDeque;

use crate::Millis;

/// Free pairs. A returned pair rests first, so that late packets of the last call do not reach the
/// next.
#[derive(Debug)]
pub struct PortPool {
    free: VecDeque<u16>,
    /// With the time until which each rests, the earliest first.
    resting: VecDeque<(u16, Millis)>,
    rest: Millis,
}

impl PortPool {
    /// A pool over the even ports whose pair lies in `first..=last`, in order from the pair at or
    /// after `start` (wrapping round). `rest` is how long a returned pair is not given again.
    #[must_use]
    pub fn new(first: u16, last: u16, start: u16, rest: Millis) -> Self {
        let mut free: VecDeque<_> = (first..last).filter(|port| port % 2 == 0).collect();
        let before = free.iter().take_while(|port| **port < start).count();
        if before < free.len() {
            free.rotate_left(before);
        }
        let resting = VecDeque::new();
        Self {
            free,
            resting,
            rest,
        }
    }

    /// The RTP port of a rested pair: any, as `chance` falls, or without it the next in order.
    pub fn take(&mut self, now: Millis, chance: Option<u64>) -> Option<u16> {
        while self.resting.front().is_some_and(|(_, until)| *until <= now) {
            self.free
                .extend(self.resting.pop_front().map(|(port, _)| port));
        }
        match (chance, self.free.len() as u64) {
            (Some(chance), room @ 1..) => self.free.swap_remove_back((chance % room) as usize),
            _ => self.free.pop_front(),
        }
    }

    /// Takes a certain pair, rested or not; false: it is in use, or none of the range.
    pub fn claim(&mut self, port: u16) -> bool {
        let free = self.free.iter().position(|one| *one == port);
        let resting = self.resting.iter().position(|(one, _)| *one == port);
        free.and_then(|at| self.free.remove(at)).is_some()
            || resting.and_then(|at| self.resting.remove(at)).is_some()
    }

    /// Puts a pair back to rest.
    pub fn give_back(&mut self, port: u16, now: Millis) {
        self.resting.push_back((port, now + self.rest));
    }

    /// How many pairs are free, resting ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.free.len() + self.resting.len()
    }

    /// Whether every pair is in use.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_even_and_wholly_within_the_range() {
        let mut pool = PortPool::new(35001, 35006, 35001, 0);
        assert_eq!(pool.take(0, None), Some(35002));
        assert_eq!(pool.take(0, None), Some(35004));
        assert_eq!(pool.take(0, None), None);
        assert!(pool.is_empty());
    }

    #[test]
    fn the_start_is_where_giving_begins_and_it_wraps_round() {
        let mut pool = PortPool::new(35000, 35005, 35003, 0);
        let given: Vec<_> = std::iter::from_fn(|| pool.take(0, None)).collect();
        assert_eq!(given, [35004, 35000, 35002]);
        assert_eq!(
            PortPool::new(35000, 40000, 65535, 0).take(0, None),
            Some(35000)
        );
    }

    #[test]
    fn a_returned_pair_rests() {
        let mut pool = PortPool::new(35000, 35001, 35000, 5_000);
        assert_eq!(pool.take(0, None), Some(35000));
        pool.give_back(35000, 1_000);
        assert_eq!(pool.take(5_999, None), None);
        assert_eq!(pool.len(), 1);
        assert_eq!(pool.take(6_000, None), Some(35000));
    }

    #[test]
    fn chance_gives_any_pair_and_each_once() {
        let mut pool = PortPool::new(35000, 35999, 35000, 5_000);
        let mut given: Vec<_> = (0..500u64)
            .filter_map(|n| pool.take(0, Some(n.wrapping_mul(0x9e37_79b9_7f4a_7c15))))
            .collect();
        let rising = given.windows(2).filter(|pair| pair[0] < pair[1]).count();
        assert!((150..350).contains(&rising), "{rising} of 499 steps go up");
        assert_eq!(pool.take(0, Some(7)), None);
        pool.give_back(35_010, 0);
        assert_eq!(pool.take(4_999, Some(7)), None);
        assert_eq!(pool.take(5_000, Some(7)), Some(35_010));
        given.sort_unstable();
        assert!(given.iter().copied().eq((35_000..36_000).step_by(2)));
    }
}
