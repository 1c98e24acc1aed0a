//! The file cut into parts that are read at the same time.
//!
//! A part begins at the first line end that an even number of quotes precedes. That is a record's end in every well
//! formed file, but not in each file that can be read (a quote may stand inside an unquoted field). So each part
//! reads on to the end of its last record, and where this is not the assumed beginning of the next part, that part
//! is read again from the true place. The cuts depend on the file alone, never on the number of threads.

use bytes::Bytes;
use memchr::{memchr, memchr_iter};
use polars::prelude::{
    BooleanChunked, Column, Float64Chunked, Int64Chunked, Int128Chunked, IntoColumn, PlSmallStr,
    StringChunked,
};
use polars_buffer::Buffer;
use polars_core::runtime::RAYON;
use rayon::prelude::*;

use super::build::{Builder, FieldError, PartArray};
use super::fields::{LINE_END, QUOTE, field};
use super::{ReadError, ReadOptions, SurplusFields};
use crate::table::Kind;

/// Size of a part: small enough for all cores to have work, large enough for arrays to be worth their overhead.
const PART_BYTES: usize = 2 << 20;

/// Further bytes of a part per column, so that wide files do not become many tiny arrays.
const PART_BYTES_PER_COLUMN: usize = 2 << 10;

/// Size of the pieces that are surveyed at a time.
const SURVEY_BYTES: usize = 1 << 20;

/// What a look over the whole file has found.
#[derive(Debug)]
pub(super) struct Survey {
    /// Whether an odd number of quotes precedes each piece of [`SURVEY_BYTES`].
    odd_before: Vec<bool>,
}

impl Survey {
    /// Whether an odd number of quotes precedes a position.
    fn odd_at(&self, bytes: &[u8], position: usize) -> bool {
        let piece = position / SURVEY_BYTES;
        let since = bytes.get(piece * SURVEY_BYTES..position).unwrap_or_default();
        self.odd_before.get(piece).copied().unwrap_or(false) ^ (memchr_iter(QUOTE, since).count() % 2 == 1)
    }
}

/// Checks that the file is UTF-8 and counts its quotes.
pub(super) fn survey(bytes: &Bytes) -> Result<Survey, ReadError> {
    let pieces = bytes.len().div_ceil(SURVEY_BYTES);
    let odd: Vec<bool> = RAYON.install(|| {
        (0..pieces)
            .into_par_iter()
            .map(|piece| {
                let start = character_start(bytes, piece * SURVEY_BYTES);
                let end = character_start(bytes, (piece + 1) * SURVEY_BYTES);
                let piece_bytes = bytes.get(start..end).unwrap_or_default();
                if let Err(error) = simdutf8::compat::from_utf8(piece_bytes) {
                    return Err(ReadError::NotUtf8 { offset: start + error.valid_up_to() });
                }
                let counted = bytes.get(piece * SURVEY_BYTES..((piece + 1) * SURVEY_BYTES).min(bytes.len()));
                Ok(memchr_iter(QUOTE, counted.unwrap_or_default()).count() % 2 == 1)
            })
            .collect::<Result<_, _>>()
    })?;
    let mut so_far = false;
    let mut odd_before = Vec::with_capacity(pieces);
    for odd in odd {
        odd_before.push(so_far);
        so_far ^= odd;
    }
    Ok(Survey { odd_before })
}

/// The first position from `position` on where a character may begin.
fn character_start(bytes: &[u8], position: usize) -> usize {
    let rest = bytes.get(position..).unwrap_or_default();
    let continued = rest.iter().take(3).take_while(|byte| **byte & 0xc0 == 0x80).count();
    position.min(bytes.len()) + continued
}

/// Reads the data behind `body` into one column per name, with the number of cells of each whose text is no value of
/// the column's type.
pub(super) fn read(
    bytes: &Bytes,
    body: usize,
    names: &[String],
    kinds: &[Kind],
    options: ReadOptions,
    survey: &Survey,
) -> Result<(Vec<Column>, Vec<usize>), ReadError> {
    let size = PART_BYTES.max(names.len().saturating_mul(PART_BYTES_PER_COLUMN));
    read_in_parts(bytes, body, names, kinds, options, survey, size)
}

