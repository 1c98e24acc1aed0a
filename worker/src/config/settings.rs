//! Every setting of the program, as data.
//!
//! To add one: a row here and a field of the same name in `typed`. Nothing else; tests hold the two
//! together and fail until `docs/configuration.md` is current (`UPDATE_DOCS=1` writes it).

use super::kind::{BROKER_URL, DATABASE_URL, HTTP_URL, Kind, RESULT_URL};
use super::setting::{Default, Scope, Setting, long, short};
use super::special::{
    ACCEPT_CONTENT, AUTOSCALE, CONCURRENCY, LOG_LEVELS, MAX_RETRIES, NODE_NAME, PRIORITY_STEPS,
    QUEUE_OR_NONE, RATE_LIMIT,
};

const EVERY: &[Scope] =
    &[Scope::Worker, Scope::Send, Scope::Dlq, Scope::Analyze, Scope::Agent, Scope::Migrate];
const BROKER: &[Scope] = &[Scope::Worker, Scope::Send, Scope::Dlq];
const QUEUE: &[Scope] = &[Scope::Worker, Scope::Send];
const DEAD_LETTERS: &[Scope] = &[Scope::Worker, Scope::Dlq];
const DATABASE: &[Scope] = &[Scope::Worker, Scope::Migrate];
const WORKER: &[Scope] = &[Scope::Worker];

/// The key of the setting that names the configuration file.
pub(crate) const CONFIG_FILE: &str = "config";

/// What a row says when it says nothing else.
const ROW: Setting = Setting {
    key: "",
    in_file: true,
    flag: None,
    environment: &[],
    kind: Kind::Text("TEXT"),
    default: Default::Unset("not set"),
    secret: false,
    used_by: WORKER,
    help: "",
};

/// The sections in the order of the documentation: name, title, and what belongs there.
pub(crate) const SECTIONS: &[(&str, &str, &str)] = &[
    ("", "Configuration file", "Where the other settings may be written down."),
    ("broker", "Broker", "The Redis server from which messages are taken."),
    ("results", "Results", "Where the outcome of each task is stored for `AsyncResult`."),
    ("worker", "Worker", "The node itself: its name, its queues, how much it does at once, its log."),
    ("analysis", "Analysis", "The task `process_analysis`."),
    ("database", "Database", "The backend's tables: tasks, users, wallets, costs."),
    ("storage", "Storage", "The bucket with the users' files: S3-compatible, or a local folder."),
];

