//! One field of a CSV: where it ends, and how its bytes become numbers and booleans. Nothing here allocates.

use memchr::memchr;

pub(super) const SEPARATOR: u8 = b',';
pub(super) const QUOTE: u8 = b'"';
pub(super) const LINE_END: u8 = b'\n';

/// A field, by positions in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Field {
    /// First byte of the content, behind an opening quote.
    pub(super) start: usize,
    /// Behind the last byte of the content, before a closing quote.
    pub(super) end: usize,
    /// Where the next field or record begins.
    pub(super) next: usize,
    /// Whether the record ends here.
    pub(super) ends_record: bool,
    /// Whether it was in quotes, and how well.
    pub(super) quoting: Quoting,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quoting {
    /// No quotes around it; quotes inside are text.
    None,
    /// In quotes.
    Plain,
    /// In quotes, with doubled quotes inside.
    Doubled,
    /// In quotes, but something follows the closing quote.
    TextAfter,
    /// In quotes that never close.
    Unclosed,
}

impl Field {
    /// The content; doubled quotes are still double.
    pub(super) fn content<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// Whether there is anything in it; in `""` there is not.
    pub(super) fn has_content(&self) -> bool {
        self.start != self.end
    }

    /// Whether it is an empty cell, which `""` is not.
    pub(super) fn is_blank(&self) -> bool {
        !self.has_content() && self.quoting == Quoting::None
    }
}

/// The field that begins at `at`. At the end of the file there is an empty field.
#[inline]
pub(super) fn field(bytes: &[u8], at: usize) -> Field {
    match bytes.get(at) {
        Some(&QUOTE) => quoted(bytes, at),
        _ => plain(bytes, at),
    }
}

#[inline]
fn plain(bytes: &[u8], at: usize) -> Field {
    let rest = bytes.get(at..).unwrap_or_default();
    let length = end_of_field(rest);
    let ends_record = rest.get(length) != Some(&SEPARATOR);
    let content = rest.get(..length).unwrap_or_default();
    let end = if ends_record && content.last() == Some(&b'\r') { at + length - 1 } else { at + length };
    Field { start: at, end, next: at + length + 1, ends_record, quoting: Quoting::None }
}

/// Position of the first separator or line end, or the length. Eight bytes at a time.
#[inline]
fn end_of_field(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    // The lowest high bit that is set marks the first byte that equals the wanted one.
    let marks = |word: u64, wanted: u8| {
        let difference = word ^ (ONES * u64::from(wanted));
        difference.wrapping_sub(ONES) & !difference & HIGHS
    };
    let mut words = bytes.chunks_exact(8);
    let mut at = 0;
    for word in &mut words {
        let mut eight = [0; 8];
        eight.copy_from_slice(word);
        let word = u64::from_le_bytes(eight);
        let found = marks(word, SEPARATOR) | marks(word, LINE_END);
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    let rest = words.remainder();
    at + rest.iter().position(|byte| *byte == SEPARATOR || *byte == LINE_END).unwrap_or(rest.len())
}

/// Quotes switch between inside and outside; the field ends at the first separator or line end outside.
fn quoted(bytes: &[u8], at: usize) -> Field {
    let start = at + 1;
    let mut quoting = Quoting::Plain;
    let mut search = start;
    loop {
        let rest = bytes.get(search..).unwrap_or_default();
        let Some(found) = memchr(QUOTE, rest) else {
            return Field {
                start,
                end: bytes.len(),
                next: bytes.len() + 1,
                ends_record: true,
                quoting: Quoting::Unclosed,
            };
        };
        let closing = search + found;
        match bytes.get(closing + 1) {
            Some(&QUOTE) => {
                if quoting == Quoting::Plain {
                    quoting = Quoting::Doubled;
                }
                search = closing + 2;
            }
            Some(&SEPARATOR) => {
                return Field { start, end: closing, next: closing + 2, ends_record: false, quoting };
            }
            None | Some(&LINE_END) => {
                return Field { start, end: closing, next: closing + 2, ends_record: true, quoting };
            }
            Some(&b'\r') if matches!(bytes.get(closing + 2), None | Some(&LINE_END)) => {
                return Field { start, end: closing, next: closing + 3, ends_record: true, quoting };
            }
            Some(_) => {
                let tail = bytes.get(closing + 1..).unwrap_or_default();
                let length = end_of_field(tail);
                let tail = tail.get(..length).unwrap_or_default();
                match memchr(QUOTE, tail) {
                    // Inside again.
                    Some(reopening) => {
                        quoting = Quoting::TextAfter;
                        search = closing + 1 + reopening + 1;
                    }
                    None => {
                        let end = closing + 1 + length;
                        let ends_record = bytes.get(end) != Some(&SEPARATOR);
                        return Field { start, end, next: end + 1, ends_record, quoting: Quoting::TextAfter };
                    }
                }
            }
        }
    }
}

/// A number begins behind blanks and tabs.
fn trimmed(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
    }
    bytes
}

/// An integer of at most 64 bits: an optional sign and digits.
#[inline]
pub(super) fn integer(bytes: &[u8]) -> Option<i64> {
    let (negative, digits) = signed(trimmed(bytes));
    // Up to 18 digits cannot overflow.
    if digits.is_empty() || digits.len() > 18 {
        return big_integer(bytes).and_then(|value| i64::try_from(value).ok());
    }
    let mut value = 0_i64;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + i64::from(digit);
    }
    Some(if negative { -value } else { value })
}

