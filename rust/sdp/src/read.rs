//! Reading a description: bounded, tolerant of bare LF, strict about what is rewritten.

use crate::description::{Description, Direction, Media};
use crate::error::{Fault, Reason};
use crate::line::{lines, Line};
use crate::value::{first_word, is_blank, trimmed, trimmed_end, words};
use crate::{address, MAX_LINE, MAX_LINES, MAX_MEDIA, MAX_SIZE};

type Reading<T> = Result<T, Reason>;

/// Reads a description. Line ends may be LF alone (RFC 8866 section 5). v= must come first and o=
/// second, as the RFC orders them; the order of the others is kept and not judged.
///
/// # Errors
/// The line at fault, and why.
pub fn read(data: &[u8]) -> Result<Description<'_>, Fault> {
    let lines = checked(data)?;
    let fault = |at: usize| {
        move |reason| Fault {
            line: at + 1,
            reason,
        }
    };
    if (lines[0].kind, lines[0].value) != (b'v', b"0") {
        return Err(fault(0)(Reason::NoVersion));
    }
    let Some(second) = lines.get(1).filter(|line| line.kind == b'o') else {
        return Err(fault(1)(Reason::NoOrigin));
    };
    let origin = origin(second.value).map_err(fault(1))?;
    let begins: Vec<_> = (0..lines.len())
        .filter(|at| lines[*at].kind == b'm')
        .collect();
    if let Some(at) = begins.get(MAX_MEDIA) {
        return Err(fault(*at)(Reason::ManyMedia));
    }
    let first = begins.first().map_or(lines.len(), |at| *at);
    let connection = connection(&lines, 0, first)?;
    let attributes = attributes(&lines[..first]);
    let shared = Direction::of(&attributes).unwrap_or(Direction::SendRecv);
    let mut media = Vec::with_capacity(begins.len());
    for (index, begin) in begins.iter().enumerate() {
        let end = begins.get(index + 1).map_or(lines.len(), |at| *at);
        media.push(section(&lines, *begin, end, (connection, shared))?);
    }
    Ok(Description {
        origin,
        connection,
        attributes,
        media,
    })
}

/// The lines, within the bounds.
fn checked(data: &[u8]) -> Result<Vec<Line<'_>>, Fault> {
    let whole = |reason| Fault { line: 0, reason };
    if data.len() > MAX_SIZE {
        return Err(whole(Reason::Long));
    }
    let mut found = Vec::with_capacity(16);
    for line in lines(data) {
        found.push(line);
        let odd = line.value.iter().any(|byte| matches!(byte, b'\r' | b'\0'));
        let reason = if !line.kind.is_ascii_lowercase() || odd {
            Reason::NoLine
        } else if line.value.len() > MAX_LINE {
            Reason::LongLine
        } else if found.len() > MAX_LINES {
            Reason::ManyLines
        } else {
            continue;
        };
        return Err(Fault {
            line: found.len(),
            reason,
        });
    }
    if found.is_empty() {
        return Err(whole(Reason::Empty));
    }
    Ok(found)
}

fn origin(value: &[u8]) -> Reading<[&[u8]; 4]> {
    let mut rest = value;
    let mut found = [&b""[..]; 5];
    for word in found.iter_mut().rev() {
        let text = trimmed_end(rest);
        let begin = text.iter().rposition(|one| is_blank(*one));
        let begin = begin.ok_or(Reason::Origin)? + 1;
        *word = &text[begin..];
        rest = &text[..begin];
    }
    let [session, version, network, kind, address] = found;
    let user = trimmed_end(rest);
    let known = network.eq_ignore_ascii_case(b"IN") && address::version_of(kind).is_some();
    if user.is_empty() || !known {
        return Err(Reason::Origin);
    }
    Ok([user, session, version, address])
}

/// The address of the one c= line of some lines.
fn connection<'a>(lines: &[Line<'a>], begin: usize, end: usize) -> Result<Option<&'a str>, Fault> {
    let mut found = None;
    for at in (begin..end).filter(|at| lines[*at].kind == b'c') {
        let fault = |reason| Fault {
            line: at + 1,
            reason,
        };
        if found.is_some() {
            return Err(fault(Reason::SecondConnection));
        }
        found = Some(connected(lines[at].value).map_err(fault)?);
    }
    Ok(found)
}

fn connected(value: &[u8]) -> Reading<&str> {
    let mut said = words(value);
    let three = (said.next(), said.next(), said.next(), said.next());
    let (Some(network), Some(kind), Some(address), None) = three else {
        return Err(Reason::Words("c= has not three words"));
    };
    if address.contains(&b'/') {
        return Err(Reason::Multicast);
    }
    address::read(network, kind, address)
}

fn attributes<'a>(lines: &[Line<'a>]) -> Vec<&'a [u8]> {
    let named = lines.iter().filter(|line| line.kind == b'a');
    named.map(|line| trimmed(line.value)).collect()
}

