"""The Lambda Runtime API on loopback, as far as a function under measurement needs it."""

import http.server
import os
import queue
import subprocess
import threading
import time

NEXT = "/2018-06-01/runtime/invocation/next"
# How long a function may take to start or to answer, unless it is said.
PATIENCE = 30


class FunctionFailed(Exception):
    """The function ended, or answered with an error."""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # One packet an answer: head and body sent apart would wait for each other's acknowledgement.
    wbufsize = -1
    disable_nagle_algorithm = True

    def handle(self):
        try:
            super().handle()
        except ConnectionError:
            pass  # the function was stopped

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):  # noqa: N802
        # Only `next` is asked for; it waits until there is something to do.
        self.server.function.asked.put(time.perf_counter())
        number, payload = self.server.function.waiting.get()
        if payload is None:
            self.close_connection = True
            return
        deadline = int((time.time() + self.server.function.patience) * 1000)
        self.answer(200, payload, [
            ("Content-Type", "application/json"),
            ("Lambda-Runtime-Aws-Request-Id", f"invocation-{number}"),
            ("Lambda-Runtime-Deadline-Ms", str(deadline)),
            ("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:000000000000:function:measured"),
            ("Lambda-Runtime-Trace-Id", "Root=1-00000000-000000000000000000000000;Sampled=0"),
        ])

    def do_POST(self):  # noqa: N802
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        at = time.perf_counter()
        self.answer(202, b'{"status":"OK"}', [("Content-Type", "application/json")])
        self.server.function.answers.put((at, self.path, body))


class Function:
    """A function's process with a Runtime API of its own."""

    def __init__(self, command, environment, folder=None, log=subprocess.DEVNULL, patience=PATIENCE):
        self.waiting = queue.Queue()
        self.answers = queue.Queue()
        # When the function asked for its next invocation; only then is the one before over.
        self.asked = queue.Queue()
        self.started, self.over = None, []
        self.count = 0
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.function = self
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        self.environment = environment | {
            "PATH": os.environ["PATH"],
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self.server.server_port}",
            "AWS_LAMBDA_FUNCTION_NAME": "measured", "AWS_LAMBDA_FUNCTION_VERSION": "1",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128", "AWS_LAMBDA_LOG_GROUP_NAME": "measured",
            "AWS_LAMBDA_LOG_STREAM_NAME": "measured", "_HANDLER": "function.handler",
        }
        self.command, self.folder, self.log, self.process = command, folder, log, None
        self.patience = patience

    def start_with(self, payload):
        """Seconds from the process's start to its answer to its first invocation."""
        self.push(payload)
        started = time.perf_counter()
        self.process = subprocess.Popen(
            self.command, env=self.environment, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=self.log,
            stderr=self.log,
        )
        at, body = self.take()
        self.asked.get(timeout=self.patience)
        return at - started, body

    def push(self, payload):
        self.count += 1
        self.waiting.put((self.count, payload))

    def take(self):
        try:
            at, path, body = self.answers.get(timeout=self.patience)
        except queue.Empty:
            raise FunctionFailed(f"{self.command[0]} did not answer; it ended with {self.process.poll()}") from None
        if not path.endswith("/response"):
            raise FunctionFailed(f"{self.command[0]} failed: {body[:500].decode(errors='replace')}")
        return at, body

    def invoke(self, payload):
        """Seconds from handing over an invocation to its answer, and the answer.

        It is handed over when the function asks for it. How long the one before took until then, what it did
        behind its answer included, is added to `over`.
        """
        asked = self.asked.get(timeout=self.patience)
        if self.started is not None:
            self.over.append(asked - self.started)
        self.started = time.perf_counter()
        self.push(payload)
        at, body = self.take()
        return at - self.started, body

    def peak_memory(self):
        """The largest resident set so far, in bytes."""
        for line in open(f"/proc/{self.process.pid}/status", encoding="ascii"):
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        raise FunctionFailed("the kernel tells no VmHWM")

    def stop(self):
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.waiting.put((0, None))
        self.server.shutdown()
        self.server.server_close()
