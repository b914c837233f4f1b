//! The structures of both worlds as plain bytes. The only unsafe code of this crate.

use fastpath_abi::{Flow, Hop, Key4, Key6};

/// A structure as a map has it.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Plain<T>(pub T);

// SAFETY: `repr(transparent)` around a `repr(C)` structure of integers without padding (the offsets
// and sizes are asserted where the program is compiled), for which every bit pattern is valid.
unsafe impl aya::Pod for Plain<Key4> {}
// SAFETY: as above.
unsafe impl aya::Pod for Plain<Key6> {}
// SAFETY: as above.
unsafe impl aya::Pod for Plain<Flow> {}
// SAFETY: as above.
unsafe impl aya::Pod for Plain<Hop> {}
