"""Invokes a built function once, on this machine, and prints its answer.

    local_invoke.py FUNCTIONS EVENT

FUNCTIONS is the folder of the functions, built for this machine (`make build`); EVENT is a file with the payload, as those in
tests/events. It goes to stripe-mrr-reporter where its task_type is mrr_calculation, else to devops-automation. The function
gets this process's environment, so credentials, region and AWS_ENDPOINT_URL are the AWS CLI's. It reads and writes the
resources of the stage that STAGE names (without it: dev). Its log goes to standard error.

Exit codes: 0, it answered; 1, it failed; 2, a file cannot be used.
"""

import argparse
import json
import os
import pathlib
import sys

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY / "bench"))

from runtime_api import Function, FunctionFailed  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("functions", metavar="FUNCTIONS", type=pathlib.Path)
    parser.add_argument("event", metavar="EVENT", type=pathlib.Path)
    arguments = parser.parse_args()
    try:
        event = json.loads(arguments.event.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        print(f"local_invoke: {arguments.event}: {problem}", file=sys.stderr)
        return 2
    is_mrr = isinstance(event, dict) and event.get("task_type") == "mrr_calculation"
    program = arguments.functions / ("stripe-mrr-reporter" if is_mrr else "devops-automation") / "bootstrap"
    if not program.is_file():
        print(f"local_invoke: {program} is not there: run `make build` first", file=sys.stderr)
        return 2
    # As long as Lambda gives it: reading a large account takes minutes.
    patience = 900 if is_mrr else 60
    function = Function([str(program.resolve())], {"STAGE": "dev"} | os.environ, log=sys.stderr, patience=patience)
    try:
        _, body = function.start_with(json.dumps(event).encode())
    except (FunctionFailed, OSError) as failure:
        print(f"local_invoke: {failure}", file=sys.stderr)
        return 1
    finally:
        function.stop()
    answer = json.loads(body)
    if isinstance(answer, dict) and isinstance(answer.get("body"), str):
        answer["body"] = json.loads(answer["body"])
    print(json.dumps(answer, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
