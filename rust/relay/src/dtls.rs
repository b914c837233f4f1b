//! DTLS-SRTP (RFC 5763, RFC 5764) for one side of a stream: a handshake, and the keys out of it.
//!
//! Who the peer is only signaling says: its certificate must have the fingerprint in its SDP
//! (RFC 8122). Until it has been seen with that one, there are no keys and nothing passes. A
//! handshake that fails makes way for the next; keys that are agreed stay whatever comes after.

use std::fmt;
use std::sync::Arc;

use dimpl::{Dtls, KeyingMaterial, Output, SrtpProfile};
use srtp::{MasterKey, Receiver, Sender, Suite};
use zeroize::Zeroizing;

use crate::Millis;

mod identity;
mod terms;

pub use identity::Identity;
pub use terms::{Hash, Terms};

/// Handshakes that may fail on the same terms, so that nobody buys our arithmetic for nothing.
const MAX_ATTEMPTS: u8 = 8;
/// Headers of a record and of a handshake message within it (RFC 6347 sections 4.1, 4.2.2).
const RECORD: usize = 13;
const MESSAGE: usize = 12;
/// What a peer needs; dimpl verifies no RSA signatures, as DTLS 1.2 and 1.3 would allow.
const SERVED: &str = "a peer needs DTLS 1.2 or 1.3 and an ECDSA certificate: RSA is not served";

/// What a step of a handshake brings.
#[derive(Debug, Default)]
pub(crate) struct Flight {
    pub packets: Vec<Vec<u8>>,
    pub deadline: Option<Millis>,
    /// The keys have just been agreed.
    pub agreed: bool,
}

/// One side's handshake and its outcome.
pub(crate) struct Association {
    identity: Arc<Identity>,
    terms: Terms,
    engine: Option<Dtls>,
    attempts: u8,
    /// Why the last attempt failed.
    failure: Option<String>,
    pub contexts: Option<Box<(Receiver, Sender)>>,
    /// There are keys, and others are to take their place.
    renewing: bool,
    /// What tells the peer's last ClientHello from the next.
    hello: Option<[u8; 32]>,
}

impl Association {
    pub fn new(identity: Arc<Identity>, terms: Terms) -> Self {
        Self {
            identity,
            terms,
            engine: None,
            attempts: 0,
            failure: None,
            contexts: None,
            renewing: false,
            hello: None,
        }
    }

    /// Whether new terms are those that it was made with. Roles do not count: who has shaken hands
    /// keeps the association, whichever role a re-offer shows (RFC 8842 section 5.5).
    pub fn is_on(&self, terms: &Terms) -> bool {
        self.terms.fingerprints == terms.fingerprints
            && (self.contexts.is_some() || self.terms.active == terms.active)
    }

    /// Takes terms that it is on, said anew: another handshake may fail as often. A peer that has
    /// begun so far and now waits for us wants one (RFC 8842 section 5.5); until it has come to an
    /// end the keys stay.
    pub fn renew(&mut self, terms: &Terms) {
        self.attempts = 0;
        if self.contexts.is_some() && terms.active && !self.terms.active {
            self.engine = None;
            self.renewing = true;
        }
        self.terms.active = terms.active;
    }

    /// Why there are no keys, as far as handshakes have failed.
    pub fn trouble(&self) -> Option<&str> {
        self.failure.as_deref().filter(|_| self.contexts.is_none())
    }

    /// What names the keys of these terms.
    pub fn name(&self) -> u64 {
        self.terms.name()
    }

    /// The keys, for the process after this one; None: there are none yet.
    pub fn secret(&self) -> Option<Zeroizing<Vec<u8>>> {
        let (receiver, sender) = self.contexts.as_deref()?;
        let (theirs, ours) = (receiver.master(), sender.master());
        let suite = Suite::ALL.iter().position(|one| *one == theirs.suite())?;
        let suite = [u8::try_from(suite).ok()?];
        let parts = [&suite[..], theirs.material(), ours.material()];
        Some(Zeroizing::new(parts.concat()))
    }

    /// Goes on with the keys of the process before this one: no handshake is needed.
    pub fn resume(&mut self, secret: &[u8]) {
        let resumed = || {
            let (suite, keys) = secret.split_first()?;
            let suite = *Suite::ALL.get(usize::from(*suite))?;
            let (theirs, ours) = keys.split_at_checked(keys.len() / 2)?;
            let theirs = Receiver::new(MasterKey::new(suite, theirs)?);
            Some((theirs, Sender::new(MasterKey::new(suite, ours)?)))
        };
        if self.contexts.is_none() {
            self.contexts = resumed().map(Box::new);
        }
    }

    /// Begins where beginning is ours and nothing has begun.
    pub fn start(&mut self, now: Millis) -> Flight {
        if self.terms.active && self.engine.is_none() {
            return self.step(None, now);
        }
        Flight::default()
    }

