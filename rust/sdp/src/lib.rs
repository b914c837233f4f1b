//! Session descriptions (RFC 8866) as a middlebox rewrites them: o=, c=, the ports of m= and a=rtcp,
//! and where encryption ends here, what a section says of its transport. All else keeps its bytes.
#![forbid(unsafe_code)]

mod line;
mod rewrite;
mod transport;
mod value;

pub use rewrite::{rewrite, Ours, Profile, Section, Security};
