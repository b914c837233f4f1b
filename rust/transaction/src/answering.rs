//! Answers of the layer's own: no user hears of them.
use sip_wire::Answer;

use crate::carried::{Carried, Letter};
use crate::layer::Layer;
use crate::output::Output;
use crate::store::Transaction;

impl<C: Carried> Layer<C> {
    /// Runs a server transaction of the layer's own.
    pub(crate) fn answer(
        &mut self,
        mut tx: Transaction<C>,
        status: u16,
        mut to_tag: Vec<u8>,
        now: f64,
    ) -> Result<(), C::Error> {
        tx.silent = true;
        if to_tag.is_empty() {
            to_tag = self.machine.carried.token()?.into_bytes();
        }
        let answer = Answer {
            to_tag: &to_tag,
            ..Answer::new(status)
        };
        let response = tx.request.read(|request| request.answer(&answer))?;
        let response = self.machine.carried.letter(response)?;
        let id = self.machine.begin(tx, now)?;
        self.respond(id, &response, now)
    }

    /// 503 without a transaction; the tag is the same each time (section 8.2.7).
    pub(crate) fn refuse(&mut self, message: &C::Letter, back: C::Flow) -> Result<(), C::Error> {
        self.counters.refused += 1;
        let after = self.options.retry_after.to_string();
        let data = message.read(|message| {
            let tag = format!("{:08x}", digest(&message.call_id()));
            let answer = Answer {
                to_tag: tag.as_bytes(),
                headers: &[(b"Retry-After", after.as_bytes())],
                ..Answer::new(503)
            };
            message.answer(&answer).map(|response| response.to_bytes())
        })?;
        let (flow, data) = (back, data.into());
        self.machine.out.push_back(Output::Send { flow, data });
        Ok(())
    }
}

/// A number that is the same for the same text (FNV-1a).
fn digest(text: &[u8]) -> u32 {
    let step = |sum: u32, &byte: &u8| (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    text.iter().fold(0x811c_9dc5, step)
}
