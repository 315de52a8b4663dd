"""Packs what GitHub once answered and sent.

    cut_recordings.py NODE_MODULES

NODE_MODULES is a folder with the npm packages @octokit/fixtures and @octokit/webhooks-examples. Writes recorded.json.gz, the
scenarios that meet a request this project makes, and webhooks.json.gz, every example of a webhook, beside this file.
"""

import gzip
import json
import pathlib
import sys

SCENARIOS = ["add-labels-to-issue", "branch-protection", "create-file", "errors", "get-repository", "git-refs", "rename-repository"]
HEADERS = ["content-type", "location", "x-accepted-oauth-scopes", "x-github-request-id", "x-ratelimit-limit", "x-ratelimit-remaining"]


def pack(name, value):
    text = json.dumps(value, separators=(",", ":"), sort_keys=True)
    packed = gzip.compress(text.encode(), compresslevel=9, mtime=0)
    (pathlib.Path(__file__).parent / name).write_bytes(packed)
    print(f"{name}: {len(text):,} bytes, packed {len(packed):,}")


def exchange(recorded):
    headers = {name: str(recorded["headers"][name]) for name in HEADERS if name in recorded["headers"]}
    return {
        "method": recorded["method"].upper(), "path": recorded["path"], "body": recorded["body"] or None,
        "status": recorded["status"], "headers": headers, "answer": recorded["response"],
    }


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    octokit = pathlib.Path(sys.argv[1]) / "@octokit"
    scenarios = {}
    for name in SCENARIOS:
        path = octokit / "fixtures/scenarios/api.github.com" / name / "normalized-fixture.json"
        scenarios[name] = [exchange(recorded) for recorded in json.loads(path.read_bytes())]
    pack("recorded.json.gz", scenarios)
    kinds = json.loads((octokit / "webhooks-examples/api.github.com/index.json").read_bytes())
    pack("webhooks.json.gz", [[kind["name"], example] for kind in kinds for example in kind["examples"]])


if __name__ == "__main__":
    main()
