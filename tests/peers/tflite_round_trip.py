#!/usr/bin/env python3
"""Does LiteRT compute the same before and after Smelt re-saves a .tflite file?

usage: tflite_round_trip.py RESAVE MODELS [--no-names] [--limit N]

RESAVE is the program `smelt_tflite_resave` (IN OUT) of a developer build, or `smelt convert` wrapped
in a script. Every .tflite below MODELS is re-saved and both files run in LiteRT on the same random
inputs; outputs must be equal byte for byte. Each run has a process of its own, as LiteRT may crash.
Needs a Python with ai_edge_litert and numpy.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

TIMEOUT = 120


def constant_inputs(model):
    """Indices of graph inputs that hold data: LiteRT crashes when they are set."""
    from ai_edge_litert import schema_py_generated as schema

    with open(model, "rb") as file:
        root = schema.Model.GetRootAs(file.read(), 0)
    graph = root.Subgraphs(0)
    return {
        int(graph.Inputs(i))
        for i in range(graph.InputsLength())
        if root.Buffers(graph.Tensors(int(graph.Inputs(i))).Buffer()).DataLength() > 0
    }


def run_litert(model, result):
    """Child process: writes all outputs of two invocations to an .npz."""
    import numpy as np
    from ai_edge_litert import interpreter as litert

    resolver = litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = litert.Interpreter(
        model_path=model, experimental_op_resolver_type=resolver, num_threads=1
    )
    interpreter.allocate_tensors()
    random = np.random.default_rng(1)
    outputs = {}
    constant = constant_inputs(model)
    for step in range(2):
        for detail in interpreter.get_input_details():
            if detail["index"] in constant:
                continue
            shape, dtype = detail["shape"], np.dtype(detail["dtype"])
            if dtype.kind == "f":
                value = random.uniform(-1, 1, shape)
            elif dtype.kind in "iu":
                # Small, so that an index among them is more often a valid one.
                value = random.integers(0, 3 if dtype.itemsize > 2 else 100, shape)
            elif dtype.kind == "b":
                value = random.integers(0, 2, shape)
            else:
                raise ValueError(f"input of type {dtype}")
            interpreter.set_tensor(detail["index"], value.astype(dtype))
        interpreter.invoke()
        for i, detail in enumerate(interpreter.get_output_details()):
            outputs[f"{step}.{i}"] = interpreter.get_tensor(detail["index"])
    np.savez(result, **outputs)


def outputs_of(model, folder, name):
    """The outputs as a dict, or None where LiteRT does not run the model."""
    import numpy as np

    result = os.path.join(folder, name + ".npz")
    command = [sys.executable, __file__, "--child", str(model), result]
    try:
        done = subprocess.run(command, capture_output=True, timeout=TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        return None
    if done.returncode != 0:
        return None
    with np.load(result, allow_pickle=True) as stored:
        return {key: stored[key] for key in stored.files}


def same(before, after):
    return before.keys() == after.keys() and all(
        before[k].dtype == after[k].dtype
        and before[k].shape == after[k].shape
        and before[k].tobytes() == after[k].tobytes()
        for k in before
    )


def main():
    if len(sys.argv) == 4 and sys.argv[1] == "--child":
        run_litert(sys.argv[2], sys.argv[3])
        return 0
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("resave")
    parser.add_argument("models", type=pathlib.Path)
    parser.add_argument("--no-names", action="store_true")
    parser.add_argument("--limit", type=int, default=0)
    options = parser.parse_args()

    counts = {"equal": 0, "differ": 0, "broken": 0, "not run": 0, "unstable": 0, "not read": 0}
    bytes_before = bytes_after = 0
    files = sorted(options.models.rglob("*.tflite"))
    for model in files[: options.limit or None]:
        with tempfile.TemporaryDirectory() as folder:
            copy = os.path.join(folder, "copy.tflite")
            extra = ["--no-names"] if options.no_names else []
            saved = subprocess.run([options.resave, str(model), copy, *extra], check=False,
                                   capture_output=True)
            before = outputs_of(model, folder, "before")
            if before is None:
                counts["not run"] += 1
                continue
            if saved.returncode != 0:
                counts["not read"] += 1
                print("NOT READ", model, saved.stderr.decode().strip())
                continue
            bytes_before += model.stat().st_size
            bytes_after += os.path.getsize(copy)
            after = outputs_of(copy, folder, "after")
            if after is None:
                kind = "broken"
            elif same(before, after):
                kind = "equal"
            else:
                # A model that draws random numbers or reads unset memory differs from itself.
                again = outputs_of(model, folder, "again")
                kind = "differ" if again is not None and same(before, again) else "unstable"
            counts[kind] += 1
            if kind != "equal":
                print(kind.upper(), model)
    print(", ".join(f"{count} {kind}" for kind, count in counts.items()))
    print(f"{bytes_before} bytes before, {bytes_after} after")
    return 1 if counts["differ"] or counts["broken"] or counts["not read"] else 0


if __name__ == "__main__":
    sys.exit(main())
