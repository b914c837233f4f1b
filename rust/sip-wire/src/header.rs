//! Names of headers: long, compact, and which of them are lists.
/// Number of a known header; [`OTHER`] for any other name, [`BROKEN`] for a line that is none.
pub type HeaderId = u8;
/// A name that the table does not have.
pub const OTHER: HeaderId = 255;
/// A line without a readable name.
pub const BROKEN: HeaderId = 254;

struct Known {
    long: &'static str,
    compact: u8,
    /// Whether a comma separates values (RFC 3261 section 7.3.1).
    list: bool,
}

const fn list(long: &'static str, compact: u8) -> Known {
    Known {
        long,
        compact,
        list: true,
    }
}

const fn single(long: &'static str, compact: u8) -> Known {
    Known {
        long,
        compact,
        list: false,
    }
}

/// `Via`.
pub const VIA: HeaderId = 0;
/// `From`.
pub const FROM: HeaderId = 1;
/// `To`.
pub const TO: HeaderId = 2;
/// `Call-ID`.
pub const CALL_ID: HeaderId = 3;
/// `CSeq`.
pub const CSEQ: HeaderId = 4;
/// `Max-Forwards`.
pub const MAX_FORWARDS: HeaderId = 5;
/// `Content-Length`.
pub const CONTENT_LENGTH: HeaderId = 6;
/// `Content-Type`.
pub const CONTENT_TYPE: HeaderId = 7;

/// RFC 3261 section 7.3.3 and the registries of its extensions.
static KNOWN: [Known; 74] = [
    list("Via", b'v'),
    single("From", b'f'),
    single("To", b't'),
    single("Call-ID", b'i'),
    single("CSeq", 0),
    single("Max-Forwards", 0),
    single("Content-Length", b'l'),
    single("Content-Type", b'c'),
    list("Contact", b'm'),
    list("Route", 0),
    list("Record-Route", 0),
    list("Path", 0),
    list("Service-Route", 0),
    list("Allow", 0),
    list("Allow-Events", b'u'),
    list("Supported", b'k'),
    list("Require", 0),
    list("Proxy-Require", 0),
    list("Unsupported", 0),
    list("Accept", 0),
    list("Accept-Contact", b'a'),
    list("Accept-Encoding", 0),
    list("Accept-Language", 0),
    list("Reject-Contact", b'j'),
    list("Request-Disposition", b'd'),
    list("Alert-Info", 0),
    list("Call-Info", 0),
    list("Error-Info", 0),
    list("Content-Encoding", b'e'),
    list("Content-Language", 0),
    single("Content-Disposition", 0),
    list("Diversion", 0),
    list("History-Info", 0),
    list("In-Reply-To", 0),
    list("P-Asserted-Identity", 0),
    list("P-Preferred-Identity", 0),
    list("P-Associated-URI", 0),
    single("P-Called-Party-ID", 0),
    list("P-Access-Network-Info", 0),
    list("P-Charging-Vector", 0),
    list("Privacy", 0),
    list("Reason", 0),
    list("Remote-Party-ID", 0),
    list("Security-Client", 0),
    list("Security-Server", 0),
    list("Security-Verify", 0),
    list("Warning", 0),
    single("Authentication-Info", 0),
    single("Authorization", 0),
    single("Proxy-Authenticate", 0),
    single("Proxy-Authorization", 0),
    single("WWW-Authenticate", 0),
    single("Date", 0),
    single("Event", b'o'),
    single("Expires", 0),
    single("Identity", b'y'),
    single("MIME-Version", 0),
    single("Min-Expires", 0),
    single("Min-SE", 0),
    single("Organization", 0),
    single("Priority", 0),
    single("RAck", 0),
    single("RSeq", 0),
    single("Refer-To", b'r'),
    single("Referred-By", b'b'),
    single("Replaces", 0),
    single("Retry-After", 0),
    single("Server", 0),
    single("Session-Expires", b'x'),
    single("SIP-ETag", 0),
    single("SIP-If-Match", 0),
    single("Subject", b's'),
    single("Subscription-State", 0),
    single("User-Agent", 0),
];

