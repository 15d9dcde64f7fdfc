"""Writes docs/SCHEMES.md: what each scheme of `smelt quantize` makes of every float model in a folder.

usage: scheme_table.py SMELT_PROGRAM MODELS OUTPUT.md [--goldens FOLDER] [--only TEXT] [--most-bytes N]

Each model (.tflite with float inputs, Keras .h5 and .keras, SavedModel folders) is calibrated on the inputs of its golden
(FOLDER/PATH.npz, keys in0..) or on random ones, written in every scheme, loaded by LiteRT and run on the same inputs by
Smelt and the strictest engine that takes it. Needs ai-edge-litert and tflite-micro.
"""
import argparse
import collections
import multiprocessing
import pathlib
import subprocess
import tempfile

import numpy as np

SCHEMES = ["none", "float16", "dynamic", "dynamic-int4", "weight-only-int8", "weight-only-int4", "int8",
           "int8-float-fallback", "int16x8", "int4"]
SAMPLES = 4


def interpreter(path, reference):
    from ai_edge_litert.interpreter import Interpreter, OpResolverType
    kind = OpResolverType.BUILTIN_REF if reference else OpResolverType.AUTO
    made = Interpreter(model_path=str(path), experimental_op_resolver_type=kind, num_threads=1)
    made.allocate_tensors()
    return made


def random_inputs(path):
    rng = np.random.default_rng(7)
    arrays = {}
    for i, detail in enumerate(interpreter(path, True).get_input_details()):
        shape = (SAMPLES, *detail["shape"])
        if np.dtype(detail["dtype"]).kind == "f":
            arrays[f"in{i}"] = rng.random(shape).astype(detail["dtype"])
        else:
            arrays[f"in{i}"] = rng.integers(0, 2, shape).astype(detail["dtype"])
    return arrays


def stored(values, detail):
    """Real values as the input's own type holds them, as Smelt does it."""
    dtype = np.dtype(detail["dtype"])
    if dtype.kind == "f" or values.dtype.kind != "f":
        return values.astype(dtype)
    scale, zero = detail["quantization"]
    info = np.iinfo(dtype)
    return np.clip(np.round(values / np.float32(scale)) + zero, info.min, info.max).astype(dtype)


def litert_outputs(path, inputs, reference):
    made = interpreter(path, reference)
    ins = made.get_input_details()
    outs = made.get_output_details()
    results = [[] for _ in outs]
    for sample in range(len(inputs[0])):
        made.reset_all_variables()
        for detail, values in zip(ins, inputs):
            made.set_tensor(detail["index"], values[sample].reshape(detail["shape"]))
        made.invoke()
        for result, detail in zip(results, outs):
            result.append(made.get_tensor(detail["index"]).copy())
    return [np.stack(r) for r in results]


def micro_outputs(path, inputs, count):
    from tflite_micro.python.tflite_micro import runtime
    made = runtime.Interpreter.from_file(str(path))
    results = []
    for sample in range(len(inputs[0])):
        made.reset()
        for i, values in enumerate(inputs):
            made.set_input(values[sample].reshape(made.get_input_details(i)["shape"]), i)
        made.invoke()
        results.append([made.get_output(i).copy() for i in range(count)])
    return [np.stack(r) for r in zip(*results)]


def expected(path, inputs, count, scheme):
    """-> (engine, outputs) of the first engine that runs the file. LiteRT's default one must, the others are stricter."""
    default = litert_outputs(path, inputs, False)
    engines = [("R", lambda: litert_outputs(path, inputs, True))]
    if scheme.startswith("int"):  # TFLite Micro takes weights per channel for weights per tensor where it dequantizes them
        engines.insert(0, ("M", lambda: micro_outputs(path, inputs, count)))
    for engine, run in engines:
        try:
            return engine, run()
        except Exception:
            continue
    return "L", default


def cell(ours, theirs):
    steps, worst = 0, 0.0
    for a, b in zip(ours, theirs):
        a = a.reshape(b.shape)
        if b.dtype.kind == "f":
            top = max(float(np.abs(b[np.isfinite(b)]).max(initial=0)), 1e-30)
            worst = max(worst, float(np.nan_to_num(np.abs(a - b)).max(initial=0)) / top)
        else:
            steps = max(steps, int(np.abs(a.astype(np.int64) - b.astype(np.int64)).max(initial=0)))
    if steps:
        return f"{steps} steps"
    return "=" if worst <= 1e-5 else f"{worst:.0e}"


def one_scheme(program, model, scheme, arrays, folder):
    out = folder / f"{scheme}.tflite"
    np.savez(folder / "calibrate.npz", **arrays)
    done = subprocess.run([program, "quantize", model, "--scheme", scheme, "--calibrate", folder / "calibrate.npz",
                           "--calibration-method", "minmax", "-o", out, "-q"], capture_output=True, text=True, timeout=300)
    if done.returncode:
        return "refused" if done.returncode == 3 else "failed", done.stderr.strip().removeprefix("smelt: error: ")
    details = interpreter(out, False).get_input_details()
    inputs = [stored(arrays[f"in{i}"], d) for i, d in enumerate(details)]
    np.savez(folder / "in.npz", **{f"in{i}": v for i, v in enumerate(inputs)})
    done = subprocess.run([program, "run", out, "--inputs", folder / "in.npz", "--outputs", folder / "out.npz", "-q"],
                          capture_output=True, text=True, timeout=300)
    if done.returncode:
        return "failed", done.stderr.strip()
    loaded = dict(np.load(folder / "out.npz"))
    ours = [loaded[f"out{i}"] for i in range(len(loaded))]
    engine, theirs = expected(out, inputs, len(ours), scheme)
    return f"{cell(ours, theirs)} {engine}", ""


