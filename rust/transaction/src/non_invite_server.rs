//! Non-INVITE server transaction: RFC 3261 section 17.2.2; a lost flow as RFC 6026 has it.
//!
//! Over UDP a 100 is not to be sent before the client's Timer E has reached T2, and then has to be
//! (RFC 4320 section 4.1): the timer LATE. The user may send one at once where the transport is
//! reliable.
use crate::table::{rows, Table};

/// The machine.
pub static TABLE: Table = Table::new(rows! {
    Start, Request => Trying [Pass StartLate];
    Trying, TimerLate => Proceeding [Send100];
    Trying, Provisional => Proceeding [SendResponse];
    Trying, Success => Completed [SendResponse StartJ];
    Trying, Rejection => Completed [SendResponse StartJ];
    Trying, TransportError => Trying [Lost];
    Proceeding, Request => Proceeding [Resend];
    Proceeding, Provisional => Proceeding [SendResponse];
    Proceeding, Success => Completed [SendResponse StartJ];
    Proceeding, Rejection => Completed [SendResponse StartJ];
    Proceeding, TransportError => Proceeding [Lost];
    Completed, Request => Completed [Resend];
    Completed, TimerJ => Terminated [];
    Completed, TransportError => Completed [Lost];
});
