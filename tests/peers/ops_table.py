"""Writes docs/OPS.md: every builtin operator by type, and which of TFLite Micro, LiteRT and Smelt runs it.

    PYTHON tests/peers/ops_table.py build/release/bin/smelt docs/OPS.md [OP ...]

PYTHON has ai_edge_litert, tflite_micro and flatbuffers. Each cell is measured: a model of that one op on small random inputs
is run by all three. With OP names only those are run and printed, with the reasons of those that fail.
"""
import multiprocessing
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
from ai_edge_litert import schema_py_generated as schema

import make_op_goldens as make
from make_op_goldens import Tensor, options, packed_int4, sample

F32, I8, U8, I16, I32, I64, BOOL = (np.dtype(t) for t in ("f4", "i1", "u1", "i2", "i4", "i8", "?"))
QUANTIZED = {I8: (0.05, 3), U8: (0.05, 121), I16: (0.001, 0)}
COLUMNS = ["float32", "int8", "int16", "uint8", "int32", "int64", "bool", "hybrid", "int4 weights"]
NUMBERS = [F32, I8, I16, U8, I32, I64]
ALL = NUMBERS + [BOOL]


def code(op):
    return getattr(schema.BuiltinOperator, op)


def tensor(dtype, shape, values=None, scale=None, zero=None):
    """Quantized where the type is one of quantized numbers."""
    default = QUANTIZED.get(dtype, ((), ()))
    scale = default[0] if scale is None else scale
    zero = default[1] if zero is None else zero
    if scale == ():
        return Tensor(dtype, shape, values)
    return Tensor(dtype, shape, values, scale=[scale], zero=[zero])


def ints(*values):
    return Tensor(values=np.array(values, np.int32))


def one(op, inputs, outputs, kind=None, **fields):
    made = options(kind, **fields) if kind else (0, None)
    return make.build(code(op), inputs, outputs, *made)


def elementwise(rng):
    fused = {"ADD": "AddOptions", "SUB": "SubOptions", "MUL": "MulOptions", "DIV": "DivOptions"}
    for op in ("ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE", "FLOOR_DIV", "FLOOR_MOD", "POW", "ATAN2",
               "BITWISE_XOR", "RIGHT_SHIFT"):
        for dtype in NUMBERS:
            x, y = tensor(dtype, [2, 3, 4]), tensor(dtype, [2, 3, 4])
            if dtype == I16 and op in ("BITWISE_XOR", "RIGHT_SHIFT", "FLOOR_DIV", "FLOOR_MOD"):
                x, y = Tensor(dtype, [2, 3, 4]), Tensor(dtype, [2, 3, 4])
            if op in ("DIV", "FLOOR_DIV", "FLOOR_MOD", "POW", "RIGHT_SHIFT"):  # nothing to divide by 0
                positive = rng.integers(1, 4, [2, 3, 4]).astype(dtype)
                if op == "POW" and dtype.kind == "i":  # what overflows is not defined
                    positive = np.ones_like(positive)
                y = tensor(dtype, [2, 3, 4], positive, zero=0 if dtype in QUANTIZED else None)
            out = Tensor(dtype, [2, 3, 4], scale=x.scale, zero=x.zero) if x.scale else Tensor(dtype, [2, 3, 4])
            kind = fused.get(op)
            yield op, dtype.name, one(op, [x, y], [out], kind)
    for op in ("EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL"):
        for dtype in ALL:
            yield op, dtype.name, one(op, [tensor(dtype, [2, 6]), tensor(dtype, [2, 6])], [Tensor(BOOL, [2, 6])])
    for op in ("LOGICAL_AND", "LOGICAL_OR"):
        yield op, "bool", one(op, [Tensor(BOOL, [9]), Tensor(BOOL, [9])], [Tensor(BOOL, [9])])
    for dtype in (F32, I32, I64):
        yield "ADD_N", dtype.name, one("ADD_N", [tensor(dtype, [7]) for _ in range(3)], [tensor(dtype, [7])])


