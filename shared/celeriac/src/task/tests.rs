//! Typed tasks, called as a worker calls them.

use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::message::{Envelope, Request};

struct Nobody;

#[async_trait]
impl Audience for Nobody {
    fn progress(&self, _: Value) {}

    async fn state(&self, _: &str, _: Value) -> Result<(), crate::results::ResultError> {
        Ok(())
    }
}

/// Calls a task as `tasks.f`.
async fn call(task: &impl Task, args: Value, kwargs: Value) -> Result<Value, String> {
    let element = json!({
        "body": json!([args, kwargs, {}]).to_string(), "content-type": "application/json",
        "headers": {"task": "tasks.f", "id": "i"}, "properties": {},
    });
    let envelope = Envelope::parse(element.to_string().as_bytes()).unwrap();
    let request = Request::decode(envelope, &Default::default()).unwrap();
    let arguments = Arguments { args: request.args.clone(), kwargs: request.kwargs.clone() };
    let (options, nobody) = (TaskOptions::default(), std::sync::Arc::new(Nobody));
    let context = TaskContext::new(request.into(), "w@h".into(), Default::default(), &options, nobody);
    task.run(context, arguments).await.map_err(|error| match error {
        TaskError::Failure(exception) => exception.to_string().replace("\\'", "'"),
        other => format!("{other:?}"),
    })
}

async fn f(x: i64, y: i64, z: i64) -> Result<i64, TaskError> {
    Ok(100 * x + 10 * y + z)
}

#[tokio::test]
async fn arguments_find_their_parameters() {
    let task = TypedTask::new(["x", "y", "z"], f).default_value("z", 3);
    for (args, kwargs) in [
        (json!([1, 2]), json!({})),
        (json!([1]), json!({"y": 2})),
        (json!([]), json!({"z": 3, "y": 2, "x": 1})),
        (json!([1, 2, 3]), json!({})),
    ] {
        assert_eq!(call(&task, args, kwargs).await, Ok(json!(123)));
    }
}

/// The right-hand sides are what CPython 3.11 says of `def f(x, y, z)` and, where `z` has a default, `def f(x, y, z=3)`.
#[tokio::test]
async fn a_call_that_does_not_fit_fails_as_in_python() {
    let strict = TypedTask::new(["x", "y", "z"], f);
    let lenient = TypedTask::new(["x", "y", "z"], f).default_value("z", 3);
    let none = TypedTask::new([], async || Ok::<_, TaskError>(0));
    let one = TypedTask::new(["x"], async |x: i64| Ok::<_, TaskError>(x));
    for (result, expected) in [
        (
            call(&strict, json!([]), json!({})).await,
            "missing 3 required positional arguments: 'x', 'y', and 'z'",
        ),
        (call(&strict, json!([1]), json!({})).await, "missing 2 required positional arguments: 'y' and 'z'"),
        (call(&lenient, json!([1]), json!({})).await, "missing 1 required positional argument: 'y'"),
        (
            call(&strict, json!([1, 2, 3, 4]), json!({})).await,
            "takes 3 positional arguments but 4 were given",
        ),
        (
            call(&lenient, json!([1, 2, 3, 4]), json!({})).await,
            "takes from 2 to 3 positional arguments but 4 were given",
        ),
        (call(&none, json!([1]), json!({})).await, "takes 0 positional arguments but 1 was given"),
        (call(&one, json!([1, 2]), json!({})).await, "takes 1 positional argument but 2 were given"),
        (call(&strict, json!([1]), json!({"w": 1})).await, "got an unexpected keyword argument 'w'"),
        (call(&strict, json!([1, 2]), json!({"x": 1})).await, "got multiple values for argument 'x'"),
        (
            call(&one, json!(["a"]), json!({})).await,
            "argument 'x' has a wrong type: invalid type: string \"a\", expected i64",
        ),
        (
            call(&one, json!([null]), json!({})).await,
            "argument 'x' has a wrong type: invalid type: null, expected i64",
        ),
    ] {
        assert_eq!(result, Err(format!("TypeError('f() {expected}')")));
    }
}