/// One section; `shared`: connection and direction of the session part.
fn section<'a>(
    lines: &[Line<'a>],
    begin: usize,
    end: usize,
    shared: (Option<&str>, Direction),
) -> Result<Media<'a>, Fault> {
    let fault = |reason| Fault {
        line: begin + 1,
        reason,
    };
    let [kind, ports, protocol, formats] = media_line(lines[begin].value).map_err(fault)?;
    let port = first_port(ports).map_err(fault)?;
    let connection = connection(lines, begin, end)?;
    if shared.0.or(connection).is_none() && port != 0 {
        return Err(fault(Reason::NoConnection));
    }
    let attributes = attributes(&lines[begin..end]);
    Ok(Media {
        kind,
        port,
        protocol,
        formats,
        connection,
        rtcp: rtcp(lines, begin, end)?,
        direction: Direction::of(&attributes).unwrap_or(shared.1),
        attributes,
    })
}

/// Kind, ports, protocol, and all behind them.
fn media_line(value: &[u8]) -> Reading<[&[u8]; 4]> {
    let three = || {
        let (kind, rest) = first_word(value)?;
        let (ports, rest) = first_word(rest)?;
        let (protocol, rest) = first_word(rest)?;
        first_word(rest).map(|_| [kind, ports, protocol, rest])
    };
    three().ok_or(Reason::Words("m= has not four words"))
}

fn first_port(ports: &[u8]) -> Reading<u16> {
    let mut parts = ports.splitn(2, |byte| *byte == b'/');
    let (number, count) = (parts.next().unwrap_or_default(), parts.next());
    if !matches!(count, None | Some(b"" | b"1")) {
        return Err(Reason::SeveralPorts);
    }
    port(number, "m=")
}

/// What the last a=rtcp of a section says (RFC 3605 section 2.1).
fn rtcp<'a>(
    lines: &[Line<'a>],
    begin: usize,
    end: usize,
) -> Result<Option<(u16, Option<&'a str>)>, Fault> {
    let mut found = None;
    for at in (begin..end).filter(|at| lines[*at].kind == b'a') {
        if let Some(value) = lines[at].value.strip_prefix(b"rtcp:") {
            let fault = |reason| Fault {
                line: at + 1,
                reason,
            };
            found = Some(rtcp_value(value).map_err(fault)?);
        }
    }
    Ok(found)
}

fn rtcp_value(value: &[u8]) -> Reading<(u16, Option<&str>)> {
    let said: Vec<_> = words(value).take(5).collect();
    match said[..] {
        [number] => Ok((port(number, "a=rtcp")?, None)),
        [number, network, kind, address] => {
            let number = port(number, "a=rtcp")?;
            Ok((number, Some(address::read(network, kind, address)?)))
        }
        _ => Err(Reason::Words("a=rtcp has neither one word nor four")),
    }
}

fn port(text: &[u8], line: &'static str) -> Reading<u16> {
    let digits = (1..=5).contains(&text.len()) && text.iter().all(u8::is_ascii_digit);
    let read = std::str::from_utf8(text).ok().filter(|_| digits);
    read.and_then(|text| text.parse().ok())
        .ok_or(Reason::NoPort(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &[u8] =
        b"v=0\r\no=My phone 1 2 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\na=sendonly\r\n\
        m=Audio 5000/1 RTP/AVP 8  101 \r\na= rtcp-mux \r\na=rtcp:7 IN IP6 ::1\r\n\
        m=video 0 RTP/AVP 96\r\nc=IN IP4 10.0.0.2\r\na=inactive";

    #[test]
    fn all_that_a_middlebox_needs_is_read() {
        let found = read(OFFER).expect("a description");
        assert_eq!(found.origin, [&b"My phone"[..], b"1", b"2", b"10.0.0.1"]);
        assert_eq!(found.connection, Some("10.0.0.1"));
        assert_eq!(found.attributes, [b"sendonly"]);
        let [audio, video] = &found.media[..] else {
            panic!("two sections");
        };
        assert_eq!((audio.kind, audio.port), (&b"Audio"[..], 5000));
        assert_eq!(audio.protocol, b"RTP/AVP");
        assert!(audio.formats().eq([&b"8"[..], b"101"]));
        assert_eq!(
            (audio.connection, audio.rtcp),
            (None, Some((7, Some("::1"))))
        );
        assert_eq!(audio.attributes, [&b"rtcp-mux"[..], b"rtcp:7 IN IP6 ::1"]);
        assert_eq!(audio.direction, Direction::SendOnly);
        assert_eq!(
            (video.connection, video.direction),
            (Some("10.0.0.2"), Direction::Inactive)
        );
    }

    #[test]
    fn a_fault_names_its_line() {
        for (data, line, reason) in [
            (&b""[..], 0, Reason::Empty),
            (b"v=0", 2, Reason::NoOrigin),
            (b"v=0\no=1 2 IN IP4 x", 2, Reason::Origin),
            (b"v=0\no=a 1 2 IN IP4 x\n\nm=x", 3, Reason::NoLine),
            (
                b"v=0\no=a 1 2 IN IP4 x\nm=audio 1 x 8",
                3,
                Reason::NoConnection,
            ),
            (
                b"v=0\no=a 1 2 IN IP4 x\nm=audio 1/2 x 8",
                3,
                Reason::SeveralPorts,
            ),
            (
                b"v=0\no=a 1 2 IN IP4 x\nm=audio 66000 x 8",
                3,
                Reason::NoPort("m="),
            ),
            (
                b"v=0\no=a 1 2 IN IP4 x\nc=IN IP4 224.0.0.1/3",
                3,
                Reason::Multicast,
            ),
        ] {
            assert_eq!(read(data).err(), Some(Fault { line, reason }));
        }
    }
}
