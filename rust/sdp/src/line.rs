//! The lines of a description.

/// One line as it came: `kind=value` and its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// The letter before "="; 0: this is no line, and `value` is all of it.
    pub kind: u8,
    pub value: &'a [u8],
    /// CRLF, LF alone, or nothing. What follows the last line is its end.
    pub end: &'a [u8],
}

/// The lines of a description.
pub(crate) fn lines(data: &[u8]) -> impl Iterator<Item = Line<'_>> {
    let text = data.trim_ascii_end_of_lines();
    let mut at = 0;
    std::iter::from_fn(move || {
        if at >= text.len() {
            return None;
        }
        let rest = &text[at..];
        let feed = rest.iter().position(|byte| *byte == b'\n');
        let (mut line, mut behind) = match feed {
            Some(feed) => (&rest[..feed], at + feed + 1),
            None => (rest, data.len()),
        };
        let mut end = at + line.len();
        if feed.is_some() && line.ends_with(b"\r") {
            line = &line[..line.len() - 1];
            end -= 1;
        }
        behind = behind.min(data.len());
        let end = &data[end..behind];
        at = behind;
        Some(match line {
            [kind, b'=', value @ ..] if *kind != 0 => Line {
                kind: *kind,
                value,
                end,
            },
            _ => Line {
                kind: 0,
                value: line,
                end,
            },
        })
    })
}

trait Trim {
    fn trim_ascii_end_of_lines(&self) -> &[u8];
}

impl Trim for [u8] {
    /// Without CR and LF behind it.
    fn trim_ascii_end_of_lines(&self) -> &[u8] {
        let last = self.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n'));
        &self[..last.map_or(0, |last| last + 1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_stay_what_they_were() {
        let found: Vec<_> = lines(b"v=0\r\no=x\ngarbage\r\na=\r\n\r\n").collect();
        let line = |kind, value, end| Line { kind, value, end };
        let wanted = [
            line(b'v', &b"0"[..], &b"\r\n"[..]),
            line(b'o', b"x", b"\n"),
            line(0, b"garbage", b"\r\n"),
            line(b'a', b"", b"\r\n\r\n"),
        ];
        assert_eq!(found, wanted);
        assert_eq!(lines(b"\r\n").count(), 0);
        let zero: Vec<_> = lines(b"\0=x").collect();
        assert_eq!(zero, [line(0, b"\0=x", b"")], "zero is no letter of a line");
        let last: Vec<_> = lines(b"v=0").collect();
        assert_eq!(last, [line(b'v', b"0", b"")]);
    }
}
