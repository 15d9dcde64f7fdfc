"""Compares an int8 .tflite of ours with the one that TFLiteConverter makes of the same Keras model.

    compare_scales.py MODEL.h5 CALIBRATION.npz OURS.tflite [--theirs FILE.tflite]

Ours must have been calibrated on all samples of the .npz (`smelt quantize --samples N`). Ops are
matched in execution order; for each the scale and zero point of its result stand side by side, and
for constants how many of the stored integers differ. With --theirs the converter's file is read, or
written where it does not exist. Wants TensorFlow and tf_keras.
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import numpy as np
import tensorflow as tf
import tf_keras


def convert(model_path, samples):
    model = tf_keras.models.load_model(model_path, compile=False)
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([s[None].astype(np.float32)] for s in samples)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    return converter.convert()


def ops_of(content):
    interpreter = tf.lite.Interpreter(
        model_content=content,
        experimental_op_resolver_type=tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    interpreter.allocate_tensors()
    tensors = {d["index"]: d for d in interpreter.get_tensor_details()}
    ops = []
    for op in interpreter._get_ops_details():
        constants = []
        for index in op["inputs"]:
            if index < 0 or tensors[index]["dtype"] not in (np.int8, np.int32):
                continue
            if tensors[index]["quantization_parameters"]["scales"].size == 0:
                continue
            try:
                constants.append((tensors[index], interpreter.get_tensor(index)))
            except ValueError:
                pass
        ops.append((op["op_name"], tensors[op["outputs"][0]], constants))
    produced = {op[1]["index"] for op in ops} | {d["index"] for d in interpreter.get_input_details()}
    return [(n, out, [c for c in cs if c[0]["index"] not in produced]) for n, out, cs in ops]


def quantization(tensor):
    q = tensor["quantization_parameters"]
    return q["scales"], q["zero_points"]


def relative(a, b):
    if a.size != b.size:
        return f"{a.size} against {b.size} scales"
    return f"{np.max(np.abs(a - b) / np.maximum(np.abs(b), 1e-30)):.1e}" if a.size else "-"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("calibration")
    parser.add_argument("ours")
    parser.add_argument("--theirs")
    args = parser.parse_args()
    if args.theirs and os.path.exists(args.theirs):
        content = open(args.theirs, "rb").read()
    else:
        content = convert(args.model, np.load(args.calibration)["x"])
        if args.theirs:
            open(args.theirs, "wb").write(content)
    theirs = ops_of(content)
    ours = ops_of(open(args.ours, "rb").read())
    if [o[0] for o in ours] != [t[0] for t in theirs]:
        print("op lists differ:\n  ours  ", [o[0] for o in ours], "\n  theirs", [t[0] for t in theirs])
        raise SystemExit(1)
    print(f"{'op':18} {'our scale':>12} {'zero':>5} {'their scale':>12} {'zero':>5}  constants: relative scale, integers that differ")
    for (kind, our, our_constants), (_, their, their_constants) in zip(ours, theirs):
        (s, z), (t, y) = quantization(our), quantization(their)
        line = f"{kind:18} {s[0]:12.6g} {z[0]:5} {t[0]:12.6g} {y[0]:5} "
        for (a, x), (b, w) in zip(our_constants, their_constants):
            differing = np.count_nonzero(x != w) if x.shape == w.shape else -1
            line += f" {relative(quantization(a)[0], quantization(b)[0])} {differing}/{x.size};"
        print(line)


if __name__ == "__main__":
    main()
