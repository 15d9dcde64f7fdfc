"""Compares single-layer Keras models over the layers' options: what Keras computes and what Smelt makes of the saved file.

usage: keras_layers.py SMELT [--only TEXT] [--keras 2|3] [--converter] [--goldens FILE.npz] [--keep FOLDER]

--converter also counts ops: Smelt's and those of TensorFlow's converter. --goldens runs Keras alone and writes the cases for
layer_goldens_test.cpp.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import zlib

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
import numpy as np


class Case:
    """A layer by a function of the module `layers`, its input shapes, and how it is called."""

    def __init__(self, name, make, *shapes, keras=(2, 3), ints=None, call=None, golden=True):
        self.name, self.make, self.shapes, self.keras = name, make, shapes, keras
        self.ints, self.call, self.golden = ints, call, golden


def convolutions():
    for act in ("linear", "relu"):
        yield Case(f"Conv1D {act}", lambda L, a=act: L.Conv1D(3, 3, activation=a), (9, 2))
    for pad in ("same", "valid", "causal"):
        for stride, dilation in ((1, 1), (2, 1), (1, 2)):
            yield Case(f"Conv1D {pad} s{stride} d{dilation}",
                       lambda L, p=pad, s=stride, d=dilation: L.Conv1D(4, 3, padding=p, strides=s, dilation_rate=d), (11, 3))
            if pad != "causal":
                yield Case(f"Conv2D {pad} s{stride} d{dilation}",
                           lambda L, p=pad, s=stride, d=dilation: L.Conv2D(4, (3, 2), padding=p, strides=s, dilation_rate=d), (9, 8, 2))
                yield Case(f"Conv3D {pad} s{stride} d{dilation}",
                           lambda L, p=pad, s=stride, d=dilation: L.Conv3D(2, (3, 2, 2), padding=p, strides=s, dilation_rate=d), (6, 5, 5, 2))
                yield Case(f"DepthwiseConv2D {pad} s{stride} d{dilation}",
                           lambda L, p=pad, s=stride, d=dilation: L.DepthwiseConv2D((3, 3), padding=p, strides=s, dilation_rate=d, depth_multiplier=2), (9, 8, 2))
                yield Case(f"DepthwiseConv1D {pad} s{stride} d{dilation}",
                           lambda L, p=pad, s=stride, d=dilation: L.DepthwiseConv1D(3, padding=p, strides=s, dilation_rate=d, depth_multiplier=2), (9, 3))
                yield Case(f"SeparableConv2D {pad} s{stride} d{dilation}",
                           lambda L, p=pad, s=stride, d=dilation: L.SeparableConv2D(3, (3, 2), padding=p, strides=s, dilation_rate=d), (9, 8, 2))
            yield Case(f"SeparableConv1D {pad} s{stride} d{dilation}",
                       lambda L, p=pad, s=stride, d=dilation: L.SeparableConv1D(3, 3, padding=p, strides=s, dilation_rate=d), (9, 2),
                       keras=(2,) if pad == "causal" else (2, 3))
    yield Case("Conv1D groups", lambda L: L.Conv1D(4, 3, groups=2, use_bias=False), (9, 4))
    yield Case("Conv2D groups", lambda L: L.Conv2D(6, 3, groups=3), (7, 6, 6))
    yield Case("Conv3D groups", lambda L: L.Conv3D(4, 2, groups=2), (4, 4, 4, 4))
    yield Case("Conv3D no bias", lambda L: L.Conv3D(2, 2, use_bias=False, activation="tanh"), (4, 4, 4, 1))
    yield Case("SeparableConv2D multiplier", lambda L: L.SeparableConv2D(3, 3, depth_multiplier=3, use_bias=False, activation="relu"), (6, 6, 2))
    yield Case("Conv2D softmax", lambda L: L.Conv2D(3, 1, activation="softmax"), (3, 3, 2))
    for name, n in (("Conv1DTranspose", 1), ("Conv2DTranspose", 2), ("Conv3DTranspose", 3)):
        shape = (5, 4, 4)[:n] + (3,)
        for pad in ("same", "valid"):
            for stride in (1, 2, 3):
                yield Case(f"{name} {pad} s{stride}",
                           lambda L, name=name, p=pad, s=stride: getattr(L, name)(2, 3, padding=p, strides=s), shape)
                if stride > 1:
                    yield Case(f"{name} {pad} s{stride} output_padding",
                               lambda L, name=name, p=pad, s=stride: getattr(L, name)(2, 3, padding=p, strides=s, output_padding=1), shape)
        yield Case(f"{name} small kernel", lambda L, name=name: getattr(L, name)(2, 2, strides=3, use_bias=False), shape)
    yield Case("Conv2DTranspose even", lambda L: L.Conv2DTranspose(3, (4, 2), strides=2, padding="same", activation="relu"), (4, 5, 2))
    for pad in ("same", "valid"):
        yield Case(f"Conv2DTranspose dilation {pad}", lambda L, p=pad: L.Conv2DTranspose(2, 3, dilation_rate=2, padding=p), (6, 5, 2), keras=(2,))


def channels_first():
    """Keras computes most of these on a GPU only: the reference is the same layer with its input turned."""
    first = dict(data_format="channels_first")
    yield "Conv1D", lambda L, **k: L.Conv1D(4, 3, padding="causal", **k), (9, 2)
    yield "Conv2D", lambda L, **k: L.Conv2D(4, 3, padding="same", activation="relu", **k), (6, 5, 2)
    yield "Conv2D softmax", lambda L, **k: L.Conv2D(4, 3, strides=2, **k), (6, 5, 2)
    yield "Conv3D", lambda L, **k: L.Conv3D(2, 2, **k), (4, 5, 3, 2)
    yield "DepthwiseConv2D", lambda L, **k: L.DepthwiseConv2D(3, **k), (6, 5, 2)
    yield "SeparableConv2D", lambda L, **k: L.SeparableConv2D(3, 3, **k), (6, 5, 2)
    yield "Conv2DTranspose", lambda L, **k: L.Conv2DTranspose(3, 3, strides=2, **k), (3, 4, 2)
    yield "MaxPooling1D", lambda L, **k: L.MaxPooling1D(2, **k), (6, 3)
    yield "MaxPooling2D", lambda L, **k: L.MaxPooling2D(2, **k), (6, 5, 3)
    yield "AveragePooling2D", lambda L, **k: L.AveragePooling2D(2, padding="same", **k), (6, 5, 3)
    yield "AveragePooling3D", lambda L, **k: L.AveragePooling3D(2, **k), (4, 5, 3, 2)
    yield "GlobalAveragePooling2D", lambda L, **k: L.GlobalAveragePooling2D(**k), (4, 5, 3)
    yield "GlobalMaxPooling1D keepdims", lambda L, **k: L.GlobalMaxPooling1D(keepdims=True, **k), (4, 3)
    yield "ZeroPadding2D", lambda L, **k: L.ZeroPadding2D(((1, 0), (2, 1)), **k), (4, 5, 3)
    yield "Cropping3D", lambda L, **k: L.Cropping3D(1, **k), (4, 5, 3, 2)
    yield "UpSampling2D", lambda L, **k: L.UpSampling2D((2, 3), **k), (4, 5, 3)
    yield "Flatten", lambda L, **k: L.Flatten(**k), (4, 5, 3)


def poolings():
    for kind in ("Max", "Average"):
        for n, shape in ((1, (9, 2)), (2, (7, 8, 2)), (3, (5, 6, 4, 2))):
            for pad in ("valid", "same"):
                yield Case(f"{kind}Pooling{n}D {pad}",
                           lambda L, k=kind, n=n, p=pad: getattr(L, f"{k}Pooling{n}D")(2, padding=p), shape)
                yield Case(f"{kind}Pooling{n}D {pad} strides",
                           lambda L, k=kind, n=n, p=pad: getattr(L, f"{k}Pooling{n}D")(3, strides=2, padding=p), shape)
            for keep in (False, True):
                yield Case(f"Global{kind}Pooling{n}D {keep}",
                           lambda L, k=kind, n=n, keep=keep: getattr(L, f"Global{k}Pooling{n}D")(keepdims=keep), shape)
            for size in (2, 3):
                yield Case(f"Adaptive{kind}Pooling{n}D {size}",
                           lambda L, k=kind, n=n, s=size: getattr(L, f"Adaptive{k}Pooling{n}D")(s), shape, keras=(3,))
    yield Case("AveragePooling2D uneven", lambda L: L.AveragePooling2D((3, 1), strides=(1, 2), padding="same"), (5, 5, 2))


ACTIVATIONS_BOTH = ("linear relu relu6 elu selu gelu sigmoid hard_sigmoid tanh softmax log_softmax softplus softsign exponential swish silu mish "
                    "leaky_relu").split()
ACTIVATIONS_3 = ("celu glu hard_tanh hard_silu hard_swish log_sigmoid sparse_plus sparse_sigmoid squareplus tanh_shrink soft_shrink hard_shrink "
                 "sparsemax").split()


def activations():
    for name in ACTIVATIONS_BOTH:
        yield Case(f"Activation {name}", lambda L, n=name: L.Activation(n), (3, 6))
    for name in ACTIVATIONS_3:
        yield Case(f"Activation {name}", lambda L, n=name: L.Activation(n), (3, 6), keras=(3,))
    yield Case("Dense gelu", lambda L: L.Dense(4, activation="gelu"), (5,))
    yield Case("Dense hard_sigmoid", lambda L: L.Dense(4, activation="hard_sigmoid"), (5,))
    yield Case("ReLU", lambda L: L.ReLU(), (7,))
    yield Case("ReLU 6", lambda L: L.ReLU(6.0), (7,))
    for m in (None, 1.5):
        for s in (0.0, 0.2):
            for t in (0.0, 0.5):
                yield Case(f"ReLU max {m} slope {s} threshold {t}",
                           lambda L, m=m, s=s, t=t: L.ReLU(max_value=m, negative_slope=s, threshold=t), (9,))
    yield Case("LeakyReLU", lambda L: L.LeakyReLU(), (7,))
    yield Case("LeakyReLU 0.1", lambda L: L.LeakyReLU(0.1), (7,))
    yield Case("ELU 0.5", lambda L: L.ELU(alpha=0.5), (7,))
    yield Case("ELU 2", lambda L: L.ELU(alpha=2.0), (7,))
    yield Case("ThresholdedReLU", lambda L: L.ThresholdedReLU(0.7), (9,), keras=(2,))
    yield Case("PReLU", lambda L: L.PReLU(), (4, 5, 3))
    yield Case("PReLU shared", lambda L: L.PReLU(shared_axes=[1, 2]), (4, 5, 3))
    yield Case("PReLU shared 1", lambda L: L.PReLU(shared_axes=[1]), (4, 3))
    yield Case("Softmax", lambda L: L.Softmax(), (4, 5, 3))
    yield Case("Softmax 1", lambda L: L.Softmax(axis=1), (4, 5, 3))
    yield Case("Softmax 1 2", lambda L: L.Softmax(axis=[1, 2]), (4, 5, 3))
    yield Case("Softmax 1 3", lambda L: L.Softmax(axis=[1, 3]), (4, 5, 3))


def normalizations():
    for shape in ((6,), (4, 6), (3, 4, 6), (2, 3, 4, 6)):
        yield Case(f"BatchNormalization {len(shape)}", lambda L: L.BatchNormalization(), shape)
    for axis in (1, 2):
        yield Case(f"BatchNormalization axis {axis}", lambda L, a=axis: L.BatchNormalization(axis=a), (3, 4, 6))
    yield Case("BatchNormalization no scale", lambda L: L.BatchNormalization(scale=False), (4, 3))
    yield Case("BatchNormalization no center", lambda L: L.BatchNormalization(center=False, epsilon=0.1), (4, 3))
    yield Case("BatchNormalization plain", lambda L: L.BatchNormalization(scale=False, center=False), (4, 3))
    yield Case("BatchNormalization axes", lambda L: L.BatchNormalization(axis=[1, 3]), (4, 3, 2), keras=(2,))
    for axis in (-1, 1, [1, 2], [-2, -1], [1, 3]):
        yield Case(f"LayerNormalization {axis}", lambda L, a=axis: L.LayerNormalization(axis=a), (4, 5, 6))
    yield Case("LayerNormalization no scale", lambda L: L.LayerNormalization(scale=False), (4, 6))
    yield Case("LayerNormalization no center", lambda L: L.LayerNormalization(center=False, epsilon=1e-5), (4, 6))
    yield Case("LayerNormalization dense", lambda L: L.LayerNormalization(), (6,))
    yield Case("LayerNormalization rms", lambda L: L.LayerNormalization(rms_scaling=True), (4, 6), keras=(3,))
    yield Case("RMSNormalization", lambda L: L.RMSNormalization(), (4, 6), keras=(3,))
    yield Case("RMSNormalization 1", lambda L: L.RMSNormalization(axis=1), (5, 5), keras=(3,))
    for groups in (1, 2, -1):
        yield Case(f"GroupNormalization {groups}", lambda L, g=groups: L.GroupNormalization(g), (4, 5, 6))
    yield Case("GroupNormalization axis 1", lambda L: L.GroupNormalization(2, axis=1), (4, 5, 6))
    yield Case("GroupNormalization 1D", lambda L: L.GroupNormalization(3, scale=False), (6,))
    yield Case("GroupNormalization 3D", lambda L: L.GroupNormalization(3, center=False), (2, 3, 2, 6))
    yield Case("UnitNormalization", lambda L: L.UnitNormalization(), (4, 6))
    yield Case("UnitNormalization 1", lambda L: L.UnitNormalization(axis=1), (4, 6))
    yield Case("UnitNormalization 1 2", lambda L: L.UnitNormalization(axis=[1, 2]), (4, 6))
    yield Case("Normalization", lambda L: L.Normalization(), (4, 6))
    yield Case("Normalization 1", lambda L: L.Normalization(axis=1), (4, 6))
    yield Case("Normalization 1 2", lambda L: L.Normalization(axis=(1, 2)), (4, 6))
    yield Case("Normalization None", lambda L: L.Normalization(axis=None), (4, 6))
    yield Case("Normalization given", lambda L: L.Normalization(axis=None, mean=0.5, variance=2.0), (4, 6))
    yield Case("Normalization list", lambda L: L.Normalization(mean=[0.5, 1, 2], variance=[2.0, 1, 4]), (4, 3))
    yield Case("Normalization invert", lambda L: L.Normalization(axis=None, mean=0.5, variance=2.0, invert=True), (4, 3))


def shapes():
    yield Case("Flatten", lambda L: L.Flatten(), (3, 4, 2))
    yield Case("Flatten 1", lambda L: L.Flatten(), (4,))
    yield Case("Reshape", lambda L: L.Reshape((2, -1)), (3, 4))
    yield Case("Reshape flat", lambda L: L.Reshape((-1,)), (3, 4))
    yield Case("Permute", lambda L: L.Permute((2, 1)), (3, 4))
    yield Case("Permute 3", lambda L: L.Permute((3, 1, 2)), (3, 4, 2))
    yield Case("RepeatVector", lambda L: L.RepeatVector(3), (4,))
    yield Case("ZeroPadding1D", lambda L: L.ZeroPadding1D(2), (4, 3))
    yield Case("ZeroPadding1D sides", lambda L: L.ZeroPadding1D((1, 2)), (4, 3))
    yield Case("ZeroPadding2D", lambda L: L.ZeroPadding2D((1, 2)), (4, 3, 2))
    yield Case("ZeroPadding2D sides", lambda L: L.ZeroPadding2D(((1, 2), (0, 3))), (4, 3, 2))
    yield Case("ZeroPadding3D", lambda L: L.ZeroPadding3D(1), (3, 4, 3, 2))
    yield Case("ZeroPadding3D sides", lambda L: L.ZeroPadding3D(((1, 2), (0, 3), (2, 0))), (3, 4, 3, 2))
    yield Case("Cropping1D", lambda L: L.Cropping1D((1, 2)), (6, 3))
    yield Case("Cropping1D back", lambda L: L.Cropping1D((0, 1)), (6, 3))
    yield Case("Cropping2D", lambda L: L.Cropping2D(((1, 2), (0, 1))), (6, 5, 3))
    yield Case("Cropping3D", lambda L: L.Cropping3D((1, 0, 2)), (6, 5, 7, 2))
    yield Case("UpSampling1D", lambda L: L.UpSampling1D(3), (4, 2))
    yield Case("UpSampling2D", lambda L: L.UpSampling2D((2, 3)), (4, 3, 2))
    yield Case("UpSampling3D", lambda L: L.UpSampling3D((2, 1, 3)), (2, 4, 3, 2))
    for method in ("bilinear", "bicubic", "area", "gaussian", "lanczos3", "lanczos5", "mitchellcubic"):
        yield Case(f"UpSampling2D {method}", lambda L, m=method: L.UpSampling2D(2, interpolation=m), (4, 5, 2),
                   keras=(2, 3) if method in ("bilinear", "bicubic", "lanczos3", "lanczos5") else (2,))
    for method in ("nearest", "bilinear", "bicubic", "area", "gaussian", "lanczos3", "lanczos5", "mitchellcubic"):
        for size in ((6, 7), (9, 12)):
            yield Case(f"Resizing {method} {size}", lambda L, m=method, s=size: L.Resizing(*s, interpolation=m), (8, 9, 2),
                       keras=(2, 3) if method in ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5") else (2,))
    for method in ("bilinear", "bicubic", "lanczos3"):
        yield Case(f"Resizing antialias {method}", lambda L, m=method: L.Resizing(3, 5, interpolation=m, antialias=True), (8, 9, 2), keras=(3,))
    yield Case("Resizing crop", lambda L: L.Resizing(4, 6, crop_to_aspect_ratio=True), (8, 7, 2))
    yield Case("Resizing crop wide", lambda L: L.Resizing(6, 3, crop_to_aspect_ratio=True), (8, 15, 2))
    yield Case("Resizing pad", lambda L: L.Resizing(4, 6, pad_to_aspect_ratio=True, fill_value=3.0), (8, 7, 2), keras=(3,))
    yield Case("Resizing pad wide", lambda L: L.Resizing(6, 6, pad_to_aspect_ratio=True), (4, 9, 2), keras=(3,))
    yield Case("CenterCrop", lambda L: L.CenterCrop(3, 4), (8, 7, 2))
    yield Case("CenterCrop enlarge", lambda L: L.CenterCrop(10, 4), (8, 7, 2))
    yield Case("Rescaling", lambda L: L.Rescaling(1 / 255.0), (4, 3))
    yield Case("Rescaling offset", lambda L: L.Rescaling(1 / 127.5, offset=-1), (4, 3))
    yield Case("Rescaling lists", lambda L: L.Rescaling([0.5, 2.0, 1.0], offset=[0.0, 1.0, -1.0]), (4, 3), keras=(3,))


def merges():
    for name in ("Add", "Multiply", "Maximum", "Minimum", "Average", "Subtract"):
        count = 2 if name == "Subtract" else 3
        yield Case(f"{name}", lambda L, n=name: getattr(L, n)(), *[(3, 4)] * count)
        yield Case(f"{name} broadcast", lambda L, n=name: getattr(L, n)(), (3, 4), (1, 4))
        yield Case(f"{name} ranks", lambda L, n=name: getattr(L, n)(), (3, 2, 4), (4,))
    yield Case("Concatenate", lambda L: L.Concatenate(), (3, 4), (3, 2), (3, 1))
    yield Case("Concatenate 1", lambda L: L.Concatenate(axis=1), (3, 4), (2, 4))
    for axes, a, b in ((1, (4,), (4,)), ((2, 1), (3, 4), (4, 5)), ((2, 2), (3, 4), (5, 4)), ((1, 1), (4, 3), (4, 5)), (1, (4, 3), (4,)), ((1, 2), (4,), (3, 4)),
                       ((3, 1), (2, 3, 4), (4, 5)), ((2, 2), (3, 4), (2, 4, 5))):
        for normalize in (False, True):
            yield Case(f"Dot {axes} {len(a)} {len(b)} {normalize}", lambda L, x=axes, n=normalize: L.Dot(axes=x, normalize=n), a, b)


def dense():
    for shape in ((5,), (3, 5), (2, 3, 5), (2, 2, 3, 5)):
        yield Case(f"Dense {len(shape)}", lambda L: L.Dense(4, activation="relu"), shape)
    yield Case("Dense no bias", lambda L: L.Dense(4, use_bias=False), (3, 5))
    for equation, out, bias, shape in (
            ("ab,bc->ac", 4, "c", (5,)), ("abc,cd->abd", (None, 4), "d", (3, 5)), ("...x,xy->...y", 4, "y", (2, 3, 5)),
            ("abc,cde->abde", (None, 2, 3), "de", (3, 5)), ("abcd,cde->abe", (None, 4), "e", (3, 2, 5)), ("abc,bd->adc", (4, 5), "d", (3, 5)),
            ("abc,bcd->abd", (3, 4), "bd", (3, 5)), ("abc,abd->abcd", (3, 5, 2), None, None), ("ab...,bc->ac...", (4,), "c", (5, 3, 2)),
            ("abc,cd->adb", (4, 3), "b", (3, 5)), ("abc,c->ab", (3,), None, (3, 5)),
            ("abc,cd->abcd", (3, 5, 4), None, (3, 5)), ("abcd,bcde->abce", (2, 3, 4), None, (2, 3, 5)), ("abc,c->abc", (3, 5), "c", (3, 5))):
        if shape is not None:
            yield Case(f"EinsumDense {equation} {bias}", lambda L, e=equation, o=out, b=bias: L.EinsumDense(e, output_shape=o, bias_axes=b), shape)
    yield Case("EinsumDense relu", lambda L: L.EinsumDense("abc,cde->abde", output_shape=(None, 2, 3), bias_axes="de", activation="relu"), (3, 5))
    yield Case("Embedding", lambda L: L.Embedding(7, 3), (5,), ints=7)
    yield Case("Embedding 2", lambda L: L.Embedding(7, 3), (2, 5), ints=7)


def categories():
    yield Case("CategoryEncoding multi_hot", lambda L: L.CategoryEncoding(6), (4,), ints=6)
    yield Case("CategoryEncoding count", lambda L: L.CategoryEncoding(6, output_mode="count"), (9,), ints=6)
    yield Case("CategoryEncoding one_hot", lambda L: L.CategoryEncoding(6, output_mode="one_hot"), (1,), ints=6)
    yield Case("Discretization", lambda L: L.Discretization([-1.0, 0.0, 0.5]), (9,))
    yield Case("Discretization one_hot", lambda L: L.Discretization([-1.0, 0.0, 0.5], output_mode="one_hot"), (1,))
    yield Case("Discretization multi_hot", lambda L: L.Discretization([-1.0, 0.0, 0.5], output_mode="multi_hot"), (3,))
    yield Case("IntegerLookup", lambda L: L.IntegerLookup(vocabulary=[3, 1, 7]), (6,), ints=9)
    yield Case("IntegerLookup mask", lambda L: L.IntegerLookup(vocabulary=[3, 1, 7], mask_token=0), (6,), ints=9)
    yield Case("IntegerLookup one_hot", lambda L: L.IntegerLookup(vocabulary=[3, 1, 7], output_mode="one_hot"), (1,), ints=9)
    yield Case("IntegerLookup count", lambda L: L.IntegerLookup(vocabulary=[3, 1, 7], output_mode="count"), (6,), ints=9)


def regularization():
    for name, args in (("Dropout", (0.3,)), ("SpatialDropout1D", (0.3,)), ("GaussianNoise", (0.3,)), ("GaussianDropout", (0.3,)),
                       ("ActivityRegularization", (0.1,)), ("AlphaDropout", (0.3,)), ("Identity", ())):
        yield Case(name, lambda L, n=name, a=args: getattr(L, n)(*a), (3, 4))
    for name, args in (("SpatialDropout2D", (0.3,)), ("RandomFlip", ()), ("RandomRotation", (0.1,)), ("RandomZoom", (0.1,)), ("RandomContrast", (0.1,)),
                       ("RandomTranslation", (0.1, 0.1)), ("RandomBrightness", (0.1,)), ("RandomCrop", (3, 4))):
        yield Case(name, lambda L, n=name, a=args: getattr(L, n)(*a), (5, 6, 3))
    for name, args in (("RandomGrayscale", ()), ("RandomSharpness", (0.3,)), ("Solarization", ()), ("RandomHue", (0.1,)), ("RandomShear", (0.1,)),
                       ("RandomErasing", ()), ("RandomInvert", ())):
        yield Case(name, lambda L, n=name, a=args: getattr(L, n)(*a), (5, 6, 3), keras=(3,))


def attentions():
    def called(*shares, **keywords):
        """Inputs by their places: query, value, key."""
        return lambda layer, tensors: layer(*[tensors[i] for i in shares], **keywords)

    def multi(name, call, *shapes, keras=(2, 3), **settings):
        settings = {"num_heads": 2, "key_dim": 3, **settings}
        return Case(f"MultiHeadAttention {name}", lambda L: L.MultiHeadAttention(**settings), *shapes, call=call, keras=keras, golden=len(shapes) > 1 and name != "scores")

    yield multi("self", called(0, 0), (4, 6))
    yield multi("cross", called(0, 1), (4, 6), (5, 7))
    yield multi("key", called(0, 1, 2), (4, 6), (5, 7), (5, 3), value_dim=5)
    yield multi("output_shape", called(0, 1), (4, 6), (5, 7), output_shape=5)
    yield multi("output_shape pair", called(0, 1), (4, 6), (5, 7), output_shape=(2, 5))
    yield multi("no bias", called(0, 1), (4, 6), (5, 7), use_bias=False)
    yield multi("scores", called(0, 1, return_attention_scores=True), (4, 6), (5, 7))
    yield multi("causal", called(0, 0, use_causal_mask=True), (4, 6))
    yield multi("dropout", called(0, 0), (4, 6), dropout=0.2)
    yield multi("axes", called(0, 0), (3, 4, 6), attention_axes=(2,))
    yield multi("axes first", called(0, 0), (3, 4, 6), attention_axes=(1,))
    yield multi("axes both", called(0, 0), (3, 4, 6), attention_axes=(1, 2))
    yield multi("gate", called(0, 0), (4, 6), use_gate=True, keras=(3,))
    yield multi("window", called(0, 0), (6, 6), sliding_window=2, keras=(3,))
    for scores in (False, True):
        for heads in (1, 2, 4):
            yield Case(f"GroupQueryAttention {heads} {scores}", lambda L, h=heads: L.GroupQueryAttention(3, 4, h), (4, 6), keras=(3,), golden=False,
                       call=called(0, 0, return_attention_scores=scores))
    yield Case("GroupQueryAttention causal", lambda L: L.GroupQueryAttention(3, 4, 2), (4, 6), (4, 6), keras=(3,), golden=False,
               call=called(0, 1, use_causal_mask=True))
    for name, settings in (("", {}), (" scale", {"use_scale": True}), (" concat", {"score_mode": "concat"}),
                           (" concat scale", {"score_mode": "concat", "use_scale": True})):
        yield Case(f"Attention{name}", lambda L, s=settings: L.Attention(**s), (4, 6), (5, 6))
    yield Case("Attention key", lambda L: L.Attention(), (4, 6), (5, 7), (5, 6))
    yield Case("Attention causal", lambda L: L.Attention(), (4, 6), (5, 6), call=lambda layer, x: layer(x, use_causal_mask=True), golden=False)
    yield Case("Attention scores", lambda L: L.Attention(), (4, 6), (5, 6), call=lambda layer, x: layer(x, return_attention_scores=True), golden=False)
    yield Case("AdditiveAttention", lambda L: L.AdditiveAttention(), (4, 6), (5, 6))
    yield Case("AdditiveAttention no scale", lambda L: L.AdditiveAttention(use_scale=False), (4, 6), (5, 6))


FAMILIES = (convolutions, poolings, activations, normalizations, shapes, merges, dense, attentions, categories, regularization)


def set_weights(model, rng):
    """Values that no initializer gives, on a grid that goldens store well."""
    for weight in model.weights:
        name = getattr(weight, "path", weight.name)
        values = rng.integers(-16, 17, weight.shape) / 16.0
        if "variance" in name:
            values = np.abs(values) + 0.25
        if "count" in name or "seed" in name:
            continue
        weight.assign(np.asarray(values, dtype=np.float32))
    for layer in model.layers:
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()


def inputs_of(case, rng):
    if case.ints:
        return [rng.integers(0, case.ints, (1, *s)).astype(np.int32) for s in case.shapes]
    return [(rng.integers(-40, 41, (1, *s)) / 16.0).astype(np.float32) for s in case.shapes]


def build(keras, case):
    tensors = [keras.Input(s, dtype="int32" if case.ints else "float32", name=f"x{i}") for i, s in enumerate(case.shapes)]
    layer = case.make(keras.layers)
    call = case.call or (lambda layer, tensors: layer(tensors if len(tensors) > 1 else tensors[0]))
    return keras.Model(tensors, call(layer, tensors))


def smelt_outputs(smelt, path, xs, folder):
    tflite = folder / "m.tflite"
    run = subprocess.run([smelt, "convert", path, "-o", tflite, "-q"], capture_output=True, text=True)
    if run.returncode:
        return None, run.stderr.strip() or f"exit code {run.returncode}"
    np.savez(folder / "i.npz", **{f"in{i}": x for i, x in enumerate(xs)})
    run = subprocess.run([smelt, "run", tflite, "--inputs", folder / "i.npz", "--outputs", folder / "o.npz"], capture_output=True, text=True)
    if run.returncode:
        return None, f"run: {run.stderr.strip()} ({run.returncode})"
    out = np.load(folder / "o.npz")
    return [out[f"out{i}"][0] for i in range(len(out.files))], None  # of one sample


def differs(want, got):
    if len(want) != len(got):
        return f"{len(got)} outputs instead of {len(want)}"
    for w, g in zip(want, got):
        w, g = np.asarray(w, dtype=np.float64), np.asarray(g, dtype=np.float64)
        if w.shape != g.shape:
            return f"shape {g.shape} instead of {w.shape}"
        if not np.allclose(w, g, rtol=1e-4, atol=1e-5 * max(1.0, np.abs(w).max(initial=0))):
            return f"differs by {np.abs(w - g).max():.3g} of {np.abs(w).max():.3g}"
    return None


def ops_in(tflite):
    from tensorflow.lite.python import schema_py_generated as schema
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(tflite, 0))
    names = {v: k for k, v in vars(schema.BuiltinOperator).items() if isinstance(v, int)}
    graph = model.subgraphs[0]
    return [names[max(model.operatorCodes[o.opcodeIndex].builtinCode, model.operatorCodes[o.opcodeIndex].deprecatedBuiltinCode)] for o in graph.operators]


def lite_outputs(tflite, xs):
    """What LiteRT makes of the file."""
    import tensorflow as tf
    interpreter = tf.lite.Interpreter(model_content=tflite)
    interpreter.allocate_tensors()
    for detail, x in zip(interpreter.get_input_details(), xs):
        interpreter.set_tensor(detail["index"], x)
    interpreter.invoke()
    return [interpreter.get_tensor(d["index"]) for d in interpreter.get_output_details()]


def converter_ops(keras, model):
    """The ops that TensorFlow's converter writes for a batch of one, or None where it cannot."""
    import contextlib
    import tensorflow as tf
    specs = [tf.TensorSpec((1, *x.shape[1:]), x.dtype) for x in model.inputs]
    function = tf.function(lambda *xs: model(list(xs) if len(xs) > 1 else xs[0], training=False))
    with open(os.devnull, "w") as null, contextlib.redirect_stderr(null):
        try:
            converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function(*specs)], model)
            return ops_in(converter.convert())
        except Exception:
            return None


