//! Flows' names as the kernel has them.

use fastpath_abi as abi;

use crate::types::{ip_of, port, words, FlowKey};

/// A flow's name as the kernel has it.
pub enum Keys {
    V4(abi::Key4),
    V6(abi::Key6),
}

pub fn keys(key: &FlowKey) -> Keys {
    let (local, remote) = (words(key.local.ip()), words(key.remote.ip()));
    let (local_port, remote_port) = (port(key.local.port()), port(key.remote.port()));
    if key.local.is_ipv4() {
        Keys::V4(abi::Key4 {
            local: local[0],
            remote: remote[0],
            local_port,
            remote_port,
        })
    } else {
        Keys::V6(abi::Key6 {
            local,
            remote,
            local_port,
            remote_port,
        })
    }
}

pub(super) fn flow_key(
    local: [u32; 4],
    remote: [u32; 4],
    local_port: u16,
    remote_port: u16,
    is_v4: bool,
) -> FlowKey {
    FlowKey {
        local: (ip_of(local, is_v4), u16::from_be(local_port)).into(),
        remote: (ip_of(remote, is_v4), u16::from_be(remote_port)).into(),
    }
}
