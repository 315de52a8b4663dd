"""Variants of every call, made from AWS's own models: one beyond each bound, of another type, not among the words, without
what is required. Nothing is answered with a 5xx, and nothing is taken that the model refuses. And input that no model makes."""

import datetime
import json
import random
import struct

import cbor2

import models
from plane import started
from signed import Request

SECRET = "/contentcraft/hostile/key"
# Moments of the calls below, and of what is filled in.
BEGIN, END = 1_795_000_000, 1_795_003_600
# A call of each operation that its model allows, about what is there: it is taken. The handles alone are nobody's.
VALID = {
    "events:PutEvents": {"Entries": [{"Source": "agent.Hostile", "DetailType": "devops.request", "Detail": "{}"}]},
    "secretsmanager:GetSecretValue": {"SecretId": SECRET},
    "secretsmanager:DescribeSecret": {"SecretId": SECRET},
    "secretsmanager:PutSecretValue": {"SecretId": SECRET, "SecretString": "v", "ClientRequestToken": "t" * 32},
    "secretsmanager:CreateSecret": {"Name": "/contentcraft/hostile/new", "SecretString": "v", "ClientRequestToken": "t" * 32},
    "secretsmanager:UpdateSecret": {"SecretId": SECRET, "SecretString": "v", "ClientRequestToken": "t" * 32},
    "secretsmanager:ListSecrets": {},
    "cloudwatch:PutMetricData": {"Namespace": "Agent/Hostile", "MetricData": [{"MetricName": "Heartbeat", "Value": 1.0}]},
    "cloudwatch:GetMetricStatistics": {
        "Namespace": "Agent/Hostile", "MetricName": "Heartbeat", "StartTime": BEGIN, "EndTime": END,
        "Period": 60, "Statistics": ["Sum"],
    },
    "cloudwatch:GetMetricData": {
        "StartTime": BEGIN, "EndTime": END,
        "MetricDataQueries": [{"Id": "m1", "MetricStat": {
            "Metric": {"Namespace": "Agent/Hostile", "MetricName": "Heartbeat"}, "Period": 60, "Stat": "Sum"}}],
    },
    "ssm:GetParameter": {"Name": "/contentcraft/agents/enabled"},
    "ssm:GetParameters": {"Names": ["/contentcraft/agents/enabled"]},
    "ssm:GetParametersByPath": {"Path": "/contentcraft"},
    "ssm:PutParameter": {"Name": "/contentcraft/agents/enabled", "Value": "Hostile", "Type": "String", "Overwrite": True},
    "dynamodb:GetItem": {"TableName": "BillingMetrics-dev", "Key": {"PK": {"S": "mrr"}, "SK": {"S": "latest"}}},
    "dynamodb:Query": {
        "TableName": "BillingMetrics-dev", "KeyConditionExpression": "PK = :p", "ExpressionAttributeValues": {":p": {"S": "mrr"}},
    },
    "dynamodb:BatchGetItem": {"RequestItems": {"BillingMetrics-dev": {"Keys": [{"PK": {"S": "mrr"}, "SK": {"S": "latest"}}]}}},
    "sts:GetCallerIdentity": {},
    "sqs:GetQueueUrl": {"QueueName": "devops-completed-Hostile"},
    "sqs:GetQueueAttributes": {"QueueUrl": "http://here/000000000000/devops-completed-Hostile", "AttributeNames": ["All"]},
    "sqs:ReceiveMessage": {"QueueUrl": "http://here/000000000000/devops-completed-Hostile", "WaitTimeSeconds": 0},
    "sqs:DeleteMessage": {"QueueUrl": "http://here/000000000000/devops-completed-Hostile", "ReceiptHandle": "h"},
    "sqs:DeleteMessageBatch": {
        "QueueUrl": "http://here/000000000000/devops-completed-Hostile", "Entries": [{"Id": "a", "ReceiptHandle": "h"}],
    },
    "sqs:ChangeMessageVisibility": {
        "QueueUrl": "http://here/000000000000/devops-completed-Hostile", "ReceiptHandle": "h", "VisibilityTimeout": 0,
    },
    "sns:Publish": {"TopicArn": "arn:aws:sns:us-east-1:000000000000:ops-cost-alerts", "Message": "m"},
    "cloudformation:DescribeStacks": {},
}
# A refusal of these is one of what was asked about, so no variant may be refused by it: it would be whatever the model says.
ABSENT = ("ResourceNotFoundException", "ReceiptHandleIsInvalid")
# What a value of another type is, for each type.
OTHERS = {
    "string": [7, True, ["x"], {"x": 1}],
    "integer": ["seven", {"x": 1}, [1], 1.5, 2**40],
    "long": ["seven", {"x": 1}, [1], 1.5, 2**70],
    "double": ["seven", {"x": 1}, [1]],
    "boolean": ["perhaps", {"x": 1}, [True], 7],
    "timestamp": ["yesterday", {"x": 1}, [1]],
    "list": ["x", 7, {"x": 1}],
    "map": ["x", 7, ["x"]],
    "structure": ["x", 7, ["x"]],
    "blob": [7, {"x": 1}, "%%%"],
}
# How many structures within each other are varied: a value of DynamoDB's may hold itself without end.
DEPTH = 4


