#!/usr/bin/env python3
"""Holds the rules of the house: which folder may include which, and what ftrt links.

usage: layering.py SOURCE_DIR FTRT_BINARY
"""
import os
import re
import subprocess
import sys

# folder -> project folders it may include
ALLOWED = {
    "runtime": {"runtime"},
    "dialects": {"dialects"},
    "frontends": {"frontends", "dialects", "runtime"},
    "compiler": {"compiler", "frontends", "dialects", "runtime"},
    "catalog": {"catalog", "runtime"},
    "assess": {"assess", "compiler", "frontends", "dialects", "runtime", "catalog"},
    "tools/flags": {"tools/flags", "runtime"},
    "tools/ftrt": {"tools/ftrt", "tools/flags", "runtime"},
}
# What frontends may take of the runtime: its file readers and support.
FRONTEND_RUNTIME = ("runtime/io/", "runtime/support/", "runtime/tokenizers/")
FORBIDDEN_IN_RUNTIME = re.compile(r'#include [<"](mlir|llvm|Python\.h|torch)')
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')


def folder_of(path):
    for folder in sorted(ALLOWED, key=len, reverse=True):
        if path.startswith(folder + "/"):
            return folder
    return None


def check_sources(root):
    problems, files = [], 0
    for folder, allowed in ALLOWED.items():
        for directory, _, names in os.walk(os.path.join(root, folder)):
            for name in names:
                if not name.endswith((".cpp", ".h", ".inc")):
                    continue
                path = os.path.join(directory, name)
                relative = os.path.relpath(path, root)
                files += 1
                with open(path, encoding="utf-8") as source:
                    for number, line in enumerate(source, 1):
                        if folder in ("runtime", "tools/ftrt") and FORBIDDEN_IN_RUNTIME.search(line):
                            problems.append(f"{relative}:{number}: {folder} may not include {line.strip()}")
                        match = INCLUDE.match(line)
                        if not match:
                            continue
                        target = folder_of(match.group(1))
                        if target and target not in allowed:
                            problems.append(f"{relative}:{number}: {folder} may not include {match.group(1)}")
                        if folder == "frontends" and target == "runtime" and \
                                not match.group(1).startswith(FRONTEND_RUNTIME):
                            problems.append(f"{relative}:{number}: frontends take the runtime's readers "
                                            f"alone, not {match.group(1)}")
    if files < 50:
        problems.append(f"only {files} source files found under {root}: is this the tree?")
    return problems


def check_binary(binary):
    dynamic = subprocess.run(["readelf", "-d", binary], capture_output=True, text=True, check=True).stdout
    needed = re.findall(r"\(NEEDED\).*\[(.+?)\]", dynamic)
    if not needed:
        return [f"{binary}: readelf names no shared library: is it an executable?"]
    return [f"{binary} links {library}" for library in needed
            if re.search(r"LLVM|MLIR|python|torch|clang", library, re.IGNORECASE)]


def main():
    root, binary = sys.argv[1], sys.argv[2]
    problems = check_sources(root) + check_binary(binary)
    for problem in problems:
        print(problem)
    print(f"{len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