/// The table.
pub(crate) static SETTINGS: &[Setting] = &[
    Setting {
        key: CONFIG_FILE,
        in_file: false,
        flag: long("config"),
        environment: &["AGENSIUM_CONFIG"],
        kind: Kind::File,
        default: Default::Unset("worker.toml in the working directory, when it exists"),
        used_by: EVERY,
        help: "The configuration file, in TOML.",
        ..ROW
    },
    Setting {
        key: "broker.url",
        flag: short('b', "broker"),
        environment: &["CELERY_BROKER_URL", "REDIS_URL"],
        kind: Kind::Url(BROKER_URL),
        default: Default::Text("redis://localhost:6379/0"),
        used_by: BROKER,
        help: "The URL of the broker. `rediss://` speaks TLS and verifies the server's certificate; special \
               characters in user and password are percent-encoded. Several URLs, separated by `;`, are tried in turn. \
               `sentinel://host:26379;sentinel://...` asks Sentinels for the server.",
        ..ROW
    },
    Setting {
        key: "broker.visibility_timeout",
        flag: long("visibility-timeout"),
        kind: Kind::Number { min: 1.0, max: 31_536_000.0, unit: "seconds" },
        default: Default::Text("3600"),
        help: "After this many seconds a message that is neither acknowledged nor renewed goes back to its queue. Must \
               be the same number as in Python workers on the same queues (`broker_transport_options`).",
        ..ROW
    },
    Setting {
        key: "broker.global_keyprefix",
        flag: long("global-keyprefix"),
        kind: Kind::Text("PREFIX"),
        default: Default::Unset("no prefix"),
        used_by: BROKER,
        help: "What stands in front of every key in the broker, as in `broker_transport_options` of the Python side.",
        ..ROW
    },
    Setting {
        key: "broker.sep",
        flag: long("queue-separator"),
        kind: Kind::Text("TEXT"),
        default: Default::Unset("kombu's, the bytes 06 16"),
        used_by: BROKER,
        help: "What stands between a queue's name and a priority step in the key of its list (kombu's `sep`).",
        ..ROW
    },
    Setting {
        key: "broker.priority_steps",
        flag: long("priority-steps"),
        kind: Kind::Special(PRIORITY_STEPS),
        default: Default::Text("0,3,6,9"),
        used_by: BROKER,
        help: "The priorities that have a list of their own in each queue (kombu's `priority_steps`); the lowest is \
               served first. A message goes to the greatest step that is not above its priority.",
        ..ROW
    },
    Setting {
        key: "broker.sentinel.master_name",
        flag: long("sentinel-master"),
        environment: &["REDIS_SENTINEL_MASTER"],
        kind: Kind::Text("NAME"),
        default: Default::Unset("the query key `master_name` of the URL"),
        used_by: BROKER,
        help: "What the Sentinels of `sentinel://` URLs call the server (kombu's transport option). Holds for broker and \
               results.",
        ..ROW
    },
    Setting {
        key: "broker.sentinel.password",
        environment: &["REDIS_SENTINEL_PASSWORD"],
        kind: Kind::Text("PASSWORD"),
        default: Default::Unset("no password"),
        secret: true,
        used_by: BROKER,
        help: "The password of the Sentinels themselves; the one in the URL is the server's. Holds for broker and results.",
        ..ROW
    },
    Setting {
        key: "broker.accept_content",
        flag: long("accept-content"),
        kind: Kind::Special(ACCEPT_CONTENT),
        default: Default::Text("json"),
        help: "The content types of messages that are read, as Celery's `accept_content`; pickle never is. Other messages \
               go to the dead letters.",
        ..ROW
    },
    Setting {
        key: "broker.dead_letter_queue",
        flag: long("dead-letter-queue"),
        kind: Kind::Special(QUEUE_OR_NONE),
        default: Default::Text("dlq"),
        used_by: DEAD_LETTERS,
        help: "The queue to which messages are put that nobody can run, with the reason in their headers; `dlq` lists them and \
               sends them again. No worker may consume it. `none`: such messages are dropped with a warning, as by Celery.",
        ..ROW
    },
    Setting {
        key: "broker.connection_retry_on_startup",
        flag: long("connection-retry-on-startup"),
        kind: Kind::Boolean,
        default: Default::Text("true"),
        help: "Whether the worker waits for a broker that is not there when it starts (Celery's \
               `broker_connection_retry_on_startup`). `false`: it ends at once, with exit code 1.",
        ..ROW
    },
    Setting {
        key: "broker.connection_max_retries",
        flag: long("connection-max-retries"),
        kind: Kind::Special(MAX_RETRIES),
        default: Default::Text("none"),
        help: "How often in a row the worker tries again to reach the broker, at its start and later, before it ends with exit \
               code 1 (Celery's `broker_connection_max_retries`, which is 100 there). What runs then is run again by another \
               worker. The pauses grow from 0.1 s to 2 s (Celery's from 2 s to 30 s), so that as many retries are over sooner: 100 take about \
               three minutes. `none` (or 0): for ever.",
        ..ROW
    },
    Setting {
        key: "broker.wait",
        flag: long("redis-wait"),
        kind: Kind::Choice(&["auto", "block", "track", "poll"]),
        default: Default::Text("auto"),
        help: "How the worker waits while its queues are empty. `block`: BLMOVE on a connection for each queue and priority step; \
               a message wakes one worker. `track`: CLIENT TRACKING on one connection; a message wakes all workers that \
               wait. `poll`: it looks every 50 ms, every second when nothing comes. `auto`: `block`, or `track` for more \
               than 16 lists; what the server does not have is noticed, and the next way is taken. The log says which it is.",
        ..ROW
    },
    Setting {
        key: "broker.tls.mode",
        flag: long("redis-tls"),
        environment: &["REDIS_TLS"],
        kind: Kind::Choice(&["auto", "always"]),
        default: Default::Text("auto"),
        used_by: BROKER,
        help: "Whether connections use TLS. `auto`: the URL decides, `rediss://` is TLS and `redis://` is plain. `always`: TLS for `redis://` too, as \
               the Python backend does it. Holds for broker and results.",
        ..ROW
    },
    Setting {
        key: "broker.tls.verify",
        flag: long("redis-tls-verify"),
        environment: &["REDIS_TLS_VERIFY"],
        kind: Kind::Boolean,
        default: Default::Text("true"),
        used_by: BROKER,
        help: "Whether the server must show a certificate that is valid for its name. `false` accepts any, which lets \
               anyone on the way read and change messages; prefer `broker.tls.ca_file`.",
        ..ROW
    },
    Setting {
        key: "broker.tls.ca_file",
        flag: long("redis-ca-file"),
        environment: &["REDIS_CA_FILE"],
        kind: Kind::File,
        default: Default::Unset("the certificate authorities of the system"),
        used_by: BROKER,
        help: "PEM file with the certificate authorities that may sign the server's certificate; for a self-signed one, \
               that certificate itself.",
        ..ROW
    },
    Setting {
        key: "broker.tls.cert_file",
        flag: long("redis-cert-file"),
        environment: &["REDIS_CERT_FILE"],
        kind: Kind::File,
        default: Default::Unset("no client certificate"),
        used_by: BROKER,
        help: "PEM file with the client certificate, for servers that ask for one. Needs `broker.tls.key_file`.",
        ..ROW
    },
    Setting {
        key: "broker.tls.key_file",
        flag: long("redis-key-file"),
        environment: &["REDIS_KEY_FILE"],
        kind: Kind::File,
        default: Default::Unset("no client certificate"),
        used_by: BROKER,
        help: "PEM file with the private key of the client certificate. Needs `broker.tls.cert_file`.",
        ..ROW
    },
    Setting {
        key: "results.url",
        flag: long("result-backend"),
        environment: &["CELERY_RESULT_BACKEND", "REDIS_URL"],
        kind: Kind::Url(RESULT_URL),
        default: Default::SameAs("broker.url"),
        used_by: QUEUE,
        help: "The URL of the result backend. `disabled`: no outcome is stored, and nobody can wait for one.",
        ..ROW
    },
    Setting {
        key: "results.expires",
        flag: long("result-expires"),
        kind: Kind::Integer { min: 0, max: 3_153_600_000, unit: "seconds" },
        default: Default::Text("86400"),
        help: "How many seconds an outcome is kept. 0: for ever.",
        ..ROW
    },
    Setting {
        key: "results.global_keyprefix",
        flag: long("result-keyprefix"),
        kind: Kind::Text("PREFIX"),
        default: Default::Unset("no prefix"),
        used_by: QUEUE,
        help: "What stands in front of every key of a result, as in `result_backend_transport_options` of the Python side.",
        ..ROW
    },
    Setting {
        key: "results.extended",
        kind: Kind::Boolean,
        default: Default::Text("true"),
        used_by: QUEUE,
        help: "Whether an outcome is stored with the task's name, arguments, worker and queue (Celery's \
               `result_extended`, which the backend has switched on).",
        ..ROW
    },
    Setting {
        key: "worker.queues",
        flag: short('Q', "queues"),
        environment: &["CELERY_WORKER_QUEUES"],
        kind: Kind::List("QUEUE"),
        default: Default::Text("default,celery"),
        help: "The queues to take messages from. The backend sends to `default`, a Celery app without settings to \
               `celery`.",
        ..ROW
    },
    Setting {
        key: "worker.concurrency",
        flag: short('c', "concurrency"),
        environment: &["CELERY_WORKER_CONCURRENCY", "CELERY_CONCURRENCY"],
        kind: Kind::Special(CONCURRENCY),
        default: Default::Text("auto"),
        help: "How many tasks run at the same time. `auto` (or 0): the number of cores this process may use, limits of a \
               container included.",
        ..ROW
    },
    Setting {
        key: "worker.pool",
        flag: short('P', "pool"),
        environment: &["CELERY_WORKER_POOL"],
        kind: Kind::Choice(&["prefork", "threads", "solo", "processes"]),
        default: Default::Text("prefork"),
        help: "Where tasks run. `prefork` (or `processes`): each in a process of its own, an executor, which can be ended by \
               time limits and takes nothing with it when it crashes. `threads`: in this process; a task that never \
               gives way cannot be ended. `solo`: in this process, one at a time.",
        ..ROW
    },
    Setting {
        key: "worker.autoscale",
        flag: long("autoscale"),
        environment: &["CELERY_WORKER_AUTOSCALE"],
        kind: Kind::Special(AUTOSCALE),
        default: Default::Unset("worker.concurrency executors at any time"),
        help: "The largest and the smallest number of executors, instead of `worker.concurrency`. More than the smallest \
               are started when messages are there for them; one that has had nothing to do for 30 seconds ends.",
        ..ROW
    },
    Setting {
        key: "worker.time_limit",
        flag: long("time-limit"),
        environment: &["CELERY_WORKER_TIME_LIMIT"],
        kind: Kind::Number { min: 0.0, max: 31_536_000.0, unit: "seconds" },
        default: Default::Text("1800"),
        help: "The hard time limit of tasks whose message sets none: the task's executor is ended and `TimeLimitExceeded` \
               stored. 0: no limit.",
        ..ROW
    },
    Setting {
        key: "worker.soft_time_limit",
        flag: long("soft-time-limit"),
        environment: &["CELERY_WORKER_SOFT_TIME_LIMIT"],
        kind: Kind::Number { min: 0.0, max: 31_536_000.0, unit: "seconds" },
        default: Default::Text("1500"),
        help: "The soft time limit of tasks whose message sets none: the task is asked to stop. `process_analysis` then runs \
               again, next in its queue, at most 3 times. 0: no limit.",
        ..ROW
    },
    Setting {
        key: "worker.max_tasks_per_child",
        flag: long("max-tasks-per-child"),
        environment: &["CELERY_WORKER_MAX_TASKS_PER_CHILD"],
        kind: Kind::Integer { min: 0, max: 1_000_000_000, unit: "tasks" },
        default: Default::Text("0"),
        help: "After so many tasks an executor is replaced. 0: never.",
        ..ROW
    },
    Setting {
        key: "worker.max_memory_per_child",
        flag: long("max-memory-per-child"),
        environment: &["CELERY_WORKER_MAX_MEMORY_PER_CHILD"],
        kind: Kind::Integer { min: 0, max: 1_000_000_000_000, unit: "KiB" },
        default: Default::Text("400000"),
        help: "An executor of which more is resident after a task is replaced. 0: never. It ends no task: that is \
               `worker.max_memory_per_task`.",
        ..ROW
    },
    Setting {
        key: "worker.max_memory_per_task",
        flag: long("max-memory-per-task"),
        environment: &["CELERY_WORKER_MAX_MEMORY_PER_TASK"],
        kind: Kind::Integer { min: 0, max: 1_000_000_000_000, unit: "KiB" },
        default: Default::Text("0"),
        help: "A task whose executor grows beyond this is ended at once, as one whose executor was lost. On Linux only. \
               0: no limit.",
        ..ROW
    },
    Setting {
        key: "worker.drain_timeout",
        flag: long("drain-timeout"),
        environment: &["CELERY_WORKER_DRAIN_TIMEOUT"],
        kind: Kind::Number { min: 0.0, max: 31_536_000.0, unit: "seconds" },
        default: Default::Text("25"),
        help: "How long running tasks may go on after SIGTERM or SIGINT. Then they are ended and their messages handed back, \
               which counts as no attempt. Keep it below the time after which the host kills: 30 seconds with Kubernetes \
               (`terminationGracePeriodSeconds`), Render and Heroku, 10 with `docker stop`, 90 with systemd \
               (`TimeoutStopSec`), `RAILWAY_DEPLOYMENT_DRAINING_SECONDS` with Railway, where it is 0 unless set.",
        ..ROW
    },
    Setting {
        key: "worker.soft_shutdown_timeout",
        flag: long("soft-shutdown-timeout"),
        environment: &["CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT"],
        kind: Kind::Number { min: 0.0, max: 31_536_000.0, unit: "seconds" },
        default: Default::Text("0"),
        help: "How long running tasks may go on after SIGQUIT or a second signal before their messages are handed back, as \
               Celery's `worker_soft_shutdown_timeout`. 0: not at all.",
        ..ROW
    },
    Setting {
        key: "worker.prefetch_multiplier",
        flag: long("prefetch-multiplier"),
        environment: &["CELERY_WORKER_PREFETCH_MULTIPLIER"],
        kind: Kind::Integer { min: 0, max: 10_000, unit: "messages per slot" },
        default: Default::Text("1"),
        help: "How many messages are held per slot, the running ones included. 0: no limit.",
        ..ROW
    },
    Setting {
        key: "worker.max_deliveries",
        flag: long("max-deliveries"),
        kind: Kind::Integer { min: 0, max: 1_000_000, unit: "lost workers" },
        default: Default::Text("3"),
        help: "How many workers may be lost with a message in their hands before it becomes a dead letter and its sender is \
               told `WorkerLostError`. 0: any number, as in Celery.",
        ..ROW
    },
    Setting {
        key: "worker.fallback_queue",
        flag: long("fallback-queue"),
        kind: Kind::Text("QUEUE"),
        default: Default::Unset("not set: their sender is told `NotRegistered`, as by Celery"),
        help: "The queue to which tasks are passed on that this worker does not serve, unchanged, for workers that do. It must \
               not be one that this worker consumes.",
        ..ROW
    },
    Setting {
        key: "worker.hostname",
        flag: short('n', "hostname"),
        environment: &["CELERY_WORKER_HOSTNAME"],
        kind: Kind::Special(NODE_NAME),
        default: Default::Text("celery@%h"),
        help: "The name of this node, `name@host`; two nodes on one broker must not share it. Expanded as Celery does: %h \
               the full name of this machine, %n its part before the first dot, %d the part after it, %% a percent \
               sign. Without @ the text is the host part: `w1` becomes `celery@w1`.",
        ..ROW
    },
    Setting {
        key: "worker.loglevel",
        flag: short('l', "loglevel"),
        environment: &["CELERY_WORKER_LOGLEVEL", "LOG_LEVEL"],
        kind: Kind::Special(LOG_LEVELS),
        default: Default::Text("info"),
        used_by: EVERY,
        help: "What is logged, in any case: trace, debug, info, warning (or warn), error, critical (or fatal). Other \
               levels for single modules follow: `info,celeriac=debug`. Below info, only this program's own modules \
               become more talkative; a library does when it is named.",
        ..ROW
    },
    Setting {
        key: "worker.logformat",
        flag: long("logformat"),
        environment: &["AGENSIUM_LOG_FORMAT"],
        kind: Kind::Choice(&["auto", "text", "json"]),
        default: Default::Text("auto"),
        used_by: EVERY,
        help: "The shape of the log. `text`: lines as Celery writes them. `json`: one object per line. `auto`: text on a terminal, else JSON. \
               The log goes to standard error.",
        ..ROW
    },
    Setting {
        key: "analysis.rate_limit",
        flag: long("rate-limit"),
        kind: Kind::Special(RATE_LIMIT),
        default: Default::Text("10/m"),
        help: "How often this node starts a `process_analysis`, as the backend's `rate_limit`: starts per second, minute \
               or hour, evenly apart. What comes sooner waits. `none`: as often as it comes.",
        ..ROW
    },
    Setting {
        key: "analysis.global_rate_limit",
        flag: long("global-rate-limit"),
        kind: Kind::Special(RATE_LIMIT),
        default: Default::Text("none"),
        help: "How often all nodes of the broker together start a `process_analysis`, under each of its names: as \
               `analysis.rate_limit`, kept in Redis. Set it to the same on every node; Python workers neither keep it nor count.",
        ..ROW
    },
    Setting {
        key: "database.url",
        flag: long("database-url"),
        environment: &["DATABASE_URL"],
        kind: Kind::Url(DATABASE_URL),
        default: Default::Text("sqlite:agensium-data/agensium.db"),
        used_by: DATABASE,
        help: "The database of the backend: `mysql://` or `mariadb://` (SQLAlchemy's driver suffix, as in \
               `mysql+pymysql://`, is accepted), or `sqlite:PATH` for a file.",
        ..ROW
    },
    Setting {
        key: "storage.directory",
        flag: long("storage-dir"),
        environment: &["AGENSIUM_STORAGE_DIR"],
        kind: Kind::Path,
        default: Default::Text("agensium-data/bucket"),
        help: "The local folder that serves as bucket as long as no S3 endpoint and no S3 key is set.",
        ..ROW
    },
    Setting {
        key: "storage.endpoint_url",
        flag: long("s3-endpoint-url"),
        environment: &["AWS_ENDPOINT_URL", "S3_ENDPOINT_URL"],
        kind: Kind::Url(HTTP_URL),
        default: Default::Unset("not set"),
        help: "The S3-compatible server, addressed in path style.",
        ..ROW
    },
    Setting {
        key: "storage.access_key_id",
        environment: &["AWS_ACCESS_KEY_ID", "S3_ACCESS_KEY"],
        secret: true,
        help: "The id of the S3 key. Needs `storage.secret_access_key`.",
        ..ROW
    },
    Setting {
        key: "storage.secret_access_key",
        environment: &["AWS_SECRET_ACCESS_KEY", "S3_SECRET_KEY"],
        secret: true,
        help: "The secret of the S3 key. Needs `storage.access_key_id`.",
        ..ROW
    },
    Setting {
        key: "storage.region",
        flag: long("s3-region"),
        environment: &["AWS_REGION"],
        kind: Kind::Text("REGION"),
        default: Default::Text("us-east-005"),
        help: "The region that S3 requests are signed for.",
        ..ROW
    },
    Setting {
        key: "storage.bucket",
        flag: long("s3-bucket"),
        environment: &["S3_BUCKET", "S3_BUCKET_NAME"],
        kind: Kind::Text("BUCKET"),
        default: Default::Text("agensium-files"),
        help: "The bucket on the S3 server.",
        ..ROW
    },
];

/// The setting of that name.
pub(crate) fn find(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}
