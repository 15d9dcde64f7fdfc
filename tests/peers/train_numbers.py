#!/usr/bin/env python3
"""Writes smelt/train/keras_numbers.h: what Keras 3 computes in optimizers, schedules, losses and callbacks on a
few small vectors, with which the unit tests compare.

    tests/peers/train_numbers.py > smelt/train/keras_numbers.h && clang-format -i smelt/train/keras_numbers.h
"""
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras
import numpy as np
import tensorflow as tf

STEPS, SIZE = 10, 6


def gradients(step):
    """Gradient of entry i in a step; the tests compute the same."""
    return np.sin(1 + np.arange(SIZE) + step * SIZE).astype(np.float32)


def values(array):
    return "{" + ", ".join(f"{float(x):.9g}" for x in np.ravel(array)) + "}"


def optimizers():
    o = keras.optimizers
    makers = {
        "sgd": lambda: o.SGD(),
        "sgd_momentum": lambda: o.SGD(momentum=0.9),
        "sgd_nesterov": lambda: o.SGD(momentum=0.9, nesterov=True),
        "sgd_decay": lambda: o.SGD(weight_decay=0.1),
        "adam": lambda: o.Adam(),
        "adam_epsilon": lambda: o.Adam(learning_rate=0.01, beta_1=0.8, beta_2=0.99, epsilon=0.1),
        "adam_clipnorm": lambda: o.Adam(clipnorm=0.5),
        "sgd_clipnorm": lambda: o.SGD(clipnorm=0.5),
        "sgd_global_clipnorm": lambda: o.SGD(global_clipnorm=0.5),
        "sgd_clipvalue": lambda: o.SGD(clipvalue=0.25),
        "adamw": lambda: o.AdamW(),
        "rmsprop": lambda: o.RMSprop(),
        "rmsprop_momentum": lambda: o.RMSprop(momentum=0.9, rho=0.8),
        "rmsprop_centered": lambda: o.RMSprop(momentum=0.5, centered=True, epsilon=1e-3),
    }
    print("/// Two parameters of 2 and 4 entries, 1 at first, behind ten steps.")
    print("inline const std::map<std::string, std::vector<float>> kOptimized = {")
    for name, make in makers.items():
        optimizer = make()
        parts = [tf.Variable(np.ones(2, np.float32)), tf.Variable(np.ones(4, np.float32))]
        for step in range(STEPS):
            g = gradients(step)
            optimizer.apply([tf.constant(g[:2]), tf.constant(g[2:])], parts)
        print(f'{{"{name}", {values(np.concatenate([p.numpy() for p in parts]))}}},')
    print("};")


def schedules():
    s = keras.optimizers.schedules
    steps = [0, 1, 7, 10, 25, 50, 99, 100, 101, 150, 500]
    makers = {
        "cosine": s.CosineDecay(0.1, 100),
        "cosine_alpha": s.CosineDecay(0.1, 100, alpha=0.1),
        "cosine_warmup": s.CosineDecay(0.01, 100, alpha=0.05, warmup_target=0.1, warmup_steps=10),
        "exponential": s.ExponentialDecay(0.1, 50, 0.5),
        "staircase": s.ExponentialDecay(0.1, 50, 0.5, staircase=True),
        "piecewise": s.PiecewiseConstantDecay([10, 100], [0.1, 0.01, 0.001]),
    }
    print("inline const std::vector<int64_t> kScheduleSteps = {%s};" % ", ".join(map(str, steps)))
    print("inline const std::map<std::string, std::vector<float>> kSchedules = {")
    for name, schedule in makers.items():
        print(f'{{"{name}", {values([schedule(step) for step in steps])}}},')
    print("};")


METRIC = [1.0, 0.8, 0.79995, 0.81, 0.79, 0.795, 0.792, 0.7, 0.71, 0.72, 0.7, 0.69, 0.7, 0.71, 0.72, 0.73]


class Model:
    """What the callbacks ask of a model."""

    def __init__(self):
        self.optimizer = keras.optimizers.SGD(0.1)
        self.stop_training = False

    def get_weights(self):
        return []


