//! What a body may be: the content types that a reader accepts, and the way from a message's bytes to a value
//! (celery-wire.md 1.6). How each format is read stands in a file of its own. `content-encoding` is not looked at: like
//! kombu's, each of these formats knows its own.

use std::borrow::Cow;

use serde_json::Value;

use super::compression::{self, Compression};
use super::{Envelope, Malformed, json, msgpack, shown, typed, yaml};

/// The content type of a body that is JSON.
pub(super) const JSON_CONTENT_TYPE: &str = "application/json";

/// A format that bodies are read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    Msgpack,
    Yaml,
}

/// Celery's name, MIME type, format.
const FORMATS: [(&str, &str, Format); 3] = [
    ("json", JSON_CONTENT_TYPE, Format::Json),
    ("msgpack", "application/x-msgpack", Format::Msgpack),
    ("yaml", "application/x-yaml", Format::Yaml),
];
const PICKLE: [&str; 2] = ["pickle", "application/x-python-serialize"];
/// Types of bodies that are not deserialized. Python lets them pass; no task can be in one.
const RAW: [&str; 3] = [RAW_CONTENT_TYPE, "application/text", "text/plain"];
/// The content type of bytes that mean nothing to kombu.
pub(super) const RAW_CONTENT_TYPE: &str = "application/data";

/// A value in memory takes many times the two bytes that it may have in a text, and those bytes compress to nothing. So a
/// compressed body may hold only one value for so many bytes of what it may become: two million by default.
const BYTES_FOR_A_VALUE: usize = 64;
/// Why a decompressed body is refused that holds more.
pub(super) const TOO_MANY_VALUES: &str =
    "it holds more values than a compressed body may; send it uncompressed";

/// What a reader of messages accepts: which content types (Celery's `accept_content`), and how large a body may become
/// when it is decompressed. The default accepts JSON and [`compression::MAX_DECOMPRESSED`] bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AcceptContent {
    formats: [bool; FORMATS.len()],
    max_decompressed: usize,
}

/// A content type that cannot be accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContentError {
    /// Nothing here reads it.
    #[error("accept_content has {0}, which nothing here reads; use json, msgpack, yaml or their MIME types")]
    Unknown(String),
    /// Reading it would run what the sender wrote.
    #[error(
        "accept_content has {0}: pickled messages run their sender's code and are never read; \
         let the sender use task_serializer=\"json\" and take it off the list"
    )]
    Pickle(String),
}

impl Default for AcceptContent {
    fn default() -> Self {
        Self {
            formats: FORMATS.map(|(_, _, format)| format == Format::Json),
            max_decompressed: compression::MAX_DECOMPRESSED,
        }
    }
}

impl AcceptContent {
    /// Accepts the content types of these names (`json`) or MIME types (`application/json`), as Celery's setting takes them.
    ///
    /// # Errors
    /// [`ContentError`] for pickle, and for a name that is unknown here.
    pub fn new<N: AsRef<str>>(names: impl IntoIterator<Item = N>) -> Result<Self, ContentError> {
        let mut formats = [false; FORMATS.len()];
        for name in names {
            let name = name.as_ref();
            let mut known = RAW.contains(&name);
            for (accepted, (short, mime, _)) in formats.iter_mut().zip(FORMATS) {
                let meant = name == short || name == mime;
                *accepted |= meant;
                known |= meant;
            }
            if PICKLE.contains(&name) {
                return Err(ContentError::Pickle(shown(name)));
            }
            if !known {
                return Err(ContentError::Unknown(shown(name)));
            }
        }
        Ok(Self { formats, ..Self::default() })
    }

    /// The same, for bodies of at most so many bytes after decompression.
    #[must_use]
    pub fn max_decompressed(self, bytes: usize) -> Self {
        Self { max_decompressed: bytes, ..self }
    }

    fn accepted(&self) -> impl Iterator<Item = (&'static str, Format)> {
        FORMATS
            .into_iter()
            .zip(self.formats)
            .filter(|(_, accepted)| *accepted)
            .map(|((_, mime, format), _)| (mime, format))
    }
}

impl Envelope {
    /// The value of a JSON body, decompressed; typed values in kombu's form.
    ///
    /// # Errors
    /// [`Malformed`] when it is no JSON body, or cannot be read.
    pub fn decoded_body(&self) -> Result<Value, Malformed> {
        Ok(Decoded::read(self, &AcceptContent::default())?.value)
    }
}

/// A body's value.
pub(super) struct Decoded<'a> {
    /// The value, typed values in kombu's form.
    pub(super) value: Value,
    /// Whether there are any.
    pub(super) typed: bool,
    /// The JSON text that it was read from, if it was.
    pub(super) json: Option<Cow<'a, [u8]>>,
}

impl<'a> Decoded<'a> {
    /// Reads the body of a message.
    pub(super) fn read(envelope: &'a Envelope, accept: &AcceptContent) -> Result<Self, Malformed> {
        let wrong = |reason: String| Malformed::dead_letter(reason, envelope.task_id());
        let format = Self::format(envelope.content_type()?, accept).map_err(wrong)?;
        let mut bytes = envelope.body_bytes()?;
        let mut most_values = usize::MAX;
        if let Some(compression) = Self::compression(envelope).map_err(wrong)? {
            let decompressed = compression.decompress(&bytes, accept.max_decompressed);
            bytes = decompressed.map_err(|error| wrong(format!("the body: {error}")))?.into();
            most_values = accept.max_decompressed / BYTES_FOR_A_VALUE;
        }
        let (value, typed) = match format {
            Format::Json => read_json(&bytes, most_values),
            Format::Msgpack => msgpack::read(&bytes, most_values)
                .map_err(|error| format!("the body is not msgpack ({error})")),
            Format::Yaml => {
                yaml::read(&bytes, most_values).map_err(|error| format!("the body is not YAML ({error})"))
            }
        }
        .map_err(wrong)?;
        Ok(Self { value, typed, json: (format == Format::Json).then_some(bytes) })
    }

    fn format(content_type: Option<&str>, accept: &AcceptContent) -> Result<Format, String> {
        let Some(name) = content_type else {
            return Err("`content-type` is missing: nothing tells how to read the body".into());
        };
        if RAW.contains(&name) {
            return Err(format!("the body is raw data ({name}), which holds no task"));
        }
        accept.accepted().find_map(|(mime, format)| (mime == name).then_some(format)).ok_or_else(|| {
            let accepted: Vec<&str> = accept.accepted().map(|(mime, _)| mime).collect();
            format!("content type {} is not accepted; accepted: {}", shown(name), accepted.join(", "))
        })
    }

    /// What header `compression` names; Python takes everything that counts as false for none.
    fn compression(envelope: &Envelope) -> Result<Option<Compression>, String> {
        match envelope.headers().get("compression") {
            None | Some(Value::Null | Value::Bool(false)) => Ok(None),
            Some(Value::String(name)) if name.is_empty() => Ok(None),
            Some(Value::String(name)) => name.parse().map(Some).map_err(|error| format!("the body: {error}")),
            Some(_) => Err("header `compression` is not a text".into()),
        }
    }
}

fn read_json(bytes: &[u8], most_values: usize) -> Result<(Value, bool), String> {
    if bytes.len() > most_values && json::count_values(bytes) > most_values {
        return Err(format!("the body is not read: {TOO_MANY_VALUES}"));
    }
    let value = json::from_slice(bytes).map_err(|error| format!("the body is not JSON ({error})"))?;
    let typed =
        typed::may_be_in(bytes) && typed::check(&value).map_err(|error| format!("the body: {error}"))?;
    Ok((value, typed))
}
