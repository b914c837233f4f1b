//! SIP on the wire: a lazy, bounded parser and serializer (RFC 3261 section 25).
//!
//! A [`Message`] owns one buffer and knows where its lines are; values are read when asked for and
//! lines that nobody touches leave as they came. Nothing here does I/O or knows Python.
#![forbid(unsafe_code)]

mod answer;
mod create;
mod crossing;
mod edit;
mod error;
mod finder;
mod framer;
mod header;
mod message;
mod name_addr;
mod params;
mod reasons;
mod scan;
mod tokens;
mod uri;
mod uri_compare;
mod uri_edit;
mod validate;
mod values;
mod via;

pub use answer::Answer;
pub use crossing::Crossing;
pub use error::Error;
pub use finder::Finder;
pub use framer::{Broken, Frame, Framer};
pub use message::{Message, MAX_HEADERS, MAX_MESSAGE};
pub use name_addr::{AddrParts, NameAddr};
pub use params::ParamText;
pub use reasons::{reason_phrase, registered_phrase};
pub use uri::{Uri, UriParts};
pub use via::{Via, ViaParts};