def stripped(config):
    """The settings without what only training reads."""
    drop = ("initializer", "regularizer", "constraint", "dtype", "trainable", "seed", "build_config", "module", "registered_name")
    if isinstance(config, dict):
        return {k: stripped(v) for k, v in config.items() if not any(d in k for d in drop) and v is not None}
    return [stripped(v) for v in config] if isinstance(config, (list, tuple)) else config


def golden_of(name, version, model, case, xs, want, values):
    """The case as JSON; its numbers go to the end of `values`."""
    layer = next(l for l in model.layers if type(l).__name__ != "InputLayer")
    first = sum(len(v) for v in values)

    def put(array):
        array = np.asarray(array, dtype=np.float32)
        values.append(np.float32([float(f"{v:.6g}") for v in array.ravel()]))
        return list(array.shape)

    weights = [[getattr(w, "path", w.name).split("/")[-1].split(":")[0], put(w.numpy())] for w in layer.weights if "seed" not in w.name]
    return {"name": name.removeprefix("keras "), "first": first, "keras": version, "class_name": type(layer).__name__, "config": stripped(json.loads(json.dumps(layer.get_config(), default=lambda v: np.asarray(v).tolist()))),
            "ints": bool(case.ints), "weights": weights, "inputs": [put(x) for x in xs], "outputs": [put(w) for w in want]}


