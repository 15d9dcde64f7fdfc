#!/usr/bin/env python3
"""Trains fashion_resnet.h5, the model of scripts/demo: a small ResNet on Fashion-MNIST.

Only needed to make the model again; Smelt itself needs no Python.
    pip install tensorflow tf_keras && sudo apt-get install dataset-fashion-mnist
    python3 train.py fashion_resnet.h5
Inputs are 28x28x1 in 0..1. About 10 minutes on 2 cores; test accuracy about 92 %.
"""
import gzip
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["TF_USE_LEGACY_KERAS"] = "1"

import numpy as np
import tf_keras as keras
from tf_keras import layers

DATA = "/usr/share/datasets/fashion-mnist"
EPOCHS = 10
BATCH = 128


def load(part):
    with gzip.open(f"{DATA}/{part}-images-idx3-ubyte.gz") as f:
        images = np.frombuffer(f.read(), np.uint8, offset=16).reshape(-1, 28, 28, 1)
    with gzip.open(f"{DATA}/{part}-labels-idx1-ubyte.gz") as f:
        labels = np.frombuffer(f.read(), np.uint8, offset=8)
    return images.astype("float32") / 255, labels


def conv_bn(x, filters, size, stride, name):
    x = layers.Conv2D(filters, size, strides=stride, padding="same", use_bias=False,
                      name=f"{name}_conv")(x)
    return layers.BatchNormalization(name=f"{name}_bn")(x)


def block(x, filters, stride, name):
    shortcut = x
    if stride != 1:
        shortcut = conv_bn(x, filters, 1, stride, f"{name}_shortcut")
    y = layers.ReLU(name=f"{name}_relu1")(conv_bn(x, filters, 3, stride, f"{name}_1"))
    y = conv_bn(y, filters, 3, 1, f"{name}_2")
    return layers.ReLU(name=f"{name}_relu2")(layers.Add(name=f"{name}_add")([y, shortcut]))


def build():
    inputs = keras.Input((28, 28, 1), name="image")
    x = layers.ReLU(name="stem_relu")(conv_bn(inputs, 16, 3, 1, "stem"))
    for index, (filters, stride) in enumerate([(16, 1), (32, 2), (64, 2)]):
        x = block(x, filters, stride, f"block{index + 1}")
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dropout(0.2, name="dropout")(x)
    return keras.Model(inputs, layers.Dense(10, activation="softmax", name="classes")(x),
                       name="fashion_resnet")


def augment(images, rng):
    """Mirrors half of the images and shifts each by up to 2 pixels."""
    flip = rng.random(len(images)) < 0.5
    images = np.where(flip[:, None, None, None], images[:, :, ::-1], images)
    padded = np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)))
    dy, dx = rng.integers(0, 5, 2)
    return padded[:, dy:dy + 28, dx:dx + 28]


def batches(x, y, rng):
    while True:
        order = rng.permutation(len(x))
        for start in range(0, len(x) - BATCH + 1, BATCH):
            pick = order[start:start + BATCH]
            yield augment(x[pick], rng), y[pick]


def main(path):
    keras.utils.set_random_seed(1)
    (x, y), test = load("train"), load("t10k")
    model = build()
    steps = len(x) // BATCH
    rate = keras.optimizers.schedules.CosineDecay(3e-3, steps * EPOCHS)
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", ["accuracy"])
    model.fit(batches(x, y, np.random.default_rng(1)), steps_per_epoch=steps, epochs=EPOCHS,
              validation_data=test, verbose=2)
    model.save(path, include_optimizer=False)


if __name__ == "__main__":
    main(sys.argv[1])
