#!/usr/bin/env python3
"""Runs command lines as a user types them and compares what they print.

    run_clitest.py SMELT FILE.clitest

A .clitest file holds blocks: a line "$ command", the lines that it must print (standard output and
error together), and, where the exit code is not 0, a line "[exit N]". Commands run by bash in a
scratch folder that the blocks of a file share; $EXAMPLES is the project's examples/ and $MODELS the
folder of real models (files that need it start with "# needs MODELS"). In expected lines "<...>"
stands for any text within a line, and a line "..." for any number of lines.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile


def parse(text):
    """-> [(line number, command, expected lines, exit code)]"""
    blocks = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("$ "):
            blocks.append([number, line[2:], [], 0])
        elif not blocks or line.startswith("#"):
            continue
        elif match := re.fullmatch(r"\[exit (\d+)\]", line):
            blocks[-1][3] = int(match[1])
        else:
            blocks[-1][2].append(line)
    for block in blocks:
        while block[2] and not block[2][-1].strip():
            block[2].pop()
    return blocks


def pattern(expected):
    parts = []
    for line in expected:
        if line.strip() == "...":
            parts.append(r"(?:[^\n]*\n)*?")
        else:
            parts.append(r"[^\n]*".join(re.escape(piece) for piece in line.split("<...>")) + "\n")
    return re.compile("".join(parts))


def run(command, smelt, folder):
    environment = dict(os.environ, PATH=f"{smelt.parent}:{os.environ['PATH']}", NO_COLOR="1",
                       EXAMPLES=str(pathlib.Path(__file__).resolve().parents[2] / "examples"),
                       MODELS=os.environ.get("SMELT_MODELS", ""))
    result = subprocess.run(["bash", "-c", command], cwd=folder, env=environment, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return result.stdout, result.returncode


def main(smelt, path):
    text = path.read_text()
    if text.startswith("# needs MODELS") and not os.environ.get("SMELT_MODELS"):
        print("skipped: no folder of real models")
        return 0
    failures = 0
    blocks = parse(text)
    with tempfile.TemporaryDirectory() as folder:
        for number, command, expected, code in blocks:
            output, got = run(command, smelt, folder)
            if output and not output.endswith("\n"):
                output += "\n"
            if got == code and pattern(expected).fullmatch(output):
                continue
            failures += 1
            print(f"{path}:{number}: $ {command}\n-- expected (exit {code}):\n" + "\n".join(expected) +
                  f"\n-- got (exit {got}):\n{output}")
    print(f"{len(blocks) - failures} of {len(blocks)} commands did as written")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2])))
