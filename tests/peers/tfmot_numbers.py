#!/usr/bin/env python3
"""Writes smelt/compress/tfmot_numbers.h: masks, sparsities and centroids that tfmot computes on small kernels, with
which the unit tests compare.

    tests/peers/tfmot_numbers.py > smelt/compress/tfmot_numbers.h && clang-format -i smelt/compress/tfmot_numbers.h
"""
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["TF_USE_LEGACY_KERAS"] = "1"
import numpy as np
import tensorflow as tf
from tensorflow_model_optimization.python.core.clustering.keras import cluster_config, clustering_centroids
from tensorflow_model_optimization.python.core.sparsity.keras import pruning_impl, pruning_schedule


def values(array):
    return "{" + ", ".join(f"{float(x):.9g}" for x in np.ravel(array)) + "}"


def integers(array):
    return "{" + ", ".join(str(int(x)) for x in np.ravel(array)) + "}"


def schedules():
    steps = [0, 10, 20, 30, 50, 60, 90, 100, 110, 130, 200]
    print("inline const std::vector<int64_t> kSparsitySteps = " + integers(steps) + ";")
    for name, schedule in [
            ("Constant", pruning_schedule.ConstantSparsity(0.6, begin_step=20, end_step=100, frequency=40)),
            ("Polynomial", pruning_schedule.PolynomialDecay(0.2, 0.8, 10, 110, 3, 20)),
    ]:
        rows = [schedule(tf.constant(step, tf.int64)) for step in steps]
        print(f"inline const std::vector<int> k{name}Chooses = " + integers([row[0] for row in rows]) + ";")
        print(f"inline const std::vector<float> k{name}Sparsity = " + values([row[1] for row in rows]) + ";")


class Fixed:
    """A schedule of one sparsity."""

    def __init__(self, sparsity):
        self.sparsity = sparsity

    def __call__(self, step):
        return True, tf.constant(self.sparsity, tf.float32)


def mask(kernel, sparsity, **options):
    """tfmot's mask of a kernel in our order: [out, in] or OHWI."""
    to_tf = (1, 0) if kernel.ndim == 2 else (1, 2, 3, 0)
    back = (1, 0) if kernel.ndim == 2 else (3, 0, 1, 2)
    weight = tf.constant(np.transpose(kernel, to_tf))
    settings = dict(block_size=[1, 1], block_pooling_type="AVG", sparsity_m_by_n=None)
    settings.update(options)
    pruning = pruning_impl.Pruning(lambda: tf.constant(0), [], Fixed(sparsity), settings["block_size"],
                                   settings["block_pooling_type"], settings["sparsity_m_by_n"])
    found = pruning._maybe_update_block_mask(weight)[1]
    return np.transpose(np.array(found), back)


def masks():
    rng = np.random.default_rng(3)
    dense = rng.normal(size=(6, 10)).astype(np.float32)
    conv = rng.normal(size=(3, 2, 2, 6)).astype(np.float32)
    print("/// [6, 10] and [3, 2, 2, 6].")
    print("inline const std::vector<float> kDense = " + values(dense) + ";")
    print("inline const std::vector<float> kConv = " + values(conv) + ";")
    for name, kernel, sparsity, options in [
            ("DenseHalf", dense, 0.5, {}),
            ("ConvNinety", conv, 0.9, {}),
            # Its blocks are of the [in, out] matrix; where they do not divide it, it pools shifted windows.
            ("DenseBlocks", dense, 0.5, {"block_size": [5, 1]}),
            ("DenseMaxBlocks", dense, 0.5, {"block_size": [2, 3], "block_pooling_type": "MAX"}),
            ("DenseTwoOfFour", dense, 0.5, {"sparsity_m_by_n": (2, 4)}),
            ("ConvTwoOfFour", conv, 0.5, {"sparsity_m_by_n": (2, 4)}),
    ]:
        print(f"inline const std::vector<uint8_t> k{name} = " + integers(mask(kernel, sparsity, **options)) + ";")
    sizes = [1, 2, 5, 7, 10, 25, 27, 29, 100, 432, 1001]
    sparsities = [0.1, 0.25, 0.5, 0.7, 0.8, 0.9, 0.99]
    print("inline const std::vector<int64_t> kSizes = " + integers(sizes) + ";")
    print("inline const std::vector<double> kSparsities = " + values(sparsities) + ";")
    counts = []
    for size in sizes:
        for sparsity in sparsities:
            kernel = np.arange(1, size + 1, dtype=np.float32).reshape(1, size)
            counts.append(size - mask(kernel, sparsity).sum())
    print("/// Zeros by size, then sparsity.")
    print("inline const std::vector<int64_t> kZeros = " + integers(counts) + ";")


def centroids():
    rng = np.random.default_rng(5)
    weights = rng.normal(size=60).astype(np.float32)
    weights[::4] = 0
    print("inline const std::vector<float> kWeights = " + values(weights) + ";")
    init = cluster_config.CentroidInitialization
    for name, kind, zeros in [("Linear", init.LINEAR, False), ("LinearZeros", init.LINEAR, True),
                              ("Density", init.DENSITY_BASED, False)]:
        maker = clustering_centroids.CentroidsInitializerFactory.get_centroid_initializer(kind)
        found = maker(tf.constant(weights), 8, preserve_sparsity=zeros).get_cluster_centroids()
        print(f"inline const std::vector<float> k{name}Centroids = " + values(found) + ";")


def main():
    print("// Made by tests/peers/tfmot_numbers.py with tfmot 0.8.1.")
    print("#pragma once\n#include <cstdint>\n#include <vector>\n\nnamespace smelt::compress {")
    schedules()
    masks()
    centroids()
    print("}  // namespace smelt::compress")


if __name__ == "__main__":
    main()
