//! Command lines as users type them.

use super::*;

fn parsed(line: &str) -> Invocation {
    let args: Vec<&str> = std::iter::once("agensium-worker").chain(line.split_whitespace()).collect();
    parse(args).unwrap_or_else(|error| panic!("{line}: {error}"))
}

fn refused(line: &str) -> clap::Error {
    let args: Vec<&str> = std::iter::once("agensium-worker").chain(line.split_whitespace()).collect();
    parse(args).expect_err(line)
}

fn flags(line: &str) -> Vec<(&'static str, String)> {
    parsed(line).flags.0.into_iter().collect()
}

#[test]
fn the_command_line_is_consistent() {
    program().debug_assert();
}

#[test]
fn flags_stand_before_or_after_the_command_as_celery_s_users_type_them() {
    let expected = [
        ("broker.url", "redis://h/0".to_owned()),
        ("worker.concurrency", "4".to_owned()),
        ("worker.hostname", "w1@%h".to_owned()),
        ("worker.loglevel", "INFO".to_owned()),
        ("worker.queues", "a,b".to_owned()),
    ];
    for line in [
        "-b redis://h/0 worker -c 4 -n w1@%h -l INFO -Q a,b",
        "worker --broker=redis://h/0 --concurrency=4 --hostname=w1@%h --loglevel=INFO --queues=a,b",
        "-b redis://h/0 -c4 -nw1@%h -lINFO -Qa,b worker",
        "-b redis://x/0 worker -b redis://y/0 -b redis://h/0 -c4 -nw1@%h -lINFO -Qa,b",
    ] {
        assert_eq!(flags(line), expected, "{line}");
    }
}

#[test]
fn celery_s_other_flags_are_taken_note_of() {
    let invocation =
        parsed("-A app.celery -q worker -E -P prefork -O fair --without-gossip --events --time-limit=5");
    let settings = [("worker.pool", "prefork".to_owned()), ("worker.time_limit", "5".to_owned())];

    let names: Vec<&str> = invocation.ignored.iter().map(|habit| habit.long).collect();
    assert_eq!(names, ["app", "quiet", "optimization", "without-gossip", "task-events"]);
    assert_eq!(invocation.flags.0.into_iter().collect::<Vec<_>>(), settings);
    assert_eq!(refused("worker --purge").exit_code(), 2);
    assert_eq!(refused("worker --beat").exit_code(), 2);
}

#[test]
fn commands_take_their_arguments() {
    let Command::Analyze(args) =
        parsed("analyze profile-my-data --file primary=a=b.csv --file baseline=c.csv --agents x,y --out o")
            .command
    else {
        panic!("not analyze")
    };
    let file = |slot: &str, path: &str| SlotFile { slot: slot.to_owned(), path: PathBuf::from(path) };
    assert_eq!(args.files, [file("primary", "a=b.csv"), file("baseline", "c.csv")]);
    assert_eq!(
        (args.agents.as_slice(), args.out),
        (["x".to_owned(), "y".to_owned()].as_slice(), PathBuf::from("o"))
    );
}

#[test]
fn wrong_use_is_exit_code_two_and_help_is_zero() {
    for line in
        ["", "agent", "agent x --file primary", "agent x --file =y", "analyze x", "nonsense", "agent x -Q a"]
    {
        assert_eq!(refused(line).exit_code(), 2, "{line}");
    }
    for line in ["--help", "-h", "worker --help", "--version", "-V", "help agent"] {
        assert_eq!(refused(line).exit_code(), 0, "{line}");
    }
}

#[test]
fn help_shows_a_command_s_own_settings_with_their_names_and_default() {
    // Lines are wrapped to the terminal.
    let help = refused("worker --help").to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "-b, --broker <URL>",
        "CELERY_BROKER_URL, REDIS_URL",
        "broker.url",
        "Default: redis://localhost:6379/0.",
    ] {
        assert!(help.contains(part), "{part} is not in\n{help}");
    }
    let help = refused("agent --help").to_string();
    assert!(help.contains("--loglevel") && !help.contains("--broker"), "{help}");
    assert!(!refused("worker --help").to_string().contains("--without-gossip"));
}

#[test]
fn a_verb_takes_the_settings_of_its_command_in_all_places() {
    let expected = [("broker.dead_letter_queue", "d".to_owned()), ("broker.url", "redis://h/0".to_owned())];
    for line in [
        "-b redis://h/0 --dead-letter-queue d dlq list",
        "dlq -b redis://h/0 --dead-letter-queue x list --dead-letter-queue d",
        "-b redis://x/0 dlq list --dead-letter-queue=d --broker redis://h/0",
    ] {
        assert_eq!(flags(line), expected, "{line}");
    }
    for line in ["dlq", "dlq list -Q a", "dlq requeue a --limit 2", "dlq requeue --all --task t", "dlq show"]
    {
        assert_eq!(refused(line).exit_code(), 2, "{line}");
    }
}
