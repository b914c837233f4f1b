//! Which source is which stream's.

/// Sources that are remembered in one direction; another takes the place of the oldest that
/// signaling has not named.
pub const MAX_SOURCES: usize = 64;

/// Which source is which stream's, oldest first.
#[derive(Debug, Default)]
pub(super) struct Sources {
    pub(super) known: Vec<Source>,
}

#[derive(Debug)]
pub(super) struct Source {
    ssrc: u32,
    stream: u16,
    named: bool,
}

impl Sources {
    pub fn of(&self, ssrc: u32) -> Option<u16> {
        let mut known = self.known.iter();
        known.find(|one| one.ssrc == ssrc).map(|one| one.stream)
    }

    pub fn learn(&mut self, ssrc: u32, stream: u16, named: bool) {
        if let Some(known) = self.known.iter_mut().find(|one| one.ssrc == ssrc) {
            known.stream = stream;
            known.named |= named;
            return;
        }
        if self.known.len() >= MAX_SOURCES {
            let oldest = self.known.iter().position(|one| !one.named);
            self.known.remove(oldest.unwrap_or_default());
        }
        self.known.push(Source {
            ssrc,
            stream,
            named,
        });
    }

    pub fn keep(&mut self, streams: &[u16]) {
        self.known.retain(|one| streams.contains(&one.stream));
    }
}