FIXED = {"LOGISTIC": {I8: (1 / 256, -128), U8: (1 / 256, 0), I16: (1 / 32768, 0)},
         "TANH": {I8: (1 / 128, 0), U8: (1 / 128, 128), I16: (1 / 32768, 0)},
         "SOFTMAX": {I8: (1 / 256, -128), U8: (1 / 256, 0), I16: (1 / 32768, 0)},
         "LOG_SOFTMAX": {I8: (16 / 256, 127), U8: (16 / 256, 255)},
         "L2_NORMALIZATION": {I8: (1 / 128, 0), U8: (1 / 128, 128)}}


def unary(rng):
    for op in ("ABS", "NEG", "SQRT", "RSQRT", "SQUARE", "EXP", "LOG", "SIN", "COS", "CEIL", "FLOOR", "ROUND", "SIGN", "ELU", "RELU", "RELU6",
               "RELU_N1_TO_1", "RELU_0_TO_1", "LOGISTIC", "TANH", "HARD_SWISH", "LEAKY_RELU", "GELU", "SOFTMAX", "LOG_SOFTMAX",
               "L2_NORMALIZATION", "ZEROS_LIKE", "SHAPE", "RANK", "LOGICAL_NOT"):
        for dtype in ALL if op in ("ZEROS_LIKE", "SHAPE", "RANK", "LOGICAL_NOT") else NUMBERS:
            x = tensor(dtype, [3, 8])
            if op in ("SQRT", "RSQRT", "LOG") and dtype in QUANTIZED:  # values that are not negative
                x = tensor(dtype, [3, 8], zero=np.iinfo(dtype).min if dtype != I16 else 0)
            scale, zero = FIXED.get(op, {}).get(dtype, (None, None))
            out = tensor(dtype, [3, 8], scale=scale, zero=zero)
            if op == "SHAPE":
                out = Tensor(I32, [2])
            if op == "RANK":
                out = Tensor(I32, [])
            made = {"LEAKY_RELU": ("LeakyReluOptions", dict(alpha=0.1)), "SOFTMAX": ("SoftmaxOptions", dict(beta=1.0)),
                    "GELU": ("GeluOptions", dict(approximate=False)), "SHAPE": ("ShapeOptions", dict(outType=2))}
            kind, fields = made.get(op, (None, {}))
            yield op, dtype.name, one(op, [x], [out], kind, **fields)
    for dtype in ALL:
        yield "CAST", dtype.name, one("CAST", [Tensor(dtype, [9])], [Tensor(I32 if dtype == F32 else F32, [9])])
    for dtype in (F32, I8, U8, I16):
        x = tensor(dtype, [9])
        out = tensor(I8, [9], scale=0.02, zero=-4)
        yield "QUANTIZE", dtype.name, one("QUANTIZE", [x], [out])
        if dtype != F32:
            yield "DEQUANTIZE", dtype.name, one("DEQUANTIZE", [x], [Tensor(F32, [9])])
    yield "FAKE_QUANT", "float32", one("FAKE_QUANT", [Tensor(F32, [9])], [Tensor(F32, [9])], "FakeQuantOptions", min=-1.0, max=1.0, numBits=8)


def reductions(rng):
    for op in ("MEAN", "SUM", "REDUCE_PROD", "REDUCE_MAX", "REDUCE_MIN"):
        for dtype in NUMBERS:
            yield op, dtype.name, one(op, [tensor(dtype, [2, 3, 4]), ints(1)], [tensor(dtype, [2, 4])], "ReducerOptions")
    for op in ("REDUCE_ANY", "REDUCE_ALL"):
        yield op, "bool", one(op, [Tensor(BOOL, [2, 3]), ints(1)], [Tensor(BOOL, [2])], "ReducerOptions")
    for op, kind in (("ARG_MAX", "ArgMaxOptions"), ("ARG_MIN", "ArgMinOptions")):
        for dtype in ALL:
            yield op, dtype.name, one(op, [tensor(dtype, [3, 5]), ints(1)], [Tensor(I32, [3])], kind, outputType=2)
    for dtype in NUMBERS:
        yield "CUMSUM", dtype.name, one("CUMSUM", [tensor(dtype, [3, 5]), Tensor(values=np.int32(1))], [tensor(dtype, [3, 5])], "CumsumOptions")


