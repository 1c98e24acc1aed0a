//! The rules of the whole: what counts over what, where values come from, what is said when they are
//! wrong.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::habits::HABITS;
use super::origin::{Flags, Origin};
use super::setting::{Default, Scope};
use super::settings::{SECTIONS, SETTINGS, find};
use super::{Loaded, LogFormat, Problems, Sources, Storage, TlsMode, load};

/// A machine's folder, environment and command line.
struct Machine {
    folder: TempDir,
    environment: Vec<(OsString, OsString)>,
    flags: Flags,
    scope: Scope,
}

impl Machine {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            environment: Vec::new(),
            flags: Flags::default(),
            scope: Scope::Worker,
        }
    }

    fn file(self, name: &str, text: &str) -> Self {
        fs::write(self.folder.path().join(name), text).unwrap();
        self
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    fn flag(mut self, key: &str, value: &str) -> Self {
        self.flags.0.insert(find(key).unwrap().key, value.to_owned());
        self
    }

    fn scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    fn load(&self) -> Result<Loaded, Problems> {
        load(Sources {
            scope: self.scope,
            flags: &self.flags,
            environment: self.environment.clone(),
            folder: self.folder.path(),
        })
    }

    fn loaded(&self) -> Loaded {
        self.load().unwrap_or_else(|problems| panic!("{problems}"))
    }

    fn problems(&self) -> Vec<String> {
        self.load()
            .expect_err("a configuration that cannot be used")
            .0
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    /// The value of a setting and where it comes from, as a user sees them.
    fn shown(&self, key: &str) -> (Value, String) {
        let loaded = self.loaded();
        let one = loaded.effective.iter().find(|one| one.setting.key == key).unwrap();
        (one.shown(), one.origin.to_string())
    }
}

#[test]
fn without_any_setting_everything_has_its_default() {
    let loaded = Machine::new().loaded();

    let config = loaded.config;
    assert_eq!(config.broker.url.expose(), "redis://localhost:6379/0");
    assert_eq!(config.broker.visibility_timeout, Duration::from_secs(3600));
    assert_eq!((config.broker.tls.mode, config.broker.tls.verify), (TlsMode::Auto, true));
    assert_eq!(
        (config.broker.tls.ca_file, config.broker.tls.cert_file, config.broker.tls.key_file),
        (None, None, None)
    );
    assert_eq!(config.results.url.unwrap().expose(), "redis://localhost:6379/0");
    assert_eq!((config.results.expires, config.results.extended), (Some(Duration::from_secs(86400)), true));
    assert_eq!(config.worker.queues, ["default", "celery"]);
    assert_eq!(config.worker.concurrency, std::thread::available_parallelism().unwrap());
    assert_eq!(config.worker.prefetch_multiplier, 1);
    assert!(config.worker.hostname.starts_with("celery@"), "{}", config.worker.hostname);
    assert_eq!(
        (config.worker.loglevel.to_string().as_str(), config.worker.logformat),
        ("info", LogFormat::Auto)
    );
    assert_eq!(config.database.url.expose(), "sqlite:agensium-data/agensium.db");
    assert!(matches!(config.storage, Storage::Folder(path) if path == Path::new("agensium-data/bucket")));
    assert!(loaded.effective.iter().all(|one| one.origin == Origin::Default));
    assert_eq!(loaded.notes, [""; 0]);
}

#[test]
fn a_flag_counts_over_the_environment_over_dotenv_over_the_file_over_the_default() {
    let url = |host: &str| format!("redis://{host}/0");
    let mut machine = Machine::new();
    let mut seen = vec![machine.shown("broker.url")];

    machine = machine.file("worker.toml", "[broker]\nurl = \"redis://file/0\"\n");
    seen.push(machine.shown("broker.url"));
    machine = machine.file(".env", "REDIS_URL=redis://dotenv/0\n");
    seen.push(machine.shown("broker.url"));
    machine = machine.env("REDIS_URL", &url("process"));
    seen.push(machine.shown("broker.url"));
    machine = machine.env("CELERY_BROKER_URL", &url("first-name"));
    seen.push(machine.shown("broker.url"));
    machine = machine.flag("broker.url", &url("flag"));
    seen.push(machine.shown("broker.url"));

    let file = format!("{}, line 2", "worker.toml");
    let expected = [
        ("localhost:6379", "default"),
        ("file", file.as_str()),
        ("dotenv", "REDIS_URL in .env"),
        ("process", "REDIS_URL"),
        ("first-name", "CELERY_BROKER_URL"),
        ("flag", "--broker"),
    ];
    assert_eq!(seen, expected.map(|(host, origin)| (json!(url(host)), origin.to_owned())));
}

#[test]
fn an_empty_variable_is_no_variable() {
    let machine = Machine::new()
        .env("CELERY_BROKER_URL", "")
        .env("REDIS_URL", " ")
        .file(".env", "REDIS_URL=redis://d/1\n");

    assert_eq!(machine.shown("broker.url"), (json!("redis://d/1"), "REDIS_URL in .env".to_owned()));
}

#[test]
fn results_follow_the_backend_s_names_and_then_the_broker() {
    let machine = Machine::new().flag("broker.url", "redis://flag/0");
    assert_eq!(machine.shown("results.url"), (json!("redis://flag/0"), "default".to_owned()));

    let machine = machine.env("REDIS_URL", "redis://both/0");
    assert_eq!(machine.shown("results.url"), (json!("redis://both/0"), "REDIS_URL".to_owned()));

    let machine = machine.env("CELERY_RESULT_BACKEND", "disabled");
    assert!(machine.loaded().config.results.url.is_none());
    let machine = machine.flag("results.expires", "0");
    assert_eq!(machine.loaded().config.results.expires, None);
}

#[test]
fn all_problems_are_told_at_once_with_their_place_and_what_is_allowed() {
    let machine = Machine::new()
        .file("worker.toml", "[worker]\nqueus = \"a\"\nloglevel = \"loud\"\n")
        .file(".env", "CELERY_CONCURRENCY=many\n")
        .env("REDIS_URL", "http://:hunter2@h")
        .env("AWS_ACCESS_KEY_ID", "hunter2")
        .flag("worker.hostname", "w@%x");

    let problems = machine.problems();

    assert_eq!(
        problems,
        [
            "worker.toml, line 2: there is no setting `worker.queus`; did you mean `worker.queues`?".to_owned(),
            format!(
                "broker.url: \"http://:***@h\" has a scheme that is not known here (from REDIS_URL); allowed: {}",
                find("broker.url").unwrap().kind.allowed()
            ),
            format!(
                "results.url: \"http://:***@h\" has a scheme that is not known here (from REDIS_URL); allowed: {}",
                find("results.url").unwrap().kind.allowed()
            ),
            "worker.concurrency: \"many\" is no whole number (from CELERY_CONCURRENCY in .env); allowed: auto, or a whole \
             number from 0 to 4096 (tasks at the same time)"
                .to_owned(),
            "worker.hostname: \"w@%x\" has the unknown sign %x (write %%x for the text itself) (from --hostname); allowed: a \
             name with the signs %h, %n, %d, %i, %I and %%; no white space"
                .to_owned(),
            "worker.loglevel: \"loud\" has the unknown level \"loud\" (from worker.toml, line 3); allowed: trace, debug, info, \
             warning, error or critical, then module=level, all separated by commas"
                .to_owned(),
        ]
    );
}

#[test]
fn an_empty_flag_is_an_error() {
    let machine = Machine::new().flag("worker.queues", "");

    assert_eq!(
        machine.problems(),
        ["worker.queues: the value is empty (from --queues); allowed: names separated by commas"]
    );
}

#[test]
fn a_named_configuration_file_must_be_there() {
    let machine = Machine::new().env("AGENSIUM_CONFIG", "other.toml").file("worker.toml", "nonsense = 1");
    let problems = machine.problems();
    assert!(problems.len() == 1 && problems[0].starts_with("other.toml: cannot be read ("), "{problems:?}");

    let machine = machine.file("other.toml", "worker.queues = [\"x\"]");
    assert_eq!(machine.shown("worker.queues"), (json!(["x"]), "other.toml, line 1".to_owned()));
    assert_eq!(machine.shown("config"), (json!("other.toml"), "AGENSIUM_CONFIG".to_owned()));
}

#[test]
fn a_key_makes_the_bucket_an_s3_bucket() {
    let machine = Machine::new()
        .env("S3_ACCESS_KEY", "id")
        .env("AWS_SECRET_ACCESS_KEY", "hunter2")
        .env("S3_ENDPOINT_URL", "https://s3.example.com")
        .env("S3_BUCKET_NAME", "b");

    let Storage::S3(s3) = machine.loaded().config.storage else { panic!("no S3") };

    assert_eq!(s3.endpoint_url.unwrap().expose(), "https://s3.example.com");
    assert_eq!((s3.access_key_id.expose(), s3.secret_access_key.expose()), ("id", "hunter2"));
    assert_eq!((s3.region.as_str(), s3.bucket.as_str()), ("us-east-005", "b"));
    assert_eq!(
        machine.shown("storage.secret_access_key"),
        (json!("***"), "AWS_SECRET_ACCESS_KEY".to_owned())
    );
}

#[test]
fn tls_is_set_by_the_environment() {
    let machine = Machine::new().file("c.pem", "x").file("k.pem", "x");
    let path = |name: &str| machine.folder.path().join(name).display().to_string();
    let (cert, key) = (path("c.pem"), path("k.pem"));
    let machine = machine
        .env("REDIS_TLS", "ALWAYS")
        .env("REDIS_TLS_VERIFY", "0")
        .env("REDIS_CA_FILE", &cert)
        .env("REDIS_CERT_FILE", &cert)
        .env("REDIS_KEY_FILE", &key);

    let tls = machine.loaded().config.broker.tls;

    assert_eq!((tls.mode, tls.verify), (TlsMode::Always, false));
    let files = [tls.ca_file, tls.cert_file, tls.key_file];
    assert_eq!(files, [Some(PathBuf::from(&cert)), Some(cert.into()), Some(key.into())]);
}

#[test]
fn half_a_pair_is_an_error() {
    let pem = |machine: Machine| {
        let path = machine.folder.path().join("c.pem").display().to_string();
        machine.file("c.pem", "x").env("REDIS_CERT_FILE", &path)
    };
    let cases = [
        (
            Machine::new().env("AWS_ACCESS_KEY_ID", "id"),
            "storage.access_key_id is set (from AWS_ACCESS_KEY_ID), but storage.secret_access_key is not: both or none",
        ),
        (
            Machine::new().env("S3_SECRET_KEY", "s"),
            "storage.secret_access_key is set (from S3_SECRET_KEY), but storage.access_key_id is not: both or none",
        ),
        (
            Machine::new().flag("storage.endpoint_url", "https://h"),
            "storage.endpoint_url is set (from --s3-endpoint-url), but no S3 key: set storage.access_key_id \
             (AWS_ACCESS_KEY_ID) and storage.secret_access_key (AWS_SECRET_ACCESS_KEY)",
        ),
        (
            pem(Machine::new()),
            "broker.tls.cert_file is set (from REDIS_CERT_FILE), but broker.tls.key_file is not: both or none",
        ),
        (
            Machine::new().flag("broker.dead_letter_queue", "b").flag("worker.queues", "a,b"),
            "worker.queues (from --queues) has b, the dead-letter queue: what nobody can run would come back for ever",
        ),
    ];

    for (machine, expected) in cases {
        assert_eq!(machine.problems(), [expected]);
    }
}

#[test]
fn what_has_no_effect_is_noted() {
    let machine = Machine::new().file("ca.pem", "x").file(".env", "A=1\n= 2\n");
    let ca = machine.folder.path().join("ca.pem").display().to_string();
    let machine = machine.env("REDIS_CA_FILE", &ca);
    assert_eq!(
        machine.loaded().notes,
        [
            ".env, line 2: not understood (KEY=value is expected), left out",
            "broker.tls.ca_file has no effect: the connection is plain; use rediss:// or set broker.tls.mode to always",
        ]
    );

    let machine = Machine::new()
        .env("AWS_ACCESS_KEY_ID", "i")
        .env("AWS_SECRET_ACCESS_KEY", "s")
        .flag("storage.directory", "d");
    assert_eq!(
        machine.loaded().notes,
        ["storage.directory (from --storage-dir) is not used: an S3 key is set (from AWS_ACCESS_KEY_ID)"]
    );
}

#[test]
fn a_command_looks_only_at_its_own_settings() {
    let machine = Machine::new().env("DATABASE_URL", "postgresql://h/d").env("LOG_LEVEL", "debug");

    let agent = machine.scope(Scope::Agent);
    assert_eq!(agent.shown("worker.loglevel"), (json!("debug"), "LOG_LEVEL".to_owned()));
    let migrate = agent.scope(Scope::Migrate);
    assert_eq!(migrate.problems().len(), 1);
    let config = migrate.scope(Scope::Config);
    assert_eq!(config.problems().len(), 1);
    let agent = config.scope(Scope::Agent).flag("worker.queues", "a");
    assert_eq!(agent.problems(), ["--queues has no meaning for `agent`"]);
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_no_text_is_an_error_only_where_it_is_used() {
    use std::os::unix::ffi::OsStringExt;
    let mut machine = Machine::new();
    machine.environment.push(("OTHER".into(), OsString::from_vec(vec![0xff])));
    machine.loaded();

    machine.environment.push(("LOG_LEVEL".into(), OsString::from_vec(vec![0xff])));
    assert!(
        machine.problems()[0].starts_with("worker.loglevel: the value is no UTF-8 text (from LOG_LEVEL)")
    );
}

#[test]
fn nothing_shows_a_secret() {
    let machine = Machine::new()
        .env("REDIS_URL", "rediss://u:hunter2@h/0?password=hunter2")
        .env("DATABASE_URL", "mysql+pymysql://u:hunt%65r2@h/d")
        .env("AWS_ACCESS_KEY_ID", "hunter2")
        .env("AWS_SECRET_ACCESS_KEY", "hunter2")
        .env("AWS_ENDPOINT_URL", "https://hunter2@h");

    let loaded = machine.loaded();

    let shown: Vec<Value> = loaded.effective.iter().map(super::Effective::shown).collect();
    for text in [format!("{loaded:?}"), json!(shown).to_string()] {
        assert!(!text.contains("hunter2") && !text.contains("hunt%65r2"), "{text}");
    }
    assert_eq!(loaded.config.database.url.expose(), "mysql+pymysql://u:hunt%65r2@h/d");
}

#[test]
fn the_table_is_sound() {
    let known_sections: Vec<&str> = SECTIONS.iter().map(|(name, _, _)| *name).collect();
    let mut flags: Vec<String> = Vec::new();
    for setting in SETTINGS {
        let key = setting.key;
        assert_eq!(SETTINGS.iter().filter(|other| other.key == key).count(), 1, "{key} twice");
        assert!(known_sections.contains(&setting.section()), "{key} is in no section");
        assert!(setting.help.ends_with('.'), "{key}: help is a paragraph");
        assert!(!setting.used_by.is_empty(), "{key} is used by nothing");
        assert!(!(setting.secret && setting.flag.is_some()), "{key}: a secret on the command line");
        if let Default::SameAs(other) = setting.default {
            let place = |key: &str| SETTINGS.iter().position(|setting| setting.key == key);
            assert!(place(other) < place(key), "{key} takes its default from a later row");
        }
        let flag = setting.flag.iter();
        flags.extend(
            flag.flat_map(|flag| [Some(flag.long.to_owned()), flag.short.map(String::from)]).flatten(),
        );
    }
    for habit in HABITS {
        let names =
            [Some(habit.long.to_owned()), habit.short.map(String::from), habit.alias.map(str::to_owned)];
        flags.extend(names.into_iter().flatten());
    }
    let count = flags.len();
    flags.sort_unstable();
    flags.dedup();
    assert_eq!(flags.len(), count, "a flag stands for two things");
}
