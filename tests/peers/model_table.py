"""Writes docs/MODELS.md: what Smelt gives for every real .tflite in a folder that has goldens of TFLite Micro or LiteRT.

usage: model_table.py SMELT_PROGRAM MODELS GOLDENS OUTPUT.md

GOLDENS/PATH.npz holds in0.. (with a leading sample axis) and the outputs of engines: tflm0.. (TFLite Micro), ref0.. (LiteRT's
reference kernels), xnn0.. (LiteRT's default engine). The first engine of these that ran the model is compared with.
"""
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

ENGINES = [("tflm", "TFLite Micro"), ("ref", "LiteRT reference"), ("xnn", "LiteRT default")]


def outputs(arrays, prefix):
    keys = sorted((k for k in arrays if k.startswith(prefix)), key=lambda k: int(k[len(prefix):]))
    return [arrays[k] for k in keys]


def run(program, model, inputs, folder):
    np.savez(folder / "in.npz", **inputs)
    done = subprocess.run([program, "run", model, "--inputs", folder / "in.npz", "--outputs", folder / "out.npz", "-q"],
                          capture_output=True, text=True)
    if done.returncode:
        return None, done.stderr.strip().removeprefix("smelt: error: ").replace(str(model), "").replace("|", "/")[:120]
    return outputs(dict(np.load(folder / "out.npz")), "out"), ""


def compare(ours, theirs):
    """Bytes of integers, floats within 1e-4 of the largest value."""
    worst, steps = 0.0, 0
    for a, b in zip(ours, theirs):
        a = a.reshape(b.shape)
        if b.dtype.kind == "f":
            top = max(np.abs(b[np.isfinite(b)]).max(initial=0), 1e-30)
            wrong = np.where(np.isfinite(b), np.abs(a - b), a != b)
            worst = max(worst, float(np.nan_to_num(wrong).max(initial=0)) / top)
        else:
            steps = max(steps, int(np.abs(a.astype(np.int64) - b.astype(np.int64)).max(initial=0)))
    if steps:
        return f"differs by {steps}"
    if worst > 1e-4:
        return f"differs by {worst:.0e} of the largest value"
    return "equal" if worst == 0 else "equal (floats)"


def main():
    program, models, goldens, target = sys.argv[1], *map(pathlib.Path, sys.argv[2:5])
    rows, counts = [], {}
    with tempfile.TemporaryDirectory() as folder:
        for golden in sorted(goldens.rglob("*.tflite.npz")):
            name = str(golden.relative_to(goldens))[:-4]
            arrays = dict(np.load(golden))
            engine = next(((key, text) for key, text in ENGINES if key + "0" in arrays), None)
            if engine is None or not (models / name).exists():
                continue
            inputs = {k: v for k, v in arrays.items() if k.startswith("in")}
            ours, reason = run(program, models / name, inputs, pathlib.Path(folder))
            result = reason if ours is None else compare(ours, outputs(arrays, engine[0]))
            rows.append(f"| {name} | {engine[1]} | {result} |")
            kind = ("refused" if ours is None else result.split(" ")[0], engine[1])
            counts[kind] = counts.get(kind, 0) + 1
    summary = "\n".join(f"- {result}, {engine}: {count}" for (result, engine), count in sorted(counts.items()))
    target.write_text("# Real models\n\nWritten by `tests/peers/model_table.py`: outputs of `smelt run` beside those of the engine named. Integers are compared\n"
                      "byte for byte, floats within 1e-4 of the largest value. `smelt/run/golden_test.cpp` names the models on which a\npeer itself is wrong, and why.\n\n"
                      f"{summary}\n\n| model | engine | result |\n|---|---|---|\n" + "\n".join(rows) + "\n")
    print(summary)


if __name__ == "__main__":
    main()
