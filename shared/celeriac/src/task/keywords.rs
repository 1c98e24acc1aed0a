//! A struct whose fields are a call's arguments.

use std::fmt::Display;

use serde::de::value::StringDeserializer;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::{Map, Value};

use super::Arguments;
use super::parameters::{Call, Parameter, given_twice, missing, too_many, unexpected, wrong_type};
use crate::exception::Exception;

/// A struct that holds the arguments which have no parameter of their own: a field is an argument, by name or in the order
/// of the fields. `#[serde(default)]` and `Option` make one that may be left out.
///
/// ```
/// use celeriac::task::{Keywords, Registry, TaskError, TypedTask};
///
/// #[derive(serde::Deserialize)]
/// struct Options {
///     title: String,
///     #[serde(default)]
///     pages: u32,
/// }
///
/// async fn report(user: i64, Keywords(options): Keywords<Options>) -> Result<String, TaskError> {
///     Ok(format!("{user}: {} ({} pages)", options.title, options.pages))
/// }
///
/// let mut registry = Registry::new();
/// registry.serve("report", TypedTask::new(["user"], report));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keywords<T>(pub T);

impl<T: DeserializeOwned + Send + 'static> Parameter for Keywords<T> {
    const NAMED: bool = false;
    const TAKES_REST: bool = true;

    fn read(call: &mut Call) -> Result<Self, Exception> {
        let fields = Fields { function: &call.function, arguments: std::mem::take(&mut call.rest) };
        T::deserialize(fields).map(Self).map_err(|error| error.into_exception(&call.function))
    }
}

/// Reads a struct from arguments.
struct Fields<'a> {
    function: &'a str,
    arguments: Arguments,
}

/// What was wrong.
#[derive(Debug)]
enum FieldError {
    Missing(&'static str),
    Wrong(Exception),
    Other(String),
}

impl FieldError {
    fn into_exception(self, function: &str) -> Exception {
        match self {
            Self::Missing(field) => missing(function, &[field]),
            Self::Wrong(exception) => exception,
            Self::Other(message) => Exception::builtin("TypeError", format!("{function}() {message}")),
        }
    }
}

impl Display for FieldError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing(field) => write!(f, "missing {field}"),
            Self::Wrong(exception) => exception.fmt(f),
            Self::Other(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for FieldError {}

impl Error for FieldError {
    fn custom<T: Display>(message: T) -> Self {
        Self::Other(message.to_string())
    }

    fn missing_field(field: &'static str) -> Self {
        Self::Missing(field)
    }
}

impl<'de> Deserializer<'de> for Fields<'_> {
    type Error = FieldError;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, FieldError> {
        let Arguments { args, kwargs } = self.arguments;
        let wrong = |exception| Err(FieldError::Wrong(exception));
        if args.len() > fields.len() {
            // Which fields may be left out is known to the struct alone.
            return wrong(too_many(self.function, fields.len(), fields.len(), args.len()));
        }
        let mut given: Map<String, Value> = fields.iter().map(ToString::to_string).zip(args).collect();
        for (name, value) in kwargs {
            if !fields.contains(&name.as_str()) {
                return wrong(unexpected(self.function, &name));
            }
            if given.contains_key(&name) {
                return wrong(given_twice(self.function, &name));
            }
            given.insert(name, value);
        }
        visitor.visit_map(Given { function: self.function, fields: given.into_iter(), value: None })
    }

    /// A map, or a struct whose fields are not all known to it: any keyword arguments, but none by position.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FieldError> {
        let Arguments { args, kwargs } = self.arguments;
        if !args.is_empty() {
            return Err(FieldError::Wrong(too_many(self.function, 0, 0, args.len())));
        }
        visitor.visit_map(Given { function: self.function, fields: kwargs.into_iter(), value: None })
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, FieldError> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct seq
        tuple tuple_struct map enum identifier ignored_any
    }
}

/// The fields that are given.
struct Given<'a> {
    function: &'a str,
    fields: serde_json::map::IntoIter,
    value: Option<(String, Value)>,
}

impl<'de> MapAccess<'de> for Given<'_> {
    type Error = FieldError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, FieldError> {
        let Some((name, value)) = self.fields.next() else { return Ok(None) };
        let key = seed.deserialize(StringDeserializer::new(name.clone()))?;
        self.value = Some((name, value));
        Ok(Some(key))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, FieldError> {
        let Some((name, value)) = self.value.take() else {
            return Err(FieldError::custom("a value was read before its name"));
        };
        seed.deserialize(value).map_err(|error| FieldError::Wrong(wrong_type(self.function, &name, &error)))
    }
}
