#!/usr/bin/env python3
"""Checks what the compiler does not: formatting, include arrows, file sizes, words that must not appear.

The arrows are read from the CMakeLists.txt of each module: a file of smelt/x may include smelt/y only where
y is in x's DEPS, directly or through one of them.
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
MAX_LINES = 500
SOURCES = sorted(p for d in ("smelt", "cli", "bench", "tests", "examples") for p in (ROOT / d).rglob("*")
                 if p.suffix in (".h", ".cpp"))


def modules():
    """Module name -> (folder, direct dependencies)."""
    found = {}
    for path in (ROOT / "smelt").rglob("CMakeLists.txt"):
        for call in re.findall(r"smelt_module\((.*?)\)", path.read_text(), re.S):
            words = call.split()
            name = words[words.index("NAME") + 1]
            deps = []
            if "DEPS" in words:
                for word in words[words.index("DEPS") + 1:]:
                    if word.isupper():
                        break
                    deps.append(word)
            found[name] = (path.parent.relative_to(ROOT).as_posix(), deps)
    return found


def reachable(name, table):
    todo, seen = [name], set()
    while todo:
        current = todo.pop()
        if current not in seen:
            seen.add(current)
            todo += table[current][1]
    return seen


def layer_errors():
    table = modules()
    folder_of = {folder: name for name, (folder, _) in table.items()}
    for path in SOURCES:
        here = folder_of.get(path.parent.relative_to(ROOT).as_posix())
        if here is None or path.name.endswith(("_test.cpp", "_bench.cpp")):
            continue
        allowed = {table[name][0] for name in reachable(here, table)}
        for include in re.findall(r'#include "(smelt/[^"]+)"', path.read_text()):
            folder = include.rsplit("/", 1)[0]
            if folder in folder_of and folder not in allowed:
                yield f"{path.relative_to(ROOT)}: {here} may not include {include}"


def size_errors():
    for path in SOURCES:
        lines = path.read_text().count("\n")
        if lines > MAX_LINES:
            yield f"{path.relative_to(ROOT)}: {lines} lines; split it by idea (at most {MAX_LINES})"


def format_errors():
    result = subprocess.run(["clang-format", "--dry-run", "--Werror", *map(str, SOURCES)],
                            capture_output=True, text=True)
    if result.returncode:
        names = sorted(set(re.findall(r"^(\S+?):\d+:\d+: error", result.stderr, re.M)))
        for name in names:
            yield f"{name}: run clang-format -i on it"


def main():
    errors = [*layer_errors(), *size_errors(), *format_errors()]
    print("\n".join(errors) or f"{len(SOURCES)} files are formatted, layered and short")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
