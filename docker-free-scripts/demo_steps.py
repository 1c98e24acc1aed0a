"""The steps of `demo` that play the backend: they use the database, the bucket and the queue as it does.

`prepare` leaves what the API leaves before it enqueues: user, wallet, prices, a QUEUED task, its input file.
`run` enqueues with the real Celery client, shows the progress, and then checks and prints everything that the worker
left: outcome, row, report, ledger. Ends with 1 when any of it is not as it should be.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import queue
import shutil
import sqlite3
import sys
import threading
import uuid
from pathlib import Path
from typing import Any

from agensium_client import AnalysisClient, ClientError, Outcome, Submission

TOOL = "profile-my-data"
REPORT = "profile_my_data_analysis.json"
CREDITS = 1000
# Prices of the seeding script (tools.md); another agent gets the last one.
PRICES = {
    "unified-profiler": 30, "drift-detector": 40, "score-risk": 35, "test-coverage-agent": 30, "readiness-rater": 25,
}
OTHER_PRICE = 10
# report.md section 1.
REPORT_KEYS = [
    "metadata", "executive_summary", "analysis_summary", "summary", "alerts", "issues", "recommendations",
    "row_level_issues", "issue_summary", "routing_decisions", "agent_results",
]
# Seconds between two looks at the task's row, and until the demo gives up.
LOOK_EVERY = 0.005
GIVE_UP_AFTER = 300


def connect(database: str) -> sqlite3.Connection:
    connection = sqlite3.connect(database, timeout=30, isolation_level=None)
    connection.row_factory = sqlite3.Row
    return connection


def task_folder(bucket: str, user_id: int, task_id: str) -> Path:
    return Path(bucket) / "users" / str(user_id) / "tasks" / task_id


def prepare(options: argparse.Namespace) -> None:
    agents = options.agents.split(",")
    task_id = str(uuid.uuid4())
    with connect(options.database) as database:
        database.execute("BEGIN IMMEDIATE")
        database.execute(
            "INSERT INTO users (email, full_name, auth_provider, is_active, is_verified) VALUES (?, ?, ?, ?, ?)",
            ("demo@example.com", "Demo User", "local", 1, 1),
        )
        user_id = int(database.execute("SELECT last_insert_rowid()").fetchone()[0])
        database.execute("INSERT INTO credit_wallets (user_id, balance_credits) VALUES (?, ?)", (user_id, CREDITS))
        for agent in dict.fromkeys(agents):
            price = PRICES.get(agent, OTHER_PRICE)
            database.execute("INSERT INTO agent_costs (agent_id, cost) VALUES (?, ?)", (agent, price))
        now = dt.datetime.now(dt.timezone.utc).strftime("%Y-%m-%d %H:%M:%S")
        database.execute(
            "INSERT INTO tasks (task_id, user_id, tool_id, agents, status, progress, upload_started_at,"
            " processing_started_at, s3_cleaned) VALUES (?, ?, ?, ?, 'QUEUED', 15, ?, ?, 0)",
            (task_id, user_id, TOOL, json.dumps(agents), now, now),
        )
        database.execute("COMMIT")
    inputs = task_folder(options.bucket, user_id, task_id) / "inputs"
    inputs.mkdir(parents=True)
    shutil.copyfile(options.input, inputs / Path(options.input).name)
    print(f"{task_id} {user_id}")


class Checks:
    """Collects what is wrong, so that everything is shown before the demo fails."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def expect(self, holds: bool, problem: str) -> None:
        if not holds:
            self.problems.append(problem)


def run(options: argparse.Namespace) -> int:
    database = connect(options.database)
    task_id, user_id = options.task, options.user
    agents: list[str] = json.loads(one(database, "SELECT agents FROM tasks WHERE task_id = ?", task_id)["agents"])
    before = balance(database, user_id)

    with AnalysisClient(options.broker) as client:
        shown = show_progress(database, task_id, "")
        submission = client.submit(task_id, user_id)
        print(f"   sent as Celery message {submission.celery_id}")
        outcome = follow(database, task_id, submission, shown, options.worker_pid)

    checks = Checks()
    show_outcome(outcome, checks)
    show_row(database, task_id, checks)
    outputs = task_folder(options.bucket, user_id, task_id) / "outputs"
    show_report(outputs / REPORT, task_id, agents, checks)
    show_ledger(database, user_id, task_id, agents, before, checks)
    print("   files:")
    for path in sorted(task_folder(options.bucket, user_id, task_id).rglob("*")):
        if path.is_file():
            print(f"     {path} ({path.stat().st_size:,} bytes)")
    for problem in checks.problems:
        print(f"demo: {problem}", file=sys.stderr)
    return 1 if checks.problems else 0


def follow(
    database: sqlite3.Connection, task_id: str, submission: Submission, shown: str, worker_pid: int
) -> Outcome:
    """Prints each change of the row until the outcome is there."""
    # Waited for beside the looks at the row; abandoned with the process when the worker is gone.
    answers: queue.SimpleQueue[Outcome | ClientError] = queue.SimpleQueue()

    def wait() -> None:
        try:
            answers.put(submission.wait(GIVE_UP_AFTER))
        except ClientError as error:
            answers.put(error)

    threading.Thread(target=wait, daemon=True).start()
    while True:
        try:
            answer = answers.get(timeout=LOOK_EVERY)
        except queue.Empty:
            answer = None
        shown = show_progress(database, task_id, shown)
        if isinstance(answer, ClientError):
            sys.exit(f"demo: {answer}")
        if answer is not None:
            return answer
        if not running(worker_pid):
            sys.exit("demo: the worker ended before the task did")


