"""Compares `smelt debug` with TensorFlow's QuantizationDebugger, layer by layer, and times both.

    quantization_debugger.py MODEL.h5 SAMPLES.npz SMELT [--out FOLDER]

The samples (key x) calibrate TFLiteConverter and are what both debuggers run on. Ours gets the
converter's own int8 file, so that both speak of the same scales. Prints each layer's statistics as
ratios and the largest disagreement; with --out the .tflite and the CSV files stay there. Wants
TensorFlow and tf_keras.
"""

import argparse
import csv
import os
import pathlib
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import numpy as np
import tensorflow as tf
import tf_keras

# In the debug model the optimizer moves DEQUANTIZE behind these ops, so that the integer op is compared
# with itself: theirs is 0 but for the rounding of floats.
COMPARED_WITH_THEMSELVES = {"AVERAGE_POOL_2D", "MAX_POOL_2D", "RESHAPE"}
METRICS = ("stddev", "mean_error", "max_abs_error", "mean_squared_error")


def make_converter(model_path, samples):
    model = tf_keras.models.load_model(model_path, compile=False)
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([s[None].astype(np.float32)] for s in samples)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    return converter


def run_theirs(converter, samples, folder):
    """Statistics by layer; seconds of making the debug model and of running it."""
    start = time.time()
    debugger = tf.lite.experimental.QuantizationDebugger(
        converter=converter, debug_dataset=lambda: ([s[None].astype(np.float32)] for s in samples))
    made = time.time()
    debugger.run()
    done = time.time()
    with open(folder / "theirs.csv", "w") as file:
        debugger.layer_statistics_dump(file)
    (folder / "int8.tflite").write_bytes(debugger.get_nondebug_quantized_model())
    (folder / "numeric_verify.tflite").write_bytes(debugger.get_debug_quantized_model())
    return made - start, done - made


def read(path):
    with open(path) as file:
        return list(csv.DictReader(file))


def stem(name):
    """The converter numbers tensors of the same name."""
    return name.rstrip("0123456789")


def pair_layers(ours, theirs):
    """Rows of both files for the same layer: same op, result named alike, same scale."""
    left = list(ours)
    for their in theirs:
        for our in left:
            if (our["op_name"] == their["op_name"] and stem(our["tensor_name"]) == stem(their["tensor_name"])
                    and abs(float(our["scale"]) / float(their["scale"]) - 1) < 1e-6):
                left.remove(our)
                yield our, their
                break
        else:
            yield None, their


def compare(ours, theirs):
    """Prints a line for each layer; the largest disagreement over layers and statistics."""
    worst = 0.0
    print("op                 layer                                    " + " ".join(f"{m:>18}" for m in METRICS))
    for our, their in pair_layers(ours, theirs):
        label = f"{their['op_name']:18} {their['tensor_name'][-40:]:40}"
        if our is None:
            print(label, "not in ours")
            worst = float("inf")
            continue
        cells = []
        for metric in METRICS:
            a, b = float(our[metric]), float(their[metric])
            # A mean error near 0 is compared with the spread of the errors.
            base = max(abs(b), float(their["stddev"])) if metric == "mean_error" else abs(b)
            off = abs(a - b) / base if base else abs(a)
            if their["op_name"] not in COMPARED_WITH_THEMSELVES:
                worst = max(worst, off)
            cells.append(f"{b:10.6f} {100 * off:5.2f} %")
        print(label, " ".join(f"{c:>18}" for c in cells))
    return worst


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model")
    parser.add_argument("samples")
    parser.add_argument("smelt")
    parser.add_argument("--out")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(args.out or temporary)
        folder.mkdir(parents=True, exist_ok=True)
        samples = np.load(args.samples)["x"]
        make_seconds, run_seconds = run_theirs(make_converter(args.model, samples), samples, folder)
        start = time.time()  # of what both do: nothing is left out one by one
        subprocess.run([args.smelt, "debug", args.model, folder / "int8.tflite", "--data", args.samples,
                        "--samples", str(len(samples)), "--leave-one-out", "0", "--csv", folder / "ours.csv",
                        "--numerics", "litert", "-q"], check=True)
        our_seconds = time.time() - start
        worst = compare(read(folder / "ours.csv"), read(folder / "theirs.csv"))
    print(f"largest disagreement {100 * worst:.2f} %")
    print(f"theirs {make_seconds:.2f} s to convert and calibrate, {run_seconds:.2f} s to run; ours {our_seconds:.3f} s "
          f"in all: {run_seconds / our_seconds:.0f} times faster, {(make_seconds + run_seconds) / our_seconds:.0f} "
          "with conversion")
    return 0 if worst < 0.01 else 1


if __name__ == "__main__":
    sys.exit(main())
