//! What the layer hands to its user (the words "TU" and "inform" of RFC 3261).
use std::sync::Arc;

use crate::carried::Carried;
use crate::store::Id;

/// Why a transaction came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Timer B, F or H, or no final answer 64*T1 after a CANCEL (RFC 3261 section 9.1).
    Timeout,
    /// The flow was lost.
    Transport,
}

/// Bytes to write, or something that the user has to know.
pub enum Output<C: Carried> {
    /// Write these bytes.
    Send {
        /// Where to.
        flow: C::Flow,
        /// What.
        data: Arc<[u8]>,
    },
    /// A new request other than ACK and CANCEL; `respond` answers it.
    RequestArrived(Id),
    /// An ACK that no transaction keeps: for a 2xx (or for nothing). Never answered.
    AckArrived {
        /// The ACK.
        message: C::Letter,
        /// Where it came from.
        flow: C::Flow,
        /// The INVITE, when the ACK bears its branch; usually it does not.
        tx: Option<Id>,
    },
    /// A CANCEL for a pending INVITE. It is answered already; the INVITE wants a 487.
    CancelArrived {
        /// The INVITE.
        tx: Id,
        /// The CANCEL.
        message: C::Letter,
    },
    /// A response: any number of 1xx, one final; for INVITE the 2xx as often as it comes.
    ResponseArrived {
        /// The request.
        tx: Id,
        /// Its response.
        message: C::Letter,
    },
    /// It ends without a final response: RFC 3261 section 8.1.3.1 reads it as 408 or 503.
    RequestFailed {
        /// The request.
        tx: Id,
        /// Why.
        cause: Cause,
    },
    /// The way back is lost while it is being served (RFC 6026 section 8.8, "inform the TU").
    ResponseLost {
        /// The request.
        tx: Id,
        /// Why.
        cause: Cause,
    },
    /// A 2xx to an INVITE whose transaction is gone; a UAC answers it with ACK again.
    StrayResponse {
        /// The 2xx.
        message: C::Letter,
        /// Where it came from.
        flow: C::Flow,
    },
    /// The last word about a transaction; `Layer::forget` it then.
    Ended {
        /// Which.
        tx: Id,
        /// Why it ended early, `None` when it did not.
        cause: Option<Cause>,
    },
}
