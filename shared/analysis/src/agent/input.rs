//! What an agent is given: files by slot, read once per way of reading, and its parameters. A file may be a table that
//! another agent handed on: it is never written and parsed in between.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use serde_json::Value;

use super::AgentError;
use crate::answer::CleanedFile;
use crate::parameters::Parameters;
use crate::table::{Kind, ReadError, ReadOptions, Table, is_csv_name};

/// The content of a file slot. Spreadsheets and JSON have been converted to CSV by then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputFile {
    /// File name, extension included.
    pub name: String,
    /// The file itself.
    pub bytes: Bytes,
}

/// A file that is read at most once per way of reading. Clones share what was read.
#[derive(Debug, Clone)]
pub struct Input(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    source: Source,
    tables: Mutex<Vec<(ReadOptions, Reading)>>,
}

/// Where the table comes from.
#[derive(Debug)]
enum Source {
    File(InputFile),
    HandedOn(CleanedFile),
}

impl Source {
    fn name(&self) -> &str {
        match self {
            Self::File(file) => &file.name,
            Self::HandedOn(file) => &file.name,
        }
    }

    fn read(&self, options: ReadOptions) -> Reading {
        match self {
            Self::File(file) => Table::read_csv(&file.name, &file.bytes, options).map(Arc::new),
            Self::HandedOn(file) => file.table.read_again(&file.name, options).map(Arc::new),
        }
    }

    /// The types that reading would give, found without reading; `None` where that cannot be told.
    fn kinds(&self, options: ReadOptions) -> Option<Vec<Kind>> {
        match self {
            Self::File(file) => Table::kinds_of_csv(&file.bytes, options).ok(),
            Self::HandedOn(file) => file.table.kinds_read_again(options),
        }
    }
}

/// How reading went, shared.
type Reading = Result<Arc<Table>, ReadError>;

impl Input {
    /// An input that has not been read yet.
    pub fn new(file: InputFile) -> Self {
        Self::of(Source::File(file))
    }

    /// What another agent made, as if it had been written and came back as a file.
    pub fn handed_on(file: CleanedFile) -> Self {
        Self::of(Source::HandedOn(file))
    }

    fn of(source: Source) -> Self {
        Self(Arc::new(Shared { source, tables: Mutex::default() }))
    }

    /// Name of the file, extension included.
    pub fn name(&self) -> &str {
        self.0.source.name()
    }

    /// The file as a table; the first call with these options reads it, later calls share the result. Options that
    /// come to the same types of all columns share one table, too.
    ///
    /// Reads on the data engine's threads, so it must not be called from one of them: a thread that waits for a
    /// table there could be the one that has to read it.
    ///
    /// # Errors
    /// As [`Table::read_csv`]; the error is remembered, too.
    pub fn table(&self, options: ReadOptions) -> Reading {
        // Held while reading, so that two agents at once do not read the same file twice. Nothing is written
        // before a table is complete, so a panic of another agent leaves the list sound.
        let mut tables = self.0.tables.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, table)) = tables.iter().find(|(known, _)| *known == options) {
            return table.clone();
        }
        // Ways of reading that differ in the number of rows that decide on the types only, and decide the same.
        let candidates = tables.iter().filter(|(known, _)| known.differs_in_rows_only(options));
        let candidates: Vec<&Arc<Table>> = candidates.filter_map(|(_, table)| table.as_ref().ok()).collect();
        let kinds = if candidates.is_empty() { None } else { self.0.source.kinds(options) };
        let same =
            kinds.and_then(|kinds| candidates.iter().find(|table| table.kinds().eq(kinds.iter().copied())));
        let table = match same {
            Some(table) => Ok(Arc::clone(table)),
            None => self.0.source.read(options),
        };
        tables.push((options, table.clone()));
        table
    }
}

/// Files and parameters of one agent.
#[derive(Debug, Clone, Copy)]
pub struct AgentInput<'a> {
    agent_id: &'a str,
    files: &'a BTreeMap<String, Input>,
    parameters: &'a Value,
}

impl<'a> AgentInput<'a> {
    /// Files by slot and the agent's own parameters.
    pub fn new(agent_id: &'a str, files: &'a BTreeMap<String, Input>, parameters: &'a Value) -> Self {
        Self { agent_id, files, parameters }
    }

