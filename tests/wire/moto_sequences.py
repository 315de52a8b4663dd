"""Random sequences of calls on secrets, made by the same boto3 at an endpoint and at moto in this process, and compared. Runs with the
Python of target/peers/moto; told by JSON on its standard input, and tells by JSON on its output.

What is compared: the error's code, or names, versions, stages, values, descriptions and tags. Not: times, messages, statuses (moto
answers 404 where AWS says 400), and the six characters behind an ARN, which AWS draws."""

import json
import random
import re
import sys
import uuid

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from moto import mock_aws

CURRENT, PREVIOUS = "AWSCURRENT", "AWSPREVIOUS"
FIELDS = ("Name", "ARN", "VersionId", "VersionStages", "SecretString", "Description", "Tags", "VersionIdsToStages")


def client(endpoint, key):
    return boto3.client(
        "secretsmanager",
        region_name="us-east-1",
        endpoint_url=endpoint,
        aws_access_key_id=key["id"],
        aws_secret_access_key=key["secret"],
        config=Config(parameter_validation=False, retries={"max_attempts": 0}),
    )


class Sequence:
    """One secret's life, drawn by chance."""

    def __init__(self, number, chance):
        self.chance = chance
        self.name = f"/contentcraft/moto/{number}"
        self.tokens = [str(uuid.UUID(int=chance.getrandbits(128), version=4)) for _ in range(4)]
        self.values = [f"value {number} {which}" for which in range(3)]

    def token(self):
        return self.chance.choice(self.tokens)

    def value(self):
        return self.chance.choice(self.values)

    def step(self):
        """An operation and its arguments."""
        secret = {"SecretId": self.name}
        kind = self.chance.choices(
            ["create", "put", "update", "describe words", "get", "get by version", "get by stage", "get by both", "describe", "list"],
            [3, 4, 2, 1, 3, 2, 2, 2, 2, 1],
        )[0]
        written = {"SecretString": self.value(), "ClientRequestToken": self.token()}
        stage = self.chance.choice([CURRENT, PREVIOUS])
        return {
            "create": ("create_secret", {"Name": self.name, "Description": "first", **written}),
            "put": ("put_secret_value", {**secret, **written}),
            "update": ("update_secret", {**secret, **written}),
            "describe words": ("update_secret", {**secret, "Description": self.value()}),
            "get": ("get_secret_value", secret),
            "get by version": ("get_secret_value", {**secret, "VersionId": self.token()}),
            "get by stage": ("get_secret_value", {**secret, "VersionStage": stage}),
            "get by both": ("get_secret_value", {**secret, "VersionId": self.token(), "VersionStage": stage}),
            "describe": ("describe_secret", secret),
            "list": ("list_secrets", {"Filters": [{"Key": "name", "Values": [self.name]}]}),
        }[kind]


def asked(sdk, operation, arguments):
    try:
        answer = getattr(sdk, operation)(**arguments)
    except ClientError as error:
        return {"error": error.response["Error"]["Code"]}
    if operation == "list_secrets":
        return [comparable(secret) | {"stages": stages(secret.get("SecretVersionsToStages"))} for secret in answer["SecretList"]]
    return comparable(answer)


def comparable(answer):
    seen = {name: answer[name] for name in FIELDS if answer.get(name) not in (None, [], {}, "")}
    if "ARN" in seen:
        seen["ARN"] = re.sub(r"^arn:aws:secretsmanager:[^:]+:\d{12}:(.*)-[A-Za-z0-9]{6}$", r"\1", seen["ARN"])
    if "VersionStages" in seen:
        seen["VersionStages"] = sorted(seen["VersionStages"])
    if "VersionIdsToStages" in seen:
        seen["VersionIdsToStages"] = stages(seen["VersionIdsToStages"])
    return seen


def stages(versions):
    """Versions with stages: AWS tells of no others, moto of some."""
    return {version: sorted(labels) for version, labels in (versions or {}).items() if labels}


def main():
    told = json.load(sys.stdin)
    chance = random.Random(told["seed"])
    differs, calls = [], 0
    with mock_aws(config={"core": {"passthrough": {"urls": [re.escape(told["endpoint"]) + ".*"]}}}):
        ours = client(told["endpoint"], told["key"])
        theirs = client(None, {"id": "moto", "secret": "moto"})
        for number in range(told["sequences"]):
            sequence, done = Sequence(f"{number:03}-", chance), []
            for _ in range(chance.randint(6, 12)):
                operation, arguments = sequence.step()
                done.append(f"{operation} {json.dumps({k: v for k, v in arguments.items() if k != 'SecretId'})}")
                calls += 1
                here, there = asked(ours, operation, arguments), asked(theirs, operation, arguments)
                if here != there:
                    differs.append(f"sequence {number}: {here}, and moto: {there}, after:\n    " + "\n    ".join(done))
                    break
    json.dump({"sequences": told["sequences"], "calls": calls, "differs": differs[:20]}, sys.stdout)


if __name__ == "__main__":
    main()
