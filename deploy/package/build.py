"""Makes the packages of one binary: build.py BINARY FOLDER.

A .deb by dpkg-deb, a wheel by PyPA's writer of wheels, and the folder an image is built from. What they carry
beside the binary comes from the binary itself (manual pages, completions) or lies beside this file.
"""

import gzip
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from zipfile import ZipInfo

from wheel.wheelfile import WheelFile

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SUMMARY = "The DevOps control plane: secrets, deploys, agents and their audit trail"
HOME = "https://github.com/deepfoundai/cc-agent-devops-automation"
# The names that Debian has for processors.
DEBIAN = {"x86_64": "amd64", "aarch64": "arm64"}
SHELLS = {
    "bash": "usr/share/bash-completion/completions/cc-devops",
    "zsh": "usr/share/zsh/vendor-completions/_cc-devops",
    "fish": "usr/share/fish/vendor_completions.d/cc-devops.fish",
}


def main(binary: Path, folder: Path) -> None:
    folder.mkdir(parents=True)
    version = output(binary, "--version").split()[1]
    glibc = needed_glibc(binary)
    made = [deb(binary, folder, version, glibc), wheel(binary, folder, version, glibc), image(binary, folder)]
    for path in made:
        size = f"{path.stat().st_size / 1e6:.1f} MB" if path.is_file() else "the image's context"
        print(f"{path}  {size}")


def output(binary: Path, *arguments: str) -> str:
    return subprocess.run([binary, *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout


def needed_glibc(binary: Path) -> tuple[int, int]:
    """The newest glibc whose symbols the binary asks for."""
    found = re.findall(rb"GLIBC_(\d+)\.(\d+)", binary.read_bytes())
    return max((int(major), int(minor)) for major, minor in found)


def deb(binary: Path, folder: Path, version: str, glibc: tuple[int, int]) -> Path:
    arch = DEBIAN[platform.machine()]
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch, "cc-devops")
        put(root / "usr/bin/cc-devops", binary.read_bytes(), 0o755)
        put(root / "usr/lib/systemd/system/cc-devops.service", (HERE / "debian/cc-devops.service").read_bytes())
        put(root / "etc/cc-devops/cc-devops.toml", (ROOT / "cc-devops.example.toml").read_bytes(), 0o640)
        put(root / "usr/share/doc/cc-devops/copyright", (ROOT / "LICENSE").read_bytes())
        for shell, path in SHELLS.items():
            put(root / path, output(binary, "completions", shell).encode())
        pages = Path(scratch, "man")
        pages.mkdir()
        output(binary, "man", str(pages))
        for page in sorted(pages.iterdir()):
            text = gzip.compress(page.read_bytes(), mtime=0)
            put(root / "usr/share/man/man1" / f"{page.name}.gz", text)
        (root / "etc/cc-devops").chmod(0o750)
        kilobytes = sum(path.stat().st_size for path in root.rglob("*") if path.is_file()) // 1024
        control = (
            f"Package: cc-devops\nVersion: {version}\nArchitecture: {arch}\nMaintainer: cc-devops <noreply@invalid>\n"
            f"Section: admin\nPriority: optional\nInstalled-Size: {kilobytes}\nHomepage: {HOME}\n"
            f"Depends: libc6 (>= {glibc[0]}.{glibc[1]}), libgcc-s1, adduser, ca-certificates\n"
            f"Description: {SUMMARY}\n"
            " One process that keeps secrets, carries out deploys and knows how the\n"
            " agents of an installation are, on one machine or in an AWS account.\n"
        )
        put(root / "DEBIAN/control", control.encode())
        put(root / "DEBIAN/conffiles", b"/etc/cc-devops/cc-devops.toml\n")
        for script in ("postinst", "prerm", "postrm"):
            put(root / "DEBIAN" / script, (HERE / "debian" / script).read_bytes(), 0o755)
        path = folder / f"cc-devops_{version}_{arch}.deb"
        subprocess.run(
            ["dpkg-deb", "--root-owner-group", "--build", root, path], check=True, stdout=subprocess.DEVNULL
        )
    return path


def put(path: Path, content: bytes, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)


def wheel(binary: Path, folder: Path, version: str, glibc: tuple[int, int]) -> Path:
    tag = f"py3-none-manylinux_{glibc[0]}_{glibc[1]}_{platform.machine()}"
    path = folder / f"cc_devops-{version}-{tag}.whl"
    info = f"cc_devops-{version}.dist-info"
    described = (
        f"Metadata-Version: 2.1\nName: cc-devops\nVersion: {version}\nSummary: {SUMMARY}\n"
        f"Home-page: {HOME}\nLicense: MIT\nRequires-Python: >=3.8\n"
    )
    form = f"Wheel-Version: 1.0\nGenerator: cc-devops\nRoot-Is-Purelib: false\nTag: {tag}\n"
    with WheelFile(path, "w") as archive:
        program = ZipInfo(f"cc_devops-{version}.data/scripts/cc-devops", (1980, 1, 1, 0, 0, 0))
        # pip keeps who may run it.
        program.external_attr = 0o100755 << 16
        program.compress_type = archive.compression
        archive.writestr(program, binary.read_bytes())
        for name, text in (("METADATA", described), ("WHEEL", form), ("LICENSE", (ROOT / "LICENSE").read_text())):
            archive.writestr(f"{info}/{name}", text)
    return path


def image(binary: Path, folder: Path) -> Path:
    context = folder / "image"
    context.mkdir()
    shutil.copy2(binary, context / "cc-devops")
    shutil.copy2(HERE / "Containerfile", context / "Containerfile")
    return context


if __name__ == "__main__":
    os.umask(0o022)
    main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]))
