"""A whole agent with what `agents env` prints and nothing else; then what the documents show. The same agent runs against the deployed
stack in crates/doors/lambda/tests/lambda/e2e."""

import json
import pathlib
import re
import subprocess
import tempfile
from decimal import Decimal

from drivers import environment
from plane import REPOSITORY, started

HERE = pathlib.Path(__file__).resolve().parent
CAME_TO = {
    "registered": True, "source": "devops.automation", "detailType": "devops.completed", "status": "success", "action": "created",
    "asked": "asked for", "made": "made by itself",
}
# Before each: what a reader's shell has from `agents env`.
LINES = 'eval "$("$BINARY" --data-dir "$DATA" agents env {name} --reveal)"\n'
FORBIDDEN = ("AWS_ENDPOINT_URL",)


def shell(arguments, plane, name, script, folder):
    """A script after the lines of `agents env`, in a shell that knows nothing else."""
    binaries = ":".join(str(arguments.peers / peer) for peer in ("aws/bin", "aws-cli/bin", "aws-node/node/bin"))
    ours = environment() | {"BINARY": str(arguments.binary), "DATA": str(plane.data), "HOME": folder}
    ours["PATH"] = f"{binaries}:{ours['PATH']}"
    for given in ("AWS_DEFAULT_REGION", "AWS_REGION"):
        ours.pop(given)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", LINES.format(name=name) + script],
        cwd=folder, env=ours, capture_output=True, text=True, check=False, timeout=120,
    )
    return done.stdout if done.returncode == 0 else f"ended with {done.returncode}: {done.stdout}{done.stderr[-1500:]}"


def lines_of_env(arguments, plane, name):
    """What `agents env` must print: each service's address and the key, never one address for all, and no secret without --reveal."""
    plain = subprocess.run(plane.command("agents", "env", name), cwd=plane.folder, capture_output=True, text=True, check=False)
    differs = []
    if plane.keys[name]["secret"] in plain.stdout or plain.returncode != 0:
        differs.append(f"agents env {name} without --reveal: {plain.returncode} {plain.stderr}")
    told = shell(arguments, plane, name, "env", str(plane.folder))
    named = dict(line.split("=", 1) for line in told.splitlines() if line.startswith("AWS_") and "=" in line)
    differs += [f"agents env sets {forbidden}" for forbidden in FORBIDDEN if forbidden in named]
    for service in ("EVENTBRIDGE", "CLOUDWATCH", "SECRETS_MANAGER", "SSM", "STS", "SQS", "SNS", "CLOUDFORMATION", "DYNAMODB"):
        if named.get(f"AWS_ENDPOINT_URL_{service}") is None:
            differs.append(f"agents env names no address for {service}: {told[:300]}")
    if named.get("AWS_ACCESS_KEY_ID") != plane.keys[name]["id"] or named.get("AWS_SECRET_ACCESS_KEY") != plane.keys[name]["secret"]:
        differs.append("agents env --reveal prints another key than was made")
    return differs


def short_lived(arguments, plane, name, folder):
    """Keys that the SDK fetches itself, as in a container: what it needs is an address and the agent's token."""
    told = subprocess.run(plane.command("agents", "env", name), cwd=plane.folder, capture_output=True, text=True, check=False).stdout
    # The lines as they are, and then what their comments say.
    lines = told.replace("#   AWS_CONTAINER", "export AWS_CONTAINER").replace("#   unset", "unset")
    lines = lines.replace("TOKEN', where TOKEN is the agent's", f"{plane.keys[name]['bearer']}'")
    program = "import boto3; s = boto3.client('sts'); print(s.get_caller_identity()['Arn'])"
    python = arguments.peers / "aws/bin/python"
    script = f'{lines}\nexec "{python}" -c "{program}"\n'
    ours = environment() | {"HOME": folder}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], env=ours, cwd=folder, capture_output=True, text=True, check=False
    )
    return [] if done.stdout.strip().endswith(name) else [f"with short-lived keys: {done.stdout}{done.stderr[-600:]}"]


