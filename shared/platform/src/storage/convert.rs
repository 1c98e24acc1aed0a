//! What an input is before agents see it: CSV (platform.md 4.4). The one place for other formats.

use super::{InputError, InputFile};

/// Formats that the contract has us turn into CSV, by the extension of the name.
const CONVERTED_EXTENSIONS: [&str; 3] = ["xlsx", "xls", "json"];

/// The file as CSV. CSV stays as it is, and so does what no agent can read: it says so itself.
pub(super) fn to_csv(file: InputFile) -> Result<InputFile, InputError> {
    let extension = file.name.rsplit_once('.').map_or("", |(_, extension)| extension).to_lowercase();
    if CONVERTED_EXTENSIONS.contains(&extension.as_str()) {
        return Err(InputError::Unreadable {
            reason: format!("{extension} files cannot be read yet; upload the table as CSV"),
            file: file.name,
        });
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn file(name: &str) -> InputFile {
        InputFile { name: name.to_owned(), bytes: Bytes::from_static(b"a,b\n1,2\n") }
    }

    #[test]
    fn csv_and_unknown_formats_stay_as_they_are() {
        for name in ["data.csv", "DATA.CSV", "notes.txt", "data"] {
            assert_eq!(to_csv(file(name)).unwrap(), file(name));
        }
    }

    #[test]
    fn a_format_that_cannot_be_read_is_named_with_its_file() {
        let error = to_csv(file("sales 2024.XLSX")).unwrap_err();
        assert!(error.to_string().starts_with("400: "), "{error}");
        assert!(error.to_string().contains("sales 2024.XLSX"), "{error}");
        assert_eq!(error.code(), "PROCESSING_ERROR");
    }
}
