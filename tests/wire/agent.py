"""A whole agent, as one is written for AWS: it says that it works, adds itself to the list of agents, has a secret written, waits for the
completion in its queue and reads the secret. Where it runs it learns from its environment alone.

    agent.py NAME

Prints what it came to, as JSON."""

import json
import sys
import time
import uuid

import boto3

PARAMETER = "/contentcraft/agents/enabled"
PATIENCE = 60


class Agent:
    """An agent of the family."""

    def __init__(self, name):
        self.name = name
        self.own = f"/contentcraft/{name.lower()}"

    def heartbeat(self):
        boto3.client("cloudwatch").put_metric_data(
            Namespace=f"Agent/{self.name}", MetricData=[{"MetricName": "Heartbeat", "Value": 1, "Unit": "Count"}]
        )

    def register(self):
        """Writes the list of agents with itself in it; gives the list."""
        ssm = boto3.client("ssm")
        names = ssm.get_parameter(Name=PARAMETER)["Parameter"]["Value"].split(",")
        named = names if self.name in names else [*names, self.name]
        ssm.put_parameter(Name=PARAMETER, Value=",".join(named), Type="String", Overwrite=True)
        return ssm.get_parameter(Name=PARAMETER)["Parameter"]["Value"].split(",")

    def ask(self, action, params):
        """Puts a request on the bus; gives its id."""
        request = {
            "requestId": str(uuid.uuid4()), "action": action, "stage": "dev", "params": params, "requestedBy": self.name,
            "ts": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }
        entry = {"Source": f"agent.{self.name}", "DetailType": "devops.request", "Detail": json.dumps(request)}
        answer = boto3.client("events").put_events(Entries=[entry])
        if answer["FailedEntryCount"]:
            raise SystemExit(f"the request was not taken: {answer['Entries']}")
        return request["requestId"]

    def completion(self, request_id):
        """Waits for a request's completion in the queue; gives its detail."""
        sqs = boto3.client("sqs")
        queue = sqs.get_queue_url(QueueName=f"devops-completed-{self.name}")["QueueUrl"]
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            for message in sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=5).get("Messages", []):
                event = json.loads(message["Body"])
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
                if event["detail"]["requestId"] == request_id:
                    return event
        raise SystemExit(f"no completion of {request_id} within {PATIENCE} s")

    def run(self):
        self.heartbeat()
        registered = self.register()
        secrets = boto3.client("secretsmanager")
        secrets.create_secret(Name=f"{self.own}/made", SecretString="made by itself")
        request_id = self.ask("putSecret", {"name": f"{self.own}/asked", "value": "asked for"})
        event = self.completion(request_id)
        return {
            "registered": self.name in registered,
            "source": event["source"],
            "detailType": event["detail-type"],
            "status": event["detail"]["status"],
            "action": event["detail"].get("result", {}).get("action"),
            "asked": secrets.get_secret_value(SecretId=f"{self.own}/asked")["SecretString"],
            "made": secrets.get_secret_value(SecretId=f"{self.own}/made")["SecretString"],
        }


if __name__ == "__main__":
    print(json.dumps(Agent(sys.argv[1]).run()))
