#!/usr/bin/env python3
"""Makes a wheel that carries ftc and ftrt, with the standard library alone.

usage: wheel.py --build BUILD_DIR --output DIR [--no_libraries]

`pip install` of it puts the programs into bin/ and, into lib/ftc/, the linker that ftc runs and the shared
libraries that both need, but for those of every Linux system (glibc, libstdc++, libgcc_s). With --no_libraries
the wheel is small, and the system must have what docs/packages.md lists.
"""
import argparse
import base64
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

NAME = "ftc"
# What every system of the tag has (PEP 600's policy, and what it takes for granted).
SYSTEM = re.compile(r"^(linux-vdso|ld-linux-x86-64|libc|libm|libdl|libpthread|librt|libresolv|libutil|libgcc_s|"
                    r"libstdc\+\+)\.so")
EXECUTABLE, PLAIN = 0o100755, 0o100644


def fail(message):
    sys.exit(f"wheel.py: {' '.join(str(message).split())[:480]}")


def run(*command):
    try:
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    except FileNotFoundError:
        fail(f"the program {command[0]} is not installed")
    if done.returncode:
        said = done.stderr.strip() or done.stdout.strip()
        fail(f"{command[0]} {command[1]} ended with {done.returncode}: {said}")
    return done.stdout


def libraries_of(*binaries):
    """Soname: path of each library that the binaries load and a system need not have."""
    found = {}
    for binary in binaries:
        for line in run("ldd", binary).splitlines():
            match = re.match(r"\s*(\S+) => (\S+)", line)
            if match and not SYSTEM.match(match[1]):
                if match[2] == "not":
                    fail(f"{binary}: the library {match[1]} is not on this machine")
                found[match[1]] = Path(match[2]).resolve()
    return found


def glibc_of(binaries):
    """The newest version of glibc's symbols that the binaries use: (2, 36)."""
    versions = {(2, 17)}
    for binary in binaries:
        for major, minor in re.findall(r"GLIBC_(\d+)\.(\d+)", run("objdump", "-T", binary)):
            versions.add((int(major), int(minor)))
    return max(versions)


def licences_of(libraries):
    """Copyright files of the Debian packages that the libraries come from, by package."""
    files = {}
    for path in libraries:
        # dpkg knows the path before /usr was merged, or after.
        for name in (path, Path(str(path).removeprefix("/usr"))):
            done = subprocess.run(["dpkg", "-S", str(name)], capture_output=True, text=True)
            if done.returncode == 0:
                package = done.stdout.split(":")[0]
                copyright = Path("/usr/share/doc") / package / "copyright"
                if copyright.is_file():
                    files[package] = copyright.read_bytes()
                break
    return files


class Wheel:
    """A zip file whose entries do not depend on when and where it is made."""

    def __init__(self, path):
        self.zip = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9)
        self.records = []

    def add(self, name, content, mode=PLAIN):
        info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
        info.external_attr = mode << 16
        info.compress_type = zipfile.ZIP_DEFLATED
        self.zip.writestr(info, content)
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        self.records.append(f"{name},sha256={digest},{len(content)}\n")

    def finish(self, record):
        self.records.append(f"{record},,\n")
        info = zipfile.ZipInfo(record, (1980, 1, 1, 0, 0, 0))
        info.external_attr = PLAIN << 16
        self.zip.writestr(info, "".join(self.records))
        self.zip.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--no_libraries", action="store_true")
    arguments = parser.parse_args()
    try:
        make(arguments)
    except OSError as error:
        fail(f"{error.filename or arguments.output}: {error.strerror or error}")


def check_build(build):
    """What cmake --install says of a folder that is no build is long, and not of the cause."""
    if not (build / "CMakeCache.txt").is_file():
        fail(f"--build {build}: expected a folder that cmake configured, found no CMakeCache.txt: tools/build.sh makes "
             "one")
    missing = [name for name in ("ftc", "ftrt") if not (build / "bin" / name).is_file()]
    if missing:
        fail(f"--build {build}: bin/{missing[0]} is not built: cmake --build {build}")


def make(arguments):
    check_build(arguments.build)
    arguments.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        prefix = Path(scratch)
        for component in ("runtime", "compiler"):
            run("cmake", "--install", arguments.build, "--prefix", prefix, "--component", component, "--strip")
        programs = [prefix / "bin" / name for name in ("ftc", "ftrt")]
        version = run(programs[1], "--version").split()[-1]
        if not re.fullmatch(r"\d+(\.\d+)+", version):
            fail(f"ftrt --version: expected a version, got {version!r}")
        linkers = (shutil.which(name) for name in ("/usr/lib/llvm-22/bin/ld.lld", "ld.lld-22", "ld.lld"))
        linker = next((Path(path).resolve() for path in linkers if path), None)
        if linker is None and not arguments.no_libraries:
            fail("ld.lld, which the wheel carries, is not on this machine: install lld-22, or give --no_libraries")
        libraries = {} if arguments.no_libraries else libraries_of(*programs, linker)
        carried = [*programs, *libraries.values(), *([] if arguments.no_libraries else [linker])]
        major, minor = glibc_of(carried)
        # With libraries of the system's own the tag can promise nothing but the platform.
        tag = f"py3-none-{'linux' if arguments.no_libraries else f'manylinux_{major}_{minor}'}_x86_64"
        path = arguments.output / f"{NAME}-{version}-{tag}.whl"
        info, data = f"{NAME}-{version}.dist-info", f"{NAME}-{version}.data"
        partial = path.with_suffix(".tmp")
        try:
            wheel = Wheel(partial)
            for program in programs:
                wheel.add(f"{data}/scripts/{program.name}", program.read_bytes(), EXECUTABLE)
            if not arguments.no_libraries:
                wheel.add(f"{data}/data/lib/ftc/bin/ld.lld", linker.read_bytes(), EXECUTABLE)
            for soname, library in sorted(libraries.items()):
                wheel.add(f"{data}/data/lib/ftc/lib/{soname}", library.read_bytes(), EXECUTABLE)
            for folder in ("share/man", "share/bash-completion", "share/zsh", "share/fish", "share/ftc"):
                for file in sorted((prefix / folder).rglob("*")):
                    if file.is_file() and not file.name.startswith("ftc-opt"):
                        wheel.add(f"{data}/data/{file.relative_to(prefix)}", file.read_bytes())
            for package, text in sorted(licences_of(carried).items()):
                wheel.add(f"{info}/licenses/{package}.copyright", text)
            summary = "Fine-tune language models on a CPU: a compiler of training steps, and its runtime"
            wheel.add(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {version}\n"
                                          f"Summary: {summary}\nRequires-Python: >=3.8\n\n"
                                          "The programs ftc and ftrt. They need no Python once installed.\n".encode())
            wheel.add(f"{info}/WHEEL", f"Wheel-Version: 1.0\nGenerator: ftc packaging/wheel.py\n"
                                       f"Root-Is-Purelib: false\nTag: {tag}\n".encode())
            wheel.finish(f"{info}/RECORD")
            os.replace(partial, path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
    print(path)
    print(f"{path.stat().st_size / 1e6:.1f} MB, {len(libraries)} libraries", file=sys.stderr)


if __name__ == "__main__":
    main()
