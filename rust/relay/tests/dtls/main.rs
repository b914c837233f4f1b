//! DTLS-SRTP on one side: keys come out of a handshake with the peer that signaling has named.

#[path = "../common/mod.rs"]
mod common;
mod handshake;
mod survival;

use std::sync::atomic::AtomicU64;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{at, rtp};
use dimpl::{Config, Dtls, DtlsCertificate, Output};
use relay::{
    name_of, Before, Content, Datagram, Hash, Identity, Keeper, Key, MasterKey, Protection, Remote,
    Shard, Suite, Terms, Verdict,
};
use sha2::{Digest, Sha256};
use srtp::{Receiver, Sender};

const CALL: u64 = 7;
const BROWSER: &str = "203.0.113.5:50000";
const OFFICE: &str = "10.10.10.13:40752";
const STRANGER: &str = "198.51.100.66:6666";

const BORDER_CERTIFICATE: &[u8] = include_bytes!("../identities/border.crt.der");
const BORDER_KEY: &[u8] = include_bytes!("../identities/border.key.der");
const CERTIFICATE: &[u8] = include_bytes!("../identities/browser.crt.der");
const KEY: &[u8] = include_bytes!("../identities/browser.key.der");

/// A call whose outer side shakes hands, and a browser without a network.
struct Call {
    shard: Shard,
    browser: Key,
    office: Key,
    peer: Dtls,
    epoch: Instant,
    now: u64,
    /// The browser's contexts, once it has them.
    contexts: Option<(Receiver, Sender)>,
    named: Vec<u8>,
}

fn call(active: bool, fingerprint: &[u8]) -> Call {
    call_in(Shard::default(), active, fingerprint)
}

fn call_in(mut shard: Shard, active: bool, fingerprint: &[u8]) -> Call {
    let epoch = Instant::now();
    let [browser, office] = describe(&mut shard, epoch, active, fingerprint);
    Call {
        shard,
        browser: browser[0],
        office: office[0],
        peer: browser_engine(!active, epoch),
        epoch,
        now: 0,
        contexts: None,
        named: Vec::new(),
    }
}

/// Says what signaling says of the call.
fn describe(shard: &mut Shard, epoch: Instant, active: bool, fingerprint: &[u8]) -> [[Key; 2]; 2] {
    let pair = |ip: &str| [at(&format!("{ip}:35000")), at(&format!("{ip}:35001"))];
    let ports = [pair("192.168.64.96"), pair("10.10.10.7")];
    let keys = shard.open(CALL, 0, Content::Rtp, &ports, 0);
    shard.identify(CALL, 0, name_of("call"));
    for (side, text) in [(0, BROWSER), (1, OFFICE)] {
        let rtp = at(text);
        let remote = Remote {
            rtp: Some(rtp),
            source: Some(rtp.ip()),
            muxed: side == 0,
            confined: false,
            ..Remote::default()
        };
        shard.signal(CALL, 0, side, &remote);
    }
    let identity = Identity::new(BORDER_CERTIFICATE.to_vec(), BORDER_KEY.to_vec(), epoch);
    let terms = Terms {
        fingerprints: vec![(Hash::Sha256, Sha256::digest(fingerprint).to_vec())],
        active,
    };
    let identity = Arc::new(identity.expect("an identity"));
    shard.protect(CALL, 0, 0, Protection::Dtls { identity, terms });
    keys
}

fn browser_engine(active: bool, epoch: Instant) -> Dtls {
    let config = Arc::new(Config::builder().build().expect("a configuration"));
    let certificate = DtlsCertificate {
        certificate: CERTIFICATE.to_vec(),
        private_key: KEY.to_vec(),
    };
    let mut engine = Dtls::new_auto(config, certificate, epoch);
    engine.set_active(active);
    engine
}

fn master(suite: Suite, key: &[u8], salt: &[u8]) -> MasterKey {
    MasterKey::new(suite, &[key, salt].concat()).expect("of the right length")
}

impl Call {
    fn pass(&mut self, key: Key, from: &str, bytes: &[u8]) -> Result<Vec<u8>, Verdict> {
        let mut room = bytes.to_vec();
        room.resize(2048, 0);
        let mut data = Datagram::new(&mut room, bytes.len());
        match self.shard.packet(key, at(from), &mut data, self.now) {
            Verdict::Forward { .. } => Ok(data.bytes().to_vec()),
            other => Err(other),
        }
    }

