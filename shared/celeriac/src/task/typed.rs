//! Functions with typed parameters as tasks.
//!
//! Here: how a function becomes a [`Task`]. How a call's arguments become its parameters stands in `parameters`.

use std::future::Future;
use std::panic::resume_unwind;
use std::sync::Arc;

use async_trait::async_trait;
use serde::Serialize;
use serde_json::Value;

use super::parameters::{Call, Parameter, Parameters};
use super::{Arguments, Task, TaskContext, TaskError, TaskOptions};
use crate::exception::Exception;

/// A function as a task.
///
/// Its parameters are read from the call by position or by name, as Python does it: the names are given once, here, one for
/// each parameter but a [`TaskContext`], the rest of the [`Arguments`], or [`Keywords`](super::Keywords). An `Option` may be
/// left out, and so may what has a [default](Self::default_value). A call that does not fit fails with Python's `TypeError`.
/// It returns a `Result`: of anything that serializes, and an error that is or becomes a [`TaskError`], which every
/// ordinary Rust error does.
///
/// ```
/// use celeriac::task::{Registry, TaskContext, TaskError, TypedTask};
///
/// async fn add(x: f64, y: f64) -> Result<f64, TaskError> {
///     Ok(x + y)
/// }
///
/// fn count_words(context: TaskContext, path: String, at_least: usize) -> Result<usize, std::io::Error> {
///     let text = std::fs::read_to_string(path)?;
///     Ok(text.split_whitespace().filter(|word| word.len() >= at_least).count())
/// }
///
/// let mut registry = Registry::new();
/// registry.serve("tasks.add", TypedTask::new(["x", "y"], add));
/// registry.serve(
///     "tasks.count_words",
///     TypedTask::blocking(["path", "at_least"], count_words)
///         .default_value("at_least", 1)
///         .options(|options| options.autoretry_for = vec!["OSError".into()]),
/// );
/// assert_eq!(registry.names(), ["tasks.add", "tasks.count_words"]);
/// ```
///
/// The number of names is checked when it is compiled:
///
/// ```compile_fail
/// # use celeriac::task::{TaskError, TypedTask};
/// async fn add(x: f64, y: f64) -> Result<f64, TaskError> {
///     Ok(x + y)
/// }
/// TypedTask::new(["x"], add);
/// ```
pub struct TypedTask<F, Kind> {
    function: F,
    parameters: Parameters,
    options: TaskOptions,
    kind: std::marker::PhantomData<fn() -> Kind>,
}

impl<F, Kind> std::fmt::Debug for TypedTask<F, Kind> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TypedTask").field("parameters", &self.parameters).finish_non_exhaustive()
    }
}