def moves(rng):
    for d in ALL:
        t = lambda *shape: tensor(d, list(shape))
        k = d.name
        yield "RESHAPE", k, one("RESHAPE", [t(2, 6), ints(3, 4)], [t(3, 4)], "ReshapeOptions", newShape=[3, 4])
        yield "SQUEEZE", k, one("SQUEEZE", [t(1, 6)], [t(6)], "SqueezeOptions", squeezeDims=[0])
        yield "EXPAND_DIMS", k, one("EXPAND_DIMS", [t(6), Tensor(values=np.int32(0))], [t(1, 6)])
        yield "TRANSPOSE", k, one("TRANSPOSE", [t(2, 3, 4), ints(2, 0, 1)], [t(4, 2, 3)], "TransposeOptions")
        pads = Tensor(values=np.array([[0, 0], [1, 2], [2, 1], [0, 0]], np.int32))
        yield "PAD", k, one("PAD", [t(1, 3, 4, 2), pads], [t(1, 6, 7, 2)], "PadOptions")
        if d != BOOL:
            fill = Tensor(d, [], np.array(5, d), scale=t(1).scale, zero=t(1).zero) if d in QUANTIZED else Tensor(values=np.array(5, d))
            yield "PADV2", k, one("PADV2", [t(1, 3, 4, 2), pads, fill], [t(1, 6, 7, 2)], "PadV2Options")
        yield "MIRROR_PAD", k, one("MIRROR_PAD", [t(1, 3, 4, 2), pads], [t(1, 6, 7, 2)], "MirrorPadOptions", mode=0)
        yield "SLICE", k, one("SLICE", [t(4, 5), ints(1, 2), ints(2, 3)], [t(2, 3)], "SliceOptions")
        yield "STRIDED_SLICE", k, one("STRIDED_SLICE", [t(4, 6), ints(0, 1), ints(4, 6), ints(2, 2)], [t(2, 3)], "StridedSliceOptions")
        yield "CONCATENATION", k, one("CONCATENATION", [t(2, 3), t(2, 4)], [t(2, 7)], "ConcatenationOptions", axis=1)
        yield "SPLIT", k, one("SPLIT", [Tensor(values=np.int32(1)), t(2, 6)], [t(2, 3), t(2, 3)], "SplitOptions", numSplits=2)
        yield "SPLIT_V", k, one("SPLIT_V", [t(2, 6), ints(2, 4), Tensor(values=np.int32(1))], [t(2, 2), t(2, 4)], "SplitVOptions", numSplits=2)
        yield "PACK", k, one("PACK", [t(3), t(3)], [t(2, 3)], "PackOptions", axis=0, valuesCount=2)
        yield "UNPACK", k, one("UNPACK", [t(2, 3)], [t(3), t(3)], "UnpackOptions", num=2, axis=0)
        yield "TILE", k, one("TILE", [t(2, 3), ints(2, 2)], [t(4, 6)], "TileOptions")
        yield "GATHER", k, one("GATHER", [t(4, 3), ints(2, 0, 3)], [t(3, 3)], "GatherOptions", axis=0)
        yield "GATHER_ND", k, one("GATHER_ND", [t(4, 3), Tensor(values=np.array([[1], [3]], np.int32))], [t(2, 3)], "GatherNdOptions")
        yield "SCATTER_ND", k, one("SCATTER_ND", [Tensor(values=np.array([[1], [3]], np.int32)), t(2, 3), ints(5, 3)], [t(5, 3)], "ScatterNdOptions")
        yield "REVERSE_V2", k, one("REVERSE_V2", [t(2, 3), ints(1)], [t(2, 3)], "ReverseV2Options")
        yield "REVERSE_SEQUENCE", k, one("REVERSE_SEQUENCE", [t(2, 4), ints(2, 3)], [t(2, 4)], "ReverseSequenceOptions", seqDim=1, batchDim=0)
        yield "SPACE_TO_DEPTH", k, one("SPACE_TO_DEPTH", [t(1, 4, 4, 2)], [t(1, 2, 2, 8)], "SpaceToDepthOptions", blockSize=2)
        yield "DEPTH_TO_SPACE", k, one("DEPTH_TO_SPACE", [t(1, 2, 2, 8)], [t(1, 4, 4, 2)], "DepthToSpaceOptions", blockSize=2)
        crops = Tensor(values=np.zeros((2, 2), np.int32))
        yield "SPACE_TO_BATCH_ND", k, one("SPACE_TO_BATCH_ND", [t(1, 4, 4, 2), ints(2, 2), crops], [t(4, 2, 2, 2)], "SpaceToBatchNDOptions")
        yield "BATCH_TO_SPACE_ND", k, one("BATCH_TO_SPACE_ND", [t(4, 2, 2, 2), ints(2, 2), crops], [t(1, 4, 4, 2)], "BatchToSpaceNDOptions")
        yield "BROADCAST_TO", k, one("BROADCAST_TO", [t(1, 3), ints(4, 3)], [t(4, 3)], "BroadcastToOptions")
        yield "SELECT", k, one("SELECT", [Tensor(BOOL, [2, 3]), t(2, 3), t(2, 3)], [t(2, 3)], "SelectOptions")
        yield "SELECT_V2", k, one("SELECT_V2", [Tensor(BOOL, [2, 1]), t(2, 3), t(2, 3)], [t(2, 3)], "SelectV2Options")
        yield "FILL", k, one("FILL", [ints(2, 3), t()], [t(2, 3)], "FillOptions")
        yield "DYNAMIC_UPDATE_SLICE", k, one("DYNAMIC_UPDATE_SLICE", [t(4, 5), t(2, 3), ints(1, 1)], [t(4, 5)])
        yield "TOPK_V2", k, one("TOPK_V2", [t(3, 6), Tensor(values=np.int32(2))], [t(3, 2), Tensor(I32, [3, 2])], "TopKV2Options")
        yield "MATRIX_DIAG", k, one("MATRIX_DIAG", [t(2, 3)], [t(2, 3, 3)], "MatrixDiagOptions")
        yield "MATRIX_SET_DIAG", k, one("MATRIX_SET_DIAG", [t(2, 3, 3), t(2, 3)], [t(2, 3, 3)], "MatrixSetDiagOptions")
        yield "EMBEDDING_LOOKUP", k, one("EMBEDDING_LOOKUP", [ints(2, 0), tensor(d, [4, 3])], [t(2, 3)])
        yield "SPARSE_TO_DENSE", k, one("SPARSE_TO_DENSE", [ints(1, 3), ints(5), t(2), t()], [t(5)], "SparseToDenseOptions")
        yield "ONE_HOT", k, one("ONE_HOT", [ints(1, 0, 3), Tensor(values=np.int32(4)), t(), t()], [t(3, 4)], "OneHotOptions", axis=-1)
        yield "WHERE", k, one("WHERE", [t(7)], [Tensor(I64, [-1, 1])])
        yield "UNIQUE", k, one("UNIQUE", [t(7)], [t(-1), Tensor(I32, [7])], "UniqueOptions", idxOutType=2)
        yield "SEGMENT_SUM", k, one("SEGMENT_SUM", [t(4, 2), ints(0, 0, 1, 2)], [t(3, 2)], "SegmentSumOptions")
        for op in ("SUM", "MAX", "MIN", "PROD"):
            name = "UNSORTED_SEGMENT_" + op
            yield name, k, one(name, [t(4, 2), ints(2, 0, 1, 0), Tensor(values=np.int32(3))], [t(3, 2)])
        if d in (F32, I32, I64):
            yield "RANGE", k, one("RANGE", [Tensor(values=np.array(v, d)) for v in (1, 9, 2)], [t(-1)], "RangeOptions")
            yield "BUCKETIZE", k, one("BUCKETIZE", [t(6)], [Tensor(I32, [6])], "BucketizeOptions", boundaries=[-0.5, 0.0, 2.0])
    for d in (I32, I64):
        yield "BROADCAST_ARGS", d.name, one("BROADCAST_ARGS", [Tensor(values=np.array([1, 3], d)), Tensor(values=np.array([4, 3], d))], [Tensor(d, [2])])


