//! INVITE client transaction: RFC 3261 section 17.1.1 with RFC 6026 (Accepted, timer M).
//!
//! What is not in the RFCs' figure concerns Proceeding, where it waits without end. A connection
//! lost fails the transaction at once, as no answer can come back any more. Timer C, which the RFC
//! gives to proxies (section 16.8), cancels the request when provisional responses have stopped
//! for long. And after a CANCEL the wait for a final response ends after 64*T1 (section 9.1).
use crate::table::{rows, Table};

/// The machine.
pub static TABLE: Table = Table::new(rows! {
    Start, Request => Calling [SendRequest StartA StartB];
    Calling, TimerA => Calling [Resend RepeatA];
    Calling, TimerB => Terminated [TimedOut];
    Calling, TransportError => Terminated [Broken];
    Calling, Provisional => Proceeding [Pass StartC];
    Calling, Success => Accepted [Pass StartM];
    Calling, Rejection => Completed [SendAck Pass StartD];
    Proceeding, Provisional => Proceeding [Pass StartC];
    Proceeding, TimerC => Proceeding [Cancel];
    Proceeding, Success => Accepted [Pass StartM];
    Proceeding, Rejection => Completed [SendAck Pass StartD];
    Proceeding, TransportError => Terminated [Broken];
    Proceeding, TimerCancel => Terminated [TimedOut];
    Completed, Rejection => Completed [Resend];
    Completed, TransportError => Terminated [Unreachable];
    Completed, TimerD => Terminated [];
    Accepted, Success => Accepted [Pass];
    Accepted, TimerM => Terminated [];
});