    /// What the browser has to send now.
    fn poll(&mut self) -> Vec<Vec<u8>> {
        let mut room = vec![0; 4096];
        let mut packets = Vec::new();
        loop {
            match self.peer.poll_output(&mut room) {
                Output::Packet(bytes) => packets.push(bytes.to_vec()),
                Output::PeerCert(der) => self.named = der.to_vec(),
                Output::KeyingMaterial(material, profile) => {
                    let suite = match profile {
                        dimpl::SrtpProfile::AES128_CM_SHA1_80 => Suite::AesCm128HmacSha1_80,
                        dimpl::SrtpProfile::AEAD_AES_128_GCM => Suite::AeadAes128Gcm,
                        _ => Suite::AeadAes256Gcm,
                    };
                    let (key, salt) = (suite.key_length(), suite.salt_length());
                    let (client, rest) = material.split_at(key);
                    let (server, rest) = rest.split_at(key);
                    let (client_salt, server_salt) = rest.split_at(salt);
                    let client = master(suite, client, client_salt);
                    let server = master(suite, server, server_salt);
                    let (theirs, ours) = if self.peer.is_active() {
                        (server, client)
                    } else {
                        (client, server)
                    };
                    self.contexts = Some((Receiver::new(theirs), Sender::new(ours)));
                }
                Output::Timeout(_) => return packets,
                _ => {}
            }
        }
    }

    /// Carries packets to and fro until neither has any; `lost` of the relay's get lost first.
    fn shake(&mut self, mut lost: usize) {
        for _ in 0..200 {
            self.now += 20;
            let instant = self.epoch + Duration::from_millis(self.now);
            self.peer.handle_timeout(instant).expect("alive");
            for packet in self.poll() {
                let verdict = self.pass(self.browser, BROWSER, &packet);
                assert_eq!(verdict, Err(Verdict::Handled));
            }
            self.shard.wake(self.now);
            while let Some(transmit) = self.shard.poll_transmit() {
                assert_eq!((transmit.via, transmit.to), (self.browser, at(BROWSER)));
                if lost > 0 {
                    lost -= 1;
                    continue;
                }
                // An engine that refuses us has ended: that is for the test to see.
                let _ = self.peer.handle_packet(&transmit.bytes);
            }
            self.poll().into_iter().for_each(|packet| {
                let verdict = self.pass(self.browser, BROWSER, &packet);
                assert_eq!(verdict, Err(Verdict::Handled));
            });
        }
    }

    fn sealed(&mut self, packet: &[u8]) -> Vec<u8> {
        let (_, sender) = self.contexts.as_mut().expect("agreed");
        let mut room = packet.to_vec();
        room.resize(packet.len() + 20, 0);
        let length = sender.protect_rtp(&mut room, packet.len()).expect("sealed");
        room.truncate(length);
        room
    }

    fn opened(&mut self, mut packet: Vec<u8>) -> Vec<u8> {
        let (receiver, _) = self.contexts.as_mut().expect("agreed");
        let length = receiver.unprotect_rtp(&mut packet).expect("authentic");
        packet.truncate(length);
        packet
    }

    fn speaks_both_ways(&mut self) {
        self.speaks(1);
    }

    fn speaks(&mut self, number: u16) {
        let sealed = self.sealed(&rtp(number));
        assert_eq!(self.pass(self.browser, BROWSER, &sealed), Ok(rtp(number)));
        let back = self.pass(self.office, OFFICE, &rtp(number + 8));
        let back = back.expect("forwarded");
        assert_ne!(back, rtp(number + 8));
        assert_eq!(self.opened(back), rtp(number + 8));
    }

    /// The process dies, and the next one finds what it has left in `words`.
    fn dies(&mut self, words: &'static [AtomicU64], next: &'static [AtomicU64], active: bool) {
        let mut found = Before::new();
        assert!(Keeper::read(words, &mut found));
        let mut shard = Shard::with_keeper(Keeper::new(Box::new(next), found));
        let [browser, office] = describe(&mut shard, self.epoch, active, CERTIFICATE);
        shard.await_resume(CALL, 0);
        shard.wake(self.now);
        shard.resume(CALL, 0);
        shard.wake(self.now);
        assert_eq!(shard.poll_transmit(), None, "no handshake");
        (self.shard, self.browser, self.office) = (shard, browser[0], office[0]);
    }

    /// The browser makes a connection anew, with the same certificate.
    fn starts_again(&mut self) {
        self.peer = browser_engine(true, self.epoch);
        self.shake(0);
    }
}
