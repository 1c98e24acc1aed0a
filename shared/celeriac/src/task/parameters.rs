//! From a call's arguments to a function's parameters, by Python's rules and with Python's words for what is wrong.

use std::collections::VecDeque;

use serde::de::value::Error as AbsentError;
use serde::de::{DeserializeOwned, Deserializer, Error, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::{Map, Value};

use super::{Arguments, TaskContext};
use crate::exception::Exception;

/// What a task function may take: anything that deserializes is an argument with a name; [`TaskContext`], [`Arguments`] and
/// [`Keywords`](super::Keywords) have none.
pub trait Parameter: Sized + Send + 'static {
    /// Whether a caller gives it under a name of its own.
    const NAMED: bool;
    /// Whether it takes the arguments that have no parameter of their own.
    const TAKES_REST: bool = false;

    /// Its value when the call leaves it out; `None` when it must be given.
    fn absent() -> Option<Self> {
        None
    }

    /// Reads it from a call whose earlier parameters have been read.
    ///
    /// # Errors
    /// `TypeError` when the argument is of another type.
    fn read(call: &mut Call) -> Result<Self, Exception>;
}

impl<T: DeserializeOwned + Send + 'static> Parameter for T {
    const NAMED: bool = true;

    fn absent() -> Option<Self> {
        T::deserialize(Absent).ok()
    }

    fn read(call: &mut Call) -> Result<Self, Exception> {
        let (name, given) = call.named.pop_front().unwrap_or(("", None));
        match given {
            Some(value) => T::deserialize(value).map_err(|error| wrong_type(&call.function, name, &error)),
            None => Self::absent().ok_or_else(|| missing(&call.function, &[name])),
        }
    }
}

impl Parameter for TaskContext {
    const NAMED: bool = false;

    fn read(call: &mut Call) -> Result<Self, Exception> {
        Ok(call.context.clone())
    }
}

/// What has no parameter of its own, as Python's `*args, **kwargs`.
impl Parameter for Arguments {
    const NAMED: bool = false;
    const TAKES_REST: bool = true;

    fn read(call: &mut Call) -> Result<Self, Exception> {
        Ok(std::mem::take(&mut call.rest))
    }
}

/// A call on its way into a function.
#[derive(Debug)]
pub struct Call {
    pub(super) context: TaskContext,
    /// As Python would call it in a message.
    pub(super) function: String,
    /// The arguments of the parameters that have names, in order.
    named: VecDeque<(&'static str, Option<Value>)>,
    pub(super) rest: Arguments,
}

/// The parameters of a function.
#[derive(Debug, Clone, Default)]
pub struct Parameters {
    named: Vec<Named>,
    takes_rest: bool,
    /// Names that no parameter has taken yet.
    names: VecDeque<&'static str>,
}

#[derive(Debug, Clone)]
struct Named {
    name: &'static str,
    default: Option<Value>,
    /// Whether its type has a word for not being there.
    optional: bool,
}

impl Parameters {
    /// None yet; those to come have these names.
    pub(super) fn new(names: &[&'static str]) -> Self {
        Self { names: names.iter().copied().collect(), ..Self::default() }
    }

    /// The next parameter.
    pub(super) fn push<P: Parameter>(&mut self) {
        self.takes_rest |= P::TAKES_REST;
        if P::NAMED {
            let name = self.names.pop_front().unwrap_or_default();
            self.named.push(Named { name, default: None, optional: P::absent().is_some() });
        }
    }

    pub(super) fn set_default(&mut self, name: &str, value: Value) {
        if let Some(parameter) = self.named.iter_mut().find(|parameter| parameter.name == name) {
            parameter.default = Some(value);
        }
    }

    /// Gives each argument to its parameter.
    ///
    /// # Errors
    /// `TypeError` when the call does not fit.
    pub(super) fn bind(&self, context: TaskContext, arguments: Arguments) -> Result<Call, Exception> {
        let function = function_name(context.name()).to_owned();
        let Arguments { args, kwargs } = arguments;
        let given = args.len();
        let mut positional = args.into_iter();
        let mut named: VecDeque<_> =
            self.named.iter().map(|parameter| (parameter.name, positional.next())).collect();
        let mut rest = Arguments { args: positional.collect(), kwargs: Map::new() };
        for (key, value) in kwargs {
            match named.iter_mut().find(|(name, _)| *name == key) {
                Some((_, empty @ None)) => *empty = Some(value),
                Some(_) => return Err(given_twice(&function, &key)),
                None if self.takes_rest => drop(rest.kwargs.insert(key, value)),
                None => return Err(unexpected(&function, &key)),
            }
        }
        if !self.takes_rest && !rest.args.is_empty() {
            let required = self.named.iter().filter(|parameter| !parameter.may_be_left_out()).count();
            return Err(too_many(&function, required, self.named.len(), given));
        }
        let mut lacking = Vec::new();
        for ((name, value), parameter) in named.iter_mut().zip(&self.named) {
            if value.is_none() {
                *value = parameter.default.clone();
                if value.is_none() && !parameter.optional {
                    lacking.push(*name);
                }
            }
        }
        if lacking.is_empty() {
            Ok(Call { context, function, named, rest })
        } else {
            Err(missing(&function, &lacking))
        }
    }
}

impl Named {
    fn may_be_left_out(&self) -> bool {
        self.optional || self.default.is_some()
    }
}

/// The last part of the task's name, as Python names functions in its messages.
fn function_name(task: &str) -> &str {
    task.rsplit('.').next().unwrap_or(task)
}

fn type_error(function: &str, what: impl std::fmt::Display) -> Exception {
    Exception::builtin("TypeError", format!("{function}() {what}"))
}

pub(super) fn missing(function: &str, names: &[&str]) -> Exception {
    let quoted: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
    let listed = match quoted.as_slice() {
        [first, second] => format!("{first} and {second}"),
        [others @ .., last] if !others.is_empty() => format!("{}, and {last}", others.join(", ")),
        few => few.concat(),
    };
    let plural = if names.len() == 1 { "" } else { "s" };
    type_error(
        function,
        format_args!("missing {} required positional argument{plural}: {listed}", names.len()),
    )
}

pub(super) fn unexpected(function: &str, name: &str) -> Exception {
    type_error(function, format_args!("got an unexpected keyword argument '{name}'"))
}

pub(super) fn given_twice(function: &str, name: &str) -> Exception {
    type_error(function, format_args!("got multiple values for argument '{name}'"))
}

pub(super) fn too_many(function: &str, required: usize, all: usize, given: usize) -> Exception {
    let (takes, plural) = if required == all {
        (all.to_string(), if all == 1 { "" } else { "s" })
    } else {
        (format!("from {required} to {all}"), "s")
    };
    let were = if given == 1 { "was" } else { "were" };
    type_error(function, format_args!("takes {takes} positional argument{plural} but {given} {were} given"))
}

pub(super) fn wrong_type(function: &str, name: &str, error: &serde_json::Error) -> Exception {
    type_error(function, format_args!("argument '{name}' has a wrong type: {error}"))
}

/// An argument that is not there: only what may be nothing can be read from it.
struct Absent;

impl<'de> Deserializer<'de> for Absent {
    type Error = AbsentError;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, AbsentError> {
        Err(AbsentError::custom("missing"))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, AbsentError> {
        visitor.visit_none()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, AbsentError> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct enum identifier ignored_any
    }
}
