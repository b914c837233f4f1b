//! XOR-MAPPED-ADDRESS (RFC 8489 section 14.2).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::{message::Transaction, MAGIC};

const PORT_MASK: u16 = (MAGIC >> 16) as u16;

/// The 16 bytes that an address is combined with.
fn mask(transaction: Transaction) -> [u8; 16] {
    let mut mask = [0; 16];
    mask[..4].copy_from_slice(&MAGIC.to_be_bytes());
    mask[4..].copy_from_slice(&transaction);
    mask
}

/// The attribute's value.
pub fn write(at: SocketAddr, transaction: Transaction) -> Vec<u8> {
    let mask = mask(transaction);
    let (family, bytes) = match at.ip() {
        IpAddr::V4(ip) => (1, ip.octets().to_vec()),
        IpAddr::V6(ip) => (2, ip.octets().to_vec()),
    };
    let mut value = vec![0, family];
    value.extend((at.port() ^ PORT_MASK).to_be_bytes());
    value.extend(bytes.iter().zip(mask).map(|(byte, mask)| byte ^ mask));
    value
}

/// The address in a value; None for another family or length.
pub fn read(value: &[u8], transaction: Transaction) -> Option<SocketAddr> {
    let (head, bytes) = value.split_at_checked(4)?;
    let mut plain = [0; 16];
    for (to, (byte, mask)) in plain.iter_mut().zip(bytes.iter().zip(mask(transaction))) {
        *to = byte ^ mask;
    }
    let ip = match (head[1], bytes.len()) {
        (1, 4) => Ipv4Addr::new(plain[0], plain[1], plain[2], plain[3]).into(),
        (2, 16) => Ipv6Addr::from(plain).into(),
        _ => return None,
    };
    let port = u16::from_be_bytes([head[2], head[3]]) ^ PORT_MASK;
    Some(SocketAddr::new(ip, port))
}
