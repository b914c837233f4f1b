//! A description with our addresses and ports in it.

use crate::line::{lines, Line};
use crate::transport::{is_key, is_of_transport};
use crate::value::{address_type, put_address, with_port, word};

/// What is written instead of what the peer said.
pub struct Ours<'a> {
    /// Where our ends are.
    pub address: &'a str,
    /// For each m= section; those beyond keep what they have.
    pub sections: &'a [Section<'a>],
    /// Values of a= lines for the session part.
    pub session: &'a [Vec<u8>],
}

/// Our end of one m= section.
pub struct Section<'a> {
    /// The port of the m= line; 0: no stream.
    pub rtp: u16,
    /// The port of a=rtcp.
    pub rtcp: u16,
    /// What becomes of keys and transport; None: they pass.
    pub security: Option<Security<'a>>,
}

/// What one m= section is to say of encryption.
pub struct Security<'a> {
    /// Its profile.
    pub profile: Profile<'a>,
    /// Values of a= lines behind its others.
    pub added: &'a [Vec<u8>],
}

/// The profile of an m= section of RTP.
pub enum Profile<'a> {
    /// RTP/SAVP or RTP/AVP.
    Rtp {
        /// The S.
        secure: bool,
        /// The F; None: as it has it.
        feedback: Option<bool>,
    },
    /// Another transport: all that is said of the old one goes.
    Replaced {
        /// Instead of the whole word.
        profile: &'a [u8],
        /// The null address stays: the section is held.
        null_stays: bool,
    },
}

/// The description with what is ours. Lines of other kinds, and all attributes that are not named in
/// this crate, keep their bytes; the null address of a held stream stays.
#[must_use]
pub fn rewrite(data: &[u8], ours: &Ours<'_>) -> Vec<u8> {
    let ended = || ours.sections.iter().filter_map(|one| one.security.as_ref());
    let keyed = ended().next().is_some();
    let replaced = ended().any(|one| matches!(one.profile, Profile::Replaced { .. }));
    let end = match lines(data).next() {
        Some(Line { end, .. }) if !end.is_empty() => end,
        _ => b"\r\n",
    };
    let mut out = Output {
        bytes: Vec::with_capacity(data.len() + 64),
        bare: false,
    };
    let mut section: Option<Option<&Section<'_>>> = None;
    let mut sections = ours.sections.iter();
    for line in lines(data) {
        if line.kind == b'm' {
            out.close(section, ours, end);
            section = Some(sections.next());
        }
        match section {
            None => {
                let gone = line.kind == b'a'
                    && (keyed && is_key(line.value) || replaced && is_of_transport(line.value));
                if !gone {
                    out.session_line(&line, ours.address, !replaced);
                }
            }
            Some(None) => out.line(line.kind, line.value, line.end),
            Some(Some(known)) => out.section_line(&line, known, ours.address),
        }
    }
    out.close(section, ours, end);
    out.bytes
}

/// What is written so far.
struct Output {
    bytes: Vec<u8>,
    /// The last line has no end; what comes behind it gives it one.
    bare: bool,
}

impl Output {
    fn line(&mut self, kind: u8, value: &[u8], end: &[u8]) {
        self.begin(kind);
        self.bytes.extend(value);
        self.end(end);
    }

    fn begin(&mut self, kind: u8) {
        if self.bare {
            self.bytes.extend(b"\r\n");
        }
        if kind != 0 {
            self.bytes.extend([kind, b'=']);
        }
    }

    fn end(&mut self, end: &[u8]) {
        self.bytes.extend(end);
        self.bare = end.is_empty();
    }

    /// Writes what goes behind the lines of a part: the session's before the first section.
    fn close(&mut self, section: Option<Option<&Section<'_>>>, ours: &Ours<'_>, end: &[u8]) {
        let security = section.flatten().and_then(|one| one.security.as_ref());
        let added = match (section, security) {
            (None, _) => ours.session,
            (Some(_), Some(security)) => security.added,
            (Some(_), None) => &[],
        };
        for value in added {
            self.line(b'a', value, end);
        }
    }

    fn session_line(&mut self, line: &Line<'_>, address: &str, null_stays: bool) {
        match line.kind {
            b'o' | b'c' => {
                self.begin(line.kind);
                let null_stays = null_stays && line.kind == b'c';
                put_address(line.value, address, null_stays, &mut self.bytes);
                self.end(line.end);
            }
            kind => self.line(kind, line.value, line.end),
        }
    }

