//! Which type each column has, by its first data rows.

use super::fields::{Quoting, field};
use super::{BigIntegers, ReadOptions};
use crate::table::Kind;

/// The types that the values of a column have been seen with, as a set of bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Seen(u8);

impl Seen {
    const INTEGER: Self = Self(1);
    const BIG_INTEGER: Self = Self(2);
    const FLOAT: Self = Self(4);
    const BOOLEAN: Self = Self(8);
    const TEXT: Self = Self(16);

    /// Takes note of one more type.
    pub(super) fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Whether text is among them, so that nothing else can matter any more.
    pub(super) fn is_text(self) -> bool {
        self.0 & Self::TEXT.0 != 0
    }

    /// Integers with floats are floats, integers of both sizes are big ones; any other mixture, and no value at
    /// all, is text.
    pub(super) fn kind(self) -> Kind {
        const INTEGER_AND_FLOAT: u8 = Seen::INTEGER.0 | Seen::FLOAT.0;
        const BIG_INTEGER_AND_FLOAT: u8 = Seen::BIG_INTEGER.0 | Seen::FLOAT.0;
        const BOTH_INTEGERS: u8 = Seen::INTEGER.0 | Seen::BIG_INTEGER.0;
        match self.0 {
            1 => Kind::Integer,
            2 | BOTH_INTEGERS => Kind::BigInteger,
            4 | INTEGER_AND_FLOAT | BIG_INTEGER_AND_FLOAT => Kind::Float,
            8 => Kind::Boolean,
            _ => Kind::Text,
        }
    }
}

/// The type of each of `columns` columns, by the first rows behind `body`.
pub(super) fn infer(bytes: &[u8], body: usize, columns: usize, options: ReadOptions) -> Vec<Kind> {
    let mut seen = vec![Seen::default(); columns];
    let mut at = body;
    for _ in 0..options.inferred_rows {
        if at >= bytes.len() {
            break;
        }
        at = look_at_row(bytes, at, &mut seen, options.big_integers);
    }
    seen.into_iter().map(Seen::kind).collect()
}

/// Takes note of one row; returns where the next begins.
fn look_at_row(bytes: &[u8], mut at: usize, seen: &mut [Seen], big_integers: BigIntegers) -> usize {
    let mut columns = seen.iter_mut();
    loop {
        let found = field(bytes, at);
        if let Some(seen) = columns.next().filter(|seen| !seen.is_text() && !found.is_blank()) {
            seen.add(match found.quoting {
                Quoting::None | Quoting::Plain => type_of(found.content(bytes), big_integers),
                Quoting::Doubled | Quoting::TextAfter | Quoting::Unclosed => Seen::TEXT,
            });
        }
        at = found.next;
        if found.ends_record {
            return at;
        }
    }
}

/// The type of one value.
pub(super) fn type_of(value: &[u8], big_integers: BigIntegers) -> Seen {
    let unsigned = value.strip_prefix(b"-").unwrap_or(value);
    if !unsigned.is_empty() && unsigned.iter().all(u8::is_ascii_digit) {
        return match big_integers {
            BigIntegers::Keep if super::fields::integer(value).is_none() => Seen::BIG_INTEGER,
            BigIntegers::Keep | BigIntegers::Null => Seen::INTEGER,
        };
    }
    if super::fields::boolean(value).is_some() {
        return Seen::BOOLEAN;
    }
    if is_float(value) { Seen::FLOAT } else { Seen::TEXT }
}

/// `[-+]?` and then `inf`, `NaN`, `1.`, `1e5`, or `.5` and `1.5` with an optional exponent.
fn is_float(value: &[u8]) -> bool {
    let value = value.strip_prefix(b"-").or_else(|| value.strip_prefix(b"+")).unwrap_or(value);
    if value == b"inf" || value == b"NaN" {
        return true;
    }
    let (whole, rest) = digits(value);
    match rest {
        [b'.'] => !whole.is_empty(),
        [b'.', rest @ ..] => {
            let (decimals, rest) = digits(rest);
            !decimals.is_empty() && (rest.is_empty() || is_exponent(rest))
        }
        rest => !whole.is_empty() && is_exponent(rest),
    }
}

fn is_exponent(bytes: &[u8]) -> bool {
    match bytes {
        [b'e' | b'E', b'-' | b'+', power @ ..] | [b'e' | b'E', power @ ..] => {
            !power.is_empty() && power.iter().all(u8::is_ascii_digit)
        }
        _ => false,
    }
}

fn digits(bytes: &[u8]) -> (&[u8], &[u8]) {
    let count = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    bytes.split_at(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use regex::Regex;

    #[test]
    fn the_type_of_a_value() {
        for (text, seen) in [
            ("007", Seen::INTEGER),
            ("-0", Seen::INTEGER),
            ("99999999999999999999", Seen::BIG_INTEGER),
            ("+5", Seen::TEXT),
            ("1_000", Seen::TEXT),
            ("5%", Seen::TEXT),
            ("$3", Seen::TEXT),
            ("1,000", Seen::TEXT),
            ("nan", Seen::TEXT),
            ("Infinity", Seen::TEXT),
            ("NA", Seen::TEXT),
            ("2024-01-01", Seen::TEXT),
            ("tRuE", Seen::BOOLEAN),
            ("-NaN", Seen::FLOAT),
            ("1.e5", Seen::TEXT),
            ("", Seen::TEXT),
            ("٣", Seen::TEXT),
        ] {
            assert_eq!(type_of(text.as_bytes(), BigIntegers::Keep), seen, "{text}");
        }
        assert_eq!(type_of(b"99999999999999999999", BigIntegers::Null), Seen::INTEGER);
    }

    proptest! {
        #[test]
        fn floats_are_those_of_the_pattern(text in "[-+]?[0-9.eE+-]{0,8}|[-+]?(inf|NaN|nan)") {
            let pattern = Regex::new(r"^[-+]?(([0-9]*\.[0-9]+)([eE][-+]?[0-9]+)?|inf|NaN|([0-9]+)[eE][-+]?[0-9]+|[0-9]+\.)$").unwrap();
            prop_assert_eq!(is_float(text.as_bytes()), pattern.is_match(&text), "{}", text);
        }
    }
}