def callbacks():
    print(f"inline const std::vector<double> kMetric = {values(METRIC)};")
    plateau = keras.callbacks.ReduceLROnPlateau(monitor="m", mode="min", factor=0.5, patience=2, cooldown=1,
                                                min_delta=1e-4, min_lr=0.02)
    model = Model()
    plateau.set_model(model)
    plateau.on_train_begin()
    rates = []
    for epoch, metric in enumerate(METRIC):
        plateau.on_epoch_end(epoch, {"m": metric})
        rates.append(float(model.optimizer.learning_rate))
    print("/// Of ReduceLROnPlateau(factor 0.5, patience 2, cooldown 1, min_lr 0.02) behind each epoch.")
    print(f"inline const std::vector<float> kPlateauRates = {values(rates)};")
    print("/// Epochs at which EarlyStopping(patience, min_delta 1e-3) stops, by patience.")
    stops = []
    for patience in range(5):
        stopping = keras.callbacks.EarlyStopping(monitor="m", mode="min", patience=patience, min_delta=1e-3)
        model = Model()
        stopping.set_model(model)
        stopping.on_train_begin()
        for epoch, metric in enumerate(METRIC):
            stopping.on_epoch_end(epoch, {"m": metric})
            if model.stop_training:
                break
        stops.append(epoch if model.stop_training else -1)
    print("inline const std::vector<int64_t> kStops = {%s};" % ", ".join(map(str, stops)))


def losses():
    rng = np.random.default_rng(7)
    logits = rng.normal(size=(4, 3)).astype(np.float32)
    softmax = np.array(tf.nn.softmax(logits))
    softmax[0] = [1, 0, 0]  # meets the clipping
    sigmoid = 1 / (1 + np.exp(-logits))
    classes = np.array([1, 2, 0, 2], np.float32)
    one_hot = np.eye(3, dtype=np.float32)[classes.astype(int)]
    soft = rng.dirichlet([1, 1, 1], size=4).astype(np.float32)
    binary = (rng.random((4, 3)) < 0.5).astype(np.float32)
    real = rng.normal(size=(4, 3)).astype(np.float32) * 2
    weights = np.array([1, 0.5, 2, 0], np.float32)
    k = keras.losses
    cases = [
        ("sparse_categorical_crossentropy", "softmax_logits", 0, logits, classes, None,
         k.SparseCategoricalCrossentropy(from_logits=True)),
        ("sparse_categorical_crossentropy", "values", 0, softmax, classes, None, k.SparseCategoricalCrossentropy()),
        ("sparse_categorical_crossentropy", "softmax_logits", 0, logits, classes, weights,
         k.SparseCategoricalCrossentropy(from_logits=True)),
        ("categorical_crossentropy", "softmax_logits", 0, logits, one_hot, None,
         k.CategoricalCrossentropy(from_logits=True)),
        ("categorical_crossentropy", "softmax_logits", 0.1, logits, soft, weights,
         k.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)),
        ("categorical_crossentropy", "values", 0.1, softmax, soft, None,
         k.CategoricalCrossentropy(label_smoothing=0.1)),
        ("categorical_crossentropy", "values", 0, 2 * sigmoid, one_hot, None, k.CategoricalCrossentropy()),
        ("binary_crossentropy", "sigmoid_logits", 0, logits * 4, binary, None,
         k.BinaryCrossentropy(from_logits=True)),
        ("binary_crossentropy", "values", 0.2, sigmoid, binary, weights, k.BinaryCrossentropy(label_smoothing=0.2)),
        ("mse", "values", 0, logits, real, weights, k.MeanSquaredError()),
        ("mae", "values", 0, logits, real, None, k.MeanAbsoluteError()),
        ("huber", "values", 0, logits, real, None, k.Huber()),
    ]
    print("struct LossCase { std::string loss; LossForm form; double label_smoothing; std::vector<float> values, "
          "targets, weights; double expected; std::vector<float> gradient; };")
    print("/// Four samples of three classes.")
    print("inline const std::vector<LossCase> kLosses = {")
    for name, form, smoothing, x, y, w, loss in cases:
        x = tf.constant(x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            result = loss(tf.constant(y), x, sample_weight=w)
        gradient = tape.gradient(result, x)
        print(f'{{"{name}", LossForm::{form}, {smoothing}, {values(x)}, {values(y)}, '
              f'{values(w if w is not None else [])}, {float(result):.9g}, {values(gradient)}}},')
    print("};")


def main():
    print("// Made by tests/peers/train_numbers.py with Keras " + keras.__version__ + ".")
    print("#pragma once\n#include <cstdint>\n#include <map>\n#include <string>\n#include <vector>\n"
          '#include "smelt/train/loss.h"\n\nnamespace smelt::train {')
    optimizers()
    schedules()
    callbacks()
    losses()
    print("}  // namespace smelt::train")


if __name__ == "__main__":
    main()
