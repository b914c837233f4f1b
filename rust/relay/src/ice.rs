//! ICE for a port that everybody can reach: the lite role of RFC 8445 section 2.5.
//!
//! A lite agent sends no checks. It answers those of its peer, and learns from them where the peer
//! is: a check is authenticated by our password, which only signaling has carried. What does not
//! authenticate gets no answer, not even an error, so a port says nothing to strangers.

use std::fmt;
use std::net::SocketAddr;

use stun::{Attribute, Kind, Message, Writer};

/// A username fragment with its password (RFC 8445 section 5.3). The password does not print.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// `a=ice-ufrag`
    pub fragment: String,
    /// `a=ice-pwd`
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Credentials({}, ***)", self.fragment)
    }
}

/// What a check has brought.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Checked {
    pub answer: Vec<u8>,
    /// The source is the peer's. With true it wants media there (USE-CANDIDATE).
    pub proved: Option<bool>,
}

/// The agent of one side of a stream. The peer may still use the credentials from before a restart,
/// until it has our new ones.
#[derive(Clone, Debug)]
pub(crate) struct Agent {
    current: Credentials,
    before: Option<Credentials>,
}

impl Agent {
    pub fn new(current: Credentials) -> Self {
        let before = None;
        Self { current, before }
    }

    /// Takes new credentials (an ICE restart, RFC 8445 section 2.4); the same change nothing.
    pub fn restart(&mut self, current: Credentials) {
        if self.current != current {
            self.before = Some(std::mem::replace(&mut self.current, current));
        }
    }

    /// Judges what looks like STUN; None: nobody who knows our password, or nothing to answer.
    pub fn check(&self, from: SocketAddr, data: &[u8]) -> Option<Checked> {
        let message = Message::parse(data)?;
        if message.kind() != Kind::BindingRequest || !message.is_fingerprinted() {
            return None;
        }
        let username = message.get(Attribute::Username)?;
        let fragment = username.split(|byte| *byte == b':').next()?;
        let known = [Some(&self.current), self.before.as_ref()];
        let ours = known
            .into_iter()
            .flatten()
            .find(|one| one.fragment.as_bytes() == fragment)?;
        let password = ours.password.as_bytes();
        if !message.is_authentic(password) {
            return None;
        }
        Some(answer(&message, from, password))
    }
}

/// The answer to an authentic request (RFC 8445 section 7.3).
fn answer(message: &Message<'_>, from: SocketAddr, password: &[u8]) -> Checked {
    let transaction = message.transaction();
    let unknown: Vec<u8> = message.unknown().flat_map(u16::to_be_bytes).collect();
    if !unknown.is_empty() {
        let answer = Writer::new(Kind::BindingError, transaction)
            .with_error(420, "Unknown Attribute")
            .with(Attribute::UnknownAttributes, &unknown)
            .finish(password);
        let proved = None;
        return Checked { answer, proved };
    }
    // A lite agent is always the controlled one: a peer that thinks itself so must switch.
    if message.get(Attribute::IceControlled).is_some() {
        let answer = Writer::new(Kind::BindingError, transaction)
            .with_error(487, "Role Conflict")
            .finish(password);
        let proved = None;
        return Checked { answer, proved };
    }
    let answer = Writer::new(Kind::BindingSuccess, transaction)
        .with_mapped(from)
        .finish(password);
    let proved = Some(message.get(Attribute::UseCandidate).is_some());
    Checked { answer, proved }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(fragment: &str) -> Credentials {
        Credentials {
            fragment: fragment.to_owned(),
            password: format!("password of {fragment}, long"),
        }
    }

    fn from() -> SocketAddr {
        "192.168.67.61:61000".parse().expect("an address")
    }

    fn request(username: &str) -> Writer {
        Writer::new(Kind::BindingRequest, *b"transaction!")
            .with(Attribute::Username, username.as_bytes())
            .with(Attribute::Priority, &[0x6e, 0, 1, 0xff])
    }

    fn controlling(username: &str) -> Writer {
        request(username).with(Attribute::IceControlling, &[1; 8])
    }

    #[test]
    fn a_check_with_our_password_proves_its_source() {
        let (agent, ours) = (Agent::new(credentials("abcd")), credentials("abcd"));
        let password = ours.password.as_bytes();
        let check = controlling("abcd:efgh").finish(password);
        let checked = agent.check(from(), &check).expect("answered");
        assert_eq!(checked.proved, Some(false));
        let answer = Message::parse(&checked.answer).expect("a message");
        assert_eq!(answer.kind(), Kind::BindingSuccess);
        assert_eq!(answer.mapped(), Some(from()));
        assert!(answer.is_authentic(password) && answer.is_fingerprinted());
        let nominating = controlling("abcd:efgh").with(Attribute::UseCandidate, &[]);
        let checked = agent.check(from(), &nominating.finish(password));
        assert_eq!(checked.expect("answered").proved, Some(true));
    }

    #[test]
    fn strangers_get_no_answer() {
        let agent = Agent::new(credentials("abcd"));
        let password = credentials("abcd").password;
        let wrong = controlling("abcd:efgh").finish(b"guessed");
        let other = controlling("zzzz:efgh").finish(password.as_bytes());
        let nameless = Writer::new(Kind::BindingRequest, [0; 12]).finish(password.as_bytes());
        let indication = Writer::new(Kind::BindingIndication, [0; 12]).finish(password.as_bytes());
        for data in [wrong, other, nameless, indication, vec![0; 20], Vec::new()] {
            assert_eq!(agent.check(from(), &data), None);
        }
    }

    #[test]
    fn a_peer_that_thinks_itself_controlled_is_told() {
        let agent = Agent::new(credentials("abcd"));
        let check = request("abcd:efgh").with(Attribute::IceControlled, &[1; 8]);
        let data = check.finish(credentials("abcd").password.as_bytes());
        let checked = agent.check(from(), &data).expect("answered");
        assert_eq!(checked.proved, None);
        let answer = Message::parse(&checked.answer).expect("a message");
        assert_eq!(answer.error_code(), Some(487));
    }

    #[test]
    fn after_a_restart_both_credentials_count_and_after_the_next_not_the_first() {
        let mut agent = Agent::new(credentials("old1"));
        let check = |name: &str| {
            let password = credentials(name).password;
            controlling(&format!("{name}:efgh")).finish(password.as_bytes())
        };
        agent.restart(credentials("new2"));
        agent.restart(credentials("new2"));
        assert!(agent.check(from(), &check("old1")).is_some());
        assert!(agent.check(from(), &check("new2")).is_some());
        agent.restart(credentials("new3"));
        assert!(agent.check(from(), &check("old1")).is_none());
    }
}