    /// Takes a packet of the peer's, whose source is vouched for.
    ///
    /// A ClientHello beside keys that are agreed begins anew (RFC 6347 section 4.2.8): the peer has
    /// lost its own, or made others. The keys stay until those of another handshake with a
    /// certificate that signaling has named take their place.
    pub fn packet(&mut self, data: &[u8], now: Millis) -> Flight {
        let hello = client_hello(data);
        if self.contexts.is_some() && hello.is_some() && hello != self.hello {
            if self.attempts >= MAX_ATTEMPTS {
                return Flight::default();
            }
            self.attempts += 1;
            (self.engine, self.renewing) = (None, true);
            self.terms.active = false;
        }
        self.hello = hello.or(self.hello);
        self.step(Some(data), now)
    }

    /// Does what is due: repeats a flight, or gives up.
    pub fn wake(&mut self, now: Millis) -> Flight {
        if self.engine.is_some() {
            return self.step(None, now);
        }
        Flight::default()
    }

    fn step(&mut self, data: Option<&[u8]>, now: Millis) -> Flight {
        let Some(mut engine) = self.engine.take().or_else(|| self.engine(now)) else {
            return Flight::default();
        };
        let told = engine
            .handle_timeout(self.identity.instant(now))
            .and_then(|()| data.map_or(Ok(()), |data| engine.handle_packet(data)));
        let drained = self.drain(&mut engine, now);
        let Some(flight) = drained.filter(|_| told.is_ok()) else {
            self.attempts = self.attempts.saturating_add(1);
            self.renewing = false;
            self.failure = Some(match told {
                Err(error) => format!("{error} ({SERVED})"),
                Ok(()) => "the peer's certificate is not the one in its SDP".to_owned(),
            });
            return Flight::default();
        };
        self.engine = Some(engine);
        flight
    }

    /// A new engine; None once there are keys, or too many have failed.
    fn engine(&self, now: Millis) -> Option<Dtls> {
        let done = self.contexts.is_some() && !self.renewing;
        if done || self.attempts >= MAX_ATTEMPTS {
            return None;
        }
        let identity = &self.identity;
        let (config, certificate) = (Arc::clone(&identity.config), identity.certificate.clone());
        let mut engine = Dtls::new_auto(config, certificate, identity.instant(now));
        engine.set_active(self.terms.active);
        Some(engine)
    }

    /// Takes what the engine has to say; None: the peer is another than signaling has named.
    fn drain(&mut self, engine: &mut Dtls, now: Millis) -> Option<Flight> {
        let mut flight = Flight::default();
        let mut room = vec![0; 2048];
        loop {
            match engine.poll_output(&mut room) {
                Output::Packet(bytes) => flight.packets.push(bytes.to_vec()),
                Output::BufferTooSmall { needed } => room.resize(needed, 0),
                Output::PeerCert(der) if !self.is_named(der) => return None,
                Output::KeyingMaterial(material, profile)
                    if self.contexts.is_none() || self.renewing =>
                {
                    if let Some(agreed) = contexts(&material, profile, engine.is_active()) {
                        self.contexts = Some(agreed);
                        (self.renewing, flight.agreed) = (false, true);
                    }
                }
                Output::Timeout(at) => {
                    flight.deadline = self.identity.deadline(at, now);
                    return Some(flight);
                }
                _ => {}
            }
        }
    }

    fn is_named(&self, der: &[u8]) -> bool {
        let named = &self.terms.fingerprints;
        named.iter().any(|(hash, digest)| hash.of(der) == *digest)
    }
}

/// The random of a ClientHello in the clear, which repetitions share (RFC 6347 section 4.2.1);
/// None: it is something else.
fn client_hello(data: &[u8]) -> Option<[u8; 32]> {
    let (record, rest) = data.split_at_checked(RECORD)?;
    let (message, body) = rest.split_at_checked(MESSAGE)?;
    let clear = record[0] == 22 && record[3..5] == [0, 0];
    let first = message[0] == 1 && message[6..9] == [0; 3];
    let random = body.get(2..34)?;
    random.try_into().ok().filter(|_| clear && first)
}

/// The contexts out of the exported key material: the client's key, the server's, then their salts
/// (RFC 5764 section 4.2).
fn contexts(
    material: &KeyingMaterial,
    profile: SrtpProfile,
    client: bool,
) -> Option<Box<(Receiver, Sender)>> {
    let suite = match profile {
        SrtpProfile::AES128_CM_SHA1_80 => Suite::AesCm128HmacSha1_80,
        SrtpProfile::AEAD_AES_128_GCM => Suite::AeadAes128Gcm,
        SrtpProfile::AEAD_AES_256_GCM => Suite::AeadAes256Gcm,
        _ => return None,
    };
    let (keys, salts) = material.split_at_checked(2 * suite.key_length())?;
    let (client_key, server_key) = keys.split_at(suite.key_length());
    let (client_salt, server_salt) = salts.split_at_checked(suite.salt_length())?;
    let master = |key: &[u8], salt: &[u8]| MasterKey::new(suite, &[key, salt].concat());
    let of_client = master(client_key, client_salt)?;
    let of_server = master(server_key, server_salt)?;
    let (theirs, ours) = if client {
        (of_server, of_client)
    } else {
        (of_client, of_server)
    };
    Some(Box::new((Receiver::new(theirs), Sender::new(ours))))
}

impl fmt::Debug for Association {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let agreed = self.contexts.is_some();
        write!(out, "Association(agreed: {agreed})")
    }
}
