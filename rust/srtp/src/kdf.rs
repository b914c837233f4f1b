//! Session keys out of a master key (RFC 3711 section 4.3, RFC 6188 section 3, RFC 7714 section 11).

use zeroize::Zeroizing;

use crate::aes::Aes;
use crate::master::MasterKey;

/// Labels of RFC 3711 section 4.3.2, as those of encryption; authentication and salt follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Rtp = 0,
    Rtcp = 3,
}

/// What protects one kind of packets.
pub(crate) struct SessionKey {
    pub cipher: Zeroizing<Vec<u8>>,
    /// 160 bits; nothing where the cipher authenticates.
    pub auth: Zeroizing<Vec<u8>>,
    pub salt: Zeroizing<Vec<u8>>,
}

/// Derives with a key derivation rate of zero, the only one that SDES leaves without being asked.
pub(crate) fn derive(master: &MasterKey, purpose: Purpose) -> SessionKey {
    let suite = master.suite();
    let auth = if suite.is_aead() { 0 } else { 20 };
    let label = purpose as u8;
    SessionKey {
        cipher: output(master, label, suite.key_length()),
        auth: output(master, label + 1, auth),
        salt: output(master, label + 2, suite.salt_length()),
    }
}

/// The pseudo-random function: AES in counter mode. A 96-bit salt stands at the front of the 112 bits.
fn output(master: &MasterKey, label: u8, length: usize) -> Zeroizing<Vec<u8>> {
    let mut block = [0; 16];
    block[..master.salt().len()].copy_from_slice(master.salt());
    block[7] ^= label;
    let mut stream = Zeroizing::new(vec![0; length]);
    Aes::new(master.key()).crypt(block, &mut stream);
    stream
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::Suite;

    fn bytes(hex: &str) -> Vec<u8> {
        let digit = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex");
        (0..hex.len()).step_by(2).map(digit).collect()
    }

    #[test]
    fn rfc_3711_appendix_b_3() {
        let material = bytes("e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6");
        let master = MasterKey::new(Suite::AesCm128HmacSha1_80, &material).expect("a key");
        let keys = derive(&master, Purpose::Rtp);
        assert_eq!(*keys.cipher, bytes("c61e7a93744f39ee10734afe3ff7a087"));
        assert_eq!(*keys.salt, bytes("30cbbc08863d8c85d49db34a9ae1"));
        assert_eq!(
            *keys.auth,
            bytes("cebe321f6ff7716b6fd4ab49af256a156d38baa4")
        );
        let long = "cebe321f6ff7716b6fd4ab49af256a156d38baa48f0a0acf3c34e2359e6cdbcee049646c43d93\
                    27ad175578ef72270986371c10c9a369ac2f94a8c5fbcdddc256d6e919a48b610ef17c2041e47\
                    4035766b68642c59bbfc2f34db60dbdfb2";
        assert_eq!(*output(&master, 1, 94), bytes(long));
    }

    #[test]
    fn rfc_6188_section_7_2() {
        let key = "f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6";
        let material = bytes(&format!("{key}3b04803de51ee7c96423ab5b78d2"));
        let master = MasterKey::new(Suite::Aes256CmHmacSha1_80, &material).expect("a key");
        let keys = derive(&master, Purpose::Rtp);
        let cipher = "5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4";
        assert_eq!(*keys.cipher, bytes(cipher));
        assert_eq!(*keys.salt, bytes("fa31791685ca444a9e07c6c64e93"));
        assert_eq!(
            *keys.auth,
            bytes("fd9c32d39ed5fbb5a9dc96b30818454d1313dc05")
        );
    }

    #[test]
    fn a_key_of_another_length_is_none() {
        assert_eq!(MasterKey::new(Suite::AeadAes128Gcm, &[0; 30]), None);
        let master = MasterKey::new(Suite::AeadAes128Gcm, &[0; 28]).expect("a key");
        assert_eq!(format!("{master:?}"), "MasterKey(AEAD_AES_128_GCM, ***)");
        assert_eq!(derive(&master, Purpose::Rtcp).salt.len(), 12);
    }
}
