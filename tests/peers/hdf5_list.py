"""Compares the datasets that `hdf5_list FILE` prints with what h5py reads, for every .h5 below a folder.

usage: hdf5_list.py PROGRAM FOLDER
"""
import math
import pathlib
import subprocess
import sys

import h5py
import numpy as np


def expected(path):
    rows = {}

    def visit(name, item):
        if isinstance(item, h5py.Dataset):
            values = np.asarray(item[()], np.float32).astype(np.float64).ravel()
            shape = "".join(f"{d}," for d in item.shape)
            rows["/" + name] = (shape, values.sum(), (values * values).sum())

    with h5py.File(path, "r") as file:
        file.visititems(visit)
    return rows


def close(a, b):
    return a == b or math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9) or (a != a and b != b)


def compare(program, path):
    run = subprocess.run([program, path], capture_output=True, text=True)
    if run.returncode:
        return f"exit {run.returncode}: {run.stderr.strip()}"
    found = {}
    for line in run.stdout.splitlines():
        name, _, shape, total, squares = line.split("|")
        found[name] = (shape, float(total), float(squares))
    rows = expected(path)
    if found.keys() != rows.keys():
        return f"other datasets: {found.keys() ^ rows.keys()}"
    for name, (shape, total, squares) in rows.items():
        f = found[name]
        if f[0] != shape or not close(f[1], total) or not close(f[2], squares):
            return f"{name}: {f} is not {(shape, total, squares)}"
    return None


def main():
    program, folder = sys.argv[1:]
    files = [p for p in pathlib.Path(folder).rglob("*") if p.suffix in (".h5", ".hdf5")]
    wrong = [(p, problem) for p in sorted(files) if (problem := compare(program, p))]
    for path, problem in wrong:
        print(path, problem)
    print(f"{len(files) - len(wrong)} of {len(files)} files equal")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
