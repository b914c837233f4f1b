//! What the layer counts.

/// How often the layer did something that no output tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Requests answered 503 because the layer was full.
    pub refused: u64,
    /// Responses without a transaction, dropped (RFC 6026: never forwarded).
    pub stray: u64,
    /// Messages without a readable top Via, dropped.
    pub without_via: u64,
    /// Repeated or late messages that a transaction swallowed without an answer.
    pub absorbed: u64,
    /// Responses of the user that no longer fitted, not sent.
    pub late: u64,
}
