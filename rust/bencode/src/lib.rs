//! Bencode as the ng protocol uses it: dictionaries, lists, byte strings, integers. Unlike BitTorrent's,
//! keys need not be in order (rtpengine docs/ng_control_protocol.md). What is read comes from the
//! network: size, depth and number of values are bounded.
#![forbid(unsafe_code)]

mod error;
mod reader;
mod writer;

pub use error::Error;
pub use reader::decode;
pub use writer::Writer;

/// Bytes of a document: the largest UDP datagram over IPv4.
pub const MAX_SIZE: usize = 65_507;
/// Of lists and dictionaries inside each other; a query's reply has seven.
pub const MAX_DEPTH: usize = 16;
/// Values of a document.
pub const MAX_VALUES: usize = 16_384;
/// Of an integer, its sign with them: 64 bits.
pub const MAX_DIGITS: usize = 20;

/// A value of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// A number; `MAX_DIGITS` may be more than 64 bits hold.
    Integer(i128),
    /// A string of any bytes.
    Bytes(&'a [u8]),
    /// Values in order.
    List(Vec<Value<'a>>),
    /// Each key once, in the order in which they came.
    Dictionary(Vec<(&'a [u8], Value<'a>)>),
}
