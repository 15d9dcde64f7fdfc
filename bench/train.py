#!/usr/bin/env python3
"""Training speed side by side: Smelt against Keras 2 (tf_keras) and tfmot, MobileNetV2 at 32x32x3, Adam.

usage: bench/train.py SMELT --python PYTHON [--batch 64] [--steps 60]
PYTHON has tensorflow, tf_keras and tensorflow-model-optimization. Prints images/s of training steps and ratios.
Every rival trains on the same random images, with its own first steps left out; Smelt's figure is that of its JSON.
"""
import argparse
import json
import os
import pathlib
import struct
import subprocess
import tempfile
import zipfile

RIVAL = """
import os, sys, time
os.environ['TF_USE_LEGACY_KERAS'] = '1'
os.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'
import numpy as np, tf_keras as keras
qat, batch, data = sys.argv[1] == 'qat', int(sys.argv[2]), np.load(sys.argv[3])
model = keras.applications.MobileNetV2(input_shape=(32, 32, 3), weights=None, classes=10)
if qat:
    import tensorflow_model_optimization as tfmot
    model = tfmot.quantization.keras.quantize_model(model)
model.compile(optimizer='adam', loss='sparse_categorical_crossentropy', metrics=['accuracy'])
x, y = data['x'], data['y']
model.fit(x[:2 * batch], y[:2 * batch], batch_size=batch, verbose=0)
start = time.time()
model.fit(x, y, batch_size=batch, verbose=0)
print(len(x) / (time.time() - start))
"""


def npy(header_type, shape, values):
    header = repr({"descr": header_type, "fortran_order": False, "shape": shape})
    header += " " * (63 - (len(header) + 10) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + values


def write_data(path, samples):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", npy("|u1", (samples, 32, 32, 3), os.urandom(samples * 3072)))
        labels = bytes(byte % 10 for byte in os.urandom(samples))
        archive.writestr("y.npy", npy("|u1", (samples,), labels))


def smelt(program, data, batch, folder, *flags):
    out = folder / "result.json"
    subprocess.run([program, "train", "mobilenet_v2", "--input", "32x32x3", "--classes", "10", "--data", data, "--range",
                    "0..1", "--batch", str(batch), "--epochs", "2", "--run", folder / "run", "--overwrite", "--json", out,
                    "-q", *flags], check=True, stdout=subprocess.DEVNULL)
    return json.loads(out.read_text())["samples_per_second"]


def rival(python, kind, batch, data):
    run = subprocess.run([python, "-c", RIVAL, kind, str(batch), data], check=True, capture_output=True, text=True)
    return float(run.stdout.split()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("smelt")
    parser.add_argument("--python", required=True)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=60)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        data = folder / "data.npz"
        write_data(data, args.batch * args.steps)
        for kind, flags, label in (("float", [], "tf_keras"), ("qat", ["--qat"], "tf_keras with tfmot")):
            theirs = rival(args.python, kind, args.batch, data)
            ours = smelt(args.smelt, data, args.batch, folder, *flags)
            print(f"{kind:5}  Smelt {ours:6.0f}  {label} {theirs:6.0f} images/s  {ours / theirs:.2f}x")


if __name__ == "__main__":
    main()
