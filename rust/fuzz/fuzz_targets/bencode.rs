//! Bencode: whatever is read is the same when it is written and read again.
#![no_main]

use bencode::{decode, Value, Writer};
use libfuzzer_sys::fuzz_target;

fn write(value: &Value<'_>, out: &mut Writer) {
    match value {
        Value::Integer(number) => out.integer(*number),
        Value::Bytes(bytes) => out.bytes(bytes),
        Value::List(values) => {
            out.list();
            values.iter().for_each(|one| write(one, out));
            out.end();
        }
        Value::Dictionary(entries) => {
            out.dictionary();
            for (key, one) in entries {
                out.bytes(key);
                write(one, out);
            }
            out.end();
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let Ok(value) = decode(data) else {
        return;
    };
    let mut out = Writer::default();
    write(&value, &mut out);
    // Leading zeros are not written again, so nothing grows.
    assert_eq!(decode(&out.into_bytes()), Ok(value));
});
