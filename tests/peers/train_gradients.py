"""Gradients of recurrent layers from TensorFlow, for the layers of smelt/train.

usage: train_gradients.py golden FILE.npz     the few cases that are kept in tests/golden
       train_gradients.py check TEST          many cases, given to the program TEST (smelt_train_test)

PYTHON has tensorflow with Keras 3. A case is a layer with random weights in the layout of RECURRENT
(smelt/ir/recurrent_attributes.h), its result y for x, and the gradients of sum(y * dy).
"""
import itertools
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import tensorflow as tf

N, T, I, U = 3, 5, 4, 3
CELLS = {"simple": (0, tf.keras.layers.SimpleRNN, 1), "lstm": (1, tf.keras.layers.LSTM, 4), "gru": (2, tf.keras.layers.GRU, 3)}
ACTIVATIONS = {"linear": 0, "tanh": 1, "sigmoid": 2, "hard_sigmoid": 4, "relu": 5, "relu6": 6, "elu": 8, "selu": 9, "softplus": 10,
               "softsign": 11, "silu": 13, "gelu": 14}


def case(random, cell, activation="tanh", recurrent_activation="sigmoid", reset_after=False, sequences=True, backwards=False,
         zeros=False, masked=False):
    number, layer_class, gates = CELLS[cell]
    more = {} if cell == "simple" else {"recurrent_activation": recurrent_activation}
    if cell == "gru":
        more["reset_after"] = reset_after
    layer = layer_class(U, activation=activation, return_sequences=sequences, go_backwards=backwards, zero_output_for_mask=zeros, **more)
    x = random.standard_normal((N, T, I)).astype(np.float32)
    layer.build(x.shape)
    weights = [random.uniform(-1, 1, w.shape).astype(np.float32) for w in layer.get_weights()]
    layer.set_weights(weights)
    mask = random.random((N, T)) < 0.7 if masked else None
    variables = [v.value for v in layer.trainable_variables]
    with tf.GradientTape() as tape:
        y = layer(tf.constant(x), mask=None if mask is None else tf.constant(mask))
        dy = random.uniform(-1, 1, y.shape).astype(np.float32)
        loss = tf.reduce_sum(y * dy)
    gradients = [g.numpy() for g in tape.gradient(loss, variables)]
    biases = [b.reshape(-1, gates * U) for b in (weights[2], gradients[2])]
    arrays = {"attributes": np.array([number, ACTIVATIONS[activation], ACTIVATIONS[recurrent_activation], reset_after, sequences,
                                      backwards, zeros], np.int32),
              "x": x, "kernel": weights[0].T, "recurrent": weights[1].T, "bias": biases[0][0],
              "y": y.numpy(), "dy": dy, "d_kernel": gradients[0].T, "d_recurrent": gradients[1].T, "d_bias": biases[1][0]}
    if len(biases[0]) == 2:
        arrays["recurrent_bias"], arrays["d_recurrent_bias"] = biases[0][1], biases[1][1]
    if mask is not None:
        arrays["mask"] = mask
    return {key: np.ascontiguousarray(value) for key, value in arrays.items()}


def few():
    random = np.random.default_rng(1)
    yield "lstm", case(random, "lstm")
    yield "lstm_masked", case(random, "lstm", masked=True, sequences=False)
    yield "gru", case(random, "gru")
    yield "gru_after", case(random, "gru", reset_after=True, masked=True, backwards=True)


def many():
    random = np.random.default_rng(2)
    for cell, activation, gate, after, sequences, backwards, zeros, masked in itertools.product(
            CELLS, ("tanh", "relu", "softsign"), ("sigmoid", "hard_sigmoid"), (False, True), (False, True), (False, True),
            (False, True), (False, True)):
        if (after and cell != "gru") or (zeros and not masked) or (gate != "sigmoid" and cell == "simple"):
            continue
        name = f"{cell}_{activation}_{gate}_{after}_{sequences}_{backwards}_{zeros}_{masked}"
        yield name, case(random, cell, activation, gate, after, sequences, backwards, zeros, masked)
    for cell, activation in itertools.product(CELLS, ACTIVATIONS):
        yield f"{cell}_{activation}", case(random, cell, activation)


def write(path, cases):
    np.savez_compressed(path, **{f"{name}/{key}": value for name, arrays in cases for key, value in arrays.items()})


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in ("golden", "check"):
        sys.exit(__doc__)
    if sys.argv[1] == "golden":
        return write(sys.argv[2], few())
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "many.npz"
        write(path, many())
        environment = dict(os.environ, SMELT_TRAIN_GRADIENTS=str(path))
        sys.exit(subprocess.run([sys.argv[2], "--gtest_filter=RecurrentGoldens.*"], env=environment).returncode)


main()
