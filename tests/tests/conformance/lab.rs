//! What the statements are tested with: a Redis of their own, the worker, a Python client, raw commands.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use anyhow::{Context, bail, ensure};
use redis::Commands;
use serde_json::{Value, json};
use system_tests::drill;
pub(crate) use system_tests::drill::{
    connect, envelope, meta_key, push, start_python_worker, start_worker, wait_until,
};
use system_tests::process::Signal;
use system_tests::program::{PATIENCE, Program};
use system_tests::python::Venv;
use system_tests::servers::RedisServer;

/// The states after which nothing more is stored.
const READY: [&str; 3] = ["SUCCESS", "FAILURE", "REVOKED"];

/// A worker on a Redis that nobody else uses.
pub(crate) struct Lab {
    pub(crate) worker: Program,
    pub(crate) redis: RedisServer,
}

impl Lab {
    /// Starts both. The worker's flags as on its command line.
    pub(crate) fn start(flags: &[&str]) -> anyhow::Result<Self> {
        Self::start_on(RedisServer::start()?, flags)
    }

    /// Starts the worker on a Redis that has been prepared.
    pub(crate) fn start_on(redis: RedisServer, flags: &[&str]) -> anyhow::Result<Self> {
        let worker = start_worker(&redis, flags)?;
        Ok(Self { worker, redis })
    }

    pub(crate) fn connection(&self) -> anyhow::Result<redis::Connection> {
        connect(&self.redis)
    }

    pub(crate) fn push(&self, envelope: &Value) -> anyhow::Result<()> {
        push(&self.redis, "default", envelope)
    }

    /// Pushes a message of that task and waits for its outcome.
    pub(crate) fn run(&self, task: &str, id: &str, args: &Value) -> anyhow::Result<Value> {
        self.push(&envelope(task, id, args))?;
        self.outcome(id)
    }

    /// Waits for the end of the task; what is stored then.
    pub(crate) fn outcome(&self, id: &str) -> anyhow::Result<Value> {
        self.stored(id, &READY)
    }

    /// Waits until one of the states is stored.
    pub(crate) fn stored(&self, id: &str, states: &[&str]) -> anyhow::Result<Value> {
        stored(&self.redis, id, states)
    }

    /// Runs Python code beside a Celery app of this broker.
    pub(crate) fn python(&self, code: &str, input: &Value) -> anyhow::Result<Value> {
        python(&self.redis, &json!({}), code, input)
    }

    /// How many messages are held: entries of the hash and of the index, which must have the same tags.
    pub(crate) fn held(&self) -> anyhow::Result<usize> {
        let mut connection = self.connection()?;
        let (mut tags, mut indexed): (Vec<String>, Vec<String>) =
            redis::pipe().atomic().hkeys("unacked").zrange("unacked_index", 0, -1).query(&mut connection)?;
        tags.sort();
        indexed.sort();
        ensure!(tags == indexed, "unacked has {tags:?}, unacked_index {indexed:?}");
        Ok(tags.len())
    }

    /// Stops the worker as a deployment does; its exit code.
    pub(crate) fn terminate(&mut self) -> anyhow::Result<Option<i32>> {
        self.worker.signal(Signal::TERM)?;
        Ok(self.worker.wait_exit(PATIENCE)?.code())
    }

    /// The process that runs tasks, or one of them, when there is one.
    pub(crate) fn executor(&self) -> anyhow::Result<Option<i32>> {
        for thread in std::fs::read_dir(format!("/proc/{}/task", self.worker.id()))? {
            let children = std::fs::read_to_string(thread?.path().join("children"))?;
            if let Some(first) = children.split_whitespace().next() {
                return Ok(Some(first.parse()?));
            }
        }
        Ok(None)
    }

    /// The messages that wait in a list, the next to be taken first.
    pub(crate) fn waiting(&self, list: &str) -> anyhow::Result<Vec<Value>> {
        waiting(&self.redis, list)
    }
}

pub(crate) fn waiting(redis: &RedisServer, list: &str) -> anyhow::Result<Vec<Value>> {
    let elements: Vec<String> = connect(redis)?.lrange(list, 0, -1)?;
    elements.iter().rev().map(|element| Ok(serde_json::from_str(element)?)).collect()
}

/// The same message with more headers.
pub(crate) fn with_headers(mut envelope: Value, headers: &Value) -> Value {
    for (name, value) in headers.as_object().into_iter().flatten() {
        envelope["headers"][name] = value.clone();
    }
    envelope
}

/// What is stored for the task, if anything.
pub(crate) fn meta(redis: &RedisServer, id: &str) -> anyhow::Result<Option<Value>> {
    drill::meta(&mut connect(redis)?, id)
}

fn stored(redis: &RedisServer, id: &str, states: &[&str]) -> anyhow::Result<Value> {
    let in_state = |meta: &Value| states.iter().any(|state| meta["status"] == *state);
    let mut connection = connect(redis)?;
    let mut channel = connection.as_pubsub();
    channel.subscribe(meta_key(id))?;
    if let Some(meta) = meta(redis, id)?.filter(in_state) {
        return Ok(meta);
    }
    loop {
        let message = channel.get_message().with_context(|| format!("waiting for {states:?} of {id}"))?;
        let meta: Value = serde_json::from_str(&message.get_payload::<String>()?)?;
        if in_state(&meta) {
            return Ok(meta);
        }
    }
}

