//! MessagePack, as Python's `msgpack.unpackb(..., raw=False)` reads it for kombu (celery-wire.md 1.6).
//!
//! Binary values become typed values. Extension types have no meaning to kombu and are refused, as are keys that are no
//! text. Integers beyond 64 bits do not exist in the format.

use serde_json::{Map, Value};

use super::MAX_DEPTH;
use super::content::TOO_MANY_VALUES;
use super::typed::Typed;

/// Reads one value, with at most so many in it, and tells whether there are typed ones among them.
pub(super) fn read(bytes: &[u8], most_values: usize) -> Result<(Value, bool), &'static str> {
    let mut reader = Reader { rest: bytes, values_left: most_values, typed: false };
    let value = reader.value(0)?;
    match reader.rest {
        [] => Ok((value, reader.typed)),
        _ => Err("something follows the value"),
    }
}

struct Reader<'a> {
    rest: &'a [u8],
    values_left: usize,
    typed: bool,
}

impl<'a> Reader<'a> {
    fn value(&mut self, depth: usize) -> Result<Value, &'static str> {
        self.values_left = self.values_left.checked_sub(1).ok_or(TOO_MANY_VALUES)?;
        let marker = u8::from_be_bytes(self.number()?);
        Ok(match marker {
            0x00..=0x7f => marker.into(),
            0x80..=0x8f => self.map(usize::from(marker & 0x0f), depth)?,
            0x90..=0x9f => self.array(usize::from(marker & 0x0f), depth)?,
            0xa0..=0xbf => self.text(usize::from(marker & 0x1f))?.into(),
            0xc0 => Value::Null,
            0xc2 => false.into(),
            0xc3 => true.into(),
            0xc4..=0xc6 => {
                let length = self.length(marker - 0xc4)?;
                self.typed = true;
                Typed::Bytes(self.take(length)?.to_vec()).to_json()
            }
            0xca => f64::from(f32::from_be_bytes(self.number()?)).into(),
            0xcb => f64::from_be_bytes(self.number()?).into(),
            0xcc => u8::from_be_bytes(self.number()?).into(),
            0xcd => u16::from_be_bytes(self.number()?).into(),
            0xce => u32::from_be_bytes(self.number()?).into(),
            0xcf => u64::from_be_bytes(self.number()?).into(),
            0xd0 => i8::from_be_bytes(self.number()?).into(),
            0xd1 => i16::from_be_bytes(self.number()?).into(),
            0xd2 => i32::from_be_bytes(self.number()?).into(),
            0xd3 => i64::from_be_bytes(self.number()?).into(),
            0xd9..=0xdb => {
                let length = self.length(marker - 0xd9)?;
                self.text(length)?.into()
            }
            0xdc | 0xdd => {
                let length = self.length(marker - 0xdb)?;
                self.array(length, depth)?
            }
            0xde | 0xdf => {
                let length = self.length(marker - 0xdd)?;
                self.map(length, depth)?
            }
            0xe0..=0xff => i8::from_be_bytes([marker]).into(),
            0xc1 => return Err("the byte C1 begins no value"),
            0xc7..=0xc9 | 0xd4..=0xd8 => return Err("extension types are not read"),
        })
    }

    /// A length of 1, 2 or 4 bytes, for sizes 0, 1 and 2.
    fn length(&mut self, size: u8) -> Result<usize, &'static str> {
        Ok(match size {
            0 => usize::from(u8::from_be_bytes(self.number()?)),
            1 => usize::from(u16::from_be_bytes(self.number()?)),
            _ => u32::from_be_bytes(self.number()?) as usize,
        })
    }

    // Nothing is allocated for a length that is only claimed.
    fn array(&mut self, length: usize, depth: usize) -> Result<Value, &'static str> {
        let depth = deeper(depth)?;
        let mut items = Vec::new();
        for _ in 0..length {
            items.push(self.value(depth)?);
        }
        Ok(Value::Array(items))
    }

    fn map(&mut self, length: usize, depth: usize) -> Result<Value, &'static str> {
        let depth = deeper(depth)?;
        let mut map = Map::new();
        for _ in 0..length {
            let Value::String(key) = self.value(depth)? else { return Err("a key is not a text") };
            map.insert(key, self.value(depth)?);
        }
        Ok(Value::Object(map))
    }

    fn text(&mut self, length: usize) -> Result<&'a str, &'static str> {
        std::str::from_utf8(self.take(length)?).map_err(|_| "a text is not UTF-8")
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], &'static str> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(ENDS_EARLY)?;
        self.rest = rest;
        Ok(taken)
    }

    fn number<const N: usize>(&mut self) -> Result<[u8; N], &'static str> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(ENDS_EARLY)?;
        self.rest = rest;
        Ok(*taken)
    }
}

