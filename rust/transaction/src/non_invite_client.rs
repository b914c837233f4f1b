//! Non-INVITE client transaction: RFC 3261 section 17.1.2.
use crate::table::{rows, Table};

/// The machine.
pub static TABLE: Table = Table::new(rows! {
    Start, Request => Trying [SendRequest StartE StartF];
    Trying, TimerE => Trying [Resend RepeatE];
    Trying, TimerF => Terminated [TimedOut];
    Trying, TransportError => Terminated [Broken];
    Trying, Provisional => Proceeding [Pass];
    Trying, Success => Completed [Pass StartK];
    Trying, Rejection => Completed [Pass StartK];
    Proceeding, TimerE => Proceeding [Resend SlowE];
    Proceeding, TimerF => Terminated [TimedOut];
    Proceeding, TransportError => Terminated [Broken];
    Proceeding, Provisional => Proceeding [Pass];
    Proceeding, Success => Completed [Pass StartK];
    Proceeding, Rejection => Completed [Pass StartK];
    Completed, TimerK => Terminated [];
});