    /// The parameters.
    ///
    /// # Errors
    /// When they are neither an object nor empty (null, `{}`, `[]`, `""`, 0, false).
    pub fn parameters(&self) -> Result<Parameters<'a>, AgentError> {
        Parameters::new(self.agent_id, self.parameters)
    }

    /// Name of the file of a slot, if there is one.
    pub fn file_name(&self, slot: &str) -> Option<&'a str> {
        self.files.get(slot).map(Input::name)
    }

    /// The file of a slot as a table.
    ///
    /// # Errors
    /// When the slot is empty, the file's name does not end in `.csv` (any case), or it cannot be read.
    pub fn table(&self, slot: &str, options: ReadOptions) -> Result<Arc<Table>, AgentError> {
        let Some(input) = self.files.get(slot) else {
            return Err(AgentError::MissingFile {
                agent_id: self.agent_id.to_owned(),
                slot: slot.to_owned(),
            });
        };
        let name = input.name();
        if !is_csv_name(name) {
            return Err(AgentError::NotCsv { name: name.to_owned() });
        }
        input.table(options).map_err(|reason| AgentError::Unreadable { name: name.to_owned(), reason })
    }

    /// The file of a slot as a table that is of no use without rows.
    ///
    /// # Errors
    /// As [`Self::table`], and when it has no rows.
    pub fn table_with_rows(&self, slot: &str, options: ReadOptions) -> Result<Arc<Table>, AgentError> {
        let table = self.table(slot, options)?;
        if table.height() == 0 {
            return Err(AgentError::NoRows { name: table.name().to_owned() });
        }
        Ok(table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::SurplusFields;

    fn files(name: &str, bytes: &'static [u8]) -> BTreeMap<String, Input> {
        let file = InputFile { name: name.to_owned(), bytes: Bytes::from_static(bytes) };
        BTreeMap::from([("primary".to_owned(), Input::new(file))])
    }

    #[test]
    fn a_file_is_read_once_per_way_of_reading() {
        let files = files("A.CSV", b"a\n1\n");
        let input = AgentInput::new("x", &files, &Value::Null);
        let first = input.table("primary", ReadOptions::inferring(10_000)).unwrap();
        let second = input.table("primary", ReadOptions::inferring(10_000)).unwrap();
        assert!(Arc::ptr_eq(&first, &second));
    }

    #[test]
    fn ways_of_reading_that_come_to_the_same_types_share_a_table() {
        let files = files("a.csv", b"a,b\n1,x\n2,y\nz,\n");
        let input = AgentInput::new("x", &files, &Value::Null);
        let read = |rows| input.table("primary", ReadOptions::inferring(rows)).unwrap();
        let (whole, two, one) = (read(10_000), read(2), read(1));
        // The third row makes a text of column `a`, for those who look at it.
        assert!(!Arc::ptr_eq(&whole, &two) && Arc::ptr_eq(&two, &one));
        let dropping = ReadOptions { surplus_fields: SurplusFields::Drop, ..ReadOptions::inferring(1) };
        assert!(!Arc::ptr_eq(&input.table("primary", dropping).unwrap(), &one));
    }

    #[test]
    fn what_was_handed_on_is_read_by_every_way_of_reading_too() {
        let table =
            Table::read_csv("a.csv", &Bytes::from("a,b\n1,x\n2,y\n"), ReadOptions::inferring(0)).unwrap();
        let file = CleanedFile { name: "cleaned_a.csv".to_owned(), table: Arc::new(table) };
        let files = BTreeMap::from([("primary".to_owned(), Input::handed_on(file))]);
        let input = AgentInput::new("x", &files, &Value::Null);
        let read = |rows| input.table("primary", ReadOptions::inferring(rows)).unwrap();
        let (whole, one, none) = (read(10_000), read(1), read(0));
        assert!(Arc::ptr_eq(&whole, &one) && !Arc::ptr_eq(&one, &none));
        assert_eq!((whole.name(), input.file_name("primary")), ("cleaned_a.csv", Some("cleaned_a.csv")));
        assert_eq!(whole.kinds().collect::<Vec<_>>(), [Kind::Integer, Kind::Text]);
    }

    #[test]
    fn errors_name_the_slot_or_the_file() {
        let files = files("notes.txt", b"");
        let input = AgentInput::new("drift-detector", &files, &Value::Null);
        let missing = input.table("baseline", ReadOptions::inferring(100)).unwrap_err().to_string();
        assert!(missing.contains("drift-detector") && missing.contains("baseline"), "{missing}");
        let refused = input.table("primary", ReadOptions::inferring(100)).unwrap_err().to_string();
        assert!(refused.contains("notes.txt"), "{refused}");
    }
}
