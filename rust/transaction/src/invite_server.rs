//! INVITE server transaction: RFC 3261 section 17.2.1 with RFC 6026 (Accepted, timer L).
//!
//! In Accepted the user repeats the 2xx (`respond` again) and ACKs are passed to it; a repeated
//! INVITE is absorbed. A lost flow leaves the state as it is (RFC 6026).
use crate::table::{rows, Table};

/// The machine.
pub static TABLE: Table = Table::new(rows! {
    Start, Request => Proceeding [Pass Start100];
    Proceeding, Request => Proceeding [Resend];
    Proceeding, Timer100 => Proceeding [Send100];
    Proceeding, Provisional => Proceeding [SendResponse];
    Proceeding, Success => Accepted [SendResponse StartL];
    Proceeding, Rejection => Completed [SendResponse StartG StartH];
    Proceeding, TransportError => Proceeding [Lost];
    Completed, Request => Completed [Resend];
    Completed, Ack => Confirmed [StartI];
    Completed, TimerG => Completed [Resend RepeatG];
    Completed, TimerH => Terminated [Unacknowledged];
    Completed, TransportError => Completed [Lost];
    Confirmed, TimerI => Terminated [];
    Accepted, Success => Accepted [SendResponse];
    Accepted, Ack => Accepted [Pass];
    Accepted, TimerL => Terminated [];
    Accepted, TransportError => Accepted [Lost];
});
