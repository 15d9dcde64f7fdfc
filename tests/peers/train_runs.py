"""Holds what `smelt train` writes against Keras, TensorFlow and TensorBoard: numbers of parameters of the built-in
architectures, and the scalars of event files.

usage: train_runs.py SMELT
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
import keras
import numpy as np
import tensorflow as tf
from keras import layers

try:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
except ImportError:  # the events are then read by TensorFlow alone
    EventAccumulator = None

SIZE = (32, 32, 3)


def resnet8(classes):
    def conv(x, filters, size, stride):
        return layers.Conv2D(filters, size, strides=stride, padding="same", kernel_initializer="he_normal")(x)

    def norm(x):
        return layers.BatchNormalization()(x)

    relu = layers.ReLU()
    inputs = layers.Input(SIZE)
    x = relu(norm(conv(inputs, 16, 3, 1)))
    for stage, filters in enumerate((16, 32, 64)):
        stride = 1 if stage == 0 else 2
        y = norm(conv(relu(norm(conv(x, filters, 3, stride))), filters, 3, 1))
        x = relu(layers.add([conv(x, filters, 1, stride) if stage else x, y]))
    x = layers.Flatten()(layers.AveragePooling2D(x.shape[1])(x))
    return keras.Model(inputs, layers.Dense(classes, activation="softmax")(x))


def ds_cnn(classes):
    inputs = layers.Input((49, 10, 1))
    x = layers.Conv2D(64, (10, 4), strides=2, padding="same")(inputs)
    x = layers.Dropout(0.2)(layers.ReLU()(layers.BatchNormalization()(x)))
    for _ in range(4):
        x = layers.ReLU()(layers.BatchNormalization()(layers.DepthwiseConv2D(3, padding="same")(x)))
        x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(64, 1, padding="same")(x)))
    x = layers.Flatten()(layers.AveragePooling2D((25, 5))(layers.Dropout(0.4)(x)))
    return keras.Model(inputs, layers.Dense(classes, activation="softmax")(x))


def cases():
    """-> name, flags, input shape, Keras's model"""
    apps = keras.applications
    for width in (0.35, 1.0, 1.4):
        yield "mobilenet_v2", ["--width", str(width)], SIZE, apps.MobileNetV2(SIZE, alpha=width, weights=None, classes=10)
    for width in (0.25, 1.0):
        yield "mobilenet_v1", ["--width", str(width)], SIZE, apps.MobileNet(SIZE, alpha=width, weights=None, classes=10)
    yield "resnet8", [], SIZE, resnet8(10)
    yield "ds_cnn", [], (49, 10, 1), ds_cnn(10)
    yield "mlp", ["--units", "64,32"], (9,), keras.Sequential(
        [layers.Input((9,)), layers.Dense(64), layers.Dense(32), layers.Dense(10)])
    yield "lstm", ["--units", "24,20"], (7, 5), keras.Sequential(
        [layers.Input((7, 5)), layers.LSTM(24, return_sequences=True), layers.LSTM(20), layers.Dense(10)])


def scalars(folder):
    """Of all event files: {(tag, step): value}."""
    found = {}
    for path in sorted((folder / "tensorboard").iterdir()):
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            for value in event.summary.value:
                found[value.tag, event.step] = value.simple_value
    return found


def check_events(folder):
    found = scalars(folder)
    wrong = 0
    for line in (folder / "metrics.jsonl").read_text().splitlines():
        metrics = json.loads(line)
        step = metrics.pop("epoch")
        for tag, value in metrics.items():
            wrong += not np.isclose(found.get((tag, step), np.nan), value, rtol=1e-6)
    if EventAccumulator is None:
        return wrong
    accumulator = EventAccumulator(str(folder / "tensorboard"))
    accumulator.Reload()
    return wrong + (sorted(accumulator.Tags()["scalars"]) != sorted({tag for tag, _ in found}))


def main(smelt):
    random = np.random.default_rng(0)
    failures = 0
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        for name, flags, shape, model in cases():
            np.savez(scratch / "data.npz", x=random.random((8, *shape), dtype=np.float32), y=np.arange(8) % 10)
            command = [smelt, "train", name, *flags, "--classes", "10", "--data", scratch / "data.npz", "--validation",
                       scratch / "data.npz", "--batch", "8", "--epochs", "2", "--run", scratch / "run", "--overwrite",
                       "--set", "output.plots=false", "--json", scratch / "run.json", "-q"]
            subprocess.run(command, check=True)
            parameters = json.loads((scratch / "run.json").read_text())["parameters"]
            wrong_events = check_events(scratch / "run")
            good = parameters == model.count_params() and wrong_events == 0
            failures += not good
            print(f"{'ok  ' if good else 'FAIL'} {name:13} {' '.join(flags):16} parameters {parameters:>9,} "
                  f"(Keras {model.count_params():,}), events that differ {wrong_events}")
    return failures != 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