/// As [`read`], in parts of about `size` bytes.
fn read_in_parts(
    bytes: &Bytes,
    body: usize,
    names: &[String],
    kinds: &[Kind],
    options: ReadOptions,
    survey: &Survey,
    size: usize,
) -> Result<(Vec<Column>, Vec<usize>), ReadError> {
    let file = File {
        bytes,
        names,
        kinds,
        surplus_fields: options.surplus_fields,
        buffer: Buffer::from_owner(bytes.clone()),
    };
    let starts = cuts(bytes, body, size, survey);
    let read_from = |part: usize, start: usize| {
        let limit = starts.get(part + 1).copied().unwrap_or(bytes.len());
        file.read_part(start, limit)
    };
    let parts: Vec<Result<Part, PartError>> = RAYON
        .install(|| starts.par_iter().enumerate().map(|(part, start)| read_from(part, *start)).collect());
    let mut columns: Vec<Vec<PartArray>> = kinds.iter().map(|_| Vec::with_capacity(parts.len())).collect();
    let mut lost = vec![0; kinds.len()];
    let (mut next, mut rows) = (body, 0);
    for (index, (part, assumed)) in parts.into_iter().zip(&starts).enumerate() {
        let part = if *assumed == next { part } else { read_from(index, next) };
        let part = part.map_err(|error| file.error(&error, rows))?;
        next = part.end;
        rows += part.rows;
        for (column, array) in columns.iter_mut().zip(part.arrays) {
            column.push(array);
        }
        lost.iter_mut().zip(part.lost).for_each(|(lost, more)| *lost += more);
    }
    if u32::try_from(rows).is_err() {
        return Err(ReadError::TooLarge { reason: "it has more than 4,294,967,295 rows" });
    }
    let columns = columns.into_iter().zip(names).zip(kinds);
    Ok((columns.map(|((arrays, name), kind)| assemble(name, *kind, arrays)).collect(), lost))
}

/// Where the parts are assumed to begin.
fn cuts(bytes: &[u8], body: usize, size: usize, survey: &Survey) -> Vec<usize> {
    let mut starts = vec![body];
    let mut wanted = body.saturating_add(size);
    while wanted < bytes.len() {
        let Some(start) = record_start(bytes, wanted, survey.odd_at(bytes, wanted)) else { break };
        starts.push(start);
        wanted = start.saturating_add(size);
    }
    starts
}

/// Behind the first line end from `position` on that is outside of quotes; `None` if there is none or it is the last.
fn record_start(bytes: &[u8], position: usize, mut inside: bool) -> Option<usize> {
    let mut at = position;
    loop {
        let line_end = at + memchr(LINE_END, bytes.get(at..)?)?;
        inside ^= memchr_iter(QUOTE, bytes.get(at..line_end)?).count() % 2 == 1;
        at = line_end + 1;
        if !inside {
            return (at < bytes.len()).then_some(at);
        }
    }
}

struct File<'a> {
    bytes: &'a [u8],
    names: &'a [String],
    kinds: &'a [Kind],
    surplus_fields: SurplusFields,
    /// The same bytes, as the arrays hold them.
    buffer: Buffer<u8>,
}

struct Part {
    arrays: Vec<PartArray>,
    /// Per column the cells whose text is no value of its type.
    lost: Vec<usize>,
    rows: usize,
    /// Where the next record begins.
    end: usize,
}

enum PartError {
    /// Row of the part, 0-based.
    Surplus {
        row: usize,
    },
    Field {
        row: usize,
        column: usize,
        error: FieldError,
    },
    Array(ReadError),
}