def run_case(args, keras, version, case, folder, goldens, values):
    rng = np.random.default_rng(zlib.crc32(case.name.encode()))
    name = f"keras {version}: {case.name}"
    try:
        model = build(keras, case)
        set_weights(model, rng)
        xs = inputs_of(case, rng)
        want = model(xs if len(xs) > 1 else xs[0], training=False)
        want = [np.asarray(w) for w in (want if isinstance(want, (list, tuple)) else [want])]
        path = folder / "m.h5"
        model.save(path)
    except Exception as problem:
        return name, "keras", str(problem).splitlines()[0][:150]
    if args.keep:
        pathlib.Path(args.keep, name.replace("/", "_") + ".h5").write_bytes(path.read_bytes())
    if args.goldens:
        # What both versions have in common is kept once.
        if case.golden and (version == 2 or 2 not in case.keras or "hard_sigmoid" in case.name):
            goldens.append(golden_of(name, version, model, case, xs, want, values))
        return name, "ok", ""
    got, error = smelt_outputs(args.smelt, path, xs, folder)
    if error:
        return name, "refused", error
    problem = differs(want, got)
    if problem:
        return name, "WRONG", problem
    ours = (folder / "m.tflite").read_bytes()
    try:
        problem = differs(want, lite_outputs(ours, xs))
    except Exception as problem_:
        problem = str(problem_).splitlines()[0][:150]
    if problem:
        return name, "LITERT", problem
    if args.converter:
        mine, theirs = ops_in(ours), converter_ops(keras, model)
        state = "ok" if theirs is None or len(mine) <= len(theirs) else "MORE"
        return name, state, f"{len(mine)} ops, converter {theirs and len(theirs)}" + (f" {' '.join(mine)} | {' '.join(theirs)}" if state == "MORE" else "")
    return name, "ok", ""


