//! Local files as the inputs of agents and tools.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use analysis::agent::InputFile;
use anyhow::{Context, bail};
use serde_json::{Map, Value};

use crate::cli::{SlotFile, UsageError};

/// Reads each file, once.
pub(super) fn files(files: &[SlotFile]) -> anyhow::Result<BTreeMap<String, InputFile>> {
    let mut inputs = BTreeMap::new();
    for SlotFile { slot, path } in files {
        if inputs.contains_key(slot) {
            bail!(UsageError(format!("two files for the slot `{slot}`: a slot takes one")));
        }
        let bytes =
            fs::read(path).with_context(|| format!("reading the {slot} file {}", path.display()))?.into();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        inputs.insert(slot.clone(), InputFile { name, bytes });
    }
    Ok(inputs)
}

/// Reads a file of parameters: a JSON object. None, or `null` in the file, is an empty one.
pub(super) fn parameters(path: Option<&Path>) -> anyhow::Result<Map<String, Value>> {
    let Some(path) = path else { return Ok(Map::new()) };
    let reading = || format!("reading the parameters {}", path.display());
    let text = fs::read_to_string(path).with_context(reading)?;
    match serde_json::from_str(&text).with_context(reading)? {
        Value::Object(parameters) => Ok(parameters),
        Value::Null => Ok(Map::new()),
        _ => bail!("{}: the file must hold one JSON object", reading()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_keeps_its_name_and_its_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a b.csv");
        fs::write(&path, b"x\n\xff\n").unwrap();

        let inputs = files(&[SlotFile { slot: "primary".to_owned(), path }]).unwrap();

        let file = inputs.get("primary").unwrap();
        assert_eq!((file.name.as_str(), file.bytes.as_ref()), ("a b.csv", b"x\n\xff\n".as_slice()));
    }

    #[test]
    fn a_slot_takes_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        fs::write(&path, "x\n").unwrap();
        let file = SlotFile { slot: "primary".to_owned(), path };

        let error = files(&[file.clone(), file]).unwrap_err();

        assert!(error.is::<UsageError>(), "{error}");
    }

    #[test]
    fn parameters_are_an_object_or_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("parameters.json");
        let read = |text: &str| {
            fs::write(&path, text).unwrap();
            parameters(Some(&path)).map_err(|error| format!("{error:#}"))
        };

        assert_eq!(parameters(None).unwrap(), Map::new());
        assert_eq!(read("null"), Ok(Map::new()));
        assert_eq!(read("{\"a\": 1}").unwrap().get("a"), Some(&1.into()));
        assert!(read("[1]").unwrap_err().ends_with("the file must hold one JSON object"));
        assert!(read("{").unwrap_err().contains("parameters.json: EOF"));
        let missing = parameters(Some(&folder.path().join("none.json"))).unwrap_err();
        assert!(format!("{missing:#}").contains("none.json"), "{missing:#}");
    }
}
