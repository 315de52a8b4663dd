"""The function as it is usually written: boto3, a handler, no ledger and no audit trail.

It answers the health check, and `devops.request` with `putSecret`: writes the secret, puts the
outcome on the bus, and counts it.
"""

import json
import os
import time

import boto3

AGENT = os.environ.get("AGENT_NAME", "DevOpsAutomation")
secrets = boto3.client("secretsmanager")
events = boto3.client("events")
metrics = boto3.client("cloudwatch")


def put_secret(name, value):
    try:
        written = secrets.put_secret_value(SecretId=name, SecretString=value)
        action = "updated"
    except secrets.exceptions.ResourceNotFoundException:
        written = secrets.create_secret(Name=name, SecretString=value)
        action = "created"
    return {"secretName": name, "action": action, "arn": written["ARN"], "versionId": written["VersionId"]}


def handler(event, _context):
    if event.get("detail-type") != "devops.request":
        body = {"status": "healthy", "agent": AGENT, "timestamp": time.time()}
        return {"statusCode": 200, "body": json.dumps(body)}
    started = time.time()
    detail = event["detail"]
    params = detail["params"]
    result = put_secret(params["name"], params["value"])
    latency = int((time.time() - started) * 1000)
    completed = {
        "requestId": detail["requestId"], "action": detail["action"], "status": "success", "result": result,
        "latencyMs": latency, "requestedBy": detail.get("requestedBy", "unknown"),
        "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    events.put_events(
        Entries=[{"Source": "devops.automation", "DetailType": "devops.completed", "Detail": json.dumps(completed)}]
    )
    metrics.put_metric_data(
        Namespace=f"Agent/{AGENT}",
        MetricData=[
            {"MetricName": "RequestLatency", "Value": latency, "Unit": "Milliseconds"},
            {"MetricName": "RequestCount", "Value": 1, "Unit": "Count"},
        ],
    )
    body = {"status": "success", "requestId": detail["requestId"], "latencyMs": latency}
    return {"statusCode": 200, "body": json.dumps(body)}