def run_channels_first(args, keras, version, folder):
    """Compares with the same layer of channels_last: Keras on a CPU refuses many of these."""
    for title, make, shape in channels_first():
        name = f"keras {version}: channels_first {title}"
        if args.only and args.only not in name:
            continue
        rng = np.random.default_rng(3)
        last = build(keras, Case(title, lambda L: make(L), shape))
        set_weights(last, rng)
        x = rng.normal(size=(1, *shape)).astype(np.float32)
        want = np.asarray(last(x))
        first = build(keras, Case(title, lambda L: make(L, data_format="channels_first"), (shape[-1], *shape[:-1])))
        first.set_weights(last.get_weights())
        first.save(folder / "m.h5")
        got, error = smelt_outputs(args.smelt, folder / "m.h5", [np.moveaxis(x, -1, 1)], folder)
        if want.ndim > 2 and not error:
            want = np.moveaxis(want, -1, 1)
        yield name, *(("refused", error) if error else ("WRONG", p) if (p := differs([want], got)) else ("ok", ""))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("smelt")
    parser.add_argument("--only", default="")
    parser.add_argument("--keras", type=int)
    parser.add_argument("--converter", action="store_true")
    parser.add_argument("--goldens")
    parser.add_argument("--keep")
    args = parser.parse_args()
    counts, goldens, values = {}, [], []

    def report(name, state, detail):
        counts[state] = counts.get(state, 0) + 1
        if state != "ok" or args.converter or args.only:
            print(f"{state:8} {name}: {detail}", flush=True)

    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        for version in (2, 3):
            if args.keras not in (None, version):
                continue
            keras = __import__("tf_keras" if version == 2 else "keras")
            for case in (c for family in FAMILIES for c in family()):
                if version in case.keras and (not args.only or args.only in case.name):
                    report(*run_case(args, keras, version, case, folder, goldens, values))
                    keras.backend.clear_session()
            for result in [] if args.goldens else run_channels_first(args, keras, version, folder):
                report(*result)
    if args.goldens:
        text = json.dumps(goldens, separators=(",", ":")).encode()
        np.savez_compressed(args.goldens, cases=np.frombuffer(text, dtype=np.uint8), values=np.concatenate(values))
    print(", ".join(f"{n} {state}" for state, n in sorted(counts.items())))
    return 0 if set(counts) <= {"ok", "keras"} else 1


if __name__ == "__main__":
    sys.exit(main())