/// An integer of at most 128 bits.
pub(super) fn big_integer(bytes: &[u8]) -> Option<i128> {
    let (negative, digits) = signed(trimmed(bytes));
    if digits.is_empty() {
        return None;
    }
    let mut value = 0_i128;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        // Downwards, because the least value has no positive partner.
        value = value.checked_mul(10)?.checked_sub(i128::from(digit))?;
    }
    if negative { Some(value) } else { value.checked_neg() }
}

fn signed(bytes: &[u8]) -> (bool, &[u8]) {
    match bytes {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    }
}

/// A float in decimal or exponent form, `nan`, `inf`, `infinity` in any case.
#[inline]
pub(super) fn float(bytes: &[u8]) -> Option<f64> {
    fast_float2::parse(trimmed(bytes)).ok()
}

/// `true` or `false` in any case.
#[inline]
pub(super) fn boolean(bytes: &[u8]) -> Option<bool> {
    if bytes.eq_ignore_ascii_case(b"true") {
        Some(true)
    } else if bytes.eq_ignore_ascii_case(b"false") {
        Some(false)
    } else {
        None
    }
}

/// Writes the content of a quoted field with each doubled quote as one.
pub(super) fn undouble(content: &[u8], out: &mut Vec<u8>) {
    let mut rest = content;
    while let Some(quote) = memchr(QUOTE, rest) {
        let (before, after) = rest.split_at(quote + 1);
        out.extend_from_slice(before);
        rest = after.strip_prefix(b"\"").unwrap_or(after);
    }
    out.extend_from_slice(rest);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn contents(bytes: &[u8]) -> Vec<(String, Quoting)> {
        let (mut at, mut found) = (0, Vec::new());
        loop {
            let field = field(bytes, at);
            found.push((String::from_utf8_lossy(field.content(bytes)).into_owned(), field.quoting));
            if field.ends_record {
                return found;
            }
            at = field.next;
        }
    }

    #[test]
    fn fields_end_at_separators_and_lines() {
        let plain = |text: &str| (text.to_owned(), Quoting::None);
        assert_eq!(
            contents(b"a,,longer than eight bytes\r\nnext"),
            [plain("a"), plain(""), plain("longer than eight bytes")]
        );
        assert_eq!(contents(b"a,"), [plain("a"), plain("")]);
        assert_eq!(contents(b""), [plain("")]);
        assert_eq!(contents(b"5\" pipe,x"), [plain("5\" pipe"), plain("x")]);
    }

    #[test]
    fn quotes_hide_separators_and_lines() {
        assert_eq!(
            contents(b"\"a,\nb\",\"say \"\"hi\"\"\",\"\"\r\n"),
            [
                ("a,\nb".to_owned(), Quoting::Plain),
                ("say \"\"hi\"\"".to_owned(), Quoting::Doubled),
                (String::new(), Quoting::Plain)
            ]
        );
        assert_eq!(contents(b"\"a\"b,c").first().map(|field| field.1), Some(Quoting::TextAfter));
        assert_eq!(contents(b"\"a\"b\"c,d\",e").len(), 2);
        assert_eq!(contents(b"\"a,b\nc").first().map(|field| field.1), Some(Quoting::Unclosed));
        assert_eq!(contents(b"\"").first().map(|field| field.1), Some(Quoting::Unclosed));
    }

    #[test]
    fn numbers() {
        for (text, value) in [
            ("7", Some(7)),
            ("007", Some(7)),
            ("-0", Some(0)),
            ("+5", Some(5)),
            (" 6", Some(6)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("0000000000000000000000007", Some(7)),
            ("7 ", None),
            ("4.0", None),
            ("-", None),
            ("", None),
            ("--3", None),
        ] {
            assert_eq!(integer(text.as_bytes()), value, "{text:?}");
        }
        assert_eq!(big_integer(b"-170141183460469231731687303715884105728"), Some(i128::MIN));
        assert_eq!(big_integer(b"170141183460469231731687303715884105728"), None);
        assert_eq!(float(b" .5"), Some(0.5));
        assert_eq!(float(b"1e400"), Some(f64::INFINITY));
        assert_eq!(float(b"5 "), None);
        assert_eq!((boolean(b"TRUE"), boolean(b"False"), boolean(b"yes")), (Some(true), Some(false), None));
    }

    proptest! {
        #[test]
        fn any_i64_and_float_is_read_back(integer_value in any::<i64>(), value in any::<f64>()) {
            prop_assert_eq!(integer(integer_value.to_string().as_bytes()), Some(integer_value));
            prop_assume!(!value.is_nan());
            prop_assert_eq!(float(format!("{value:e}").as_bytes()), Some(value));
        }

        #[test]
        fn quoting_and_undoubling_are_inverse(text in "[a\",\n]{0,20}") {
            let quoted = format!("\"{}\",x", text.replace('"', "\"\""));
            let field = field(quoted.as_bytes(), 0);
            let mut out = Vec::new();
            undouble(field.content(quoted.as_bytes()), &mut out);
            prop_assert_eq!(String::from_utf8(out).unwrap(), text);
            prop_assert!(!field.ends_record);
        }

        #[test]
        fn the_end_of_a_field_is_the_first_separator_or_line_end(bytes in prop::collection::vec(prop::sample::select(vec![b',', b'\n', b'a', 0x2d, 0xac, 0x8a]), 0..40)) {
            let slow = bytes.iter().position(|byte| *byte == b',' || *byte == b'\n').unwrap_or(bytes.len());
            prop_assert_eq!(end_of_field(&bytes), slow);
        }
    }
}
