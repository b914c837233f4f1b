//! Our certificate, and the clock of handshakes.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dimpl::{Config, DtlsCertificate};

use crate::Millis;

/// Largest datagram of a handshake: within an Ethernet frame with room for tunnels.
const MTU: usize = 1150;
/// A timer that is further away than this is none of a handshake.
const SOON: Millis = 60_000;

/// Our certificate, and what all handshakes have in common.
pub struct Identity {
    pub(super) config: Arc<Config>,
    pub(super) certificate: DtlsCertificate,
    epoch: Instant,
}

impl Identity {
    /// Takes a certificate and its key (both DER, the key in PKCS #8; ECDSA P-256 or P-384).
    /// `epoch`: where the shard's milliseconds begin. None: dimpl cannot work with them.
    #[must_use]
    pub fn new(certificate: Vec<u8>, private_key: Vec<u8>, epoch: Instant) -> Option<Self> {
        // A check or the SDP address vouches for the source already: no cookie round trip.
        let config = Config::builder()
            .mtu(MTU)
            .use_server_cookie(false)
            .flight_start_rto(Duration::from_millis(400))
            .handshake_timeout(Duration::from_secs(30))
            .build()
            .ok()?;
        let certificate = DtlsCertificate {
            certificate,
            private_key,
        };
        Some(Self {
            config: Arc::new(config),
            certificate,
            epoch,
        })
    }

    pub(super) fn instant(&self, now: Millis) -> Instant {
        self.epoch + Duration::from_millis(now)
    }

    /// When an engine wants to be woken; None: it waits for its peer.
    pub(super) fn deadline(&self, at: Instant, now: Millis) -> Option<Millis> {
        let after = at.saturating_duration_since(self.epoch).as_millis();
        let at = Millis::try_from(after).ok()?.max(now) + 1;
        (at - now < SOON).then_some(at)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Identity(***)")
    }
}
