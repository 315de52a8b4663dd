"""Requests written by hand: signed by botocore, or spoiled on purpose, and sent as they are."""

import datetime
import http.client
import json
import time
import urllib.parse
import xml.etree.ElementTree as ElementTree
import zlib

import botocore.auth
import cbor2
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

import models

REGION = "us-east-1"


class Answer:
    """What came back: status, headers in lower case, body, and the error in whichever protocol it was told."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def error(self):
        """The error's code and message; nothing where it is none."""
        if self.status < 400:
            return None
        kind = self.headers.get("content-type", "")
        if "cbor" in kind:
            told = cbor2.loads(self.body)
        elif "json" in kind:
            told = json.loads(self.body)
        else:
            return self.in_xml()
        code = told.get("__type", "").rpartition("#")[2]
        return code, told.get("message") or told.get("Message") or ""

    def in_xml(self):
        root = ElementTree.fromstring(self.body)
        for element in root.iter():
            element.tag = element.tag.rpartition("}")[2]
        error = root if root.tag == "Error" else root.find("Error")
        if error is None:
            return None
        return error.findtext("Code"), error.findtext("Message") or ""

    def crc_holds(self):
        return self.headers.get("x-amz-crc32") == str(zlib.crc32(self.body))


class Request:
    """One call, as it goes over the wire."""

    def __init__(self, service, operation, document, protocol=None, base="/aws"):
        self.service = service
        model = models.service(service)
        self.scope = model["scope"]
        protocol = protocol or model["protocols"][0]
        self.protocol, self.method, self.path = protocol, "POST", base
        if protocol == "json":
            self.headers = {
                "Content-Type": f"application/x-amz-json-{model['jsonVersion']}",
                "X-Amz-Target": f"{model['targetPrefix']}.{operation}",
            }
            self.body = json.dumps(document).encode()
        elif protocol == "cbor":
            self.headers = {"Content-Type": "application/cbor", "smithy-protocol": "rpc-v2-cbor", "Accept": "application/cbor"}
            self.path = f"{base.rstrip('/')}/service/{model['targetPrefix']}/operation/{operation}"
            self.body = cbor2.dumps(document)
        else:
            self.headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
            pairs = [("Action", operation), ("Version", model["apiVersion"]), *models.form(service, operation, document)]
            self.body = urllib.parse.urlencode(pairs).encode()

    def sign(self, key, host, at=None, scope=None):
        """Signs it for a host, as of a moment (in Unix seconds), over what stands in it now."""
        moment = datetime.datetime.fromtimestamp(time.time() if at is None else at, datetime.timezone.utc)
        signer = botocore.auth.SigV4Auth(Credentials(key["id"], key["secret"], key.get("token")), scope or self.scope, REGION)
        asked = AWSRequest(self.method, f"http://{host}{self.path}", headers=dict(self.headers), data=self.body)
        stamp = moment.strftime("%Y%m%dT%H%M%SZ")
        asked.context["timestamp"] = stamp
        asked.headers["X-Amz-Date"] = stamp
        if key.get("token"):
            asked.headers["X-Amz-Security-Token"] = key["token"]
        canonical = signer.canonical_request(asked)
        signature = signer.signature(signer.string_to_sign(asked, canonical), asked)
        signed = ";".join(sorted(name.lower() for name in signer.headers_to_sign(asked)))
        asked.headers["Authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={key['id']}/{signer.credential_scope(asked)}, "
            f"SignedHeaders={signed}, Signature={signature}"
        )
        self.headers = dict(asked.headers.items())
        return self

    def send(self, host):
        """Sends it as it is."""
        connection = http.client.HTTPConnection(host, timeout=60)
        try:
            connection.putrequest(self.method, self.path, skip_host=True, skip_accept_encoding=True)
            connection.putheader("Host", host)
            for name, value in self.headers.items():
                if name.lower() not in ("host", "content-length"):
                    connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(self.body)))
            connection.endheaders(self.body)
            answer = connection.getresponse()
            headers = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, headers, answer.read())
        finally:
            connection.close()