const ENDS_EARLY: &str = "it ends too early";

fn deeper(depth: usize) -> Result<usize, &'static str> {
    if depth < MAX_DEPTH { Ok(depth + 1) } else { Err("too many containers lie in one another") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use proptest::prelude::*;
    use serde_json::json;

    use crate::message::envelope::BASE64;

    /// What msgpack 1.2 packs for kombu: every size of every kind, and what kombu's JSON makes of what it unpacks.
    const PACKED: &str = "k9wAGgH/4H/MgMz/zQEAzf//zgABAADPAAAAAQAAAADPgAAAAAAAAADTgAAAAAAAAADR/3/S//9jwMs/+AAAAAAAAMPCwKLDqdkoeHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eNoBLHl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5ecQEdGV4dMQC/wDFASx6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enrcABQAAQIDBAUGBwgJCgsMDQ4PEBESE4GhYYGhYpDeABGhMAChMQGhMgKhMwOhNAShNQWhNgahNwehOAihOQmiMTAKojExC6IxMgyiMTMNojE0DqIxNQ+iMTYQwA==";

    #[test]
    fn reads_what_python_packed() {
        let args = json!([
            1, -1, -32, 127, 128, 255, 256, 65535, 65536, 4294967296_u64, 9223372036854775808_u64, -9223372036854775808_i64,
            -129, -40000, 1.5, true, false, null, "é", "x".repeat(40), "y".repeat(300),
            {"__type__": "bytes", "__value__": "text"}, {"__type__": "base64", "__value__": "/wA="},
            {"__type__": "bytes", "__value__": "z".repeat(300)}, (0..20).collect::<Vec<_>>(), {"a": {"b": []}},
        ]);
        let kwargs: Map<String, Value> = (0..17).map(|number| (number.to_string(), number.into())).collect();
        let (value, typed) = read(&BASE64.decode(PACKED).unwrap(), usize::MAX).unwrap();
        assert_eq!(value, json!([args, kwargs, null]));
        assert!(typed);
        // A float of 32 bits, NaN, a text and a map of the largest size.
        let rare = b"\x94\xca\x3f\xc0\x00\x00\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00\xdb\x00\x00\x00\x01a\xdf\x00\x00\x00\x00";
        assert_eq!(read(rare, 5).unwrap(), (json!([1.5, null, "a", {}]), false));
    }

    #[test]
    fn what_python_refuses_or_json_cannot_hold() {
        for (bytes, reason) in [
            (&b""[..], ENDS_EARLY),
            (b"\xc1", "the byte C1 begins no value"),
            (b"\x01\x02", "something follows the value"),
            (b"\xa2\xff\xff", "a text is not UTF-8"),
            (b"\x81\x01\x02", "a key is not a text"),
            (b"\xd6\xff\x00\x00\x00\x00", "extension types are not read"),
            (b"\xdd\xff\xff\xff\xff\xc0", ENDS_EARLY),
            (b"\xdb\xff\xff\xff\xff", ENDS_EARLY),
        ] {
            assert_eq!(read(bytes, usize::MAX).unwrap_err(), reason, "{bytes:x?}");
        }
        assert_eq!(read(b"\x93\xc0\xc0\xc0", 3).unwrap_err(), TOO_MANY_VALUES);
        assert!(read(&[&[0x91; MAX_DEPTH][..], &[0xc0]].concat(), usize::MAX).is_ok());
        assert!(read(&[&[0x91; MAX_DEPTH + 1][..], &[0xc0]].concat(), usize::MAX).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes, usize::MAX);
        }
    }
}
