//! Cells of one part of a file becoming arrays of the data engine.

use polars_arrow::array::{BooleanArray, PrimitiveArray, Utf8ViewArray, View};
use polars_arrow::bitmap::{Bitmap, MutableBitmap};
use polars_arrow::datatypes::ArrowDataType;
use polars_arrow::types::NativeType;
use polars_buffer::Buffer;

use super::ReadError;
use super::fields::{Field, Quoting, big_integer, boolean, float, integer, undouble};
use crate::table::Kind;

/// The array of one column in one part.
#[derive(Debug)]
pub(super) enum PartArray {
    Integer(PrimitiveArray<i64>),
    Float(PrimitiveArray<f64>),
    Boolean(BooleanArray),
    Text(Utf8ViewArray),
    BigInteger(PrimitiveArray<i128>),
}

/// What is wrong with a field of a text column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FieldError {
    Unclosed,
    TextAfter,
    TooLong,
}

/// Collects the cells of one column in one part.
#[derive(Debug)]
pub(super) enum Builder {
    Integer(Numbers<i64>),
    Float(Numbers<f64>),
    Boolean(Booleans),
    Text(Texts),
    BigInteger(Numbers<i128>),
}

impl Builder {
    /// For `rows` rows or so, of a part that begins at `part_start` of the file.
    pub(super) fn new(kind: Kind, rows: usize, part_start: usize) -> Self {
        match kind {
            Kind::Integer => Self::Integer(Numbers::new(rows)),
            Kind::Float => Self::Float(Numbers::new(rows)),
            Kind::Boolean => Self::Boolean(Booleans {
                values: MutableBitmap::with_capacity(rows),
                validity: Validity::default(),
            }),
            Kind::Text => Self::Text(Texts {
                views: Vec::with_capacity(rows),
                undoubled: Vec::new(),
                part_start,
                validity: Validity::default(),
            }),
            Kind::BigInteger => Self::BigInteger(Numbers::new(rows)),
        }
    }

    /// Adds a cell. What is no value of the column's type becomes null.
    #[inline]
    pub(super) fn add(&mut self, bytes: &[u8], field: &Field) -> Result<(), FieldError> {
        match self {
            Self::Integer(numbers) => numbers.add_field(bytes, field, integer),
            Self::Float(numbers) => numbers.add_field(bytes, field, float),
            Self::Boolean(booleans) => booleans.add_field(bytes, field),
            Self::BigInteger(numbers) => numbers.add_field(bytes, field, big_integer),
            Self::Text(texts) => return texts.add(bytes, field),
        }
        if field.quoting == Quoting::Unclosed { Err(FieldError::Unclosed) } else { Ok(()) }
    }

    /// Adds an empty cell.
    pub(super) fn add_null(&mut self) {
        match self {
            Self::Integer(numbers) => numbers.add(None),
            Self::Float(numbers) => numbers.add(None),
            Self::Boolean(booleans) => booleans.add(None),
            Self::BigInteger(numbers) => numbers.add(None),
            Self::Text(texts) => texts.add_null(),
        }
    }

    /// Cells with a text that is no value of the column's type.
    pub(super) fn lost(&self) -> usize {
        match self {
            Self::Integer(numbers) => numbers.validity.lost,
            Self::Float(numbers) => numbers.validity.lost,
            Self::Boolean(booleans) => booleans.validity.lost,
            Self::BigInteger(numbers) => numbers.validity.lost,
            Self::Text(_) => 0,
        }
    }

    /// The array. `part` are the bytes of the part, from its start on; long texts point into them.
    pub(super) fn finish(self, part: &Buffer<u8>) -> Result<PartArray, ReadError> {
        Ok(match self {
            Self::Integer(numbers) => PartArray::Integer(numbers.finish()),
            Self::Float(numbers) => PartArray::Float(numbers.finish()),
            Self::BigInteger(numbers) => PartArray::BigInteger(numbers.finish()),
            Self::Boolean(booleans) => PartArray::Boolean(booleans.finish()),
            Self::Text(texts) => PartArray::Text(texts.finish(part)?),
        })
    }
}