def member_variants(service, name, value, wrap, depth):
    """Variants of a value of the shape `name`: pairs of the whole document and whether the model refuses it."""
    shape = models.shape(service, name)
    kind = shape["type"]
    for other in OTHERS.get(kind, []):
        yield wrap(other), ("type", kind)
    low, high = shape.get("min"), shape.get("max")
    if kind == "string":
        if shape.get("enum"):
            yield wrap("none-of-these"), ("enum", kind)
        elif not shape.get("pattern"):
            if high and high <= 100_000:
                yield wrap("x" * (high + 1)), ("max", kind)
            if low:
                yield wrap("x" * (low - 1)), ("min", kind)
        else:
            yield wrap("\u0000\u2028 \ud7ff"), (None, kind)
    elif kind in ("integer", "long", "double"):
        if high is not None:
            yield wrap(high + 1), ("max", kind)
        if low is not None:
            yield wrap(low - 1), ("min", kind)
    elif kind == "list" and value:
        if high and high <= 2000:
            yield wrap(value * (high + 1)), ("max", kind)
        if low:
            yield wrap([]), ("min", kind)
    if kind == "structure" and isinstance(value, dict):
        yield from structure_variants(service, name, value, wrap, depth)
    elif kind == "list" and isinstance(value, list) and value:
        inner = shape["member"]["shape"]
        yield from member_variants(service, inner, value[0], lambda one: wrap([one, *value[1:]]), depth)
    elif kind == "map" and isinstance(value, dict) and value:
        (key, one), inner = next(iter(value.items())), shape["value"]["shape"]
        yield from member_variants(service, inner, one, lambda other: wrap({**value, key: other}), depth)


def structure_variants(service, name, value, wrap, depth=0):
    shape = models.shape(service, name)
    for required in shape.get("required", []):
        if required in value:
            yield wrap({member: one for member, one in value.items() if member != required}), ("required", required)
            yield wrap({**value, required: None}), ("null", required)
    for member, ref in shape.get("members", {}).items() if depth < DEPTH else ():
        given = value.get(member, filler(service, ref["shape"]))
        yield from member_variants(
            service, ref["shape"], given, lambda other, member=member: wrap({**value, member: other}), depth + 1
        )
    yield wrap({**value, "NoSuchMember": {"a": [1]}}), (None, "structure")


def filler(service, name, depth=0):
    """Something of a shape, so that what is within it can be varied too."""
    shape = models.shape(service, name)
    kind = shape["type"]
    if depth > 3:
        return None
    if kind == "structure":
        return {
            member: filler(service, shape["members"][member]["shape"], depth + 1) for member in shape.get("required", [])
        }
    if kind == "list":
        return [filler(service, shape["member"]["shape"], depth + 1)]
    if kind == "map":
        return {"k": filler(service, shape["value"]["shape"], depth + 1)}
    return {
        "string": shape.get("enum", ["x"])[0], "integer": shape.get("min", 1), "long": shape.get("min", 1), "double": 1.0,
        "boolean": True, "timestamp": BEGIN, "blob": "eA==",
    }[kind]


def refuses(reason, protocol):
    """Whether the model refuses a variant, in that protocol."""
    kind, what = reason
    if kind is None:
        return False
    # Every value is a text there; an empty one may be one left out.
    if protocol == "query" and (kind in ("type", "null") or what in ("list", "string")):
        return False
    return True


def timed(value, protocol):
    """The moments in a document as a protocol writes them."""
    if isinstance(value, dict):
        return {name: timed(one, protocol) for name, one in value.items()}
    if isinstance(value, list):
        return [timed(one, protocol) for one in value]
    if value not in (BEGIN, END) or protocol == "json":
        return value
    if protocol == "cbor":
        return cbor2.CBORTag(1, value)
    return datetime.datetime.fromtimestamp(value, datetime.timezone.utc).isoformat()


def send(plane, key, host, service, operation, document, protocol):
    try:
        request = Request(service, operation, timed(document, protocol), protocol)
    except (AttributeError, KeyError, TypeError, ValueError):
        # No document of that kind can be written in that protocol.
        return None
    return request.sign(key, host).send(host)


