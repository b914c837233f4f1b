//! Character classes and small readers of RFC 3261 section 25.1. Each is linear in its input.
use std::borrow::Cow;

use memchr::{memchr, memchr2};

/// `token`.
pub const TOKEN: u8 = 1;
/// Characters that `user` may hold unescaped.
pub const USER: u8 = 2;
/// Characters that a URI parameter may hold unescaped.
pub const PARAM: u8 = 4;
/// Characters of a host name (with `_`, which networks use against the RFC).
pub const HOST: u8 = 8;
/// What an unquoted display name may hold: tokens, and what phones send there and cannot confuse.
pub const DISPLAY: u8 = 16;
/// A header parameter's unquoted value: token or host, IPv6 with or without brackets (RFC 5118 4.5).
pub const VALUE: u8 = 32;
/// Anything printable that can stand in a URI; bytes above ASCII are let through.
pub const URI: u8 = 64;

const CLASSES: [u8; 256] = classes();

const fn among(byte: u8, set: &[u8]) -> bool {
    let mut i = 0;
    while i < set.len() {
        if set[i] == byte {
            return true;
        }
        i += 1;
    }
    false
}

const fn classes() -> [u8; 256] {
    let mut table = [0u8; 256];
    let mut i = 0;
    while i < 256 {
        let byte = i as u8;
        let alnum = byte.is_ascii_alphanumeric();
        let unreserved = alnum || among(byte, b"-_.!~*'()");
        let visible = byte > 0x20 && byte != 0x7f;
        let mut class = 0;
        if alnum || among(byte, b"-.!%*_+`'~") {
            class |= TOKEN;
        }
        if unreserved || among(byte, b"&=+$,;?/") {
            class |= USER;
        }
        if unreserved || among(byte, b"[]/:&+$") {
            class |= PARAM;
        }
        if alnum || among(byte, b"-._") {
            class |= HOST;
        }
        if visible && !among(byte, b"\",;<>@:\\") {
            class |= DISPLAY;
        }
        if visible && !among(byte, b"\",;<>=\\?") {
            class |= VALUE;
        }
        if visible && !among(byte, b"\"<>\\^`{|}") {
            class |= URI;
        }
        table[i] = class;
        i += 1;
    }
    table
}

/// Whether the byte is of that class.
pub fn is(byte: u8, class: u8) -> bool {
    CLASSES[byte as usize] & class != 0
}

/// Whether every byte is of that class and there is at least one.
pub fn all(bytes: &[u8], class: u8) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&b| is(b, class))
}

/// Linear white space; CR and LF count because folded lines are read with them.
pub const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// The first index from `at` on that holds no white space.
pub fn skip_space(text: &[u8], mut at: usize) -> usize {
    while at < text.len() && is_space(text[at]) {
        at += 1;
    }
    at
}

/// The end of the run of that class that begins at `at`.
pub fn run(text: &[u8], mut at: usize, class: u8) -> usize {
    while at < text.len() && is(text[at], class) {
        at += 1;
    }
    at
}

/// `start..end` without the white space at its ends.
pub fn trim(text: &[u8], mut start: usize, mut end: usize) -> (usize, usize) {
    while start < end && is_space(text[start]) {
        start += 1;
    }
    while end > start && is_space(text[end - 1]) {
        end -= 1;
    }
    (start, end)
}

/// The index after the quoted string that begins at `at`, `None` when it does not end.
pub fn quoted_end(text: &[u8], at: usize) -> Option<usize> {
    let mut i = at + 1;
    loop {
        i += memchr2(b'"', b'\\', text.get(i..)?)?;
        if text[i] == b'"' {
            return Some(i + 1);
        }
        i += 2;
    }
}

/// A quoted string's content without quotes and backslashes; other text as it is.
pub fn unquote(text: &[u8]) -> Cow<'_, [u8]> {
    if text.len() < 2 || text[0] != b'"' || text[text.len() - 1] != b'"' {
        return Cow::Borrowed(text);
    }
    let inner = &text[1..text.len() - 1];
    if memchr(b'\\', inner).is_none() {
        return Cow::Borrowed(inner);
    }
    let mut plain = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter();
    while let Some(&byte) = bytes.next() {
        match (byte, bytes.as_slice().first()) {
            (b'\\', Some(&escaped)) => {
                plain.push(escaped);
                bytes.next();
            }
            _ => plain.push(byte),
        }
    }
    Cow::Owned(plain)
}

/// Appends `text` as a quoted string.
pub fn quote_into(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    for &byte in text {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}

fn hex_pair(text: &[u8]) -> Option<u8> {
    let digit = |b: u8| char::from(b).to_digit(16);
    match text {
        [high, low, ..] => u8::try_from(digit(*high)? * 16 + digit(*low)?).ok(),
        _ => None,
    }
}

/// Decodes `%XX` where `wanted` says so of the byte; a `%` that is no escape stays.
pub fn unescape_if(text: &[u8], wanted: impl Fn(u8) -> bool) -> Cow<'_, [u8]> {
    let Some(first) = memchr(b'%', text) else {
        return Cow::Borrowed(text);
    };
    let mut plain = text[..first].to_vec();
    let mut i = first;
    while i < text.len() {
        match hex_pair(&text[i + 1..]).filter(|_| text[i] == b'%') {
            Some(byte) if wanted(byte) => plain.push(byte),
            Some(_) => plain.extend(text[i..i + 3].to_ascii_uppercase()),
            None => {
                plain.push(text[i]);
                i += 1;
                continue;
            }
        }
        i += 3;
    }
    Cow::Owned(plain)
}

/// Decodes every `%XX`.
pub fn unescape(text: &[u8]) -> Cow<'_, [u8]> {
    unescape_if(text, |_| true)
}

/// Appends `text` with every byte that is not of that class as `%XX`.
pub fn escape_into(out: &mut Vec<u8>, text: &[u8], class: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in text {
        if byte < 0x80 && is(byte, class) {
            out.push(byte);
        } else {
            out.extend([
                b'%',
                DIGITS[(byte >> 4) as usize],
                DIGITS[(byte & 15) as usize],
            ]);
        }
    }
}

/// A decimal number of digits only, `None` when it is none or above `limit`.
pub fn number(text: &[u8], limit: u64) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0u64, |sum, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        let sum = sum.checked_mul(10)?.checked_add(digit)?;
        (sum <= limit).then_some(sum)
    })
}

/// A folded value as one line: each break with the space around it becomes one space.
///
/// Bare CR and LF go the same way, so that what is read can be written again.
pub fn unfold(text: &[u8]) -> Vec<u8> {
    let mut line = Vec::with_capacity(text.len());
    let mut i = 0;
    while i < text.len() {
        let next = memchr2(b'\r', b'\n', &text[i..]).map_or(text.len(), |n| i + n);
        line.extend_from_slice(&text[i..next]);
        i = next;
        if i < text.len() {
            while matches!(line.last(), Some(b' ' | b'\t')) {
                line.pop();
            }
            i = skip_space(text, i);
            line.push(b' ');
        }
    }
    line
}

/// The index of the comma that ends the value beginning at `at`, or the length.
///
/// Commas in quotes and angle brackets do not count; where those do not end, nothing is split.
pub fn value_end(text: &[u8], at: usize) -> usize {
    let mut i = at;
    while i < text.len() {
        match text[i] {
            b',' => return i,
            b'"' => match quoted_end(text, i) {
                Some(end) => i = end,
                None => return text.len(),
            },
            b'<' => match memchr(b'>', &text[i..]) {
                Some(length) => i += length + 1,
                None => return text.len(),
            },
            _ => i += 1,
        }
    }
    text.len()
}