def linear(rng):
    def forms(filter_shape, axis, act, out, conv):
        """(column, x, weights, bias, result) in every combination of types."""
        outs = filter_shape[axis]
        bias = rng.normal(size=outs)
        weights = rng.integers(-127, 128, filter_shape).astype(np.int8)
        scales = rng.uniform(0.01, 0.05, outs)
        per_channel = dict(scale=scales, zero=[0] * outs, axis=axis)
        yield "float32", Tensor(F32, act), Tensor(values=(weights / 100).astype(np.float32)), Tensor(values=bias.astype(np.float32)), Tensor(F32, out)
        for dtype, bias_type, result in ((I8, np.int32, 1.0), (I16, np.int64, 0.02)):
            x = tensor(dtype, act)
            b = Tensor(values=(bias / (scales * x.scale[0])).astype(bias_type), scale=scales * x.scale[0], zero=[0] * outs)
            yield dtype.name, x, Tensor(values=weights, **per_channel), b, tensor(dtype, out, scale=result)
        u = tensor(U8, act)
        yield ("uint8", u, Tensor(values=weights.view(np.uint8), scale=[0.02], zero=[120]),
               Tensor(values=(bias / (0.02 * u.scale[0])).astype(np.int32), scale=[0.02 * u.scale[0]]), tensor(U8, out, scale=1.0))
        yield "hybrid", Tensor(F32, act), Tensor(values=weights, **per_channel), Tensor(values=bias.astype(np.float32)), Tensor(F32, out)
        x = tensor(I8, act)
        b = Tensor(values=(bias / (scales * 16 * x.scale[0])).astype(np.int32), scale=scales * 16 * x.scale[0], zero=[0] * outs)
        yield ("int4 weights", x, Tensor(np.int8, filter_shape, scale=scales * 16, zero=[0] * outs, axis=axis, packed=packed_int4(weights >> 4)),
               b, tensor(I8, out, scale=1.0))

    conv = dict(strideW=1, strideH=1, dilationWFactor=1, dilationHFactor=1)
    for k, x, w, b, y in forms([5, 3, 2, 4], 0, [1, 6, 5, 4], [1, 6, 5, 5], True):
        yield "CONV_2D", k, one("CONV_2D", [x, w, b], [y], "Conv2DOptions", **conv)
        size = ints(1, 6, 5, 5)
        yield "TRANSPOSE_CONV", k, one("TRANSPOSE_CONV", [size, w, x, b], [y], "TransposeConvOptions", strideW=1, strideH=1)
    for k, x, w, b, y in forms([1, 3, 2, 4], 3, [1, 6, 5, 4], [1, 6, 5, 4], True):
        yield "DEPTHWISE_CONV_2D", k, one("DEPTHWISE_CONV_2D", [x, w, b], [y], "DepthwiseConv2DOptions", depthMultiplier=1, **conv)
    for k, x, w, b, y in forms([5, 12], 0, [2, 12], [2, 5], False):
        yield "FULLY_CONNECTED", k, one("FULLY_CONNECTED", [x, w, b], [y], "FullyConnectedOptions")
    f = Tensor(values=rng.normal(size=(2, 2, 2, 3, 4)).astype(np.float32))
    conv3 = dict(strideW=1, strideH=1, strideD=1, dilationWFactor=1, dilationHFactor=1, dilationDFactor=1)
    yield "CONV_3D", "float32", one("CONV_3D", [Tensor(F32, [1, 4, 4, 4, 3]), f], [Tensor(F32, [1, 4, 4, 4, 4])], "Conv3DOptions", **conv3)
    f = Tensor(values=rng.normal(size=(2, 2, 2, 3, 4)).astype(np.float32))
    yield ("CONV_3D_TRANSPOSE", "float32", one("CONV_3D_TRANSPOSE", [ints(1, 4, 4, 4, 3), f, Tensor(F32, [1, 4, 4, 4, 4])],
                                               [Tensor(F32, [1, 4, 4, 4, 3])], "Conv3DOptions", **conv3))
    for dtype in (F32, I8, I16, I32):
        yield "BATCH_MATMUL", dtype.name, one("BATCH_MATMUL", [tensor(dtype, [2, 3, 4]), tensor(dtype, [2, 4, 5])],
                                              [tensor(dtype, [2, 3, 5], scale=0.5 if dtype == I8 else None)], "BatchMatMulOptions")
    w = Tensor(values=rng.integers(-127, 128, (4, 5)).astype(np.int8), scale=[0.02])
    yield "BATCH_MATMUL", "hybrid", one("BATCH_MATMUL", [Tensor(F32, [3, 4]), w], [Tensor(F32, [3, 5])], "BatchMatMulOptions", asymmetricQuantizeInputs=True)
    for op in ("AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D"):
        for dtype in (F32, I8, I16, U8):
            yield op, dtype.name, one(op, [tensor(dtype, [1, 6, 6, 3])], [tensor(dtype, [1, 3, 3, 3])], "Pool2DOptions",
                                      strideW=2, strideH=2, filterWidth=2, filterHeight=2)
    for dtype in (F32, I8, U8, I16):
        alpha_type = I8 if dtype == I16 else dtype
        alpha = tensor(alpha_type, [1, 1, 3], rng.integers(1, 20, (1, 1, 3)).astype(alpha_type))
        yield "PRELU", dtype.name, one("PRELU", [tensor(dtype, [1, 4, 4, 3]), alpha], [tensor(dtype, [1, 4, 4, 3])])
    for op, kind in (("RESIZE_BILINEAR", "ResizeBilinearOptions"), ("RESIZE_NEAREST_NEIGHBOR", "ResizeNearestNeighborOptions")):
        for dtype in (F32, I8, I16, U8, I32):
            yield op, dtype.name, one(op, [tensor(dtype, [1, 3, 4, 2]), ints(6, 7)], [tensor(dtype, [1, 6, 7, 2])], kind, halfPixelCenters=True)
    yield ("LOCAL_RESPONSE_NORMALIZATION", "float32", one("LOCAL_RESPONSE_NORMALIZATION", [Tensor(F32, [1, 3, 3, 8])], [Tensor(F32, [1, 3, 3, 8])],
                                                          "LocalResponseNormalizationOptions", radius=2, bias=1.0, alpha=0.1, beta=0.5))
    yield "RFFT2D", "float32", one("RFFT2D", [Tensor(F32, [4, 8]), ints(4, 8)], [Tensor(np.complex64, [4, 5])], "Rfft2dOptions")


