"""What is wrong with a signature, at every service and in every protocol: nine services, eight defects, and AWS's answer to each."""

import time

from plane import NOBODY, Failed, started
from signed import Request

# One harmless call of each service, and how its errors are called.
CALLS = [
    ("events", "PutEvents", {"Entries": [{"Source": "agent.Signer", "DetailType": "devops.request", "Detail": "{}"}]}, "json"),
    ("secretsmanager", "ListSecrets", {}, "json"),
    ("ssm", "GetParameter", {"Name": "/contentcraft/agents/enabled"}, "json"),
    ("dynamodb", "GetItem", {"TableName": "BillingMetrics-dev", "Key": {"PK": {"S": "mrr"}, "SK": {"S": "latest"}}}, "json"),
    ("sts", "GetCallerIdentity", {}, "query"),
    ("cloudwatch", "PutMetricData", {"Namespace": "Agent/Signer", "MetricData": [{"MetricName": "Heartbeat", "Value": 1.0}]}, "query"),
    ("sqs", "GetQueueUrl", {"QueueName": "devops-completed-Signer"}, "query"),
    ("sns", "Publish", {"TopicArn": "arn:aws:sns:us-east-1:000000000000:ops-cost-alerts", "Message": "m"}, "query"),
    ("cloudformation", "DescribeStacks", {}, "query"),
]
CODES = {
    "unknown key": (("UnrecognizedClientException", 400), ("InvalidClientTokenId", 403)),
    "wrong secret": (("InvalidSignatureException", 400), ("SignatureDoesNotMatch", 403)),
    "clock slow": (("InvalidSignatureException", 400), ("SignatureDoesNotMatch", 403)),
    "clock fast": (("InvalidSignatureException", 400), ("SignatureDoesNotMatch", 403)),
    "no header": (("MissingAuthenticationTokenException", 400), ("MissingAuthenticationToken", 403)),
    "malformed header": (("IncompleteSignatureException", 400), ("IncompleteSignature", 403)),
    "changed body": (("InvalidSignatureException", 400), ("SignatureDoesNotMatch", 403)),
    "another service's scope": (("InvalidSignatureException", 400), ("SignatureDoesNotMatch", 403)),
}


def spoiled(defect, request, key, host):
    """The request with what is wrong with it."""
    now = time.time()
    if defect == "unknown key":
        return request.sign(NOBODY, host)
    if defect == "wrong secret":
        return request.sign(dict(key, secret="w" * 40), host)
    if defect == "clock slow":
        return request.sign(key, host, at=now - 16 * 60)
    if defect == "clock fast":
        return request.sign(key, host, at=now + 16 * 60)
    if defect == "another service's scope":
        return request.sign(key, host, scope="sts" if request.scope != "sts" else "ssm")
    request.sign(key, host)
    if defect == "no header":
        # A form names no service then: which one is meant is not known, and its family is a form's.
        del request.headers["Authorization"]
    elif defect == "malformed header":
        request.headers["Authorization"] = request.headers["Authorization"].replace("Signature=", "Sign=")
    elif defect == "changed body":
        request.body += b" "
    return request


def protocols(service):
    return {"cloudwatch": ("json", "query", "cbor"), "sqs": ("json", "query")}.get(service, (None,))


def run(arguments):
    """Gives what differs."""
    differs = []
    with started(arguments.binary, ["Signer"]) as plane:
        key, host = plane.key("Signer", {}), plane.authority
        for service, operation, document, family in CALLS:
            for protocol in protocols(service):
                for defect, codes in CODES.items():
                    where = f"{service} {protocol or ''}, {defect}"
                    request = spoiled(defect, Request(service, operation, document, protocol), key, host)
                    differs += told(where, request.send(host), codes[family == "query"], service)
        if plane.look("agent", {"name": "Signer"})["ok"].get("lastHeartbeat"):
            differs.append("a heartbeat counted that was not rightly signed")
        differs += pieces(plane, key, host)
        differs += ended(plane, key, host)
    return differs


def ended(plane, key, host):
    """A second key beside the first, and one that was ended, which is nobody's from then on."""
    added = plane.cli("agents", "key", "add", "Signer")
    second = {"id": added["awsAccessKeyId"], "secret": added["awsSecretAccessKey"]}
    plane.keys["Signer's second"] = second | {"bearer": second["secret"]}

    def asked(with_key):
        answer = Request("secretsmanager", "ListSecrets", {}).sign(with_key, host).send(host)
        return answer.error()[0] if answer.status >= 400 else "taken"

    seen = [asked(key), asked(second)]
    plane.cli("agents", "key", "end", second["id"])
    seen += [asked(key), asked(second)]
    wanted = ["taken", "taken", "taken", "UnrecognizedClientException"]
    return [] if seen == wanted else [f"two keys, of which the second is ended: {seen}, not {wanted}"]


def told(where, answer, wanted, service):
    """What is not right about an error."""
    try:
        error = answer.error()
    except Exception as unreadable:  # any answer that a client could not read
        return [f"{where}: {answer.status} {answer.body[:200]!r} cannot be read: {unreadable}"]
    if error is None:
        return [f"{where}: {answer.status}, no error"]
    code, message = error
    wrong = []
    if (code, answer.status) != wanted:
        wrong.append(f"{where}: {code} {answer.status} ({message}), not {wanted[0]} {wanted[1]}")
    if len(message.split()) < 3:
        wrong.append(f"{where}: the message says nothing: {message!r}")
    for name in ("x-amzn-requestid", "date"):
        if not answer.headers.get(name):
            wrong.append(f"{where}: there is no {name}")
    if service == "dynamodb" and not answer.crc_holds():
        wrong.append(f"{where}: X-Amz-Crc32 is not that of the body")
    if "cbor" in answer.headers.get("content-type", "") and answer.headers.get("smithy-protocol") != "rpc-v2-cbor":
        wrong.append(f"{where}: smithy-protocol is missing")
    return wrong


def pieces(plane, key, host):
    """Headers that are cut, doubled or filled with anything: each refused with a 4xx that can be read."""
    whole = Request("secretsmanager", "ListSecrets", {}).sign(key, host).headers["Authorization"]
    differs = []
    headers = [
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 Credential=",
        whole[: len(whole) // 2],
        whole + "0",
        whole.replace("aws4_request", "aws5_request"),
        whole.replace("us-east-1", ""),
        whole.replace("SignedHeaders=", "SignedHeaders=authorization;"),
        whole.replace("host;", ""),
        whole.replace("x-amz-date", "x-amz-nothing"),
        whole.upper(),
        "AWS4-ECDSA-P256-SHA256" + whole.removeprefix("AWS4-HMAC-SHA256"),
        "AWS " + key["id"] + ":c2lnbmF0dXJl",
        "Bearer " + plane.keys["Signer"]["bearer"],
        "AWS4-HMAC-SHA256 " + "Credential=" * 400,
    ]
    for header in headers:
        request = Request("secretsmanager", "ListSecrets", {}).sign(key, host)
        request.headers["Authorization"] = header
        answer = request.send(host)
        if not 400 <= answer.status < 500 or answer.error() is None:
            differs.append(f"the header {header[:80]!r} is answered {answer.status} {answer.body[:120]!r}")
    request = Request("secretsmanager", "ListSecrets", {}).sign(key, host)
    if request.send(host).status != 200:
        raise Failed("a request that is rightly signed by hand is refused: nothing here is proven")
    return differs