def show_progress(database: sqlite3.Connection, task_id: str, shown: str) -> str:
    """Prints the row's state unless it is what was shown last; answers what is shown now."""
    row = one(database, "SELECT status, progress, current_agent FROM tasks WHERE task_id = ?", task_id)
    agent = f", running {row['current_agent']}" if row["current_agent"] else ""
    state = f"{row['status']} {row['progress']} %{agent}"
    if state != shown:
        print(f"   {state}")
    return state


def running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def show_outcome(outcome: Outcome, checks: Checks) -> None:
    details = f" in {outcome.execution_time_ms} ms" if outcome.ok else f": {outcome.error_code}: {outcome.error}"
    print(f"   outcome: {outcome.status}{details}")
    checks.expect(outcome.ok, f"the outcome is {outcome.status} ({outcome.error_code}: {outcome.error})")


def show_row(database: sqlite3.Connection, task_id: str, checks: Checks) -> None:
    row = one(database, "SELECT * FROM tasks WHERE task_id = ?", task_id)
    expected = ("COMPLETED", 100, None, None)
    found = (row["status"], row["progress"], row["current_agent"], row["error_code"])
    checks.expect(found == expected, f"status, progress, agent and error of the row are {found}, not {expected}")
    checks.expect(row["completed_at"] is not None, "the row has no completed_at")


def show_report(path: Path, task_id: str, agents: list[str], checks: Checks) -> None:
    if not path.is_file():
        checks.expect(False, f"there is no report {path}")
        return
    report: dict[str, Any] = json.loads(path.read_text("utf-8"))
    checks.expect(list(report) == REPORT_KEYS, f"the report's top-level keys are {list(report)}")
    checks.expect(report["metadata"].get("analysis_id") == task_id, "the report names another analysis")
    results: dict[str, Any] = report["agent_results"]
    checks.expect(list(results) == list(dict.fromkeys(agents)), f"the report has results of {list(results)}")
    summary, issues = report["summary"], report["issue_summary"]
    print(f"   report: {', '.join(report['metadata']['agents_name'])}")
    profile = results.get("unified-profiler")
    if profile:
        metrics, quality = profile["summary_metrics"], profile["data"]["quality_summary"]
        print(f"     rows {metrics['total_rows']:,}, columns {metrics['total_columns']}")
        print(f"     overall quality {quality['overall_quality_score']}, grade {quality['quality_grade']}")
    print(
        f"     alerts {summary['total_alerts']}, issues {summary['total_issues']},"
        f" recommendations {summary['total_recommendations']}, row-level issues {issues['total_issues']:,}"
    )


def show_ledger(
    database: sqlite3.Connection, user_id: int, task_id: str, agents: list[str], before: int, checks: Checks
) -> None:
    entries = database.execute(
        "SELECT agent_id, delta_credits, type, tool_id FROM credit_transactions WHERE user_id = ? AND analysis_id = ?",
        (user_id, task_id),
    ).fetchall()
    after = balance(database, user_id)
    print("   ledger:")
    for entry in entries:
        print(f"     {entry['type']} {entry['delta_credits']:+} credits for {entry['agent_id']}")
    print(f"     balance {before} -> {after}")
    expected = sorted((agent, -PRICES.get(agent, OTHER_PRICE), "CONSUME", TOOL) for agent in agents)
    found = sorted(tuple(entry) for entry in entries)
    checks.expect(found == expected, f"the ledger has {found}, not {expected}")
    spent = -sum(delta for _, delta, _, _ in expected)
    checks.expect(after == before - spent, f"the balance is {after}, not {before} - {spent}")


def balance(database: sqlite3.Connection, user_id: int) -> int:
    row = one(database, "SELECT balance_credits FROM credit_wallets WHERE user_id = ?", user_id)
    return int(row["balance_credits"])


def one(database: sqlite3.Connection, query: str, key: object) -> sqlite3.Row:
    row: sqlite3.Row = database.execute(query, (key,)).fetchone()
    return row


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("prepare", "run"):
        command = commands.add_parser(name)
        command.add_argument("--database", required=True, help="SQLite file")
        command.add_argument("--bucket", required=True, help="folder that is the bucket")
        if name == "prepare":
            command.add_argument("--agents", required=True, help="agent ids, separated by commas")
            command.add_argument("--input", required=True, help="CSV file")
        else:
            command.add_argument("--broker", required=True, help="URL of Redis")
            command.add_argument("--task", required=True, help="task id")
            command.add_argument("--user", required=True, type=int, help="user id")
            command.add_argument("--worker-pid", required=True, type=int, help="the worker's process id")
    options = parser.parse_args()
    if options.command == "prepare":
        prepare(options)
        return 0
    return run(options)


if __name__ == "__main__":
    sys.exit(main())
