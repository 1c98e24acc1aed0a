//! Flags of `celery worker` that are accepted, so that a start command needs no other change than its
//! program, and that have no effect here.
//!
//! A flag whose silence would be dangerous (`--purge`, `--detach`, `--beat`, `--pidfile`, ...) is not in
//! this table: it is an unknown argument.

/// A flag that is accepted and has no effect.
#[derive(Debug)]
pub(crate) struct Habit {
    pub(crate) long: &'static str,
    pub(crate) short: Option<char>,
    /// Another long name.
    pub(crate) alias: Option<&'static str>,
    /// Stands for the value in help; None for a flag without one.
    pub(crate) value: Option<&'static str>,
    /// It asks for something that this program does not do, so the user should be warned.
    pub(crate) missed: bool,
    /// Why it has no effect.
    pub(crate) why: &'static str,
}

const ROW: Habit = Habit { long: "", short: None, alias: None, value: None, missed: false, why: "" };

/// The table.
pub(crate) static HABITS: &[Habit] = &[
    Habit {
        long: "app",
        short: Some('A'),
        value: Some("APP"),
        why: "the tasks are part of this program, no Python application is loaded",
        ..ROW
    },
    Habit { long: "loader", value: Some("LOADER"), why: "no Python application is loaded", ..ROW },
    Habit {
        long: "include",
        short: Some('I'),
        value: Some("MODULES"),
        why: "no Python module is loaded",
        ..ROW
    },
    Habit { long: "skip-checks", why: "no Python application is loaded", ..ROW },
    Habit { long: "no-color", short: Some('C'), why: "the log is never coloured", ..ROW },
    Habit { long: "quiet", short: Some('q'), why: "the banner is part of the log, see --loglevel", ..ROW },
    Habit {
        long: "optimization",
        short: Some('O'),
        value: Some("PROFILE"),
        why: "a message always goes to the next free slot, which is Celery's `fair`",
        ..ROW
    },
    Habit {
        long: "disable-prefetch",
        why: "with --prefetch-multiplier 1, the default, a message is taken only when a slot is free",
        ..ROW
    },
    Habit { long: "without-gossip", why: "nodes do not gossip", ..ROW },
    Habit { long: "without-mingle", why: "nodes do not mingle at start", ..ROW },
    Habit { long: "without-heartbeat", why: "no event heartbeats are sent", ..ROW },
    Habit {
        long: "heartbeat-interval",
        value: Some("N"),
        missed: true,
        why: "no event heartbeats are sent",
        ..ROW
    },
    Habit {
        long: "task-events",
        short: Some('E'),
        alias: Some("events"),
        missed: true,
        why: "no events are sent",
        ..ROW
    },
    Habit {
        long: "pool-start-method",
        value: Some("METHOD"),
        why: "executors are always this program, started anew",
        ..ROW
    },
];
