#!/usr/bin/env python3
"""Quantizes recurrent models by every scheme and compares what Smelt runs with what the peers run.

  PYTHON tests/peers/quantize_recurrent.py SMELT [MODEL.h5 ...]
where PYTHON has ai_edge_litert, tflite_micro and numpy. Models read rows of Fashion-MNIST (28 steps of 28 values);
without any it takes the example. Prints accuracy on the test images, and for 200 of them how many outputs are the bytes of
TFLite Micro and how far LiteRT's reference kernels are. Exit code 1 where a byte differs from TFLite Micro's.
"""
import gzip
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
from ai_edge_litert import interpreter as litert
from ai_edge_litert import schema_py_generated as schema

EXAMPLE = pathlib.Path(__file__).resolve().parents[2] / "examples/fashion_mnist/fashion_lstm.h5"
DATA = pathlib.Path("/usr/share/datasets/fashion-mnist")
SCHEMES = ("int8", "int16x8", "dynamic", "int8-float-fallback")


def images(count):
    with gzip.open(DATA / "t10k-images-idx3-ubyte.gz") as f:
        return np.frombuffer(f.read(16 + count * 784), np.uint8, offset=16).reshape(count, 28, 28) / np.float32(255)


def stored(values, detail):
    if detail["dtype"] == np.float32:
        return values.astype(np.float32)
    scale, zero = detail["quantization"]
    limits = np.iinfo(detail["dtype"])
    return np.clip(np.round(values / scale) + zero, limits.min, limits.max).astype(detail["dtype"])


def real(values, detail):
    if detail["dtype"] == np.float32:
        return values
    scale, zero = detail["quantization"]
    return (values.astype(np.float32) - zero) * scale


def run_smelt(smelt, path, x, folder):
    np.savez(folder / "in.npz", in0=x)
    subprocess.run([smelt, "run", path, "--inputs", folder / "in.npz", "--outputs", folder / "out.npz", "-q"], check=True)
    return np.load(folder / "out.npz")["out0"].reshape(len(x), -1)


def details(path):
    """Type, scale and zero point of the input and of the output."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(path.read_bytes()))
    types = {schema.TensorType.FLOAT32: np.float32, schema.TensorType.INT8: np.int8, schema.TensorType.INT16: np.int16}
    graph = model.subgraphs[0]

    def detail(index):
        tensor = graph.tensors[index]
        q = tensor.quantization
        scaled = q is not None and q.scale is not None and len(q.scale)
        return {"dtype": types[tensor.type], "quantization": (q.scale[0], q.zeroPoint[0]) if scaled else None}

    return detail(graph.inputs[0]), detail(graph.outputs[0])


def run_litert(path, x):
    interpreter = litert.Interpreter(str(path), experimental_op_resolver_type=litert.OpResolverType.BUILTIN_REF)
    interpreter.allocate_tensors()
    source, sink = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    results = []
    for sample in x:
        interpreter.reset_all_variables()
        interpreter.set_tensor(source["index"], sample[None])
        interpreter.invoke()
        results.append(interpreter.get_tensor(sink["index"]).ravel())
    return np.array(results)


def run_micro(path, x):
    from tflite_micro.python.tflite_micro import runtime
    interpreter = runtime.Interpreter.from_file(str(path), arena_size=8 << 20)
    results = []
    for sample in x:
        interpreter.reset()
        interpreter.set_input(sample[None], 0)
        interpreter.invoke()
        results.append(interpreter.get_output(0).ravel().copy())
    return np.array(results)


def compare(smelt, model, scheme, folder):
    path = folder / "model.tflite"
    command = [smelt, "quantize", model, "--scheme", scheme, "--calibrate", "fashion-mnist:train", "--range", "0..1",
               "-o", path, "--evaluate", "fashion-mnist:test"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        print(f"{model.name:24} {scheme:20} {done.stderr.strip()}")
        return True
    accuracy = done.stdout.splitlines()[-1].split()
    line = f"{model.name:24} {scheme:20} {path.stat().st_size:8} bytes  {' '.join(accuracy)}"
    source, sink = details(path)
    x = stored(images(200), source)
    ours = run_smelt(smelt, path, x, folder)
    try:
        theirs = run_litert(path, x)
        print(line, f"  LiteRT within {np.abs(real(ours, sink) - real(theirs, sink)).max():.4f}")
    except (RuntimeError, ValueError) as error:
        print(line, f"  LiteRT: {str(error).splitlines()[0][:80]}")
    if source["dtype"] == np.float32 or sink["dtype"] == np.float32:
        return True
    equal = (ours == run_micro(path, x)).all(1).sum()
    print(f"{'':45} {equal} of {len(x)} outputs are TFLite Micro's bytes")
    return equal == len(x)


def main(smelt, *models):
    same = True
    with tempfile.TemporaryDirectory() as folder:
        for model in [pathlib.Path(m) for m in models] or [EXAMPLE]:
            for scheme in SCHEMES:
                same = compare(smelt, model, scheme, pathlib.Path(folder)) and same
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
