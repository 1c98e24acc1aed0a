# shellcheck shell=bash
# What the scripts in this folder share; sourced by each, does nothing by itself.

CHECKOUT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
SCRIPTS=$CHECKOUT/docker-free-scripts
# What is made once per machine and used by every checkout.
CELERIAC_HOME=${CELERIAC_HOME:-$HOME/.cache/celeriac}
CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$HOME/.cache/celeriac-target}
PYTHON=${CELERIAC_PYTHON:-python3}
export CHECKOUT SCRIPTS CELERIAC_HOME CARGO_TARGET_DIR PYTHON

say() { printf '%s\n' "$*"; }

die() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

usage_error() {
    printf '%s: %s\nTry %s --help\n' "$(basename "$0")" "$*" "$0" >&2
    exit 2
}

# The comment block at the top of a script is its help text.
show_help() { sed -n '2,/^[^#]/{/^#/{s/^# \{0,1\}//;p}}' "$0"; }

# The folder of a Python environment: its name, and a hash of the requirements and of the interpreter.
venv_folder() {
    local requirements=$SCRIPTS/requirements/$1.txt hash
    [ -f "$requirements" ] || die "there is no $requirements"
    hash=$({ cat "$requirements"; "$PYTHON" -c 'import sys; print(sys.version, sys.base_prefix)'; } | sha256sum)
    printf '%s/venvs/%s-%s\n' "$CELERIAC_HOME" "$1" "${hash:0:12}"
}

# A TCP port on 127.0.0.1 that is free now, below the range from which clients' ports are taken (as in
# tests/src/servers/port.rs).
free_port() {
    "$PYTHON" - <<'PY'
import random, socket
for _ in range(200):
    port = random.randrange(15000, 32000)
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            continue
    print(port)
    break
else:
    raise SystemExit("no free port found")
PY
}

# Calls "$@" until it succeeds, at most $1 seconds; fails when the process $2 ends before.
wait_until() {
    local limit=$((SECONDS + $1)) pid=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        kill -0 "$pid" 2>/dev/null || return 1
        [ "$SECONDS" -lt "$limit" ] || return 1
        sleep 0.05
    done
}

# When the process started, in kernel ticks: with its id, this names a process for ever.
start_time() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20; }

# Ends process $1 politely, after $2 seconds (default 30) by force, and waits until it is gone.
end_process() {
    local pid=$1 limit=$((SECONDS + ${2:-30}))
    kill -TERM "$pid" 2>/dev/null || return 0
    while is_alive "$pid"; do
        [ "$SECONDS" -lt "$limit" ] || kill -KILL "$pid" 2>/dev/null || return 0
        sleep 0.05
    done
}

# Whether a process exists and is more than an entry that nobody has waited for.
is_alive() {
    local state
    state=$(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 1)
    [ -n "$state" ] && [ "$state" != Z ]
}
