"""Random models of one op with integer operands, for comparing with LiteRT's default engine (litert_numerics.py).

FORMS lists (row of the table, name, function(rng) -> bytes of a .tflite).
"""
import math

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from recurrent_models import Builder

I8, U8, I16, I32, I64, F32 = np.int8, np.uint8, np.int16, np.int32, np.int64, np.float32
NAMES = {I8: "int8", U8: "uint8", I16: "int16", F32: "float32", I32: "int32"}
OP = schema.BuiltinOperator
ACTIVATIONS = [0, 0, 1, 2, 3]  # none, relu, relu_n1_to_1, relu6


def log_uniform(rng, low, high):
    return float(np.float32(math.exp(rng.uniform(math.log(low), math.log(high)))))


def zero_point(rng, dtype):
    if dtype is I16:
        return 0
    info = np.iinfo(dtype)
    if rng.random() < 0.1:
        return int(rng.choice([info.min, info.max]))
    middle = (info.min + info.max + 1) // 2
    return int(np.clip(round(rng.normal(middle, 30)), info.min, info.max))


def activation(rng):
    return int(rng.choice(ACTIVATIONS))


def operand(b, rng, dtype, shape, scale=None, zero=None, data=None):
    """A quantized tensor: its index and scale."""
    scale = log_uniform(rng, 0.002, 0.2) if scale is None else scale
    zero = zero_point(rng, dtype) if zero is None else zero
    return b.tensor(dtype, shape, data, scale, zero), scale


def finish(b, rng, op, options, inputs, output, fed=None, version=1, name=None):
    kind = getattr(schema.BuiltinOptions, name) if name else 0
    outputs = output if isinstance(output, list) else [output]
    fed = [inputs[0]] if fed is None else fed
    return b.model(op, version, kind, options, inputs, outputs, fed, outputs)


def make(options, **fields):
    result = getattr(schema, options + "T")()
    for key, value in fields.items():
        assert hasattr(result, key), key
        setattr(result, key, value)
    return result


def weights(b, rng, dtype, shape, axis, per_channel):
    """Constant weights, and their scales."""
    info = np.iinfo(dtype)
    data = rng.integers(-127 if dtype is I8 else info.min, info.max, shape, endpoint=True)
    count = shape[axis] if per_channel else 1
    scales = [log_uniform(rng, 0.002, 0.02) for _ in range(count)]
    zero = int(rng.integers(90, 160)) if dtype is U8 else 0
    index = b.tensor(dtype, shape, data, scales[0], zero)
    q = b.tensors[index].quantization
    q.scale, q.zeroPoint, q.quantizedDimension = scales, [zero] * count, axis if per_channel else 0
    return index, scales


def bias(b, rng, x_scale, scales, channels, spread, dtype=I32):
    wide = [s * x_scale for s in scales]
    values = np.round(rng.normal(0, spread, channels) / np.array(wide if len(wide) > 1 else wide * channels))
    index = b.tensor(dtype, (channels,), values, wide[0])
    q = b.tensors[index].quantization
    q.scale, q.zeroPoint = wide, [0] * len(wide)
    return index


def output_scale(rng, dtype, x_scale, scales, depth):
    """So that results fill the type, now and then only a part of it, now and then far too much."""
    spread = 70 * x_scale * 70 * max(scales) * math.sqrt(depth)
    steps = 32768 if dtype is I16 else 128
    return float(np.float32(2.5 * spread / steps * log_uniform(rng, 0.2, 4)))


