//! The thread that writes recordings. It may fall behind: then packets are left out of the files and
//! counted, and no call waits for a disk.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::Arc;
use std::thread::JoinHandle;

use super::take::Take;
use super::wav::{self, Place};
use super::{Heard, Tap};
use crate::report::{Event, Progress, Report};
use crate::Millis;

/// Packets on the way to the thread: 2 to 6 MB, and four seconds of ten calls.
const MOST_WAITING: usize = 4_096;
enum Order {
    Begin {
        recording: u64,
        session: String,
        stem: String,
    },
    Heard(Heard),
    End {
        recording: u64,
        at: Millis,
        dropped: u64,
    },
}

/// Where a worker puts what it hears.
#[derive(Clone)]
pub(crate) struct Sink {
    orders: Sender<Order>,
    waiting: Arc<AtomicUsize>,
    dropped: HashMap<u64, u64>,
}

impl Sink {
    /// Begins a recording with its first packet; its file is called `stem`.wav.
    pub fn begin(&self, recording: u64, session: String, stem: String) {
        // A thread that has ended records nothing, and nobody but it could say so.
        let _ = self.orders.send(Order::Begin {
            recording,
            session,
            stem,
        });
    }

    /// Takes what the shard says; a packet is left out where too many wait.
    pub fn take(&mut self, tap: Tap) {
        let order = match tap {
            Tap::Packet(heard) => {
                if self.waiting.load(Ordering::Relaxed) >= MOST_WAITING {
                    *self.dropped.entry(heard.recording).or_default() += 1;
                    return;
                }
                self.waiting.fetch_add(1, Ordering::Relaxed);
                Order::Heard(heard)
            }
            Tap::End { recording, at } => {
                let dropped = self.dropped.remove(&recording).unwrap_or_default();
                Order::End {
                    recording,
                    at,
                    dropped,
                }
            }
        };
        // As above.
        let _ = self.orders.send(order);
    }
}

/// The thread; it ends, and closes what is open, when the last sink is gone.
pub(crate) struct Writer {
    pub sink: Sink,
    thread: JoinHandle<()>,
    /// What processes before this one had left unfinished.
    pub repaired: Vec<String>,
}

impl Writer {
    /// Starts it, and finishes files that were left. `tell` is called by the thread.
    pub fn start(place: Place, tell: impl Fn(Report) + Send + 'static) -> io::Result<Self> {
        let repaired = wav::repair(&place);
        let (orders, queue) = mpsc::channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let mut studio = Studio {
            place,
            tell: Box::new(tell),
            takes: HashMap::new(),
            now: 0,
        };
        let count = Arc::clone(&waiting);
        let thread = std::thread::Builder::new().name("recorder".to_owned());
        let thread = thread.spawn(move || studio.work(&queue, &count))?;
        let sink = Sink {
            orders,
            waiting,
            dropped: HashMap::new(),
        };
        Ok(Self {
            sink,
            thread,
            repaired,
        })
    }

    /// Waits until everything is written; every other sink must be gone.
    pub fn join(self) {
        drop(self.sink);
        // It has panicked: what it had open is repaired by the next process.
        let _ = self.thread.join();
    }
}

struct Studio {
    place: Place,
    tell: Box<dyn Fn(Report) + Send>,
    takes: HashMap<u64, Take>,
    now: Millis,
}

impl Studio {
    fn work(&mut self, queue: &Receiver<Order>, waiting: &AtomicUsize) {
        while let Ok(order) = queue.recv() {
            match order {
                Order::Begin {
                    recording,
                    session,
                    stem,
                } => {
                    let directory = self.place.directory.clone();
                    self.takes
                        .insert(recording, Take::new(session, stem, directory));
                }
                Order::Heard(heard) => {
                    waiting.fetch_sub(1, Ordering::Relaxed);
                    self.now = heard.at;
                    let take = self.takes.get_mut(&heard.recording);
                    if let Some((take, event)) =
                        take.and_then(|take| take.hear(&heard, &self.place).map(|one| (take, one)))
                    {
                        tell(&self.tell, take, event);
                    }
                }
                Order::End {
                    recording,
                    at,
                    dropped,
                } => self.end(recording, at, dropped),
            }
        }
        let left: Vec<u64> = self.takes.keys().copied().collect();
        for recording in left {
            self.end(recording, self.now, 0);
        }
    }

    fn end(&mut self, recording: u64, at: Millis, dropped: u64) {
        if let Some(mut take) = self.takes.remove(&recording) {
            if let Some(event) = take.close(at, dropped) {
                tell(&self.tell, &take, event);
            }
        }
    }
}

fn tell(tell: &dyn Fn(Report), take: &Take, progress: Progress) {
    tell(Report {
        session: take.session.clone(),
        event: Event::Recording {
            file: take.name(),
            progress,
        },
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{Codec, Format};

    #[test]
    fn a_writer_that_falls_behind_costs_packets_and_says_how_many() {
        let (orders, queue) = mpsc::channel();
        let mut sink = Sink {
            orders,
            waiting: Arc::default(),
            dropped: HashMap::new(),
        };
        let heard = Heard {
            recording: 1,
            side: 0,
            at: 0,
            format: Format {
                payload_type: 8,
                clock: 8_000,
                codec: Codec::Pcma,
            },
            packet: vec![0; 172],
        };
        for _ in 0..MOST_WAITING + 5 {
            sink.take(Tap::Packet(heard.clone()));
        }
        sink.take(Tap::End {
            recording: 1,
            at: 9,
        });
        let mut told: Vec<Order> = queue.try_iter().collect();
        assert_eq!(told.len(), MOST_WAITING + 1);
        assert!(matches!(told.pop(), Some(Order::End { dropped: 5, .. })));
    }
}