def one_model(program, model, golden, results):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        done = subprocess.run([program, "convert", model, "-o", folder / "float.tflite", "-q"], capture_output=True, text=True,
                              timeout=300)
        if done.returncode:
            results.put(("skip", done.stderr.strip()))
            return
        if golden and golden.exists():
            arrays = {k: v[:SAMPLES] for k, v in np.load(golden).items() if k.startswith("in")}
        else:
            arrays = random_inputs(folder / "float.tflite")
        for scheme in SCHEMES:
            results.put((scheme, "crashed", ""))  # replaced when the scheme is done
            try:
                results.put((scheme, *one_scheme(program, model, scheme, arrays, folder)))
            except Exception as error:  # LiteRT's errors have no class of their own
                results.put((scheme, "not in LiteRT", str(error).split("\n")[0]))


def measured(program, model, golden):
    """-> ({scheme: (cell, message)}, why it was skipped). LiteRT may abort: each model has a process."""
    results = multiprocessing.Queue()
    process = multiprocessing.Process(target=one_model, args=(program, model, golden, results))
    process.start()
    cells, skipped = {}, None
    while process.is_alive() or not results.empty():
        try:
            row = results.get(timeout=0.1)
        except Exception:
            continue
        if row[0] == "skip":
            skipped = row[1]
        else:
            cells[row[0]] = row[1:]
    process.join()
    return cells, skipped


def is_float_tflite(path):
    try:
        details = interpreter(path, True).get_tensor_details()
    except Exception:
        return False
    return not any(len(d["quantization_parameters"]["scales"]) for d in details) and \
        any(d["dtype"] == np.float32 for d in details) and not any(d["dtype"] == np.float16 for d in details)


def models_in(folder):
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".h5", ".hdf5", ".keras", ".tflite") and path.is_file():
            yield path
        elif path.name == "saved_model.pb":
            yield path.parent


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("models", type=pathlib.Path)
    parser.add_argument("output", type=pathlib.Path)
    parser.add_argument("--goldens", type=pathlib.Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--most-bytes", type=int, default=20_000_000)
    args = parser.parse_args()
    rows, counts, notes = [], {s: collections.Counter() for s in SCHEMES}, []
    for path in models_in(args.models):
        name = str(path.relative_to(args.models))
        if args.only not in name or (path.is_file() and path.stat().st_size > args.most_bytes):
            continue
        if path.suffix == ".tflite":
            done = subprocess.run([args.program, "inspect", path, "-q"], capture_output=True)
            if done.returncode or not is_float_tflite(path):
                continue
        golden = args.goldens / (name + ".npz") if args.goldens else None
        cells, skipped = measured(args.program, path, golden)
        if skipped is not None:
            continue
        texts = []
        for scheme in SCHEMES:
            text, message = cells.get(scheme, ("crashed", ""))
            kind = "=" if text[0] == "=" else "close" if text[-2] == " " else text
            counts[scheme][kind] += 1
            if message:
                reason = message.replace(str(path), "").replace("|", "/")[:160]
                if reason not in notes:
                    notes.append(reason)
                text += f" ({notes.index(reason) + 1})"
            texts.append(text)
        print(name, *texts, sep=" | ", flush=True)
        rows.append(f"| {name.rsplit('/', 1)[-1]} | " + " | ".join(texts) + " |")
    kinds = ["=", "close", "refused", "not in LiteRT", "failed", "crashed"]
    with open(args.output, "w") as file:
        file.write("# Schemes\n\nMade by `tests/peers/scheme_table.py`: every float model of a collection in every scheme of `smelt quantize`.\n"
                   "Each file was loaded and run by LiteRT, and by Smelt on the same inputs; its outputs are compared with TFLite Micro's (M)\n"
                   "where that runs an integer scheme, else with those of LiteRT's reference kernels (R) or its default engine (L). `=`: equal\n"
                   "bytes of integers, floats within 1e-5 of the largest value; `N steps`, `1e-4`: the largest difference; *refused*:\n"
                   "with the reason below.\n\n")
        file.write("| scheme | " + " | ".join(kinds) + " |\n|---|" + "---|" * len(kinds) + "\n")
        for scheme in SCHEMES:
            file.write(f"| {scheme} | " + " | ".join(str(counts[scheme][k]) for k in kinds) + " |\n")
        file.write("\n| model | " + " | ".join(SCHEMES) + " |\n|---|" + "---|" * len(SCHEMES) + "\n" + "\n".join(rows) + "\n")
        file.write("\n" + "\n".join(f"({i + 1}) {note}  " for i, note in enumerate(notes)) + "\n")


if __name__ == "__main__":
    main()
