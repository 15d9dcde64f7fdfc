"""Compares `smelt run --numerics litert` with LiteRT's default engine on random models of one op.

  PYTHON tests/peers/litert_numerics.py compare SMELT FOLDER [N] [FILTER]   N models per form; keeps those that differ
  PYTHON tests/peers/litert_numerics.py table SMELT FOLDER N docs/NUMERICS.md   the same, and writes the table there
  PYTHON tests/peers/litert_numerics.py goldens tests/golden                the models and goldens that the tests keep
where PYTHON has ai_edge_litert and numpy.
"""
import collections
import pathlib
import subprocess
import sys

import numpy as np
from ai_edge_litert import interpreter as litert

import litert_models

KEPT = ["conv_int8_per_channel", "conv_int8_per_tensor", "conv_uint8_per_tensor", "depthwise_int8_per_channel",
        "transpose_conv_int8_per_channel", "dense_int8", "dense_int8_no_bias", "dense_uint8", "add_int8", "add_uint8",
        "sub_int8", "mul_int8", "mul_uint8", "mean_int8", "mean_uint8", "sum_int8", "leaky_relu_int8", "leaky_relu_uint8",
        "quantize_int8", "quantize_uint8", "resize_bilinear_int8", "resize_bilinear_uint8", "dense_hybrid_per_tensor", "dense_hybrid_per_channel", "conv_hybrid_per_tensor",
        "conv_hybrid_per_channel", "logistic_int16", "tanh_int16"]
SAMPLES = 3


def random_input(rng, detail):
    if detail["dtype"] == np.float32:
        x = rng.normal(0, 3, (SAMPLES, *detail["shape"]))
        return (np.round(x * 64) / 64 if rng.random() < 0.5 else x).astype(np.float32)  # some lie between two steps
    info = np.iinfo(detail["dtype"])
    return rng.integers(info.min, info.max, (SAMPLES, *detail["shape"]), endpoint=True, dtype=detail["dtype"])


def run_litert(model, inputs, reference):
    kind = litert.OpResolverType.BUILTIN_REF if reference else litert.OpResolverType.AUTO
    i = litert.Interpreter(model_content=model, experimental_op_resolver_type=kind, num_threads=1)
    i.allocate_tensors()
    results = []
    for s in range(SAMPLES):
        for detail, x in zip(i.get_input_details(), inputs):
            i.set_tensor(detail["index"], x[s])
        i.invoke()
        results.append([i.get_tensor(d["index"]).copy() for d in i.get_output_details()])
    return [np.stack(r) for r in zip(*results)]


def run_both(model, inputs):
    """Outputs of the default engine and of the reference kernels, which lack some ops (then empty)."""
    want = run_litert(model, inputs, False)
    try:
        return want, run_litert(model, inputs, True)
    except ValueError:
        return want, []


def inputs_of(model, rng):
    i = litert.Interpreter(model_content=model)
    return [random_input(rng, d) for d in i.get_input_details()]


def difference(a, b):
    """In steps of the stored values; of floats, relative to the largest."""
    if a.dtype == np.float32:
        error = float(np.abs(a - b).max() / max(float(np.abs(b).max()), 1e-3))
        return 0 if error <= 1e-5 else error
    return int(np.abs(a.astype(np.int64) - b.astype(np.int64)).max())


class Row:
    def __init__(self):
        self.compared = self.equal = self.reference_equal = 0
        self.worst = self.reference_worst = 0


def compare(smelt, folder, count, only=""):
    folder.mkdir(exist_ok=True)
    rows, forms = collections.OrderedDict(), collections.OrderedDict()
    for row, name, build in litert_models.forms():
        if only not in name:
            continue
        for k in range(count):
            rng = np.random.default_rng([sum(name.encode()), k])
            model = build(rng)
            try:
                inputs = inputs_of(model, rng)
                want, reference = run_both(model, inputs)
            except (RuntimeError, ValueError) as error:
                print(f"{name} {k}: LiteRT: {str(error).splitlines()[0][:100]}")
                continue
            path = folder / "model.tflite"
            path.write_bytes(model)
            np.savez(folder / "in.npz", **{f"in{i}": x for i, x in enumerate(inputs)})
            ran = subprocess.run([smelt, "run", path, "--inputs", folder / "in.npz", "--outputs", folder / "out.npz",
                                  "--numerics", "litert", "-q"], capture_output=True, text=True)
            if ran.returncode:
                print(f"{name} {k}: {ran.stderr.strip()[-150:]}")
                continue
            out = np.load(folder / "out.npz")
            worst = max(difference(out[f"out{i}"].reshape(w.shape), w) for i, w in enumerate(want))
            other = max((difference(r, w) for r, w in zip(reference, want)), default=0)
            for table, key in ((rows, row), (forms, name)):
                r = table.setdefault(key, Row())
                r.compared += 1
                r.equal += worst == 0
                r.reference_equal += other == 0
                r.worst, r.reference_worst = max(r.worst, worst), max(r.reference_worst, other)
            if worst:
                path.rename(folder / f"{name}_{k}.tflite")
                np.savez(folder / f"{name}_{k}.npz", **{f"in{i}": x for i, x in enumerate(inputs)},
                         **{f"xnn{i}": x for i, x in enumerate(want)}, **{f"ref{i}": x for i, x in enumerate(reference)})
    return rows, forms


def show(rows):
    for name, r in rows.items():
        mark = "" if r.equal == r.compared else "   DIFFERENT"
        print(f"{name:40} {r.equal:4}/{r.compared:<4} worst {r.worst:<8.3g} reference {r.reference_equal:4} worst {r.reference_worst:.3g}{mark}")


def write_table(path, rows):
    begin, end = "<!-- table -->\n", "<!-- end of table -->"
    text = path.read_text()
    lines = ["| op | equal models | largest difference | reference equal | its largest difference |\n", "|---|---|---|---|---|\n"]
    for name, r in rows.items():
        lines.append(f"| {name} | {r.equal} of {r.compared} | {r.worst:.3g} | {r.reference_equal} | {r.reference_worst:.3g} |\n")
    head, rest = text.split(begin)
    path.write_text(head + begin + "".join(lines) + end + rest.split(end)[1])


def make_goldens(folder):
    made = {name: build for _, name, build in litert_models.forms()}
    for name in KEPT:
        # The first small model on which the two engines differ: others prove little. LiteRT's own reference is already
        # as exact as its default engine for some ops.
        for k in range(100):
            rng = np.random.default_rng([sum(name.encode()), k])
            model = made[name](rng)
            inputs = inputs_of(model, rng)
            want, reference = run_both(model, inputs)
            if len(model) < 6000 and any(difference(r, w) for r, w in zip(reference, want)):
                break
        file = f"litert_{name}.tflite"
        (folder / file).write_bytes(model)
        np.savez_compressed(folder / "goldens" / f"{file}.npz", **{f"in{i}": x for i, x in enumerate(inputs)},
                            **{f"xnn{i}": x for i, x in enumerate(want)})


if __name__ == "__main__":
    if sys.argv[1] == "goldens":
        make_goldens(pathlib.Path(sys.argv[2]))
    else:
        smelt, folder = sys.argv[2], pathlib.Path(sys.argv[3])
        if sys.argv[1] == "table":
            rows, _ = compare(smelt, folder, int(sys.argv[4]))
            write_table(pathlib.Path(sys.argv[5]), rows)
            show(rows)
        else:
            _, forms = compare(smelt, folder, int(sys.argv[4]) if len(sys.argv) > 4 else 10, sys.argv[5] if len(sys.argv) > 5 else "")
            show(forms)
