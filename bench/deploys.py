"""Measures the plans of deploys: one of 500 changes read, rendered, digested and decided; `deploys review` of the same file
as a whole process; and what plans that wait cost the sweep.

    deploys.py BINARY EXAMPLE WAITING [--quick]

BINARY is cc-devops, EXAMPLE the built example `plan_speed`, WAITING the built example `waiting_plans`. All are of the release
profile. Writes its part of docs/BENCHMARKS.md.

Exit codes: 0, measured, whether or not the targets were met; 1, a change or a plan was lost.
"""

import json
import statistics
import subprocess
import sys
import time

import part
import report
from control_plane import Failed
from part import say

# `deploys review` ends so where a plan needs approval.
NEEDS_APPROVAL = 5


def change(number):
    """A function's new code and memory; the last change removes a bucket."""
    return {
        "Type": "Resource",
        "ResourceChange": {
            "Action": "Modify", "LogicalResourceId": f"Fn{number:03}", "PhysicalResourceId": f"shop-Fn{number:03}",
            "ResourceType": "AWS::Lambda::Function", "Replacement": "False", "Scope": ["Properties"],
            "Details": [
                {
                    "Target": {
                        "Attribute": "Properties", "Name": name, "RequiresRecreation": "Never", "Path": f"/Properties/{path}",
                        "BeforeValue": before, "AfterValue": after, "AttributeChangeType": "Modify",
                    },
                    "Evaluation": "Static", "ChangeSource": "DirectModification",
                }
                for name, path, before, after in (
                    ("Code", "Code/S3Key", f"build/{number}.zip", f"build/{number + 1}.zip"),
                    ("MemorySize", "MemorySize", "512", "1024"),
                )
            ],
        },
    }


def change_set(changes):
    arn = "arn:aws:cloudformation:eu-central-1:123456789012"
    removed = {
        "PolicyAction": "Delete", "Action": "Remove", "LogicalResourceId": "Attachments", "PhysicalResourceId": "shop-attachments",
        "ResourceType": "AWS::S3::Bucket", "Scope": [], "Details": [],
    }
    return {
        "ChangeSetName": "bench", "ChangeSetId": f"{arn}:changeSet/bench/1", "StackId": f"{arn}:stack/shop/1", "StackName": "shop",
        "Parameters": [], "CreationTime": "2026-11-20T09:15:02.517000+00:00", "ExecutionStatus": "AVAILABLE",
        "Status": "CREATE_COMPLETE", "NotificationARNs": [], "RollbackConfiguration": {}, "Capabilities": [], "Tags": [],
        "Changes": [change(number) for number in range(changes - 1)] + [{"Type": "Resource", "ResourceChange": removed}],
        "IncludeNestedStacks": False,
    }


def reviewed(binary, file, plan):
    """How long `deploys review` takes as a whole process, in milliseconds, one by one."""
    command = [binary, "deploys", "review", "--input", file, "--stage", "prod", "--json"]
    taken = []
    for _ in range(plan["runs"]):
        begun = time.perf_counter()
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        taken.append((time.perf_counter() - begun) * 1e3)
        seen = json.loads(done.stdout)["changes"] if done.returncode == NEEDS_APPROVAL else []
        if len(seen) != plan["changes"]:
            raise Failed(f"deploys review ended with {done.returncode} and {len(seen)} changes: {done.stderr[-500:]}")
    return taken


def measure(binary, example, waiting, folder, plan):
    file = folder / "change-set.json"
    file.write_text(json.dumps(change_set(plan["changes"])))
    say(f"{plan['changes']:,} changes, in the process …")
    found = part.answered([example, file]) | {"plan": plan}
    if found["changes"] != plan["changes"]:
        raise Failed(f"{found['changes']:,} of {plan['changes']:,} changes were read")
    say(f"  {found['p50_ms']:.1f} ms; as a process …")
    taken = reviewed(binary, file, plan)
    found |= {"process_p50": statistics.median(taken), "process_worst": max(taken)}
    say(f"  {found['process_p50']:.0f} ms; {plan['waiting']:,} plans that wait …")
    found |= part.answered([waiting, folder / "waiting", str(plan["waiting"])])
    if found["waiting"] != plan["waiting"]:
        raise Failed(f"{found['waiting']:,} of {plan['waiting']:,} plans wait")
    say(f"  a sweep takes {found['sweep_us']:.0f} µs, without them {found['empty_sweep_us']:.0f} µs")
    return found


def targets(found):
    plan = found["plan"]
    return [
        report.Target(f"{plan['changes']:,} changes rendered, digested and decided, median", found["p50_ms"], 20, " ms", 1, False),
        report.Target("`deploys review` of the same, process included, median", found["process_p50"], 60, " ms", 0, False),
        report.Target(f"a sweep beside {plan['waiting']:,} waiting plans, over one without", found["sweep_us"] / found["empty_sweep_us"], 1.5, " ×", 2, False),
    ]


def markdown(lines, found, about):
    plan = found["plan"]
    return f"""## Plans of deploys

Written by `make bench-deploys` on {report.today()}.

{report.target_table(lines)}

{report.machine_table(about)}

- A change set of {plan['changes']:,} changes, from its JSON to tree, digest and verdict: {found['p50_ms']:.1f} ms at the median of {found['runs']} runs,
  {found['p99_ms']:.1f} ms at the 99th percentile. The policies are parsed before.
- `cc-devops deploys review` of the same file: {found['process_p50']:.0f} ms at the median of {plan['runs']} processes, {found['process_worst']:.0f} ms at worst.
- A sweep over plans and waiting requests with nothing due takes {found['sweep_us']:.0f} µs beside {plan['waiting']:,} plans that wait for approval, and
  {found['empty_sweep_us']:.0f} µs without any (medians).
"""


FILES = [
    ("BINARY", "cc-devops, release build"),
    ("EXAMPLE", "the built example plan_speed"),
    ("WAITING", "the built example waiting_plans"),
]
FULL = {"changes": 500, "runs": 50, "waiting": 10_000}
QUICK = {"changes": 100, "runs": 5, "waiting": 500}

if __name__ == "__main__":
    sys.exit(part.run(__doc__, FILES, "deploys", "the plans of deploys", FULL, QUICK, measure, targets, markdown))
