//! Kinds of values that one setting alone has: the node's name, its concurrency, log levels.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::thread::available_parallelism;

use celeriac::message::AcceptContent;
use celeriac::task::RateLimit;
use serde_json::{Value, json};

use super::kind::Special;
use super::{levels, nodename};

/// More slots than this are a typing error, not a wish.
const MOST_SLOTS: usize = 4096;

/// `worker.concurrency`.
pub(crate) const CONCURRENCY: Special = Special {
    placeholder: "N|auto",
    allowed: "auto, or a whole number from 0 to 4096 (tasks at the same time)",
    read: read_concurrency,
};

/// `worker.autoscale`.
pub(crate) const AUTOSCALE: Special = Special {
    placeholder: "MAX,MIN",
    allowed: "two whole numbers, the larger one first, from 1 and 0 to 4096; MIN is 0 when it is left out",
    read: read_autoscale,
};

/// `worker.hostname`.
pub(crate) const NODE_NAME: Special = Special {
    placeholder: "NAME",
    allowed: "a name with the signs %h, %n, %d, %i, %I and %%; no white space",
    read: read_node_name,
};

/// `worker.loglevel`.
pub(crate) const LOG_LEVELS: Special = Special {
    placeholder: "LEVEL",
    allowed: "trace, debug, info, warning, error or critical, then module=level, all separated by commas",
    read: read_log_levels,
};

/// `broker.accept_content`.
pub(crate) const ACCEPT_CONTENT: Special = Special {
    placeholder: "TYPE,...",
    allowed: "json, msgpack, yaml or their MIME types, separated by commas",
    read: read_accept_content,
};

/// `broker.priority_steps`.
pub(crate) const PRIORITY_STEPS: Special = Special {
    placeholder: "N,...",
    allowed: "whole numbers from 0 to 9, separated by commas, 0 among them",
    read: read_priority_steps,
};

/// `analysis.rate_limit` and `analysis.global_rate_limit`.
pub(crate) const RATE_LIMIT: Special = Special {
    placeholder: "RATE|none",
    allowed: "none, or starts per second, minute or hour: 5/s, 10/m, 100/h",
    read: read_rate_limit,
};

/// `broker.connection_max_retries`.
pub(crate) const MAX_RETRIES: Special = Special {
    placeholder: "N|none",
    allowed: "none, or a whole number from 0 to 4294967295 (retries in a row)",
    read: read_max_retries,
};

/// `broker.dead_letter_queue`.
pub(crate) const QUEUE_OR_NONE: Special =
    Special { placeholder: "QUEUE|none", allowed: "none, or the name of a queue", read: read_queue_or_none };

fn read_concurrency(text: &str) -> Result<Value, String> {
    let cores = || available_parallelism().map_or(1, NonZeroUsize::get);
    if text.eq_ignore_ascii_case("auto") {
        return Ok(json!(cores()));
    }
    match text.parse::<usize>() {
        Ok(0) => Ok(json!(cores())),
        Ok(slots) if slots > MOST_SLOTS => Err(format!("is above {MOST_SLOTS}")),
        Ok(slots) => Ok(json!(slots)),
        Err(_) => Err("is no whole number".to_owned()),
    }
}

fn read_autoscale(text: &str) -> Result<Value, String> {
    let (max, min) = text.split_once(',').unwrap_or((text, "0"));
    let number = |text: &str| text.trim().parse::<usize>().map_err(|_| "is not two whole numbers".to_owned());
    let (max, min) = (number(max)?, number(min)?);
    match max {
        0 => Err("has no room for a task".to_owned()),
        max if max > MOST_SLOTS => Err(format!("is above {MOST_SLOTS}")),
        max if max < min => Err("has the smaller number first".to_owned()),
        max => Ok(json!({"max": max, "min": min})),
    }
}

