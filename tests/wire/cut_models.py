#!/usr/bin/env python3
"""Cuts AWS's models down to what the door speaks of, for the tests that hold the door against them.

Runs with the Python of target/peers/aws, and writes crates/doors/wire/tests/data/models.json from botocore's service-2.json
(Apache-2.0). Where that file is not what this botocore has, botocore_models.py says so: an operation of ours has changed at AWS. Which
operations these are stands in docs/AWS-SDK.md.
"""

import json
import pathlib
import re

import botocore
import botocore.loaders

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
CUT = REPOSITORY / "crates/doors/wire/tests/data/models.json"
SERVED = REPOSITORY / "docs/AWS-SDK.md"
METADATA = ("apiVersion", "jsonVersion", "targetPrefix", "xmlNamespace", "awsQueryCompatible")
SHAPE = ("type", "required", "min", "max", "pattern", "enum", "flattened", "locationName", "union", "exception", "error", "sensitive")
PROTOCOLS = {"json": "json", "query": "query", "smithy-rpc-v2-cbor": "cbor"}


def served():
    """The operations in the table of the document, by service."""
    text = SERVED.read_text()
    found = {}
    for service, operations in re.findall(r"^\| `([a-z]+)` \| (.+?) \|", text, re.MULTILINE):
        found[service] = re.findall(r"`([A-Z]\w+)`", operations)
    if not found:
        raise SystemExit(f"{SERVED} has no table of what is served")
    return found


def cut(loader, service, operations):
    model = loader.load_service_model(service, "service-2")
    metadata = model["metadata"]
    shapes, wanted = {}, []
    kept = {}
    for name in sorted(operations):
        operation = model["operations"][name]
        kept[name] = {
            "input": operation.get("input", {}).get("shape"),
            "output": operation.get("output", {}).get("shape"),
            "resultWrapper": operation.get("output", {}).get("resultWrapper"),
            "errors": sorted(error["shape"] for error in operation.get("errors", [])),
        }
        wanted += [kept[name]["input"], kept[name]["output"], *kept[name]["errors"]]
    while wanted:
        name = wanted.pop()
        if name is None or name in shapes:
            continue
        shape = model["shapes"][name]
        shapes[name] = {part: shape[part] for part in SHAPE if part in shape}
        for part in ("member", "key", "value"):
            if part in shape:
                shapes[name][part] = ref(shape[part])
                wanted.append(shape[part]["shape"])
        if "members" in shape:
            shapes[name]["members"] = {member: ref(to) for member, to in shape["members"].items()}
            wanted += [to["shape"] for to in shape["members"].values()]
    protocols = [PROTOCOLS[name] for name in ("json", "smithy-rpc-v2-cbor", "query") if name in metadata["protocols"]]
    about = {name: metadata[name] for name in METADATA if name in metadata}
    scope = metadata.get("signingName", metadata["endpointPrefix"])
    return about | {"scope": scope, "protocols": protocols, "operations": kept, "shapes": dict(sorted(shapes.items()))}


def ref(to):
    return {part: to[part] for part in ("shape", "locationName", "flattened") if part in to}


def made():
    loader = botocore.loaders.Loader()
    services = {service: cut(loader, service, operations) for service, operations in sorted(served().items())}
    about = f"Cut by tests/wire/cut_models.py from the models of botocore {botocore.__version__}, Apache-2.0."
    return {"about": about, "services": services}


def differs():
    """Whether what is kept is not what this botocore has."""
    kept = json.loads(CUT.read_text())
    return kept["services"] != made()["services"]


def main():
    CUT.parent.mkdir(parents=True, exist_ok=True)
    services = made()
    lines = [f' "about": {json.dumps(services["about"])},\n "services": {{']
    for service, model in services["services"].items():
        shapes = model.pop("shapes")
        lines.append(f'  "{service}": {json.dumps(model)[:-1]}, "shapes": {{')
        lines += [f'   "{name}": {json.dumps(shape)},' for name, shape in shapes.items()]
        lines[-1] = lines[-1].removesuffix(",") + "}},"
    lines[-1] = lines[-1].removesuffix(",")
    CUT.write_text("{\n" + "\n".join(lines) + "\n }\n}\n")


if __name__ == "__main__":
    main()
