#!/usr/bin/env python3
"""Post-training int8 of one Keras model: Smelt against TensorFlow's converter and the LiteRT quantizer.

    bench/quantize.py MODEL.h5 CALIBRATION.npz [--runs 5]

All three do the same job as whole processes, in turn, on this machine: read the model, calibrate on every
sample under key x, write int8. The LiteRT quantizer, which reads no Keras, starts from the float .tflite.
Needs tensorflow, litert-quantizer and ai-edge-litert; --tensorflow and --litert name other Pythons that have
them. Prints seconds, peak memory and Smelt's advantage (median of the runs).
"""
import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent

CONVERTER = """
import os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np, tensorflow as tf
try:
    import keras
    model = keras.models.load_model(sys.argv[1], compile=False)
except Exception:
    import tf_keras
    model = tf_keras.models.load_model(sys.argv[1], compile=False)
samples = np.load(sys.argv[2])["x"].astype("float32")
converter = tf.lite.TFLiteConverter.from_keras_model(model)
converter.optimizations = [tf.lite.Optimize.DEFAULT]
converter.representative_dataset = lambda: ([sample[None]] for sample in samples)
converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
converter.inference_input_type = converter.inference_output_type = tf.int8
open(sys.argv[3], "wb").write(converter.convert())
"""

QUANTIZER = """
import sys
import numpy as np
from litert_quantizer import calibrator, quantizer, recipe
q = quantizer.Quantizer(sys.argv[1])
q.load_quantization_recipe(recipe.static_wi8_ai8())
samples = np.load(sys.argv[2])["x"].astype("float32")
data = {"serving_default": [{sys.argv[4]: sample[None]} for sample in samples]}
result = q.calibrate(data, mode=calibrator.CalibrationMode.CALIBRATION_PROFILER_BASED)
q.quantize(result).export_model(sys.argv[3], overwrite=True)
"""

FLOAT = CONVERTER.split("samples = ")[0] + """
open(sys.argv[2], "wb").write(tf.lite.TFLiteConverter.from_keras_model(model).convert())
"""


def measure(command, runs):
    """-> (median seconds, peak MB), or None where the command fails."""
    seconds, peak = [], 0
    for _ in range(runs):
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        error = process.stderr.read().decode(errors="replace")
        _, status, usage = os.wait4(process.pid, 0)
        seconds.append(time.perf_counter() - start)
        peak = max(peak, usage.ru_maxrss / 1024)
        if status:
            print(f"failed: {' '.join(command[:3])}...\n{error[-500:]}", file=sys.stderr)
            return None
    return statistics.median(seconds), peak


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("calibration")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--smelt", default=str(ROOT / "build/release/bin/smelt"))
    parser.add_argument("--tensorflow", default=sys.executable)
    parser.add_argument("--litert", default=sys.executable)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        out = f"{folder}/out.tflite"
        rows = {"smelt": measure([args.smelt, "quantize", args.model, "--calibrate", args.calibration,
                                  "--samples", "1000000", "-o", out, "-q"], args.runs)}
        rows["converter"] = measure([args.tensorflow, "-c", CONVERTER, args.model, args.calibration, out], args.runs)
        float_file = f"{folder}/float.tflite"
        subprocess.run([args.tensorflow, "-c", FLOAT, args.model, float_file],
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        name = subprocess.run([args.litert, "-c", "import sys; from ai_edge_litert.interpreter import Interpreter; "
                               "s = Interpreter(sys.argv[1]).get_signature_list(); "
                               "print(s['serving_default']['inputs'][0])", float_file],
                              capture_output=True, text=True, check=True).stdout.split()[-1]
        rows["LiteRT quantizer"] = measure([args.litert, "-c", QUANTIZER, float_file, args.calibration, out, name],
                                           args.runs)
    own = rows["smelt"]
    print(f"{'':18}{'seconds':>9}{'peak MB':>9}{'smelt is':>12}")
    for label, row in rows.items():
        if row:
            print(f"{label:18}{row[0]:9.3f}{row[1]:9.0f}{row[0] / own[0]:10.1f}x")


if __name__ == "__main__":
    main()