def run_peer(run, content, samples, pipe):
    try:
        pipe.send(run(content, samples))
    except Exception as error:  # noqa: BLE001 - whatever a runtime throws says that it does not run the model
        pipe.send((str(error).strip() or repr(error)).splitlines()[0])


def guarded(run, content, samples):
    """In a process of its own: a runtime may abort. Results, or the reason as text."""
    mine, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=run_peer, args=(run, content, samples, theirs))
    process.start()
    theirs.close()
    try:
        result = mine.recv()
    except EOFError:
        result = "it crashed"
    process.join()
    return result


class Smelt:
    def __init__(self, program):
        self.program, self.folder = program, tempfile.TemporaryDirectory()

    def __call__(self, content, samples):
        folder = pathlib.Path(self.folder.name)
        (folder / "m.tflite").write_bytes(content)
        np.savez(folder / "i.npz", **{f"in{i}": np.stack([s[i] for s in samples]) for i in range(len(samples[0]))})
        done = subprocess.run([self.program, "run", folder / "m.tflite", "--inputs", folder / "i.npz", "--outputs", folder / "o.npz", "-q"],
                              capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr.strip())
        out = np.load(folder / "o.npz")
        return [[out[f"out{i}"][s] for i in range(len(out.files))] for s in range(len(samples))]