impl File<'_> {
    /// Reads the records that begin at `start` or later and before `limit`.
    fn read_part(&self, start: usize, limit: usize) -> Result<Part, PartError> {
        let expected_rows = self.expected_rows(start, limit);
        let mut builders: Vec<Builder> =
            self.kinds.iter().map(|kind| Builder::new(*kind, expected_rows, start)).collect();
        let (mut at, mut rows) = (start, 0);
        while at < limit {
            at = self.read_record(at, rows, &mut builders)?;
            rows += 1;
        }
        let end = at.min(self.bytes.len()).max(start.min(self.bytes.len()));
        let part = self.buffer.clone().sliced(start.min(end)..end);
        let lost = builders.iter().map(Builder::lost).collect();
        let arrays = builders.into_iter().map(|builder| builder.finish(&part)).collect::<Result<_, _>>();
        Ok(Part { arrays: arrays.map_err(PartError::Array)?, lost, rows, end })
    }

    /// Reads one record; returns where the next begins.
    fn read_record(&self, mut at: usize, row: usize, builders: &mut [Builder]) -> Result<usize, PartError> {
        let mut columns = builders.iter_mut().enumerate();
        while let Some((column, builder)) = columns.next() {
            let found = field(self.bytes, at);
            builder.add(self.bytes, &found).map_err(|error| PartError::Field { row, column, error })?;
            at = found.next;
            if found.ends_record {
                columns.for_each(|(_, missing)| missing.add_null());
                return Ok(at);
            }
        }
        match self.surplus_fields {
            SurplusFields::Refuse => Err(PartError::Surplus { row }),
            SurplusFields::Drop => loop {
                let surplus = field(self.bytes, at);
                at = surplus.next;
                if surplus.ends_record {
                    return Ok(at);
                }
            },
        }
    }

    /// A little more rows than the first lines let expect, but never more than there can be full ones: short lines
    /// at the beginning must not make a wide file reserve memory that it will not need.
    fn expected_rows(&self, start: usize, limit: usize) -> usize {
        let part = self.bytes.get(start..limit).unwrap_or_default();
        let sample = part.get(..part.len().min(4096)).unwrap_or_default();
        let lines = memchr_iter(LINE_END, sample).count().max(1);
        let expected = part.len() / (sample.len() / lines).max(1);
        (expected + expected / 16).min(part.len() / self.kinds.len().max(1)) + 1
    }

    fn error(&self, error: &PartError, rows_before: usize) -> ReadError {
        match error {
            PartError::Surplus { row } => {
                ReadError::SurplusFields { row: rows_before + row + 1, columns: self.names.len() }
            }
            PartError::Field { row, column, error } => {
                let row = rows_before + row + 1;
                let column = self.names.get(*column).cloned().unwrap_or_default();
                match error {
                    FieldError::Unclosed => ReadError::UnclosedQuote { row, column },
                    FieldError::TextAfter => ReadError::TextAfterQuote { row, column },
                    FieldError::TooLong => {
                        ReadError::TooLarge { reason: "a part of it without a line end is beyond 4 GB" }
                    }
                }
            }
            PartError::Array(error) => error.clone(),
        }
    }
}

