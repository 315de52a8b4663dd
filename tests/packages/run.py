"""Installs the packages of a folder into clean roots, and goes the first two minutes from each: run.py FOLDER."""

import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ENVIRONMENT = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LANG": "C.UTF-8"}
# How long one command may take, in seconds.
PATIENCE = 60


def main(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        the_deb(one(folder, "*.deb"), Path(scratch, "deb"))
        the_wheel(one(folder, "*.whl"), Path(scratch, "wheel"))
    the_image(folder / "image")
    print("3 passed, 0 failed")


def one(folder: Path, pattern: str) -> Path:
    found = list(folder.glob(pattern))
    assert len(found) == 1, f"{pattern} in {folder}: {found}"
    return found[0]


def run(command: list, **options) -> str:
    done = subprocess.run(
        command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=PATIENCE, **options
    )
    assert done.returncode == 0, f"{command}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def the_deb(package: Path, root: Path) -> None:
    root.mkdir()
    run(["dpkg-deb", "--extract", package, root])
    control = root / "DEBIAN"
    run(["dpkg-deb", "--control", package, control])
    assert (control / "conffiles").read_text() == "/etc/cc-devops/cc-devops.toml\n"
    for script in ("postinst", "prerm", "postrm"):
        run(["sh", "-n", control / script])
    modes = {
        "usr/bin/cc-devops": 0o755,
        "etc/cc-devops": 0o750,
        "etc/cc-devops/cc-devops.toml": 0o640,
        "usr/lib/systemd/system/cc-devops.service": 0o644,
    }
    for name, mode in modes.items():
        real = (root / name).stat().st_mode & 0o7777
        assert real == mode, f"{name} has the mode {real:o} and not {mode:o}"
    owners = run(["dpkg-deb", "--contents", package]).splitlines()
    assert all(line.split()[1] == "root/root" for line in owners), "something is not root's"
    pages = sorted(path.name for path in (root / "usr/share/man/man1").iterdir())
    assert "cc-devops.1.gz" in pages and "cc-devops-serve.1.gz" in pages, pages
    run(["sh", "-c", f"zcat {shlex.quote(str(root / 'usr/share/man/man1/cc-devops.1.gz'))} | grep -q '^.TH cc-devops 1'"])
    run(["bash", "-n", root / "usr/share/bash-completion/completions/cc-devops"])
    assert (root / "usr/share/zsh/vendor-completions/_cc-devops").read_text().startswith("#compdef cc-devops")
    unit = (root / "usr/lib/systemd/system/cc-devops.service").read_text()
    start = next(line for line in unit.splitlines() if line.startswith("ExecStart="))
    # As the unit starts it, but for where the root is and the port.
    command = shlex.split(start.removeprefix("ExecStart="))
    command = [str(root) + word if word.startswith("/") else word for word in command]
    (root / "var/lib").mkdir(parents=True)
    two_minutes(root / "usr/bin/cc-devops", command, root / "var/lib/cc-devops")


def the_wheel(package: Path, root: Path) -> None:
    venv.create(root, with_pip=True)
    run([root / "bin/pip", "install", "--quiet", "--no-index", "--disable-pip-version-check", package])
    run([root / "bin/pip", "check", "--disable-pip-version-check"])
    binary, data = root / "bin/cc-devops", root / "data"
    two_minutes(binary, [str(binary), "serve", "--data-dir", str(data)], data)


def two_minutes(binary: Path, serve: list, data: Path) -> None:
    """Health, an agent, a secret, what is on record; then a stop that ends well."""
    command = [*serve, "--listen", "127.0.0.1:0", "--json"]
    server = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True, cwd=data.parent)
    try:
        told = json.loads(server.stdout.readline())
        assert told["pid"] == server.pid, told

        def ask(*arguments: str, **options) -> dict:
            return json.loads(run([binary, "--data-dir", data, "--json", *arguments], **options))

        assert ask("health")["status"] == "healthy"
        assert ask("agents", "add", "ContentOrchestrator")["token"]
        name = "/contentcraft/contentorchestrator/api-key"
        put = ask("put-secret", name, "--agent", "ContentOrchestrator", input="not-a-real-key")
        assert (put["status"], put["result"]["secretName"]) == ("success", name), put
        assert any(request["action"] == "putSecret" for request in ask("requests", "list")["requests"])
        run([binary, "--data-dir", data, "audit", "verify"])
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=PATIENCE) == 0, "the stop did not end well"
    finally:
        if server.poll() is None:
            server.kill()
            server.wait()


def the_image(context: Path) -> None:
    """What the Containerfile says, where no container can be built: what it copies is there, and who runs it."""
    said: dict[str, list[str]] = {}
    text = (context / "Containerfile").read_text().replace("\\\n", " ")
    for line in text.splitlines():
        if line and not line.startswith("#"):
            word, rest = line.split(maxsplit=1)
            said.setdefault(word, []).append(rest)
    for copied in said["COPY"]:
        source = [word for word in copied.split() if not word.startswith("--")][0]
        assert os.access(context / source, os.X_OK), f"{source} is not there to be copied"
    assert said["USER"] == ["900:900"], "it must not run as root"
    assert said["VOLUME"] == ["/var/lib/cc-devops"]
    binary = context / "cc-devops"
    probe = json.loads(said["HEALTHCHECK"][0].split("CMD ")[1])
    entry, arguments = json.loads(said["ENTRYPOINT"][0]), json.loads(said["CMD"][0])
    assert probe[0] == entry[0] == "/usr/bin/cc-devops"
    for words in (probe[1:], arguments):
        run([binary, *words, "--help"])


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