const SLOTS: usize = 256;
static TABLE: [u8; SLOTS] = table();
static COMPACT: [u8; 26] = compact();

/// Mixes length, first and last byte; collisions go to the next free slot.
const fn slot(name: &[u8]) -> usize {
    let first = name[0].to_ascii_lowercase() as usize;
    let last = name[name.len() - 1].to_ascii_lowercase() as usize;
    let middle = name[name.len() / 2].to_ascii_lowercase() as usize;
    (name.len() * 7 + first * 31 + last * 5 + middle * 13) % SLOTS
}

const fn table() -> [u8; SLOTS] {
    let mut table = [OTHER; SLOTS];
    let mut id = 0;
    while id < KNOWN.len() {
        let mut at = slot(KNOWN[id].long.as_bytes());
        while table[at] != OTHER {
            at = (at + 1) % SLOTS;
        }
        table[at] = id as u8;
        id += 1;
    }
    table
}

const fn compact() -> [u8; 26] {
    let mut table = [OTHER; 26];
    let mut id = 0;
    while id < KNOWN.len() {
        if KNOWN[id].compact != 0 {
            table[(KNOWN[id].compact - b'a') as usize] = id as u8;
        }
        id += 1;
    }
    table
}

/// The number of a name in any spelling, [`OTHER`] when it is not known.
pub fn lookup(name: &[u8]) -> HeaderId {
    match name {
        [] => OTHER,
        [letter] if letter.is_ascii_alphabetic() => {
            COMPACT[(letter.to_ascii_lowercase() - b'a') as usize]
        }
        _ => {
            let mut at = slot(name);
            while TABLE[at] != OTHER {
                if KNOWN[TABLE[at] as usize]
                    .long
                    .as_bytes()
                    .eq_ignore_ascii_case(name)
                {
                    return TABLE[at];
                }
                at = (at + 1) % SLOTS;
            }
            OTHER
        }
    }
}

/// The long form of a known header.
pub fn long_name(id: HeaderId) -> Option<&'static str> {
    KNOWN.get(id as usize).map(|known| known.long)
}

/// Whether commas separate values; unknown headers are taken for lists.
pub fn is_list(id: HeaderId) -> bool {
    KNOWN.get(id as usize).is_none_or(|known| known.list)
}

/// Where the name that ends at a colon ends itself (`HCOLON` allows space before the colon).
pub fn name_end(line: &[u8], start: usize, colon: usize) -> usize {
    let mut end = colon;
    while end > start && matches!(line[end - 1], b' ' | b'\t') {
        end -= 1;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::{is_list, long_name, lookup, KNOWN, OTHER};

    #[test]
    fn every_name_finds_itself_in_any_case_and_form() {
        for (id, known) in KNOWN.iter().enumerate() {
            let id = u8::try_from(id).expect("fewer than 254 names");
            assert_eq!(lookup(known.long.as_bytes()), id);
            assert_eq!(lookup(known.long.to_uppercase().as_bytes()), id);
            assert_eq!(long_name(id), Some(known.long));
            if known.compact != 0 {
                assert_eq!(lookup(&[known.compact]), id);
                assert_eq!(lookup(&[known.compact.to_ascii_uppercase()]), id);
            }
        }
    }

    #[test]
    fn other_names_are_other() {
        for name in [
            &b""[..],
            b"g",
            b"1",
            b"Vi",
            b"Viaa",
            b"X-Custom",
            "\u{e4}".as_bytes(),
        ] {
            assert_eq!(lookup(name), OTHER);
        }
        assert!(is_list(OTHER) && is_list(lookup(b"via")) && !is_list(lookup(b"date")));
    }
}