/// The ids in the order in which their first `count` ready states are published, from the call of `start` on.
pub(crate) fn order_of_ends(
    redis: &RedisServer,
    count: usize,
    start: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<Vec<String>> {
    let mut connection = connect(redis)?;
    let mut channel = connection.as_pubsub();
    channel.psubscribe(meta_key("*"))?;
    start()?;
    let mut ids = Vec::new();
    while ids.len() < count {
        let message = channel.get_message()?;
        let meta: Value = serde_json::from_str(&message.get_payload::<String>()?)?;
        if READY.iter().any(|state| meta["status"] == *state) {
            ids.push(meta["task_id"].as_str().unwrap_or_default().to_owned());
        }
    }
    Ok(ids)
}

/// Everything the server is told, scripts' own commands included.
pub(crate) struct Monitor {
    lines: BufReader<TcpStream>,
}

/// A command as the server saw it.
pub(crate) type Command = Vec<String>;

impl Monitor {
    pub(crate) fn start(redis: &RedisServer) -> anyhow::Result<Self> {
        let mut stream = TcpStream::connect(("127.0.0.1", redis.port()))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(b"MONITOR\r\n")?;
        let mut monitor = Self { lines: BufReader::new(stream) };
        let answer = monitor.line()?;
        ensure!(answer.starts_with("+OK"), "{answer}");
        Ok(monitor)
    }

    fn line(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        self.lines.read_line(&mut line)?;
        Ok(line)
    }

    /// The commands since the last call or the start, up to now.
    pub(crate) fn commands(&mut self, redis: &RedisServer) -> anyhow::Result<Vec<Command>> {
        const MARK: &str = "the end of what is read";
        redis::cmd("ECHO").arg(MARK).query::<String>(&mut connect(redis)?)?;
        let is_mark = |command: &Command| *command == ["ECHO", MARK];
        let mut commands = self.until(is_mark)?;
        commands.pop();
        Ok(commands)
    }

    /// The commands up to the first that is meant.
    pub(crate) fn until(&mut self, meant: impl Fn(&Command) -> bool) -> anyhow::Result<Vec<Command>> {
        let mut commands = Vec::new();
        loop {
            let command = arguments(&self.line()?);
            let last = meant(&command);
            commands.push(command);
            if last {
                return Ok(commands);
            }
        }
    }
}

/// The quoted arguments of a line of MONITOR; the command's name in capitals.
fn arguments(line: &str) -> Command {
    let mut arguments = Vec::new();
    let mut rest = line.chars();
    while rest.by_ref().any(|character| character == '"') {
        let mut argument = String::new();
        while let Some(character) = rest.next() {
            match character {
                '"' => break,
                '\\' => match rest.next() {
                    Some('x') => {
                        let code: String = rest.by_ref().take(2).collect();
                        argument.push(u8::from_str_radix(&code, 16).unwrap_or(b'?').into());
                    }
                    Some('n') => argument.push('\n'),
                    Some('r') => argument.push('\r'),
                    Some('t') => argument.push('\t'),
                    Some(other) => argument.push(other),
                    None => break,
                },
                other => argument.push(other),
            }
        }
        arguments.push(argument);
    }
    if let Some(name) = arguments.first_mut() {
        name.make_ascii_uppercase();
    }
    arguments
}

/// Where the first command with these leading arguments stands.
pub(crate) fn position(commands: &[Command], wanted: &[&str]) -> Option<usize> {
    commands.iter().position(|command| {
        command.len() >= wanted.len() && command.iter().zip(wanted).all(|(is, wanted)| is == wanted)
    })
}

/// A Python client that all statements share, with the Redis through which it gets its requests.
struct Peer {
    _program: Program,
    control: RedisServer,
}

static PEER: Mutex<Weak<Peer>> = Mutex::new(Weak::new());

/// The client, started when no test that runs now has one.
fn peer() -> anyhow::Result<Arc<Peer>> {
    let mut running = PEER.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(peer) = running.upgrade() {
        return Ok(peer);
    }
    let control = RedisServer::start()?;
    let program = Venv::celery57()?.script("peer.py").args(["--control", &control.url()]).start()?;
    let peer = Arc::new(Peer { _program: program, control });
    *running = Arc::downgrade(&peer);
    Ok(peer)
}

/// Runs Python code with `app`, a Celery app with these settings, and `input` in reach; its variable `answer`.
pub(crate) fn python(
    redis: &RedisServer,
    settings: &Value,
    code: &str,
    input: &Value,
) -> anyhow::Result<Value> {
    let peer = peer()?;
    let id = uuid::Uuid::new_v4().to_string();
    let request =
        json!({"id": id, "broker": redis.url(), "settings": settings, "code": code, "input": input});
    let mut control = connect(&peer.control)?;
    let () = control.rpush("todo", request.to_string())?;
    let (_, answer): (String, String) = control.blpop(format!("answer:{id}"), PATIENCE.as_secs_f64())?;
    let mut answer: Value = serde_json::from_str(&answer)?;
    if let Some(error) = answer["error"].as_str() {
        bail!("{error}");
    }
    Ok(answer["answer"].take())
}
