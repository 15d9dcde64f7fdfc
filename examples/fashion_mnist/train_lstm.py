#!/usr/bin/env python3
"""Trains fashion_lstm.h5, a small recurrent model: an image of Fashion-MNIST as a sequence of 28 rows.

Only needed to make the model again; Smelt itself needs no Python.
    pip install tensorflow tf_keras && sudo apt-get install dataset-fashion-mnist
    python3 train_lstm.py fashion_lstm.h5
Inputs are 28 steps of 28 values in 0..1. About 2 minutes on 2 cores; test accuracy about 86 %.
"""
import sys

from train import keras, layers, load

EPOCHS = 5
BATCH = 128


def main(path):
    keras.utils.set_random_seed(1)
    (x, y), (test_x, test_y) = load("train"), load("t10k")
    inputs = keras.Input((28, 28), name="rows")
    h = layers.LSTM(20, name="lstm")(inputs)
    model = keras.Model(inputs, layers.Dense(10, activation="softmax", name="classes")(h), name="fashion_lstm")
    rate = keras.optimizers.schedules.CosineDecay(8e-3, len(x) // BATCH * EPOCHS)
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", ["accuracy"])
    model.fit(x[..., 0], y, BATCH, EPOCHS, validation_data=(test_x[..., 0], test_y), verbose=2)
    model.save(path, include_optimizer=False)


if __name__ == "__main__":
    main(sys.argv[1])
