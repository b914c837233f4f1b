//! Changing what stands in the value of a line: its address, its port, its profile.

/// Whether a byte parts words; vertical tabs do too.
pub(crate) fn is_blank(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

/// Without blanks at both ends.
pub(crate) fn trimmed(mut text: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = text {
        if !is_blank(*first) {
            break;
        }
        text = rest;
    }
    trimmed_end(text)
}

/// Without blanks behind it.
pub(crate) fn trimmed_end(text: &[u8]) -> &[u8] {
    let last = text.iter().rposition(|byte| !is_blank(*byte));
    &text[..last.map_or(0, |last| last + 1)]
}

/// The words between blanks.
pub(crate) fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| is_blank(*byte))
        .filter(|word| !word.is_empty())
}

/// The first word, and what follows it.
pub(crate) fn first_word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let begin = text.iter().position(|byte| !is_blank(*byte))?;
    let text = &text[begin..];
    let end = text.iter().position(|byte| is_blank(*byte));
    Some(text.split_at(end.unwrap_or(text.len())))
}

/// Where `IP4 10.0.0.1` stands at the end of a value: where its type begins, where its address does,
/// and where that ends.
fn place(value: &[u8]) -> Option<(usize, usize, usize)> {
    let end = trimmed_end(value).len();
    let address = value[..end].iter().rposition(|byte| is_blank(*byte))? + 1;
    let kind = trimmed_end(&value[..address]).len().checked_sub(3)?;
    let named = value[kind..kind + 2].eq_ignore_ascii_case(b"IP");
    (named && matches!(value[kind + 2], b'4' | b'6')).then_some((kind, address, end))
}

/// The value with another address at its end, where there is one. `null_stays`: the null address of an
/// old hold (RFC 2543 appendix B.5) is not touched.
pub(crate) fn put_address(value: &[u8], address: &str, null_stays: bool, out: &mut Vec<u8>) {
    match place(value) {
        Some((_, at, end)) if null_stays && is_null(&value[at..end]) => out.extend(value),
        Some((kind, _, end)) => {
            out.extend(&value[..kind]);
            out.extend(address_type(address));
            out.push(b' ');
            out.extend(address.as_bytes());
            out.extend(&value[end..]);
        }
        None => out.extend(value),
    }
}

fn is_null(address: &[u8]) -> bool {
    matches!(address, b"0.0.0.0" | b"::")
}

/// IP6 for an IPv6 literal, IP4 for anything else (RFC 8866 section 5.7).
pub(crate) fn address_type(address: &str) -> &'static [u8] {
    if address.contains(':') {
        b"IP6"
    } else {
        b"IP4"
    }
}

/// The value with another port: `audio 5000 RTP/AVP 8`, `rtcp:5001 IN IP4 10.0.0.1`.
pub(crate) fn with_port(value: &[u8], port: u16) -> Vec<u8> {
    let begins = |pair: &[u8]| (is_blank(pair[0]) || pair[0] == b':') && pair[1].is_ascii_digit();
    let Some(before) = value.windows(2).position(begins) else {
        return value.to_vec();
    };
    let (head, tail) = value.split_at(before + 1);
    let digits = tail.iter().take_while(|byte| byte.is_ascii_digit());
    let rest = &tail[digits.count()..];
    [head, port.to_string().as_bytes(), rest].concat()
}

/// The first word between blanks that `fits`: where it begins and ends.
pub(crate) fn word(value: &[u8], fits: impl Fn(&[u8]) -> bool) -> Option<(usize, usize)> {
    let mut at = 0;
    for part in value.split(|byte| is_blank(*byte)) {
        let (begin, end) = (at, at + part.len());
        if begin > 0 && end < value.len() && fits(part) {
            return Some((begin, end));
        }
        at = end + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(value: &str, null_stays: bool) -> String {
        let mut out = Vec::new();
        put_address(value.as_bytes(), "2001:db8::7", null_stays, &mut out);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn an_address_is_changed_with_its_type() {
        assert_eq!(moved("IN  ip4\t10.0.0.2 ", true), "IN  IP6 2001:db8::7 ");
        assert_eq!(
            moved("rtcp:5 IN IP6 ::1", true),
            "rtcp:5 IN IP6 2001:db8::7"
        );
        assert_eq!(moved("IN IP4 0.0.0.0", true), "IN IP4 0.0.0.0");
        assert_eq!(moved("IN IP4 0.0.0.0", false), "IN IP6 2001:db8::7");
        for plain in ["", "IP4", "IN IP5 10.0.0.1", " 4 x", "rtcp:5001"] {
            assert_eq!(moved(plain, true), plain);
        }
    }

    #[test]
    fn the_first_number_behind_a_blank_or_colon_is_the_port() {
        assert_eq!(with_port(b"H264 5000 x 1", 7), b"H264 7 x 1");
        assert_eq!(
            with_port(b"rtcp:5001 IN IP4 10.0.0.1", 65535),
            b"rtcp:65535 IN IP4 10.0.0.1"
        );
        assert_eq!(with_port(b"audio", 7), b"audio");
    }

    #[test]
    fn words_stand_between_blanks() {
        assert_eq!(word(b"x 5 x 8", |one| one == b"x"), Some((4, 5)));
        assert_eq!(word(b"5 x", |one| one == b"x"), None);
    }
}
