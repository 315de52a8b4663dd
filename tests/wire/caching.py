"""AWS's own cache of secrets reads through the door, and sees a new version when it looks again."""

import botocore.session
from aws_secretsmanager_caching import InjectKeywordedSecretString, SecretCache, SecretCacheConfig

from plane import started

NAME = "/contentcraft/cacher/key"


def run(arguments):
    """Gives what differs."""
    differs = []
    with started(arguments.binary, ["Cacher"]) as plane:
        key = plane.key("Cacher", {})
        client = botocore.session.get_session().create_client(
            "secretsmanager",
            region_name="us-east-1",
            endpoint_url=f"{plane.url}/aws",
            aws_access_key_id=key["id"],
            aws_secret_access_key=key["secret"],
        )
        client.create_secret(Name=NAME, SecretString='{"user": "ada", "word": "first"}')
        # A look is good for no time at all: each asks anew what the current version is.
        cache = SecretCache(config=SecretCacheConfig(secret_refresh_interval=0), client=client)
        lasting = SecretCache(client=client)

        def look(wanted, of, where):
            seen = of.get_secret_string(NAME)
            if seen != wanted:
                differs.append(f"{where}: {seen!r}, not {wanted!r}")

        look('{"user": "ada", "word": "first"}', cache, "the first look")
        look('{"user": "ada", "word": "first"}', lasting, "the first look of a lasting cache")

        @InjectKeywordedSecretString(secret_id=NAME, cache=lasting, user="user", word="word")
        def injected(user, word):
            return user, word

        if injected() != ("ada", "first"):
            differs.append(f"the values of a secret are injected as {injected()}")
        client.put_secret_value(SecretId=NAME, SecretString='{"user": "ada", "word": "second"}')
        look('{"user": "ada", "word": "second"}', cache, "after a new version")
        look('{"user": "ada", "word": "first"}', lasting, "the lasting cache, within its hour,")
        before = cache.get_secret_string(NAME, "AWSPREVIOUS")
        if "first" not in before:
            differs.append(f"the version before is {before!r}")
    return differs
