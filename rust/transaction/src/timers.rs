//! The timers of RFC 3261 (table 4) and RFC 6026: how long they are.
use crate::table::Input;

/// Base values in seconds; the lettered timers follow from them (RFC 3261 table 4).
#[derive(Clone, Copy, Debug)]
pub struct Timers {
    /// Round-trip estimate.
    pub t1: f64,
    /// Longest interval between retransmissions of a non-INVITE request or an INVITE response.
    pub t2: f64,
    /// Longest time that a message stays in the network.
    pub t4: f64,
    /// Longest silence between provisional responses to INVITE; more than 180 s (section 16.6).
    pub c: f64,
    /// Wait for repeated final responses to INVITE over UDP; at least 32 s.
    pub d: f64,
    /// An INVITE unanswered so long gets 100 from the layer (section 17.2.1).
    pub trying: f64,
}

impl Default for Timers {
    fn default() -> Self {
        Self {
            t1: 0.5,
            t2: 4.0,
            t4: 5.0,
            c: 200.0,
            d: 32.0,
            trying: 0.2,
        }
    }
}

impl Timers {
    /// How long a timer that runs once lasts; A, C, E and G are restarted and are 0 here.
    pub fn delay(&self, timer: Input, reliable: bool) -> f64 {
        let over_udp = |seconds| if reliable { 0.0 } else { seconds };
        let whole = 64.0 * self.t1;
        match timer {
            Input::TimerB
            | Input::TimerF
            | Input::TimerH
            | Input::TimerL
            | Input::TimerM
            | Input::TimerCancel => whole,
            Input::TimerD => over_udp(self.d),
            Input::TimerI | Input::TimerK => over_udp(self.t4),
            Input::TimerJ => over_udp(whole),
            Input::Timer100 => self.trying,
            Input::TimerLate => self.late(),
            _ => 0.0,
        }
    }

    /// How long Timer E takes to be reset to T2, from the first sending: 3.5 s.
    fn late(&self) -> f64 {
        let (mut whole, mut interval) = (0.0, self.t1);
        while interval > 0.0 && interval < self.t2 {
            whole += interval;
            interval *= 2.0;
        }
        whole
    }
}
