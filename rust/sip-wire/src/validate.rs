//! What a message must have to be handled (RFC 3261 sections 8.1.1, 8.2 and 16.3).
use crate::error::Error;
use crate::header::{
    self, HeaderId, CALL_ID, CONTENT_LENGTH, CSEQ, FROM, MAX_FORWARDS, OTHER, TO, VIA,
};
use crate::message::Message;
use crate::name_addr::AddrParts;
use crate::scan::Line;
use crate::tokens::{self, all, is_space, TOKEN};
use crate::uri::UriParts;
use crate::values::Values;
use crate::via::ViaParts;

/// Headers of which there is at most one; the flag says that there must be one.
const SINGLE: [(HeaderId, bool); 6] = [
    (FROM, true),
    (TO, true),
    (CALL_ID, true),
    (CSEQ, true),
    (MAX_FORWARDS, false),
    (CONTENT_LENGTH, false),
];

fn name_of(id: HeaderId) -> &'static str {
    header::long_name(id).unwrap_or("header")
}

impl Message {
    /// Checks the mandatory headers, the version and the Request-URI.
    ///
    /// # Errors
    /// 400 or 505; 0 for responses and ACK, which have no answer.
    pub fn validate(&self) -> Result<(), Error> {
        self.check().map_err(|error| {
            if self.is_request() && self.method() != b"ACK" {
                error
            } else {
                Error { status: 0, ..error }
            }
        })
    }

    fn check(&self) -> Result<(), Error> {
        if !self.version().eq_ignore_ascii_case(b"SIP/2.0") {
            return Err(Error {
                status: 505,
                reason: "SIP version not supported",
                place: "start-line",
            });
        }
        if let Some(defect) = self.defect {
            return Err(defect);
        }
        if self.is_request() {
            UriParts::parse(self.uri())
                .map_err(|_| Error::bad("malformed Request-URI", "start-line"))?;
        }
        let seen = self.count()?;
        for (id, needed) in SINGLE {
            match seen[id as usize] {
                0 if needed => return Err(Error::bad("header missing", name_of(id))),
                0 | 1 => {}
                _ => return Err(Error::bad("header repeated", name_of(id))),
            }
        }
        if seen[VIA as usize] == 0 {
            return Err(Error::bad("header missing", "Via"));
        }
        Ok(())
    }

    /// Counts the headers that matter and reads each of them once.
    fn count(&self) -> Result<[u8; 8], Error> {
        let mut seen = [0u8; 8];
        for line in self.lines.iter().filter(|line| line.id < 8) {
            let count = &mut seen[line.id as usize];
            if *count == 0 {
                self.check_line(line)?;
            }
            *count = count.saturating_add(1);
        }
        Ok(seen)
    }

    fn check_line(&self, line: &Line) -> Result<(), Error> {
        let value = line.value.of(&self.buffer);
        let place = name_of(line.id);
        let good = match line.id {
            FROM | TO => AddrParts::parse(value).is_ok(),
            VIA => {
                let mut vias = Values {
                    text: value,
                    at: 0,
                    list: true,
                    folded: line.folded,
                };
                let top = vias.next_span();
                top.is_some_and(|(start, end)| ViaParts::parse(&value[start..end]).is_ok())
            }
            CALL_ID => !value.is_empty() && !value.iter().any(|&b| is_space(b)),
            CSEQ => return self.check_cseq(),
            MAX_FORWARDS => tokens::number(value, 255).is_some(),
            CONTENT_LENGTH => tokens::number(value, u64::MAX).is_some(),
            _ => true,
        };
        if good {
            Ok(())
        } else {
            Err(Error::bad("malformed header", place))
        }
    }

    fn check_cseq(&self) -> Result<(), Error> {
        let (_, method) = self
            .cseq_parts()
            .ok_or(Error::bad("malformed header", "CSeq"))?;
        if self.cseq().is_none() || !all(method, TOKEN) {
            return Err(Error::bad("malformed header", "CSeq"));
        }
        if self.is_request() && method != self.method() {
            return Err(Error::bad("method differs from the request's", "CSeq"));
        }
        Ok(())
    }
}

const _: () = assert!(OTHER > 8 && CONTENT_LENGTH < 8);