    fn section_line(&mut self, line: &Line<'_>, ours: &Section<'_>, address: &str) {
        let profile = ours.security.as_ref().map(|one| &one.profile);
        let gone = match profile {
            Some(Profile::Rtp { .. }) => is_key(line.value),
            Some(Profile::Replaced { .. }) => is_of_transport(line.value),
            None => false,
        };
        match line.kind {
            b'a' if gone => {}
            b'm' => {
                let mut value = with_port(line.value, ours.rtp);
                if let Some(profile) = profile {
                    put_profile(&mut value, profile);
                }
                self.line(b'm', &value, line.end);
            }
            b'c' => {
                self.begin(b'c');
                match profile {
                    // Before ICE has candidates, browsers write the null address.
                    Some(Profile::Replaced {
                        null_stays: false, ..
                    }) => {
                        self.bytes.extend(b"IN ");
                        self.bytes.extend(address_type(address));
                        self.bytes.push(b' ');
                        self.bytes.extend(address.as_bytes());
                    }
                    _ => put_address(line.value, address, true, &mut self.bytes),
                }
                self.end(line.end);
            }
            b'a' if line.value.starts_with(b"rtcp:") => {
                self.begin(b'a');
                let value = with_port(line.value, ours.rtcp);
                put_address(&value, address, true, &mut self.bytes);
                self.end(line.end);
            }
            kind => self.line(kind, line.value, line.end),
        }
    }
}

/// Changes the profile in the value of an m= line, where it is one of RTP.
fn put_profile(value: &mut Vec<u8>, profile: &Profile<'_>) {
    let changed = match profile {
        Profile::Rtp { secure, feedback } => {
            word(value, |one| plain_length(one) == Some(one.len())).map(|(begin, end)| {
                let given = matches!(value[end - 1], b'f' | b'F');
                let name: &[u8] = match (*secure, feedback.unwrap_or(given)) {
                    (false, false) => b"RTP/AVP",
                    (false, true) => b"RTP/AVPF",
                    (true, false) => b"RTP/SAVP",
                    (true, true) => b"RTP/SAVPF",
                };
                (begin, end, name.to_vec())
            })
        }
        Profile::Replaced { profile, .. } => word(value, |one| plain_length(one).is_some())
            .map(|(begin, end)| (begin, end, profile.to_vec())),
    };
    if let Some((begin, end, made)) = changed {
        value.splice(begin..end, made);
    }
}

/// How long the `RTP/AVP`, `RTP/SAVP`, `RTP/AVPF` or `RTP/SAVPF` is with which a word ends.
fn plain_length(word: &[u8]) -> Option<usize> {
    [&b"RTP/AVP"[..], b"RTP/SAVP", b"RTP/AVPF", b"RTP/SAVPF"]
        .into_iter()
        .find(|name| {
            let tail = word.len().checked_sub(name.len()).map(|at| &word[at..]);
            tail.is_some_and(|tail| tail.eq_ignore_ascii_case(name))
        })
        .map(<[u8]>::len)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &[u8] =
        b"v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\na=setup:x\r\n\
        m=audio 5000 RTP/SAVPF 8\r\na=rtcp:5001\r\na=crypto:1 A\r\na=ptime:20";

    fn shown(security: Option<Security<'_>>) -> String {
        let section = Section {
            rtp: 40_000,
            rtcp: 40_001,
            security,
        };
        let ours = Ours {
            address: "192.0.2.7",
            sections: &[section],
            session: &[],
        };
        String::from_utf8(rewrite(OFFER, &ours)).expect("text")
    }

    #[test]
    fn addresses_and_ports_are_ours_and_all_else_is_as_it_came() {
        let plain = String::from_utf8(OFFER.to_vec()).expect("text");
        let wanted = plain
            .replace("10.0.0.1", "192.0.2.7")
            .replace("5000", "40000")
            .replace("5001", "40001");
        assert_eq!(shown(None), wanted);
    }

    #[test]
    fn what_is_no_line_keeps_its_bytes() {
        let ours = Ours {
            address: "192.0.2.7",
            sections: &[],
            session: &[],
        };
        for data in [&b"\n\0=x"[..], b"v=0\r\n\0=\r\n=\r\ngarbage"] {
            assert_eq!(rewrite(data, &ours), data);
        }
    }

    #[test]
    fn keys_of_ours_stand_behind_what_has_no_end() {
        let out = shown(Some(Security {
            profile: Profile::Rtp {
                secure: false,
                feedback: None,
            },
            added: &[b"crypto:1 B".to_vec()],
        }));
        assert!(out.ends_with(
            "m=audio 40000 RTP/AVPF 8\r\na=rtcp:40001\r\na=ptime:20\r\na=crypto:1 B\r\n"
        ));
        assert!(!out.contains("setup"));
    }

    #[test]
    fn an_answer_has_the_feedback_of_the_offer() {
        for (secure, feedback, name) in [
            (true, Some(true), "RTP/SAVPF"),
            (true, Some(false), "RTP/SAVP"),
            (false, Some(false), "RTP/AVP"),
            (true, None, "RTP/SAVPF"),
        ] {
            let out = shown(Some(Security {
                profile: Profile::Rtp { secure, feedback },
                added: &[],
            }));
            assert!(
                out.contains(&format!("m=audio 40000 {name} 8\r\n")),
                "{out}"
            );
        }
    }

    #[test]
    fn another_transport_takes_the_place_of_the_old() {
        let out = shown(Some(Security {
            profile: Profile::Replaced {
                profile: b"RTP/AVP",
                null_stays: false,
            },
            added: &[],
        }));
        assert!(out.ends_with("m=audio 40000 RTP/AVP 8\r\na=ptime:20"));
    }
}
