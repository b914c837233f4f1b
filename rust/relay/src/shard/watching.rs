//! What is looked at now and then: silence of sessions, digits that do not go on.

use super::Shard;
use crate::report::{Event, Report};
use crate::Millis;

impl Shard {
    /// Looks for digits that do not go on, and for sessions that have been silent for `limit`, or
    /// for their own; each is reported once a silence.
    pub fn tick(&mut self, limit: Millis, now: Millis) {
        self.end_digits(now);
        self.report_quality(now);
        for (id, session) in &mut self.sessions {
            let keys = session
                .streams
                .iter()
                .flat_map(|(_, keys)| keys.iter().flatten());
            let seen = keys.filter_map(|key| self.slots[key.index()].port.as_ref()?.last_seen);
            let idle = now.saturating_sub(seen.fold(session.since, Millis::max));
            let silent = !session.held && idle >= session.patience.unwrap_or(limit);
            // What the kernel relays is not seen here: it is asked, and the next look decides.
            let asking = silent && !session.asked;
            session.asked = silent;
            if asking {
                let keys = session.streams.iter();
                let keys = keys.flat_map(|(_, keys)| keys.iter().flatten());
                let asked = keys.filter_map(|key| {
                    let port = self.slots[key.index()].port.as_ref()?;
                    port.share.question(*key)
                });
                let before = self.offloads.len();
                self.offloads.extend(asked);
                if self.offloads.len() > before {
                    continue;
                }
            }
            if silent && !session.reported {
                self.reports.push_back(Report {
                    session: *id,
                    event: Event::Silence { idle },
                });
            }
            session.reported = silent;
        }
        self.find_one_way(now);
    }
}