def close(a, b):
    for mine, theirs in zip(sum(a, []), sum(b, [])):
        if mine.size != theirs.size:
            return False
        if mine.dtype.kind not in "fc" and not np.array_equal(mine.ravel(), theirs.ravel()):
            return False
        if mine.dtype.kind in "fc" and not np.allclose(mine.ravel(), theirs.ravel(), rtol=1e-5, atol=1e-5 * max(1.0, np.abs(theirs).max(initial=0)),
                                                       equal_nan=True):
            return False
    return True


def cell(micro, lite, smelt):
    """What runs, and whether ours agrees with whom it must: TFLite Micro where it runs, LiteRT's reference otherwise."""
    runs = [name for name, result in (("M", micro), ("L", lite)) if not isinstance(result, str)]
    if isinstance(smelt, str):
        return " ".join(runs) if runs else ""
    oracle = micro if not isinstance(micro, str) else lite
    if isinstance(oracle, str):
        return "S"
    return " ".join(runs + ["S=" if close(smelt, oracle) else "S!"])


def cases():
    for family in (elementwise, unary, reductions, moves, linear):
        yield from family(np.random.default_rng(1))


HEAD = """# Operators

Made by `tests/peers/ops_table.py`: each cell is a model of that one op, run on random inputs by three runtimes.
**M**: TFLite Micro runs it; **L**: LiteRT's reference kernels run it; **S**: Smelt runs it, `S=` with equal results (integers to
the bit, floats within 1e-5) as TFLite Micro, or as LiteRT where TFLite Micro does not run it; `S!` with others; `S` alone: no
other runs it. An empty cell: nobody does. *hybrid* has float32 activations and int8 weights, *int16* int8 weights; *int4 weights*
go with int8 activations.

"""