def from_models(plane, key, host):
    """Every variant of every operation, in every protocol of its service."""
    sent = 0
    for service, operation in models.operations():
        valid = VALID[f"{service}:{operation}"]
        input_shape = models.input_of(service, operation)
        variants = list(structure_variants(service, input_shape, valid, lambda document: document)) if input_shape else []
        for protocol in models.service(service)["protocols"]:
            for document, reason in [(valid, (None, "valid")), *variants]:
                where = f"{service}:{operation} in {protocol}, {reason[0]} of {reason[1]}: {json.dumps(document)[:300]}"
                answer = send(plane, key, host, service, operation, document, protocol)
                if answer is None:
                    continue
                sent += 1
                if answer.status >= 500:
                    yield f"{where}: {answer.status} {answer.body[:200]!r}"
                elif answer.status < 400 and refuses(reason, protocol):
                    yield f"{where}: taken, and the model refuses it"
                elif answer.status >= 400 and reason[1] == "valid" and '"h"' not in json.dumps(document):
                    yield f"{where}: {answer.status} {answer.body[:200]!r}, and the model allows it"
                elif answer.status >= 400 and not (answer.error() or ("", ""))[0]:
                    yield f"{where}: {answer.status} without a code: {answer.body[:200]!r}"
                elif refuses(reason, protocol) and answer.error()[0] in ABSENT:
                    yield f"{where}: {answer.body[:200]!r}, and the model refuses it before anything is looked for"
                elif service == "dynamodb" and not answer.crc_holds():
                    yield f"{where}: X-Amz-Crc32 is not that of the body"
    print(f"  {sent} variants", flush=True)


def of_no_model(plane, key, host, chance):
    """Bytes that a protocol's reader must stand: depth, length, keys, and anything at all."""
    deep = 20_000
    cbor = [
        b"\x81" * deep + b"\x01", b"\xa1\x61a" * deep + b"\x01", b"\xc1" * deep + b"\x01", b"\x9f" * deep, b"\x7f" + b"\x61a" * deep,
        b"\xbb" + b"\xff" * 8, b"\x9b" + b"\xff" * 8, b"\x5b" + b"\xff" * 8, b"\x7b" + b"\x7f" + b"\xff" * 7, b"", b"\xff",
        b"\xa1\x69Namespace\xf7", b"\xa2\x61a\x01\x61a\x02", b"\xf9\x7e\x00", b"\xc1\xfb" + struct.pack(">d", 1e300), b"\xa1\x01\x02",
        b"\x1c", b"\xd8\x2a\x01",
    ]
    texts = [
        b"", b"{", b"[]", b"null", b"7", b'"x"', b'{"a":1,"a":2}', b"[" * deep, b'{"a":' * deep, b"\xff\xfe", b'{"SecretId": "\\ud800"}',
        b'{"SecretId": 1e999}', b"\xef\xbb\xbf{}", b'{"__proto__": {}}',
    ]
    forms = [
        b"", b"&&&===", b"Action", b"Action=", b"Action=PutMetricData&Action=PutMetricData", b"Version=1",
        b"Action=PutMetricData&MetricData.member.999999999999.Value=1", b"Action=PutMetricData&MetricData.member.0.Value=1",
        b"Action=PutMetricData&MetricData.member.-1.Value=1", b"Action=PutMetricData&" + b"a." * deep + b"b=1",
        b"Action=PutMetricData&" + b"&".join(b"MetricData.member.%d.Value=1" % n for n in range(1, 20_000)),
        b"Action=PutMetricData&Namespace=%ff%fe&MetricData.member.1=x&MetricData.member.1.Value=1", b"Action=%00%0a",
        b"Action=PutMetricData&Namespace.Namespace.Namespace=1&Namespace=2",
    ]
    for size in (1, 10, 100, 1000):
        for _ in range(25):
            blob = chance.randbytes(size)
            cbor.append(blob)
            texts.append(blob)
            forms.append(b"Action=PutMetricData&" + blob)
    calls = [("cloudwatch", "PutMetricData", "cbor", cbor), ("cloudwatch", "PutMetricData", "json", texts)]
    calls += [("secretsmanager", "GetSecretValue", "json", texts), ("cloudwatch", "PutMetricData", "query", forms)]
    for service, operation, protocol, bodies in calls:
        for body in bodies:
            request = Request(service, operation, {}, protocol)
            request.body = body
            answer = request.sign(key, host).send(host)
            if not 400 <= answer.status < 500:
                yield f"{service} in {protocol}: {body[:80]!r} is answered {answer.status} {answer.body[:200]!r}"
            elif not (answer.error() or ("", ""))[0]:
                yield f"{service} in {protocol}: {body[:80]!r} is answered without a code: {answer.body[:200]!r}"


def run(arguments):
    """Gives what differs."""
    missing = {f"{service}:{operation}" for service, operation in models.operations()} ^ set(VALID)
    if missing:
        return [f"VALID and what is served differ in {sorted(missing)}"]
    with started(arguments.binary) as plane:
        # An operator, so that it is the model that refuses, and no policy.
        plane.add("Hostile", "--role", "admin")
        key, host = plane.key("Hostile", {}), plane.authority
        made = Request("secretsmanager", "CreateSecret", {"Name": SECRET, "SecretString": "v"}).sign(key, host).send(host)
        if made.status != 200:
            return [f"CreateSecret is answered {made.status} {made.body!r}: nothing here is proven"]
        chance = random.Random(arguments.seed)
        differs = [*from_models(plane, key, host), *of_no_model(plane, key, host, chance)]
        if plane.ask("GET", "/health")[0] != 200:
            differs.append("after all that /health is not 200")
        return differs
