"""Building what is measured, as cargo names it."""
import json
import subprocess


def release(package, workspace):
    """Builds the workspace in that folder in release mode; the path of its program `package`.

    The whole of it, so that cargo builds the dependencies once, with the features of all.
    """
    command = ["cargo", "build", "--release", "--locked", "--workspace", "--bins", "--message-format", "json"]
    built = subprocess.run(command, cwd=workspace, stdout=subprocess.PIPE, text=True, check=True).stdout
    messages = [json.loads(line) for line in built.splitlines() if line.startswith("{")]
    return next(m["executable"] for m in messages if m.get("executable") and m["target"]["name"] == package)