def shown(document, name):
    """An example of a document, and what it says that it prints."""
    _, rest = document.split(f"<!-- example: {name} -->\n", 1)
    code = re.match(r"```\w+\n(.*?)```", rest, re.DOTALL)
    printed = re.search(r"It prints(?: `([^`]+)`|\n\n```text\n(.*?)```)", rest, re.DOTALL)
    return code.group(1), (printed.group(1) or printed.group(2)).strip()


def run(arguments):
    """Gives what differs."""
    differs = []
    names, stripe = ["Writer", "Orchestrator", "Operator"], arguments.examples / "fake_stripe"
    with started(arguments.binary, names, stripe) as plane, tempfile.TemporaryDirectory() as folder:
        differs += lines_of_env(arguments, plane, "Orchestrator")
        told = shell(arguments, plane, "Orchestrator", f'python "{HERE / "agent.py"}" Orchestrator', folder)
        try:
            came_to = json.loads(told)
        except ValueError:
            came_to = told
        if came_to != CAME_TO:
            differs.append(f"the agent came to {came_to}, not {CAME_TO}")
        if plane.look("agent", {"name": "Orchestrator"})["ok"]["state"] != "up":
            differs.append("the agent sent its heartbeat and is not up")
        rows = plane.cli("audit", "list")["rows"]
        doors = {(row.get("detail") or {}).get("via") for row in rows if row.get("principal") == "Orchestrator"}
        if "aws" not in doors:
            differs.append(f"what the agent did is on record by the doors {doors}, and not by aws")
        differs += short_lived(arguments, plane, "Orchestrator", folder)
        differs += examples(arguments, plane, folder)
    return differs


def readme(arguments, plane, folder):
    """The README's lines, in a shell that has the program on its path: two of them, and an agent of four."""
    readme_text = (REPOSITORY / "README.md").read_text()
    found = re.search(r"<!-- example: boto3 -->\n```sh\n(.*?)```\n\n```python\n(.*?)```", readme_text, re.DOTALL)
    code = f"{found.group(1)}python3 - <<'AGENT'\n{found.group(2)}AGENT\n"
    programs = pathlib.Path(folder) / "programs"
    programs.mkdir()
    (programs / "cc-devops").symlink_to(arguments.binary)
    before = f'export PATH="{programs}:$PATH" CC_DEVOPS_DATA_DIR="$DATA"\n'
    told = shell(arguments, plane, "Writer", before + code, folder)
    return [] if told.strip().endswith("not-a-real-key") else [f"the README's agent: {told!r}"]


def examples(arguments, plane, folder):
    """What docs/AWS-SDK.md and the README show, run as it stands."""
    document = (REPOSITORY / "docs/AWS-SDK.md").read_text()
    work = pathlib.Path(folder)
    (work / "node_modules").symlink_to(arguments.peers / "aws-node/node_modules")
    differs = []
    for name, file, command in [("python", "shown.py", "python shown.py"), ("node", "shown.mjs", "node shown.mjs"), ("cli", "shown.sh", ". ./shown.sh")]:
        code, printed = shown(document, name)
        (work / file).write_text(code)
        told = shell(arguments, plane, "Writer", command, folder)
        if told.strip() != printed:
            differs.append(f"docs/AWS-SDK.md, {name}: {told!r}, not {printed!r}")
    (work / "told.py").write_text(re.search(r"<!-- example: operator -->\n```python\n(.*?)```", document, re.DOTALL).group(1))
    told = shell(arguments, plane, "Operator", "python told.py", folder)
    # DynamoDB's numbers have no zeros at their end.
    if told.strip() != f"{Decimal(plane.mrr).normalize():f}":
        differs.append(f"docs/AWS-SDK.md, operator: {told!r}, not {plane.mrr!r}")
    return differs + readme(arguments, plane, folder)