def conv(dtype, per_channel=True, depthwise=False):
    def build(rng):
        b = Builder()
        h, w = rng.integers(3, 11, 2)
        kh, kw = rng.integers(1, min(h, w, 4), 2, endpoint=True)
        groups = 1 if depthwise or rng.random() < 0.8 else int(rng.integers(2, 4))
        channels = int(rng.integers(1, 24)) * groups
        multiplier = int(rng.choice([1, 1, 1, 2, 3]))
        n = channels * multiplier if depthwise else int(rng.integers(1, 40)) * groups
        stride = int(rng.integers(1, 3))
        dilation = int(rng.integers(1, 3)) if stride == 1 and max(kh, kw) * 2 <= min(h, w) else 1
        same = bool(rng.integers(2))
        x, xs = operand(b, rng, dtype, (1, h, w, channels))
        shape = (1, kh, kw, n) if depthwise else (n, kh, kw, channels // groups)
        wt, scales = weights(b, rng, U8 if dtype is U8 else I8, shape, 3 if depthwise else 0, per_channel)
        depth = kh * kw * (1 if depthwise else channels // groups)
        ys = output_scale(rng, dtype, xs, scales, depth)
        inputs = [x, wt, bias(b, rng, xs, scales, n, 70 * 70 * xs * max(scales), I64 if dtype is I16 else I32)]

        def size(i, k):
            k = (k - 1) * dilation + 1
            return -(-int(i) // stride) if same else -(-(int(i) - int(k) + 1) // stride)

        y, _ = operand(b, rng, dtype, (1, size(h, kh), size(w, kw), n), ys)
        fields = dict(padding=0 if same else 1, strideH=stride, strideW=stride, dilationHFactor=dilation,
                      dilationWFactor=dilation, fusedActivationFunction=activation(rng))
        if depthwise:
            options = make("DepthwiseConv2DOptions", depthMultiplier=multiplier, **fields)
            return finish(b, rng, OP.DEPTHWISE_CONV_2D, options, inputs, y, version=3, name="DepthwiseConv2DOptions")
        return finish(b, rng, OP.CONV_2D, make("Conv2DOptions", **fields), inputs, y, version=3, name="Conv2DOptions")
    return build


def transpose_conv(dtype, per_channel=True, with_bias=True):
    def build(rng):
        b = Builder()
        h, w = (int(v) for v in rng.integers(1, 7, 2))
        kh, kw = (int(v) for v in rng.integers(1, 5, 2))
        channels, n, stride = int(rng.integers(1, 20)), int(rng.integers(1, 20)), int(rng.integers(1, 4))
        same = bool(rng.integers(2))
        size = [i * stride if same else (i - 1) * stride + k for i, k in ((h, kh), (w, kw))]
        if not same:
            size = [max(s, i * stride + max(k - stride, 0)) for s, i, k in zip(size, (h, w), (kh, kw))]
        shape = b.tensor(I32, (4,), [1, *size, n])
        x, xs = operand(b, rng, dtype, (1, h, w, channels))
        wt, scales = weights(b, rng, U8 if dtype is U8 else I8, (n, kh, kw, channels), 0, per_channel)
        y, _ = operand(b, rng, dtype, (1, *size, n), output_scale(rng, dtype, xs, scales, channels * kh * kw / stride))
        inputs = [shape, wt, x]
        if with_bias:
            inputs.append(bias(b, rng, xs, scales, n, 70 * 70 * xs * max(scales), I64 if dtype is I16 else I32))
        options = make("TransposeConvOptions", padding=0 if same else 1, strideH=stride, strideW=stride)
        return finish(b, rng, OP.TRANSPOSE_CONV, options, inputs, y, [x], 3, "TransposeConvOptions")
    return build


def dense(dtype, per_channel=False, with_bias=True, hybrid=False):
    def build(rng):
        b = Builder()
        rows, inputs, n = int(rng.integers(1, 5)), int(rng.integers(1, 70)), int(rng.integers(1, 40))
        wt, scales = weights(b, rng, U8 if dtype is U8 else I8, (n, inputs), 0, per_channel)
        if hybrid:
            x, y = b.tensor(F32, (rows, inputs)), b.tensor(F32, (rows, n))
            operands = [x, wt] + ([b.tensor(F32, (n,), rng.normal(0, 1, n))] if with_bias else [])
        else:
            x, xs = operand(b, rng, dtype, (rows, inputs))
            y, _ = operand(b, rng, dtype, (rows, n), output_scale(rng, dtype, xs, scales, inputs))
            operands = [x, wt] + ([bias(b, rng, xs, scales, n, 5000 * xs * max(scales))] if with_bias else [])
        options = make("FullyConnectedOptions", fusedActivationFunction=activation(rng))
        return finish(b, rng, OP.FULLY_CONNECTED, options, operands, y, [x], 4, "FullyConnectedOptions")
    return build


def hybrid_conv(depthwise=False, per_channel=True):
    def build(rng):
        b = Builder()
        h, w, channels, k = (int(v) for v in (*rng.integers(3, 10, 2), rng.integers(1, 20), rng.integers(1, 4)))
        n = channels if depthwise else int(rng.integers(1, 30))
        wt, _ = weights(b, rng, I8, (1, k, k, n) if depthwise else (n, k, k, channels), 3 if depthwise else 0, per_channel)
        x, y = b.tensor(F32, (1, h, w, channels)), b.tensor(F32, (1, h, w, n))
        operands = [x, wt, b.tensor(F32, (n,), rng.normal(0, 1, n))]
        fields = dict(padding=0, strideH=1, strideW=1, dilationHFactor=1, dilationWFactor=1)
        if depthwise:
            options = make("DepthwiseConv2DOptions", depthMultiplier=1, **fields)
            return finish(b, rng, OP.DEPTHWISE_CONV_2D, options, operands, y, [x], 6, "DepthwiseConv2DOptions")
        return finish(b, rng, OP.CONV_2D, make("Conv2DOptions", **fields), operands, y, [x], 5, "Conv2DOptions")
    return build


def shapes_for_broadcast(rng):
    full = [int(v) for v in rng.integers(1, 7, rng.integers(1, 5))]
    a, c = list(full), list(full)
    for i in range(len(full)):
        if rng.random() < 0.2:
            (a if rng.random() < 0.5 else c)[i] = 1
    if rng.random() < 0.15:
        c = c[int(rng.integers(0, len(c))):]
    return a, c, list(np.broadcast_shapes(a, c))


def binary(op, options, dtype, ratio, one_scale=False):
    """ratio(rng, scale of a, scale of b) is the result's scale."""
    def build(rng):
        b = Builder()
        sa, sc, sy = shapes_for_broadcast(rng)
        a, ra = operand(b, rng, dtype, sa)
        scale = ra if one_scale else float(np.float32(ra * log_uniform(rng, 0.1, 10)))
        zero = b.tensors[a].quantization.zeroPoint[0] if one_scale else None
        constant = rng.random() < 0.3
        info = np.iinfo(dtype)
        data = rng.integers(info.min, info.max, sc, endpoint=True) if constant else None
        c, rc = operand(b, rng, dtype, sc, scale, zero, data)
        y, _ = operand(b, rng, dtype, sy, ra if one_scale else ratio(rng, ra, rc), zero)
        fields = make(options, fusedActivationFunction=activation(rng)) if "Maximum" not in options and "Squared" not in options else make(options)
        if hasattr(fields, "potScaleInt16"):
            fields.potScaleInt16 = False
        return finish(b, rng, op, fields, [a, c], y, [a] if constant else [a, c], 2, options)
    return build


def sum_scale(rng, a, c):
    return float(np.float32((a + c) * log_uniform(rng, 0.1, 3)))


def product_scale(rng, a, c):
    return float(np.float32(a * c * log_uniform(rng, 3, 150)))


def reduction(op, dtype, same_scale=False):
    def build(rng):
        b = Builder()
        shape = [int(v) for v in rng.integers(1, 9, rng.integers(1, 5))]
        axes = [int(a) for a in rng.choice(len(shape), rng.integers(1, len(shape), endpoint=True), replace=False)]
        count = int(np.prod([shape[a] for a in axes]))
        x, xs = operand(b, rng, dtype, shape)
        zero = b.tensors[x].quantization.zeroPoint[0] if same_scale else None
        spread = xs / math.sqrt(count) if op == OP.MEAN else xs * math.sqrt(count)
        scale = xs if same_scale else float(np.float32(spread * log_uniform(rng, 0.5, 2)))
        y, _ = operand(b, rng, dtype, [1 if i in axes else s for i, s in enumerate(shape)], scale, zero)
        inputs = [x, b.tensor(I32, (len(axes),), axes)]
        return finish(b, rng, op, make("ReducerOptions", keepDims=True), inputs, y, [x], 2, "ReducerOptions")
    return build


def pool(op, dtype):
    def build(rng):
        b = Builder()
        h, w, c = (int(v) for v in rng.integers(2, 12, 3))
        kh, kw, sh, sw = (int(v) for v in rng.integers(1, 4, 4))
        kh, kw = min(kh, h), min(kw, w)
        same = bool(rng.integers(2))
        size = [-(-i // s) if same else -(-(i - k + 1) // s) for i, k, s in ((h, kh, sh), (w, kw, sw))]
        x, xs = operand(b, rng, dtype, (1, h, w, c))
        y, _ = operand(b, rng, dtype, (1, *size, c), xs, b.tensors[x].quantization.zeroPoint[0])
        options = make("Pool2DOptions", padding=0 if same else 1, strideH=sh, strideW=sw, filterHeight=kh, filterWidth=kw,
                       fusedActivationFunction=activation(rng))
        return finish(b, rng, op, options, [x], y, None, 2, "Pool2DOptions")
    return build


def unary(op, dtype, options=None, out=None, scale=None, to=None, x_scale=None, version=2, **fields):
    """out: (scale, zero) of the result, or None for random ones."""
    def build(rng):
        b = Builder()
        shape = [int(v) for v in rng.integers(1, 9, rng.integers(1, 4))]
        target = to or dtype
        x = b.tensor(F32, shape) if dtype is F32 else operand(b, rng, dtype, shape, x_scale(rng) if x_scale else None)[0]
        if target is F32:
            y = b.tensor(F32, shape)
        elif out:
            y, _ = operand(b, rng, target, shape, *out)
        else:
            xs = b.tensors[x].quantization.scale[0] if dtype is not F32 else 0.05
            y, _ = operand(b, rng, target, shape, float(np.float32(xs * log_uniform(rng, 0.3, 3))) if not scale else scale(rng))
        values = {k: v(rng) if callable(v) else v for k, v in fields.items()}
        return finish(b, rng, op, make(options, **values) if options else None, [x], y, None, version, options)
    return build


def resize(op, options, dtype):
    def build(rng):
        b = Builder()
        h, w, c, oh, ow = (int(v) for v in rng.integers(1, 10, 5))
        x, xs = operand(b, rng, dtype, (1, h, w, c))
        y, _ = operand(b, rng, dtype, (1, oh, ow, c), xs, b.tensors[x].quantization.zeroPoint[0])
        mode = int(rng.integers(3))
        fields = make(options, alignCorners=mode == 1, halfPixelCenters=mode == 2)
        return finish(b, rng, op, fields, [x, b.tensor(I32, (2,), [oh, ow])], y, [x], 3, options)
    return build


def concat(dtype, one_scale):
    def build(rng):
        b = Builder()
        shape = [int(v) for v in rng.integers(1, 7, rng.integers(1, 5))]
        axis, count = int(rng.integers(len(shape))), int(rng.integers(2, 5))
        inputs, total, scale, zero = [], 0, log_uniform(rng, 0.01, 0.1), zero_point(rng, dtype)
        for _ in range(count):
            part = list(shape)
            part[axis] = int(rng.integers(1, 5))
            total += part[axis]
            own = {} if not one_scale else dict(scale=scale, zero=zero)
            inputs.append(operand(b, rng, dtype, part, **own)[0])
        shape[axis] = total
        y, _ = operand(b, rng, dtype, shape, scale, zero)
        return finish(b, rng, OP.CONCATENATION, make("ConcatenationOptions", axis=axis), inputs, y, inputs, 2, "ConcatenationOptions")
    return build


def prelu(dtype):
    def build(rng):
        b = Builder()
        shape = [1, *(int(v) for v in rng.integers(1, 9, 3))]
        x, xs = operand(b, rng, dtype, shape)
        info = np.iinfo(dtype)
        data = rng.integers(info.min, info.max, (1, 1, shape[3]), endpoint=True)
        alpha, _ = operand(b, rng, dtype, (1, 1, shape[3]), None, None, data)
        y, _ = operand(b, rng, dtype, shape, float(np.float32(xs * log_uniform(rng, 0.5, 2))))
        return finish(b, rng, OP.PRELU, None, [x, alpha], y, [x])
    return build


def batch_matmul(dtype):
    def build(rng):
        b = Builder()
        n, m, k, p = (int(v) for v in (rng.integers(1, 4), *rng.integers(1, 20, 3)))
        x, xs = operand(b, rng, dtype, (n, m, k))
        w, ws = operand(b, rng, dtype, (n, k, p))
        y, _ = operand(b, rng, dtype, (n, m, p), output_scale(rng, dtype, xs, [ws], k))
        return finish(b, rng, OP.BATCH_MATMUL, make("BatchMatMulOptions"), [x, w], y, [x, w], 3, "BatchMatMulOptions")
    return build


def forms():
    rows = []

    def add(row, name, build):
        rows.append((row, name, build))

    for t in (I8, U8, I16):
        n = NAMES[t]
        for per_channel in ([True, False] if t is I8 else [t is I16]):
            kind = "per_channel" if per_channel else "per_tensor"
            add(f"CONV_2D {n}", f"conv_{n}_{kind}", conv(t, per_channel))
            add(f"DEPTHWISE_CONV_2D {n}", f"depthwise_{n}_{kind}", conv(t, per_channel, True))
            if t is not U8:
                add(f"TRANSPOSE_CONV {n}", f"transpose_conv_{n}_{kind}", transpose_conv(t, per_channel))
            if t is I8:
                add(f"TRANSPOSE_CONV {n}, no bias", f"transpose_conv_{n}_{kind}_no_bias", transpose_conv(t, per_channel, False))
        if t is not I16:
            for with_bias in (True, False):
                for per_channel in ([False, True] if t is I8 else [False]):
                    name = f"dense_{n}" + ("" if with_bias else "_no_bias") + ("_per_channel" if per_channel else "")
                    add(f"FULLY_CONNECTED {n}", name, dense(t, per_channel, with_bias))
        add(f"ADD {n}", f"add_{n}", binary(OP.ADD, "AddOptions", t, sum_scale))
        add(f"SUB {n}", f"sub_{n}", binary(OP.SUB, "SubOptions", t, sum_scale))
        add(f"MUL {n}", f"mul_{n}", binary(OP.MUL, "MulOptions", t, product_scale))
        add(f"MAXIMUM {n}", f"maximum_{n}", binary(OP.MAXIMUM, "MaximumMinimumOptions", t, None, True))
        add(f"SQUARED_DIFFERENCE {n}", f"squared_difference_{n}", binary(OP.SQUARED_DIFFERENCE, "SquaredDifferenceOptions", t, product_scale)) if t is I8 else None
        add(f"MEAN {n}", f"mean_{n}", reduction(OP.MEAN, t))
        add(f"SUM {n}", f"sum_{n}", reduction(OP.SUM, t))
        add(f"REDUCE_MAX {n}", f"reduce_max_{n}", reduction(OP.REDUCE_MAX, t, True))
        add(f"AVERAGE_POOL_2D {n}", f"average_pool_{n}", pool(OP.AVERAGE_POOL_2D, t))
        add(f"MAX_POOL_2D {n}", f"max_pool_{n}", pool(OP.MAX_POOL_2D, t))
        add(f"LEAKY_RELU {n}", f"leaky_relu_{n}", unary(OP.LEAKY_RELU, t, "LeakyReluOptions", alpha=lambda r: float(np.float32(r.uniform(-0.5, 1.2)))))
        add(f"RELU {n}", f"relu_{n}", unary(OP.RELU, t))
        add(f"RELU6 {n}", f"relu6_{n}", unary(OP.RELU6, t))
        fixed = {I8: (1 / 256, -128), U8: (1 / 256, 0), I16: (1 / 32768, 0)}[t]
        add(f"LOGISTIC {n}", f"logistic_{n}", unary(OP.LOGISTIC, t, out=fixed, x_scale=(lambda r: 8 / 32768) if t is I16 else None))
        centred = {I8: (1 / 128, 0), U8: (1 / 128, 128), I16: (1 / 32768, 0)}[t]
        add(f"TANH {n}", f"tanh_{n}", unary(OP.TANH, t, out=centred, x_scale=(lambda r: 8 / 32768) if t is I16 else None))
        small = (lambda r: 0.0005) if t is I16 else None
        add(f"SOFTMAX {n}", f"softmax_{n}", unary(OP.SOFTMAX, t, "SoftmaxOptions", out=fixed, x_scale=small, beta=1.0))
        add(f"RESIZE_BILINEAR {n}", f"resize_bilinear_{n}", resize(OP.RESIZE_BILINEAR, "ResizeBilinearOptions", t))
        add(f"CONCATENATION {n}", f"concat_{n}", concat(t, t is I16))
        add(f"CONCATENATION {n}", f"concat_{n}_one_scale", concat(t, True))
        add(f"QUANTIZE float32 to {n}", f"quantize_float_{n}", unary(OP.QUANTIZE, F32, to=t, scale=lambda r: log_uniform(r, 0.002, 0.1) if r.random() < 0.5 else 1 / 32))
        add(f"QUANTIZE {n} to {n}", f"quantize_{n}", unary(OP.QUANTIZE, t))
        add(f"DEQUANTIZE {n}", f"dequantize_{n}", unary(OP.DEQUANTIZE, t, to=F32, version=5))
        if t is not I16:
            other = U8 if t is I8 else I8
            add(f"QUANTIZE {n} to {NAMES[other]}", f"quantize_{n}_{NAMES[other]}", unary(OP.QUANTIZE, t, to=other))
            add(f"PRELU {n}", f"prelu_{n}", prelu(t))
    add("LOG_SOFTMAX int8", "log_softmax_int8", unary(OP.LOG_SOFTMAX, I8, out=(16 / 256, 127)))
    add("ELU int8", "elu_int8", unary(OP.ELU, I8, version=1))
    add("HARD_SWISH int8", "hard_swish_int8", unary(OP.HARD_SWISH, I8, version=1))
    add("HARD_SWISH uint8", "hard_swish_uint8", unary(OP.HARD_SWISH, U8, version=1))
    add("QUANTIZE int16 to int8", "quantize_int16_int8", unary(OP.QUANTIZE, I16, to=I8))
    add("BATCH_MATMUL int8", "batch_matmul_int8", batch_matmul(I8))
    for per_channel in (False, True):
        kind = "per_channel" if per_channel else "per_tensor"
        add("FULLY_CONNECTED, int8 weights", f"dense_hybrid_{kind}", dense(I8, per_channel, True, True))
        add("CONV_2D, int8 weights", f"conv_hybrid_{kind}", hybrid_conv(False, per_channel))
        add("DEPTHWISE_CONV_2D, int8 weights", f"depthwise_hybrid_{kind}", hybrid_conv(True, per_channel))
    return rows