fn value_of<T>(bytes: &[u8], field: &Field, parse: impl Fn(&[u8]) -> Option<T>) -> Option<T> {
    match field.quoting {
        Quoting::None | Quoting::Plain => parse(field.content(bytes)),
        Quoting::Doubled | Quoting::TextAfter | Quoting::Unclosed => None,
    }
}

/// Which cells have a value. Nothing is written down until the first cell has none.
#[derive(Debug, Default)]
struct Validity {
    bits: Option<MutableBitmap>,
    /// Cells that have no value although something is written there.
    lost: usize,
}

impl Validity {
    /// Takes note of the cell after `before` others.
    #[inline]
    fn add(&mut self, valid: bool, before: usize) {
        if let Some(bits) = &mut self.bits {
            bits.push(valid);
        } else if !valid {
            let mut bits = MutableBitmap::with_capacity(before + 1);
            bits.extend_constant(before, true);
            bits.push(false);
            self.bits = Some(bits);
        }
    }

    /// Takes note of whether something is written in a cell without a value.
    fn add_lost(&mut self, bytes: &[u8], field: &Field) {
        self.lost += usize::from(!field.content(bytes).is_empty());
    }

    fn finish(self) -> Option<Bitmap> {
        self.bits.map(MutableBitmap::freeze)
    }
}

#[derive(Debug)]
pub(super) struct Numbers<T> {
    values: Vec<T>,
    validity: Validity,
}

impl<T: NativeType> Numbers<T> {
    fn new(rows: usize) -> Self {
        Self { values: Vec::with_capacity(rows), validity: Validity::default() }
    }

    #[inline]
    fn add_field(&mut self, bytes: &[u8], field: &Field, parse: impl Fn(&[u8]) -> Option<T>) {
        let value = value_of(bytes, field, parse);
        if value.is_none() {
            self.validity.add_lost(bytes, field);
        }
        self.add(value);
    }

    #[inline]
    fn add(&mut self, value: Option<T>) {
        self.validity.add(value.is_some(), self.values.len());
        self.values.push(value.unwrap_or_default());
    }

    fn finish(self) -> PrimitiveArray<T> {
        PrimitiveArray::from_vec(self.values).with_validity(self.validity.finish())
    }
}

#[derive(Debug)]
pub(super) struct Booleans {
    values: MutableBitmap,
    validity: Validity,
}

impl Booleans {
    fn add_field(&mut self, bytes: &[u8], field: &Field) {
        let value = value_of(bytes, field, boolean);
        if value.is_none() {
            self.validity.add_lost(bytes, field);
        }
        self.add(value);
    }

    fn add(&mut self, value: Option<bool>) {
        self.validity.add(value.is_some(), self.values.len());
        self.values.push(value.unwrap_or_default());
    }

    fn finish(self) -> BooleanArray {
        BooleanArray::new(ArrowDataType::Boolean, self.values.freeze(), self.validity.finish())
    }
}

#[derive(Debug)]
pub(super) struct Texts {
    views: Vec<View>,
    /// Long texts that had doubled quotes, one behind the other: they are nowhere in the file as they are.
    undoubled: Vec<u8>,
    part_start: usize,
    validity: Validity,
}

/// The buffer with the file's bytes, and the one with the undoubled texts.
const IN_FILE: u32 = 0;
const UNDOUBLED: u32 = 1;

impl Texts {
    #[inline]
    fn add(&mut self, bytes: &[u8], field: &Field) -> Result<(), FieldError> {
        if field.is_blank() {
            self.add_null();
            return Ok(());
        }
        let view = match field.quoting {
            Quoting::None | Quoting::Plain => {
                view_of(bytes, field.start, field.end, field.start.wrapping_sub(self.part_start))
            }
            Quoting::Doubled => {
                let offset = self.undoubled.len();
                undouble(field.content(bytes), &mut self.undoubled);
                let length = self.undoubled.len();
                let view = view_of(&self.undoubled, offset, length, offset);
                if length - offset <= View::MAX_INLINE_SIZE as usize {
                    self.undoubled.truncate(offset);
                    view
                } else {
                    view.map(|view| View { buffer_idx: UNDOUBLED, ..view })
                }
            }
            Quoting::TextAfter => return Err(FieldError::TextAfter),
            Quoting::Unclosed => return Err(FieldError::Unclosed),
        };
        self.validity.add(true, self.views.len());
        self.views.push(view.ok_or(FieldError::TooLong)?);
        Ok(())
    }

