//! What Python says, as the relay's own words.

use std::net::{IpAddr, SocketAddr};

use fastpath::{Hook, Settings};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use relay::{
    Codec, Content, Credentials, Format, Hash, Interface, MasterKey, Member, Protection, Remote,
    Suite, Terms,
};

/// (name, ip, first, last, start, traffic class), as `_core.pyi` says.
pub(super) type InterfaceTuple = (String, String, u16, u16, Option<u16>, u8);
/// Crypto suite, the peer's master key with its salt, and ours.
pub(super) type KeysTuple = (String, Vec<u8>, Vec<u8>);
/// Stream, a=mid, payload types, sources.
pub(super) type MemberTuple = (u16, Vec<u8>, Vec<u8>, Vec<u32>);
/// Payload type, encoding name, clock.
pub(super) type FormatTuple = (u8, String, u32);
/// An IP address and a port.
pub(super) type AddressTuple = (String, u16);

/// RTP, or any datagrams.
pub(super) fn content(rtp: bool) -> Content {
    if rtp {
        Content::Rtp
    } else {
        Content::Raw
    }
}

pub(super) fn names(interfaces: &(String, String)) -> [&str; 2] {
    [&interfaces.0, &interfaces.1]
}

/// Where signaling says that a side is.
pub(super) fn remote(
    rtp: Option<AddressTuple>,
    rtcp: Option<AddressTuple>,
    source: Option<&str>,
) -> PyResult<Remote> {
    Ok(Remote {
        rtp: address(rtp)?,
        rtcp: address(rtcp)?,
        source: source.map(ip).transpose()?,
        ..Remote::default()
    })
}

fn ip(text: &str) -> PyResult<IpAddr> {
    text.parse()
        .map_err(|_| PyValueError::new_err(format!("not an IP address: {text:?}")))
}

fn address(pair: Option<AddressTuple>) -> PyResult<Option<SocketAddr>> {
    pair.map(|(host, port)| Ok(SocketAddr::new(ip(&host)?, port)))
        .transpose()
}

/// Our ICE credentials.
pub(super) fn ours((fragment, password): (String, String)) -> Credentials {
    Credentials { fragment, password }
}

/// Samples of 16 bits.
pub(super) fn sound(bytes: &[u8]) -> Vec<i16> {
    let pairs = bytes.chunks_exact(2);
    pairs
        .map(|two| i16::from_ne_bytes([two[0], two[1]]))
        .collect()
}

/// What `protect` asks for. An error does not say what the key was.
pub(super) fn protection(keys: Option<KeysTuple>, closed: bool) -> PyResult<Protection> {
    let Some((name, receive, send)) = keys else {
        return Ok(if closed {
            Protection::Closed
        } else {
            Protection::Plain
        });
    };
    let suite = Suite::from_name(&name)
        .ok_or_else(|| PyValueError::new_err(format!("no crypto suite is called {name:?}")))?;
    let key = |bytes: &[u8]| {
        MasterKey::new(suite, bytes)
            .ok_or_else(|| PyValueError::new_err(format!("not the length of a key for {name}")))
    };
    Ok(Protection::Srtp {
        receive: key(&receive)?,
        send: key(&send)?,
    })
}

/// Payload types beyond 127 are none.
pub(super) fn member((stream, mid, payload_types, sources): MemberTuple) -> Member {
    let known = payload_types.iter().filter(|one| **one < 128);
    Member {
        stream,
        mid,
        payload_types: known.fold(0, |bits, one| bits | 1 << one),
        sources,
    }
}

/// An encoding name that nobody knows is a codec like others.
pub(super) fn format((payload_type, name, clock): FormatTuple) -> Format {
    Format {
        payload_type,
        clock,
        codec: Codec::from_name(&name),
    }
}

/// Whose certificate a DTLS handshake must show, and whether we begin it.
pub(super) fn terms(fingerprints: Vec<(String, Vec<u8>)>, active: bool) -> PyResult<Terms> {
    let known = |(name, digest): (String, Vec<u8>)| {
        let hash = Hash::from_name(&name);
        hash.map(|hash| (hash, digest))
            .ok_or_else(|| PyValueError::new_err(format!("no hash function {name:?}")))
    };
    Ok(Terms {
        fingerprints: fingerprints
            .into_iter()
            .map(known)
            .collect::<PyResult<_>>()?,
        active,
    })
}

pub(super) fn side_index(side: usize) -> PyResult<usize> {
    match side {
        0 | 1 => Ok(side),
        _ => Err(PyValueError::new_err("a stream has the sides 0 and 1")),
    }
}

pub(super) fn interface(tuple: InterfaceTuple) -> PyResult<Interface> {
    let (name, host, first, last, start, traffic_class) = tuple;
    if first == 0 || last <= first {
        return Err(PyValueError::new_err(format!(
            "no port pair lies in {first} to {last}"
        )));
    }
    Ok(Interface {
        name,
        ip: ip(&host)?,
        first,
        last,
        start,
        traffic_class,
    })
}

pub(super) fn fast_path_settings(
    interfaces: &[Interface],
    instance: String,
    hook: &str,
) -> PyResult<Settings> {
    let hook = match hook {
        "auto" => Hook::Auto,
        "xdp" => Hook::Xdp,
        _ => return Err(PyValueError::new_err("the fast path is auto or xdp")),
    };
    let name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if instance.is_empty() || !instance.bytes().all(name) {
        return Err(PyValueError::new_err(
            "an instance is letters, digits and -",
        ));
    }
    Ok(Settings {
        instance,
        addresses: interfaces.iter().map(|one| one.ip).collect(),
        hook,
    })
}