#[tokio::test]
async fn what_may_be_left_out() {
    let task = TypedTask::new(["a", "b"], async |a: Option<i64>, b: Option<Vec<String>>| {
        Ok::<_, TaskError>(json!([a, b]))
    });
    assert_eq!(call(&task, json!([]), json!({})).await, Ok(json!([null, null])));
    assert_eq!(call(&task, json!([null]), json!({"b": ["x"]})).await, Ok(json!([null, ["x"]])));
}

#[derive(serde::Deserialize)]
struct Options {
    title: String,
    #[serde(default)]
    pages: u32,
    author: Option<String>,
}

#[tokio::test]
async fn a_struct_takes_the_rest() {
    let task = TypedTask::new(["user"], async |user: i64, Keywords(options): Keywords<Options>| {
        Ok::<_, TaskError>(json!([user, options.title, options.pages, options.author]))
    });
    assert_eq!(call(&task, json!([1]), json!({"title": "t"})).await, Ok(json!([1, "t", 0, null])));
    assert_eq!(call(&task, json!([1, "t", 5]), json!({"author": "a"})).await, Ok(json!([1, "t", 5, "a"])));
    for (args, kwargs, expected) in [
        (json!([1]), json!({}), "missing 1 required positional argument: 'title'"),
        (json!([1, "t"]), json!({"title": "t"}), "got multiple values for argument 'title'"),
        (json!([1, "t"]), json!({"x": "t"}), "got an unexpected keyword argument 'x'"),
        (
            json!([1, "t", -1]),
            json!({}),
            "argument 'pages' has a wrong type: invalid value: integer `-1`, expected u32",
        ),
    ] {
        assert_eq!(call(&task, args, kwargs).await, Err(format!("TypeError('f() {expected}')")));
    }

    let any = TypedTask::new([], async |Keywords(all): Keywords<BTreeMap<String, i64>>| {
        Ok::<_, TaskError>(all.values().sum::<i64>())
    });
    assert_eq!(call(&any, json!([]), json!({"a": 1, "b": 2})).await, Ok(json!(3)));
}

#[tokio::test]
async fn context_and_the_rest_have_no_names() {
    let task = TypedTask::new(["x"], async |context: TaskContext, x: i64, rest: Arguments| {
        Ok::<_, TaskError>(json!([context.id(), x, rest.args, rest.kwargs]))
    });
    let answer = call(&task, json!([1, 2, 3]), json!({"k": 4})).await;
    assert_eq!(answer, Ok(json!(["i", 1, [2, 3], {"k": 4}])));
}

#[tokio::test]
async fn a_blocking_function_runs_on_a_thread_of_its_own() {
    let here = std::thread::current().id();
    let task = TypedTask::blocking(["path"], move |path: String| {
        assert_ne!(std::thread::current().id(), here);
        std::fs::read_to_string(path)
    });
    let failure = call(&task, json!(["/no/such/file"]), json!({})).await.unwrap_err();
    assert!(failure.starts_with("FileNotFoundError('No such file or directory"), "{failure}");

    let panicking = TypedTask::blocking([], || -> Result<(), TaskError> { unreachable!("asked to") });
    let panic = tokio::spawn(async move { call(&panicking, json!([]), json!({})).await }).await.unwrap_err();
    assert!(panic.is_panic());
}

#[tokio::test]
async fn errors_by_a_question_mark() {
    async fn parse(text: String) -> Result<i64, TaskError> {
        if text == "boxed" {
            return Err(TaskError::of("as a text"));
        }
        if text == "own" {
            return Err(Exception::new("shop.errors", "OutOfStock", vec!["sku".into(), 7.into()]).into());
        }
        Ok(text.parse::<i64>()?)
    }
    let task = TypedTask::new(["text"], parse);
    for (text, expected) in [
        ("x", "ValueError('invalid digit found in string')"),
        ("boxed", "RuntimeError('as a text')"),
        ("own", "OutOfStock('sku', 7)"),
    ] {
        assert_eq!(call(&task, json!([text]), json!({})).await, Err(expected.to_owned()));
    }
    // A map with keys that are no texts.
    let task = TypedTask::new([], async || Ok::<_, TaskError>(BTreeMap::from([((1, 2), 3)])));
    let failure = call(&task, json!([]), json!({})).await.unwrap_err();
    assert!(failure.starts_with("EncodeError("), "{failure}");
}