/// The arrays of all parts as one column.
fn assemble(name: &str, kind: Kind, arrays: Vec<PartArray>) -> Column {
    let name = PlSmallStr::from_str(name);
    macro_rules! column {
        ($chunked:ty, $kind:ident) => {
            <$chunked>::from_chunk_iter(
                name,
                arrays.into_iter().filter_map(|array| match array {
                    PartArray::$kind(array) => Some(array),
                    _ => None,
                }),
            )
            .into_column()
        };
    }
    match kind {
        Kind::Integer => column!(Int64Chunked, Integer),
        Kind::Float => column!(Float64Chunked, Float),
        Kind::Boolean => column!(BooleanChunked, Boolean),
        Kind::Text => column!(StringChunked, Text),
        Kind::BigInteger => column!(Int128Chunked, BigInteger),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Table;
    use polars::prelude::DataFrame;
    use proptest::prelude::*;

    /// The cells as text and what was lost per column, or the error.
    fn cells(csv: &Bytes, options: ReadOptions, size: usize) -> Result<Vec<Vec<String>>, ReadError> {
        let survey = survey(csv)?;
        let (names, body) = super::super::header::read(csv, 0)?;
        let kinds = super::super::types::infer(csv, body, names.len(), options);
        let (columns, lost) = read_in_parts(csv, body, &names, &kinds, options, &survey, size)?;
        let table = Table::new("x.csv", DataFrame::new_infer_height(columns).unwrap());
        let cells = |column: &crate::table::Column| {
            (0..table.height()).map(|row| format!("{:?}", column.cell(row))).collect::<Vec<_>>()
        };
        let lost = lost.iter().map(usize::to_string).collect();
        Ok(table.columns().iter().map(cells).chain([lost]).collect())
    }

    /// Fields that may be anything: numbers, quotes in and around them, line ends in quotes.
    fn csv() -> impl Strategy<Value = String> {
        let field = prop_oneof![
            4 => "[0-9]{0,3}".prop_map(String::from),
            2 => "[a-zé ]{0,20}".prop_map(String::from),
            2 => "\"[a-z,\n]{0,16}\"".prop_map(String::from),
            1 => "\"([a-z]|\"\"|\n){0,16}\"".prop_map(String::from),
            1 => "[a-z]\"{1,2}[a-z]?".prop_map(String::from),
        ];
        let record = prop::collection::vec(field, 1..4).prop_map(|fields| fields.join(","));
        prop::collection::vec(record, 0..40).prop_map(|records| format!("a,b,c\n{}", records.join("\n")))
    }

    proptest! {
        /// Wherever the file is cut, the cells are the same: also where a quote inside an unquoted field or a line
        /// end inside a quoted one misleads the cutting.
        #[test]
        fn the_cuts_change_nothing(csv in csv(), size in 1_usize..80, crlf in any::<bool>()) {
            let csv = Bytes::from(if crlf { csv.replace('\n', "\r\n") } else { csv });
            let options = ReadOptions::inferring(5);
            prop_assert_eq!(cells(&csv, options, size), cells(&csv, options, usize::MAX));
        }

        /// Bytes of any kind are read or refused, never more.
        #[test]
        fn any_bytes_get_an_answer(bytes in prop::collection::vec(prop_oneof![3 => prop::sample::select(b"a1,\"\n\r-.e".to_vec()), 1 => any::<u8>()], 0..200), size in 1_usize..50) {
            let csv = Bytes::from(bytes);
            for options in [ReadOptions::inferring(3), ReadOptions { surplus_fields: SurplusFields::Drop, ..ReadOptions::inferring(0) }] {
                let whole = cells(&csv, options, usize::MAX);
                prop_assert_eq!(cells(&csv, options, size), whole);
            }
        }
    }

    #[test]
    fn a_part_that_began_at_the_wrong_place_is_read_again() {
        // The single quote in the unquoted field makes every later line end look as if it were quoted.
        let mut csv = String::from("a,b,c\n1,5\" pipe,x\n");
        for row in 0..50 {
            csv += &format!("{row},\"two\nlines\",y\n");
        }
        let csv = Bytes::from(csv);
        let whole = cells(&csv, ReadOptions::inferring(100), usize::MAX).unwrap();
        assert_eq!(whole[0].len(), 51);
        for size in [10, 17, 40, 100] {
            assert_eq!(cells(&csv, ReadOptions::inferring(100), size).unwrap(), whole, "{size}");
        }
    }

    #[test]
    fn the_row_of_an_error_is_counted_over_all_parts() {
        let csv = Bytes::from(format!("a,b,c\n{}1,2,3,4\n", "1,2,3\n".repeat(99)));
        for size in [7, 64, usize::MAX] {
            let error = cells(&csv, ReadOptions::inferring(100), size).unwrap_err();
            assert_eq!(error, ReadError::SurplusFields { row: 100, columns: 3 }, "{size}");
        }
    }

    #[test]
    fn characters_are_not_cut_in_two() {
        let text = "é".repeat(SURVEY_BYTES);
        assert!(survey(&Bytes::from(format!("a{text}"))).is_ok());
        let mut broken = format!("a{text}").into_bytes();
        broken.push(0xff);
        let offset = broken.len() - 1;
        assert_eq!(survey(&Bytes::from(broken)).unwrap_err(), ReadError::NotUtf8 { offset });
    }
}
