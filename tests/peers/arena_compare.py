#!/usr/bin/env python3
"""How close is Smelt's estimate of the tensor arena to what TFLite Micro's recording allocator prints?

usage: arena_compare.py SMELT MODELS [--recorded FILE] [--table N] [--worst N] [--inc]

SMELT is the program, MODELS a folder with .tflite files below it or one file. Every model that
TFLite Micro prepares is compared: the bytes in use on this host (head and tail). --table N prints
the table of docs/ARENA.md with N models, spread over folders and sizes (0: all); --worst N the
models that are furthest off; --inc the lines of smelt/run/arena_recorded.inc instead, with MODELS as
they are spelled. --recorded FILE keeps what TFLite Micro printed, so that a second run need not ask
it again. Needs a Python with tflite_micro, built with compression as the package is.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile

BATCH = 20  # models per child process; a crash costs the models behind it a process of their own
TIMEOUT = 600
ARENA_BYTES = 64 << 20
CLOSE = 0.02


def print_allocations(files):
    """Child process."""
    from tflite_micro.python.tflite_micro import runtime

    for file in files:
        print("== " + file, file=sys.stderr, flush=True)
        try:
            interpreter = runtime.Interpreter.from_file(file, arena_size=ARENA_BYTES)
            interpreter.print_allocations()
        except Exception:  # whatever it does not run
            pass
        sys.stderr.flush()


def ask_micro(files):
    """{file: {total, head, tail}}, nothing for files that TFLite Micro does not prepare."""
    found, waiting = {}, [str(f) for f in files]
    while waiting:
        batch = waiting[:BATCH]
        child = subprocess.run([sys.executable, __file__, "--child", *batch], capture_output=True,
                               timeout=TIMEOUT, check=False)
        seen, current = [], None
        text = (child.stderr + child.stdout).decode(errors="replace")
        for line in text.splitlines():
            if line.startswith("== "):
                seen.append(line[3:])
                current = found.setdefault(line[3:], {})
            match = re.search(r"Arena allocation (total|head|tail) (\d+) bytes", line)
            if match and current is not None:
                current[match[1]] = int(match[2])
        waiting = waiting[max(1, len(seen)):]
        print(f"\r{len(found)} of {len(files)}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return {file: value for file, value in found.items() if "total" in value}


def ask_smelt(smelt, file):
    """The `arena` object of `smelt inspect`, or the reason why there is none."""
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        run = subprocess.run([smelt, "inspect", file, "-q", "--json", out.name],
                             capture_output=True, text=True, timeout=TIMEOUT, check=False)
        if run.returncode != 0:
            return None, run.stderr.strip()
        result = json.loads(pathlib.Path(out.name).read_text())
    return result["arena"], result["arena_unknown_because"]


def spread(rows, count):
    """`count` rows: from each folder in turn the next in order of size."""
    by_folder = {}
    for row in sorted(rows, key=lambda r: -r["micro"]["total"]):
        by_folder.setdefault(row["name"].split("/")[0], []).append(row)
    chosen = []
    while len(chosen) < min(count, len(rows)):
        for folder in sorted(by_folder):
            if by_folder[folder] and len(chosen) < count:
                step = by_folder[folder]
                chosen.append(step.pop(len(step) // 3))
    return sorted(chosen, key=lambda r: r["name"])


def print_table(rows):
    print("| model | TFLite Micro here | Smelt here | ratio | 32-bit microcontroller |")
    print("|---|---:|---:|---:|---:|")
    for row in rows:
        print(f"| {row['name']} | {row['micro']['total']:,} | {row['arena']['host_bytes']:,} | "
              f"{row['ratio']:.4f} | {row['arena']['mcu_bytes']:,} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("smelt")
    parser.add_argument("models", nargs="+", type=pathlib.Path)
    parser.add_argument("--recorded", type=pathlib.Path)
    parser.add_argument("--table", type=int, metavar="N")
    parser.add_argument("--worst", type=int, default=10, metavar="N")
    parser.add_argument("--inc", action="store_true")
    options = parser.parse_args()

    root = options.models[0] if options.models[0].is_dir() else pathlib.Path()
    files = [f for path in options.models
             for f in (sorted(path.rglob("*.tflite")) if path.is_dir() else [path])]
    if options.recorded and options.recorded.exists():
        recorded = json.loads(options.recorded.read_text())
    else:
        recorded = ask_micro(files)
        if options.recorded:
            options.recorded.write_text(json.dumps(recorded, indent=1))
    if options.inc:
        for file in files:
            if str(file) in recorded:
                value = recorded[str(file)]
                print(f'{{"{file}", {value["head"]}, {value["tail"]}}},')
        return 0

    rows, unknown = [], []
    for file in files:
        if str(file) not in recorded:
            continue
        name = str(file.relative_to(root))
        arena, why = ask_smelt(options.smelt, str(file))
        if arena is None:
            unknown.append((name, why))
            continue
        micro = recorded[str(file)]
        rows.append({"name": name, "micro": micro, "arena": arena,
                     "ratio": arena["host_bytes"] / micro["total"]})
    if options.table is not None:
        print_table(rows if options.table == 0 else spread(rows, options.table))
        print()
    close = sum(abs(row["ratio"] - 1) <= CLOSE for row in rows)
    exact = sum(row["arena"]["host_bytes"] == row["micro"]["total"] for row in rows)
    print(f"{len(rows)} models: {exact} equal, {close} within {CLOSE:.0%}")
    if rows:
        ratios = [row["ratio"] for row in rows]
        print(f"smallest ratio {min(ratios):.4f}, largest {max(ratios):.4f}")
    for row in sorted(rows, key=lambda r: -abs(r["ratio"] - 1))[:options.worst]:
        if row["ratio"] != 1:
            micro = row["micro"]
            print(f"{row['ratio']:.4f}  {micro['total']} (head {micro['head']}, tail "
                  f"{micro['tail']}), here {row['arena']['host_bytes']}  {row['name']}")
    for name, why in unknown:
        print(f"no estimate  {name}: {why}")
    return 0 if close == len(rows) and not unknown else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        print_allocations(sys.argv[2:])
    else:
        sys.exit(main())