    fn add_null(&mut self) {
        self.validity.add(false, self.views.len());
        self.views.push(View::default());
    }

    fn finish(self, part: &Buffer<u8>) -> Result<Utf8ViewArray, ReadError> {
        let buffers = Buffer::from_vec(vec![part.clone(), Buffer::from_vec(self.undoubled)]);
        Utf8ViewArray::try_new(
            ArrowDataType::Utf8View,
            Buffer::from_vec(self.views),
            buffers,
            self.validity.finish(),
        )
        .map_err(|error| ReadError::Columns { reason: error.to_string() })
    }
}

/// The view of `bytes[start..end]`: short texts are in it, long ones are found at `offset` of their buffer.
#[inline]
fn view_of(bytes: &[u8], start: usize, end: usize, offset: usize) -> Option<View> {
    let length = end - start;
    if length > View::MAX_INLINE_SIZE as usize {
        let prefix = bytes.get(start..start + 4)?.first_chunk::<4>()?;
        return Some(View {
            length: u32::try_from(length).ok()?,
            prefix: u32::from_le_bytes(*prefix),
            buffer_idx: IN_FILE,
            offset: u32::try_from(offset).ok()?,
        });
    }
    // Sixteen bytes are loaded and those behind the text masked away: cheaper than copying a few of them.
    let Some(sixteen) = bytes.get(start..).and_then(|rest| rest.first_chunk::<16>()) else {
        return Some(View::new_inline(bytes.get(start..end)?));
    };
    let text = u128::from_le_bytes(*sixteen) & !(u128::MAX << (8 * length));
    Some(View {
        length: length as u32,
        prefix: text as u32,
        buffer_idx: (text >> 32) as u32,
        offset: (text >> 64) as u32,
    })
}

#[cfg(test)]
mod tests {
    use super::super::fields::field;
    use super::*;

    fn texts(bytes: &'static [u8]) -> Vec<Option<String>> {
        let mut builder = Builder::new(Kind::Text, 4, 0);
        let mut at = 0;
        loop {
            let found = field(bytes, at);
            builder.add(bytes, &found).unwrap();
            at = found.next;
            if found.ends_record {
                break;
            }
        }
        match builder.finish(&Buffer::from_static(bytes)).unwrap() {
            PartArray::Text(array) => array.iter().map(|text| text.map(str::to_owned)).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn texts_of_every_length_come_back() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            texts(b"a,,twelve bytes,thirteen byte,\"\",\"say \"\"hi\"\"\",\"a \"\"long\"\" one with quotes\",end"),
            [
                some("a"),
                None,
                some("twelve bytes"),
                some("thirteen byte"),
                some(""),
                some("say \"hi\""),
                some("a \"long\" one with quotes"),
                some("end")
            ]
        );
    }

    #[test]
    fn a_text_with_broken_quotes_is_an_error_and_a_number_is_null() {
        for (bytes, error) in [(&b"\"a\"b"[..], FieldError::TextAfter), (b"\"a", FieldError::Unclosed)] {
            let mut builder = Builder::new(Kind::Text, 1, 0);
            assert_eq!(builder.add(bytes, &field(bytes, 0)), Err(error));
        }
        let mut builder = Builder::new(Kind::Integer, 1, 0);
        builder.add(b"\"1\"2", &field(b"\"1\"2", 0)).unwrap();
        let PartArray::Integer(array) = builder.finish(&Buffer::new()).unwrap() else {
            panic!("no integers")
        };
        assert_eq!(array.iter().collect::<Vec<_>>(), [None]);
    }
}
