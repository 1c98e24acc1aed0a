//! `docs/configuration.md`, generated from the tables, so that it cannot say anything else than the
//! program does. `UPDATE_DOCS=1 cargo test -p agensium-worker` writes it.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use super::habits::{HABITS, Habit};
use super::setting::{Scope, Setting};
use super::settings::{SECTIONS, SETTINGS};

const PLACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/configuration.md");

const HEAD: &str = "\
# Configuration

<!-- Generated from worker/src/config: change the tables there, then run `UPDATE_DOCS=1 cargo test -p agensium-worker`. -->

`agensium-worker config` shows every setting with its effective value and where it comes from, secrets masked
(`--json` for programs). `agensium-worker config --check` only says whether the configuration is valid.

## Where values come from

The first of these that gives a value counts:

1. the **flag**; it may stand before or after the command's name, and of several the last after the name counts;
2. the **environment**: the first of a setting's names that holds a non-empty value. A `.env` file in the working
   directory is read at start, as the Python backend's loader reads it (`KEY=value`, `export`, quotes, comments,
   `${NAME}` and `${NAME:-default}`); it never overrides a variable that is set and not empty;
3. the **configuration file**, `worker.toml` in the working directory or the file that `--config` or
   `AGENSIUM_CONFIG` names;
4. the **default**.

A wrong value, an unknown key in the configuration file, or settings that do not fit together stop the program before
it does anything, with exit code 2; everything that is wrong is told at once, with its place and what is allowed.
A command looks only at the settings that it uses: a wrong `DATABASE_URL` does not stop `analyze`.

Secrets have no flag, because a command line is visible to everyone on the machine. Passwords in URLs are masked
wherever a URL is shown.

```toml
# worker.toml
[broker]
url = \"rediss://:secret@redis.example.com:6380/0\"

[broker.tls]
ca_file = \"/etc/agensium/redis-ca.pem\"

[worker]
queues = [\"default\"]
concurrency = 4
```
";

const COMMANDS: &str = "
## Exit codes

| code | meaning |
|---|---|
| 0 | done; also when the reader of the output went away (`agensium-worker config \\| head -1`) |
| 1 | failed: the command was understood but could not be done, or its answer is an error |
| 2 | wrong use of the command line, or a configuration that cannot be used |

`agent` prints an agent's answer also when it is an error, and ends with 1 then. Its `--parameters` file is the agent's
own object, `{\"parameter\": value}`. `analyze` takes the file that the backend stores as `parameters.json`,
`{\"agent-id\": {\"parameter\": value}}`; it ends with 1 if the tool cannot run or none of its agents succeeded.
`migrate --check` ends with 1 if a table or column is missing.

## The log

The log goes to standard error, results go to standard output. With `worker.logformat` `text` a line is written as
Celery writes it, `[2026-01-01 12:00:00,123: INFO/MainProcess] message`, in local time, and with `name[id]: ` before
the message within a task. With `json` it is an object with the keys `timestamp` (UTC), `level`, `logger`, `message`,
`module`, `function` (of the innermost span, or null), `line` and `process`, then `task_id`, `task_name`, `user_id`,
`agent` within a task, `exception` for an error, and the record's other fields.

## Flags of Celery without effect

A start command of `celery worker` works when only the program is replaced. These flags are accepted; one line in the
log names those that were given.

| flag | why it has no effect |
|---|---|
";

fn render() -> String {
    let mut text = HEAD.to_owned();
    for (section, title, about) in SECTIONS {
        push(&mut text, format_args!("\n## {title}\n\n{about}\n"));
        SETTINGS
            .iter()
            .filter(|setting| setting.section() == *section)
            .for_each(|setting| entry(&mut text, setting));
    }
    text.push_str(COMMANDS);
    for habit in HABITS {
        push(&mut text, format_args!("| {} | {} |\n", spelling(habit), habit.why));
    }
    text
}

fn entry(text: &mut String, setting: &Setting) {
    push(text, format_args!("\n### `{}`\n\n{}\n\n", setting.key, setting.full_help()));
    let flag = setting.flag.map(|flag| {
        let short = flag.short.map(|short| format!("`-{short}`, ")).unwrap_or_default();
        format!("{short}`--{} {}`", flag.long, setting.kind.placeholder())
    });
    let environment: Vec<String> = setting.environment.iter().map(|name| format!("`{name}`")).collect();
    let commands: Vec<String> = Scope::ALL
        .iter()
        .filter(|scope| setting.is_used_by(**scope))
        .map(|scope| format!("`{}`", scope.name()))
        .collect();
    let none = || "-".to_owned();
    let rows = [
        ("flag", flag.unwrap_or_else(none)),
        ("environment", if environment.is_empty() { none() } else { environment.join(", ") }),
        ("allowed", setting.kind.allowed()),
        ("secret", if setting.secret { "yes, never shown".to_owned() } else { String::new() }),
        ("used by", commands.join(", ")),
    ];
    push(text, format_args!("| | |\n|---|---|\n"));
    for (name, value) in rows.into_iter().filter(|(_, value)| !value.is_empty()) {
        push(text, format_args!("| {name} | {} |\n", value.replace('|', "\\|")));
    }
}

fn spelling(habit: &Habit) -> String {
    let value = habit.value.map(|value| format!(" {value}")).unwrap_or_default();
    let names = [habit.short.map(|short| format!("-{short}")), Some(format!("--{}", habit.long))];
    let alias = habit.alias.map(|alias| format!("--{alias}"));
    let all: Vec<String> =
        names.into_iter().chain([alias]).flatten().map(|name| format!("`{name}{value}`")).collect();
    all.join(", ")
}

fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments).unwrap();
}

#[test]
fn the_documentation_is_current() {
    let (place, current) = (Path::new(PLACE), render());

    if std::env::var("UPDATE_DOCS").is_ok_and(|value| value == "1") {
        fs::write(place, &current).unwrap();
    }

    let stored = fs::read_to_string(place).unwrap_or_default();
    assert!(
        stored == current,
        "docs/configuration.md is not current: UPDATE_DOCS=1 cargo test -p agensium-worker"
    );
}
