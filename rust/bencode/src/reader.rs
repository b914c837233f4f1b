//! Reading a document.

use crate::{Error, Value, MAX_DEPTH, MAX_DIGITS, MAX_SIZE, MAX_VALUES};

/// Reads one document that is the whole of `data`.
///
/// # Errors
/// Whatever makes it none, or too large.
pub fn decode(data: &[u8]) -> Result<Value<'_>, Error> {
    if data.len() > MAX_SIZE {
        return Err(Error::Long);
    }
    let mut reader = Reader {
        data,
        at: 0,
        values: 0,
    };
    let value = reader.value(0)?;
    match data.len() - reader.at {
        0 => Ok(value),
        rest => Err(Error::Rest(rest)),
    }
}

/// Where reading is.
struct Reader<'a> {
    data: &'a [u8],
    at: usize,
    values: usize,
}

impl<'a> Reader<'a> {
    /// The value that begins here.
    fn value(&mut self, depth: usize) -> Result<Value<'a>, Error> {
        self.values += 1;
        if depth > MAX_DEPTH || self.values > MAX_VALUES {
            return Err(Error::Large);
        }
        match self.data.get(self.at) {
            Some(b'i') => self.integer(),
            Some(b'l') => self.list(depth),
            Some(b'd') => self.dictionary(depth),
            Some(_) => self.string().map(Value::Bytes),
            None => Err(Error::Early),
        }
    }

    fn list(&mut self, depth: usize) -> Result<Value<'a>, Error> {
        self.at += 1;
        let mut found = Vec::new();
        while !self.ended() {
            found.push(self.value(depth + 1)?);
        }
        Ok(Value::List(found))
    }

    fn dictionary(&mut self, depth: usize) -> Result<Value<'a>, Error> {
        self.at += 1;
        let mut found = Vec::new();
        while !self.ended() {
            let key = self.string()?;
            found.push((key, self.value(depth + 1)?));
        }
        let mut keys: Vec<_> = found.iter().map(|(key, _)| *key).collect();
        keys.sort_unstable();
        if keys.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(Error::Twice);
        }
        Ok(Value::Dictionary(found))
    }

    /// Whether the list or dictionary ends here; its end is then passed.
    fn ended(&mut self) -> bool {
        let ended = self.data.get(self.at) == Some(&b'e');
        self.at += usize::from(ended);
        ended
    }

    /// Its length, a colon, its bytes.
    fn string(&mut self) -> Result<&'a [u8], Error> {
        let (length, behind) = self.digits(self.at, b':', MAX_DIGITS)?;
        let length = usize::try_from(length).map_err(|_| Error::Beyond)?;
        let end = behind.checked_add(length).ok_or(Error::Beyond)?;
        let found = self.data.get(behind..end).ok_or(Error::Beyond)?;
        self.at = end;
        Ok(found)
    }

    fn integer(&mut self) -> Result<Value<'a>, Error> {
        let first = self.at + 1;
        let negative = self.data.get(first) == Some(&b'-');
        let sign = usize::from(negative);
        let (number, behind) = self.digits(first + sign, b'e', MAX_DIGITS - sign)?;
        self.at = behind;
        Ok(Value::Integer(if negative { -number } else { number }))
    }

    /// The number of 1 to `most` digits from `from` on, and where what ends it is passed.
    fn digits(&self, from: usize, end: u8, most: usize) -> Result<(i128, usize), Error> {
        let mut number = 0;
        let text = self.data.get(from..).unwrap_or_default();
        for (at, byte) in text.iter().take(most + 1).enumerate() {
            match byte {
                b'0'..=b'9' if at < most => number = number * 10 + i128::from(byte - b'0'),
                _ if *byte == end && at > 0 => return Ok((number, from + at + 1)),
                _ => break,
            }
        }
        Err(Error::NoNumber(from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_kinds_are_read() {
        let read = decode(b"d1:ai-5e1:b2:xy1:cli0e0:ee").expect("a document");
        let list = Value::List(vec![Value::Integer(0), Value::Bytes(b"")]);
        let wanted = [
            (&b"a"[..], Value::Integer(-5)),
            (b"b", Value::Bytes(b"xy")),
            (b"c", list),
        ];
        assert_eq!(read, Value::Dictionary(wanted.to_vec()));
    }

    #[test]
    fn what_is_none_is_refused() {
        for (data, why) in [
            (&b""[..], Error::Early),
            (b"d", Error::NoNumber(1)),
            (b"l", Error::Early),
            (b"i-e", Error::NoNumber(2)),
            (b"i123456789012345678901e", Error::NoNumber(1)),
            (b"5:abc", Error::Beyond),
            (b"99999999999999999999:a", Error::Beyond),
            (b"d1:ai1e1:ai2ee", Error::Twice),
            (b"i1ei2e", Error::Rest(3)),
        ] {
            assert_eq!(decode(data), Err(why));
        }
    }

    #[test]
    fn twenty_digits_are_read_and_depth_is_bounded() {
        let wide = Value::Integer(99_999_999_999_999_999_999);
        assert_eq!(decode(b"i99999999999999999999e"), Ok(wide));
        let nested = |depth: usize| [b"l".repeat(depth), b"e".repeat(depth)].concat();
        assert!(decode(&nested(MAX_DEPTH)).is_ok());
        assert_eq!(decode(&nested(MAX_DEPTH + 2)), Err(Error::Large));
        assert_eq!(decode(&[b'0'; MAX_SIZE + 1]), Err(Error::Long));
    }
}
