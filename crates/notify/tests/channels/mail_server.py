"""A real mail server for the tests: says what it got as lines of JSON. Options are JSON in the first argument."""

import asyncio
import email
import email.policy
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

OPTIONS = json.loads(sys.argv[1])


def say(what):
    print(json.dumps(what), flush=True)


class Keeper:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address in OPTIONS.get("refused", []):
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        raw = envelope.original_content
        mail = email.message_from_bytes(raw, policy=email.policy.default)
        part = {kind: mail.get_body((kind,)) for kind in ("plain", "html")}
        say({
            "to": envelope.rcpt_tos,
            "from": envelope.mail_from,
            "encrypted": session.ssl is not None or OPTIONS["tls"] == "implicit",
            "user": getattr(session, "who", None),
            "headers": [[name.lower(), str(value)] for name, value in mail.items()],
            "longest": max(len(line) for line in raw.split(b"\r\n")),
            "text": part["plain"].get_content() if part["plain"] else None,
            "html": part["html"].get_content() if part["html"] else None,
        })
        return OPTIONS.get("answer", "250 OK")


def login(server, session, envelope, mechanism, data):
    good = data.login.decode() == OPTIONS["user"] and data.password.decode() == OPTIONS["password"]
    session.who = data.login.decode()
    return AuthResult(success=good, handled=False)


async def main():
    tls = None
    if OPTIONS["tls"] != "none":
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(OPTIONS["certificate"], OPTIONS["key"])

    def connection():
        say({"connected": True})
        wants_login = "user" in OPTIONS
        return SMTP(
            Keeper(),
            hostname="mail.test",
            tls_context=tls if OPTIONS["tls"] == "starttls" else None,
            require_starttls=OPTIONS["tls"] == "starttls",
            authenticator=login if wants_login else None,
            auth_required=wants_login,
            auth_require_tls=OPTIONS["tls"] == "starttls",
            timeout=OPTIONS.get("idle", 30),
        )

    server = await asyncio.get_running_loop().create_server(
        connection, "127.0.0.1", 0, ssl=tls if OPTIONS["tls"] == "implicit" else None
    )
    say({"port": server.sockets[0].getsockname()[1]})
    await server.serve_forever()


asyncio.run(main())