fn read_node_name(text: &str) -> Result<Value, String> {
    let host = gethostname::gethostname();
    nodename::expand(text, &host.to_string_lossy()).map(Value::from)
}

fn read_log_levels(text: &str) -> Result<Value, String> {
    text.parse::<levels::LogLevels>().map(|levels| levels.to_string().into())
}

fn read_accept_content(text: &str) -> Result<Value, String> {
    let names: Vec<&str> = text.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    AcceptContent::new(&names).map(|_| json!(names)).map_err(|error| format!("is not possible: {error}"))
}

fn read_priority_steps(text: &str) -> Result<Value, String> {
    let steps: Result<BTreeSet<u8>, _> = text.split(',').map(|step| step.trim().parse()).collect();
    match steps {
        Ok(steps) if steps.iter().any(|step| *step > 9) => Err("has a step above 9".to_owned()),
        // Messages below the lowest step would have no list.
        Ok(steps) if !steps.contains(&0) => Err("lacks step 0".to_owned()),
        Ok(steps) => Ok(json!(steps)),
        Err(_) => Err("is no list of whole numbers".to_owned()),
    }
}

fn read_rate_limit(text: &str) -> Result<Value, String> {
    if text.eq_ignore_ascii_case("none") {
        return Ok(Value::Null);
    }
    text.parse::<RateLimit>().map(|_| text.into()).map_err(|_| "is no rate".to_owned())
}

fn read_queue_or_none(text: &str) -> Result<Value, String> {
    Ok(if text.eq_ignore_ascii_case("none") { Value::Null } else { text.into() })
}

fn read_max_retries(text: &str) -> Result<Value, String> {
    if text.eq_ignore_ascii_case("none") {
        return Ok(Value::Null);
    }
    let retries: u32 = text.parse().map_err(|_| "is no whole number of retries".to_owned())?;
    Ok(if retries == 0 { Value::Null } else { json!(retries) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_retries_are_any_number_of_them() {
        for (text, retries) in [("none", json!(null)), ("0", json!(null)), ("7", json!(7))] {
            assert_eq!(read_max_retries(text), Ok(retries));
        }
        assert_eq!(read_max_retries("-1"), Err("is no whole number of retries".to_owned()));
    }

    #[test]
    fn concurrency_is_a_number_or_all_cores() {
        let cores = json!(available_parallelism().unwrap().get());

        assert_eq!(read_concurrency("3"), Ok(json!(3)));
        assert_eq!(read_concurrency("AUTO"), Ok(cores.clone()));
        assert_eq!(read_concurrency("0"), Ok(cores));
        assert_eq!(read_concurrency("-1"), Err("is no whole number".to_owned()));
        assert_eq!(read_concurrency("5000"), Err("is above 4096".to_owned()));
    }

    #[test]
    fn priority_steps_are_sorted_and_begin_at_zero() {
        assert_eq!(read_priority_steps("6, 0,3,3"), Ok(json!([0, 3, 6])));
        for (text, why) in
            [("3,6", "lacks step 0"), ("0,10", "has a step above 9"), ("0,x", "is no list of whole numbers")]
        {
            assert_eq!(read_priority_steps(text), Err(why.to_owned()));
        }
    }

    #[test]
    fn autoscale_is_largest_and_smallest() {
        assert_eq!(read_autoscale("10, 3"), Ok(json!({"max": 10, "min": 3})));
        assert_eq!(read_autoscale("4"), Ok(json!({"max": 4, "min": 0})));
        for (text, why) in [("3,10", "smaller"), ("0", "no room"), ("x,1", "not two"), ("5000", "above")] {
            assert!(read_autoscale(text).unwrap_err().contains(why), "{text}");
        }
    }

    #[test]
    fn a_node_name_carries_this_machine() {
        let host = gethostname::gethostname().to_string_lossy().into_owned();

        assert_eq!(read_node_name("w1@%h"), Ok(json!(format!("w1@{host}"))));
    }
}