impl<F, Given> TypedTask<F, Async<Given>>
where
    F: Function<Async<Given>>,
{
    /// A task of an async function. It must not block: what computes long or waits in the operating system is
    /// [blocking](TypedTask::blocking).
    pub fn new<const N: usize>(names: [&'static str; N], function: F) -> Self {
        const { assert!(N == F::NAMED, "one name for each parameter that a caller gives") }
        Self::of(&names, function)
    }
}

impl<F, Given> TypedTask<Arc<F>, Blocking<Given>>
where
    Arc<F>: Function<Blocking<Given>>,
{
    /// A task of an ordinary function, which runs on a thread for blocking work. Such a thread cannot be ended from
    /// outside: a function that runs long asks its context's
    /// [cancellation](TaskContext::cancellation) now and then.
    pub fn blocking<const N: usize>(names: [&'static str; N], function: F) -> Self {
        const { assert!(N == <Arc<F>>::NAMED, "one name for each parameter that a caller gives") }
        Self::of(&names, Arc::new(function))
    }
}

impl<F: Function<Kind>, Kind> TypedTask<F, Kind> {
    fn of(names: &[&'static str], function: F) -> Self {
        let parameters = F::parameters(names);
        Self { function, parameters, options: TaskOptions::default(), kind: std::marker::PhantomData }
    }

    /// What a parameter is when a call leaves it out. A name that is none of the parameters' changes nothing.
    #[must_use]
    pub fn default_value(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.parameters.set_default(name, value.into());
        self
    }

    /// Changes the task's options.
    #[must_use]
    pub fn options(mut self, change: impl FnOnce(&mut TaskOptions)) -> Self {
        change(&mut self.options);
        self
    }
}

#[async_trait]
impl<F: Function<Kind>, Kind: 'static> Task for TypedTask<F, Kind> {
    async fn run(&self, context: TaskContext, arguments: Arguments) -> Result<Value, TaskError> {
        let call = self.parameters.bind(context, arguments)?;
        self.function.call(call).await
    }

    fn options(&self) -> TaskOptions {
        self.options.clone()
    }
}

/// Marks async functions with these parameters.
#[derive(Debug)]
pub struct Async<Given>(std::marker::PhantomData<Given>);
/// Marks ordinary functions with these parameters.
#[derive(Debug)]
pub struct Blocking<Given>(std::marker::PhantomData<Given>);

/// A function of up to eight [parameters](Parameter) that can be a [`TypedTask`]. Nothing else needs to implement it.
pub trait Function<Kind>: Send + Sync + 'static {
    /// How many of its parameters have names.
    const NAMED: usize;

    /// Its parameters under these names.
    fn parameters(names: &[&'static str]) -> Parameters;

    /// Reads its parameters and calls it.
    fn call(&self, call: Call) -> impl Future<Output = Result<Value, TaskError>> + Send;
}

/// What a function returned, as what a task returns.
fn end<T: Serialize, E: Into<TaskError>>(returned: Result<T, E>) -> Result<Value, TaskError> {
    serde_json::to_value(returned.map_err(Into::into)?).map_err(|error| {
        Exception::not_serializable(format!("the task's return value is no JSON: {error}")).into()
    })
}

macro_rules! function {
    ($($parameter:ident),*) => {
        impl<F, R, T, E, $($parameter),*> Function<Async<($($parameter,)*)>> for F
        where
            F: Fn($($parameter),*) -> R + Send + Sync + 'static,
            R: Future<Output = Result<T, E>> + Send,
            T: Serialize,
            E: Into<TaskError>,
            $($parameter: Parameter,)*
        {
            const NAMED: usize = 0 $(+ $parameter::NAMED as usize)*;

            fn parameters(names: &[&'static str]) -> Parameters {
                #[allow(unused_mut, reason = "functions without parameters")]
                let mut parameters = Parameters::new(names);
                $(parameters.push::<$parameter>();)*
                parameters
            }

            #[allow(non_snake_case, unused_mut, unused_variables, reason = "a variable per type; none may be there")]
            async fn call(&self, mut call: Call) -> Result<Value, TaskError> {
                let running = {
                    $(let $parameter = $parameter::read(&mut call)?;)*
                    self($($parameter),*)
                };
                end(running.await)
            }
        }

        impl<F, T, E, $($parameter),*> Function<Blocking<($($parameter,)*)>> for Arc<F>
        where
            F: Fn($($parameter),*) -> Result<T, E> + Send + Sync + 'static,
            T: Serialize,
            E: Into<TaskError>,
            $($parameter: Parameter,)*
        {
            const NAMED: usize = 0 $(+ $parameter::NAMED as usize)*;

            fn parameters(names: &[&'static str]) -> Parameters {
                #[allow(unused_mut, reason = "functions without parameters")]
                let mut parameters = Parameters::new(names);
                $(parameters.push::<$parameter>();)*
                parameters
            }

            #[allow(non_snake_case, unused_mut, unused_variables, reason = "a variable per type; none may be there")]
            async fn call(&self, mut call: Call) -> Result<Value, TaskError> {
                $(let $parameter = $parameter::read(&mut call)?;)*
                let (function, span) = (self.clone(), tracing::Span::current());
                let run = move || span.in_scope(|| end(function($($parameter),*)));
                let ended = tokio::task::spawn_blocking(run).await;
                // A panic goes on where it would have gone without the thread.
                ended.unwrap_or_else(|error| match error.try_into_panic() {
                    Ok(panic) => resume_unwind(panic),
                    Err(error) => Err(error.into()),
                })
            }
        }
    };
}

function!();
function!(A);
function!(A, B);
function!(A, B, C);
function!(A, B, C, D);
function!(A, B, C, D, G);
function!(A, B, C, D, G, H);
function!(A, B, C, D, G, H, I);
function!(A, B, C, D, G, H, I, J);