FAULTS = """

(1) TFLite Micro computes no multipliers for int16, so that everything is equal; Smelt compares as LiteRT does.
(2) LiteRT takes the bytes of booleans for wider values.
"""


def main():
    program, target, only = sys.argv[1], sys.argv[2], set(sys.argv[3:])
    smelt, rows, bad = Smelt(program), {}, []
    for op, column, content in cases():
        if only and op not in only:
            continue
        graph = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0)).subgraphs[0]
        codes = {v: k for k, v in make.TYPES.items()}
        details = [dict(shape=list(graph.tensors[i].shape), dtype=codes[graph.tensors[i].type]) for i in graph.inputs]
        rng = np.random.default_rng(7)
        samples = [[sample(rng, d) for d in details] for _ in range(2)]
        if not details:
            continue
        results = [guarded(run, content, samples) for run in (make.run_micro, make.run_litert, smelt)]
        rows.setdefault(op, {})[column] = cell(*results)
        text = rows[op][column]
        if only or "S!" in text or (text and "S" not in text):
            bad.append(f"{op} {column}: {text}: " + " | ".join(r if isinstance(r, str) else "runs" for r in results))
    print("\n".join(bad))
    if only:
        return
    rows["GREATER"]["int16"] = rows["GREATER"]["int16"].replace("S!", "S (1)")
    for op in ("MATRIX_DIAG", "MATRIX_SET_DIAG"):
        rows[op]["bool"] = rows[op]["bool"].replace("S!", "S (2)")
    lines = ["| op | " + " | ".join(COLUMNS) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
    for op in sorted(rows):
        lines.append(f"| {op} | " + " | ".join(rows[op].get(c, "") for c in COLUMNS) + " |")
    pathlib.Path(target).write_text(HEAD + "\n".join(lines) + FAULTS)


if __name__ == "__main__":
    main()
