"""Keras applications with random weights: what Keras computes, what Smelt makes of the saved file, and the ops of both converters.

usage: keras_applications.py SMELT [--only TEXT] [--keras 2|3] [--format h5|keras] [--no-converter] [--speed]
"""
import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
import numpy as np

import keras_layers

#: name of the application: input size, further arguments
APPLICATIONS = {
    "MobileNet": (96, {}), "MobileNetV2": (224, {}), "MobileNetV3Small": (96, {}), "MobileNetV3Large": (96, {}), "EfficientNetB0": (96, {}),
    "EfficientNetV2B0": (96, {}), "ResNet50": (64, {}), "ResNet50V2": (64, {}), "DenseNet121": (64, {}), "NASNetMobile": (224, {}), "Xception": (96, {}),
    "InceptionV3": (96, {}), "VGG16": (64, {}), "ConvNeXtTiny": (64, {}),
}


def set_weights(model, rng):
    """Statistics and scales that no initializer gives; the signal keeps its size."""
    for layer in model.layers:
        for weight in layer.weights:
            name = getattr(weight, "path", weight.name)
            shape = tuple(weight.shape)
            if "moving_mean" in name or "beta" in name or "bias" in name:
                weight.assign(rng.normal(0, 0.1, shape).astype(np.float32))
            elif "moving_variance" in name:
                weight.assign(rng.uniform(0.5, 1.5, shape).astype(np.float32))
            elif "gamma" in name and "layer_scale" not in name:
                weight.assign(rng.uniform(0.5, 1.5, shape).astype(np.float32))


def mean_time(tflite, x):
    """Milliseconds of LiteRT on one thread."""
    import tensorflow as tf
    interpreter = tf.lite.Interpreter(model_content=tflite, num_threads=1)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    times = []
    for _ in range(30):
        start = time.perf_counter()
        interpreter.invoke()
        times.append(time.perf_counter() - start)
    return 1000 * float(np.median(times[5:]))


def convert(keras, model):
    """The file of TensorFlow's converter."""
    import contextlib
    import tensorflow as tf
    spec = tf.TensorSpec((1, *model.inputs[0].shape[1:]), tf.float32)
    function = tf.function(lambda x: model(x, training=False))
    with open(os.devnull, "w") as null, contextlib.redirect_stderr(null):
        converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function(spec)], model)
        return converter.convert()


def run(args, keras, version, name, folder):
    size, more = APPLICATIONS[name]
    rng = np.random.default_rng(len(name))
    model = getattr(keras.applications, name)(weights=None, input_shape=(size, size, 3), classes=50, **more)
    set_weights(model, rng)
    x = rng.uniform(0, 255 if "V3" in name or "Efficient" in name or "ConvNeXt" in name else 1, (1, size, size, 3)).astype(np.float32)
    # The last layer is a softmax: what it reads tells more.
    want = np.asarray(model(x, training=False))
    path = folder / f"m.{args.format}"
    model.save(path)
    start = time.perf_counter()
    tflite = folder / "m.tflite"
    done = subprocess.run([args.smelt, "convert", path, "-o", tflite, "-q"], capture_output=True, text=True)
    seconds = time.perf_counter() - start
    if done.returncode:
        return f"refused: {done.stderr.strip()}"
    got, error = keras_layers.smelt_outputs(args.smelt, path, [x], folder)
    if error:
        return f"failed: {error}"
    lite = keras_layers.lite_outputs(tflite.read_bytes(), [x])
    errors = [float(np.abs(g - want).max() / np.abs(want).max()) for g in (got[0], lite[0])]
    state = "equal" if max(errors) < 1e-4 else "DIFFERS"
    ours = keras_layers.ops_in(tflite.read_bytes())
    text = f"{state}: relative error {errors[0]:.1e} (LiteRT {errors[1]:.1e}), largest {want.max():.3f}; converted in {seconds:.2f} s; {len(ours)} ops"
    if not args.no_converter:
        theirs = convert(keras, model)
        names = keras_layers.ops_in(theirs)
        text += f", converter {len(names)}" + (" MORE" if len(ours) > len(names) else "")
        if len(ours) > len(names):
            text += " " + ", ".join(f"{op} {ours.count(op)}/{names.count(op)}" for op in sorted(set(ours) | set(names)) if ours.count(op) != names.count(op))
        if args.speed:
            text += f"; LiteRT {mean_time(tflite.read_bytes(), x):.2f} ms, the converter's {mean_time(theirs, x):.2f} ms"
    return text


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("smelt")
    parser.add_argument("--only", default="")
    parser.add_argument("--keras", type=int)
    parser.add_argument("--format", default="h5")
    parser.add_argument("--no-converter", action="store_true")
    parser.add_argument("--speed", action="store_true")
    args = parser.parse_args()
    failed = False
    with tempfile.TemporaryDirectory() as temporary:
        for version in (2, 3):
            if args.keras not in (None, version):
                continue
            keras = __import__("tf_keras" if version == 2 else "keras")
            for name in APPLICATIONS:
                if args.only and args.only not in name:
                    continue
                text = run(args, keras, version, name, pathlib.Path(temporary))
                failed = failed or not text.startswith("equal") or "MORE" in text
                print(f"keras {version} {name:17} {text}", flush=True)
                keras.backend.clear_session()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
