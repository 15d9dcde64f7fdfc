"""Makes models of one op each and their goldens in tests/golden, without a converter.

    PYTHON tests/peers/make_op_goldens.py tests/golden

PYTHON has ai_edge_litert (the schema and LiteRT's reference kernels, `ref0`...), tflite_micro (`tflm0`...) and
flatbuffers. TFLite Micro's outputs are kept where it runs the model, LiteRT's otherwise.
"""
import pathlib
import sys

import flatbuffers
import numpy as np
from ai_edge_litert import interpreter as litert
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers

TYPES = {np.dtype(np.float32): 0, np.dtype(np.int32): 2, np.dtype(np.uint8): 3, np.dtype(np.int64): 4,
         np.dtype(np.bool_): 6, np.dtype(np.int16): 7, np.dtype(np.complex64): 8, np.dtype(np.int8): 9,
         np.dtype(np.uint64): 12, np.dtype(np.uint32): 15}


class Tensor:
    """A constant where `values` are given, else a tensor of that type and shape."""

    def __init__(self, dtype=None, shape=None, values=None, scale=(), zero=None, axis=0, packed=None):
        self.values = None if values is None else np.asarray(values)
        self.dtype = np.dtype(dtype if dtype is not None else self.values.dtype)
        self.shape = list(shape if shape is not None else self.values.shape)
        self.scale, self.axis = list(scale), axis
        self.zero = list(zero) if zero is not None else [0] * len(self.scale)
        self.packed = packed  # (type code, bytes) of int4


def build(code, inputs, outputs, options_type=0, options=None, custom=None, custom_options=None, metadata=None):
    """A model of one op; metadata is (name, bytes, [extra buffers])."""
    model = schema.ModelT()
    model.version = 3
    model.buffers = [schema.BufferT()]
    graph = schema.SubGraphT()
    graph.tensors, model.subgraphs = [], [graph]
    for i, t in enumerate(inputs + outputs):
        tensor = schema.TensorT()
        tensor.name = f"t{i}"
        tensor.shape = np.array(t.shape, np.int32)
        tensor.type = t.packed[0] if t.packed else TYPES[t.dtype]
        if t.scale:
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale = np.array(t.scale, np.float32)
            tensor.quantization.zeroPoint = np.array(t.zero, np.int64)
            tensor.quantization.quantizedDimension = t.axis
        buffer = schema.BufferT()
        if t.packed:
            buffer.data = np.frombuffer(t.packed[1], np.uint8)
        elif t.values is not None:
            buffer.data = np.frombuffer(np.ascontiguousarray(t.values).tobytes(), np.uint8)
        tensor.buffer = len(model.buffers)
        model.buffers.append(buffer)
        graph.tensors.append(tensor)
    given = [i for i, t in enumerate(inputs) if t.values is None and t.packed is None]
    graph.inputs = np.array(given, np.int32)
    graph.outputs = np.arange(len(inputs), len(inputs) + len(outputs), dtype=np.int32)
    op = schema.OperatorT()
    op.inputs = np.arange(len(inputs), dtype=np.int32)
    op.outputs = graph.outputs
    op.builtinOptionsType, op.builtinOptions = options_type, options
    if custom_options is not None:
        op.customOptions = np.frombuffer(bytes(custom_options), np.uint8)
    graph.operators = [op]
    kind = schema.OperatorCodeT()
    kind.builtinCode, kind.deprecatedBuiltinCode, kind.version = code, min(code, 127), 1
    kind.customCode = custom
    model.operatorCodes = [kind]
    if metadata:
        entry = schema.MetadataT()
        entry.name = metadata[0]
        for data in metadata[2]:
            model.buffers.append(schema.BufferT())
            model.buffers[-1].data = np.frombuffer(data, np.uint8)
        entry.buffer = len(model.buffers)
        model.buffers.append(schema.BufferT())
        model.buffers[-1].data = np.frombuffer(metadata[1], np.uint8)
        model.metadata = [entry]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def options(name, **fields):
    made = getattr(schema, name + "T")()
    for field, value in fields.items():
        setattr(made, field, value)
    return getattr(schema.BuiltinOptions, name), made


def flex(**values):
    builder = flexbuffers.Builder()
    with builder.Map():
        for key in sorted(values):
            value = values[key]
            {bool: builder.Bool, float: builder.Float}.get(type(value), builder.Int)(key, value)
    return builder.Finish()


def packed_int4(values):
    flat = np.asarray(values, np.int8).ravel() & 15
    flat = np.append(flat, [0] * (len(flat) % 2)).astype(np.uint8)
    return (17, (flat[0::2] | flat[1::2] << 4).tobytes())


def hybrid_cases(rng):
    f32 = np.float32
    w = rng.integers(-127, 128, (7, 20)).astype(np.int8)
    bias = rng.normal(size=7).astype(f32)
    channel_scales = rng.uniform(0.01, 0.05, 7).astype(f32)
    for name, scale, asymmetric in [("tensor", [0.02], False), ("channel", channel_scales, True)]:
        kind, made = options("FullyConnectedOptions", asymmetricQuantizeInputs=asymmetric)
        yield f"hybrid_dense_{name}", build(
            9, [Tensor(f32, [3, 20]), Tensor(values=w, scale=scale), Tensor(values=bias)], [Tensor(f32, [3, 7])], kind, made)
    kind, made = options("FullyConnectedOptions")
    yield "hybrid_dense_int4", build(
        9, [Tensor(f32, [2, 20]), Tensor(np.int8, [7, 20], scale=[0.1], packed=packed_int4(w >> 4)), Tensor(values=bias)],
        [Tensor(f32, [2, 7])], kind, made)
    filters = rng.integers(-127, 128, (7, 3, 2, 4)).astype(np.int8)
    for name, scale in [("tensor", [0.02]), ("channel", channel_scales)]:
        kind, made = options("Conv2DOptions", strideW=2, strideH=1, dilationWFactor=1, dilationHFactor=1)
        yield f"hybrid_conv_{name}", build(
            3, [Tensor(f32, [2, 6, 5, 4]), Tensor(values=filters, scale=scale), Tensor(values=bias)],
            [Tensor(f32, [2, 6, 3, 7])], kind, made)
    kind, made = options("DepthwiseConv2DOptions", strideW=1, strideH=1, depthMultiplier=1, dilationWFactor=1, dilationHFactor=1)
    yield "hybrid_depthwise", build(
        4, [Tensor(f32, [1, 5, 5, 7]), Tensor(values=filters[:1, :, :, :1].repeat(7, 3), scale=channel_scales, axis=3),
            Tensor(values=bias)], [Tensor(f32, [1, 5, 5, 7])], kind, made)
    kind, made = options("BatchMatMulOptions", asymmetricQuantizeInputs=True)
    yield "hybrid_batch_matmul", build(
        126, [Tensor(f32, [3, 20]), Tensor(values=np.ascontiguousarray(w.T), scale=[0.02])], [Tensor(f32, [3, 7])], kind, made)


def index_cases(rng):
    f32, i32 = np.float32, np.int32
    yield "top_k", build(48, [Tensor(f32, [3, 9]), Tensor(values=i32(4))], [Tensor(f32, [3, 4]), Tensor(i32, [3, 4])])
    yield "scatter_nd", build(
        122, [Tensor(values=np.array([[1], [3], [1]], i32)), Tensor(f32, [3, 4]), Tensor(values=np.array([5, 4], i32))],
        [Tensor(f32, [5, 4])])
    yield "segment_sum", build(125, [Tensor(f32, [5, 3]), Tensor(values=np.array([0, 0, 1, 3, 3], i32))], [Tensor(f32, [4, 3])])
    yield "unsorted_segment_prod", build(
        153, [Tensor(f32, [5, 3]), Tensor(values=np.array([2, 0, 2, -1, 0], i32)), Tensor(values=i32(4))], [Tensor(f32, [4, 3])])
    kind, made = options("ReverseSequenceOptions", seqDim=1, batchDim=0)
    yield "reverse_sequence", build(112, [Tensor(f32, [2, 5, 3]), Tensor(values=np.array([3, 5], i32))], [Tensor(f32, [2, 5, 3])], kind, made)
    yield "matrix_diag", build(113, [Tensor(f32, [2, 4])], [Tensor(f32, [2, 4, 4])])
    yield "matrix_set_diag", build(115, [Tensor(f32, [2, 3, 4]), Tensor(f32, [2, 3])], [Tensor(f32, [2, 3, 4])])
    kind, made = options("BucketizeOptions", boundaries=np.array([-1, 0, 0.5], f32))
    yield "bucketize", build(147, [Tensor(f32, [3, 5])], [Tensor(i32, [3, 5])], kind, made)
    kind, made = options("FakeQuantOptions", min=-1.3, max=2.1, numBits=6)
    yield "fake_quant", build(80, [Tensor(f32, [4, 6])], [Tensor(f32, [4, 6])], kind, made)
    kind, made = options("Conv3DOptions", strideD=1, strideW=2, strideH=1)
    w = rng.normal(size=(2, 3, 2, 3, 4)).astype(f32)
    yield "conv_3d", build(132, [Tensor(f32, [1, 4, 5, 6, 3]), Tensor(values=w)], [Tensor(f32, [1, 4, 5, 3, 4])], kind, made)
    boxes, one = Tensor(f32, [12, 4]), lambda v: Tensor(values=f32(v))
    for name, code, more, scores in [("v4", 120, [], []), ("v5", 121, [one(0.4)], [Tensor(f32, [6])])]:
        yield f"non_max_suppression_{name}", build(
            code, [boxes, Tensor(f32, [12]), Tensor(values=i32(6)), one(0.3), one(0.05)] + more,
            [Tensor(i32, [6])] + scores + [Tensor(i32, [])])


def quantized_cases(rng):
    """Integer forms that only LiteRT has."""
    def tensor(dtype, shape, scale, zero=0, values=None):
        return Tensor(dtype, shape, values, scale=[scale], zero=[zero])

    def one(code, inputs, outputs, kind=None, **fields):
        return build(code, inputs, outputs, *(options(kind, **fields) if kind else (0, None)))

    divisor = rng.integers(1, 900, (2, 9)).astype(np.int16)
    yield "div_int16", one(42, [tensor(np.int16, [2, 9], 0.002), tensor(np.int16, [2, 9], 0.03, 0, divisor)], [tensor(np.int16, [2, 9], 0.004)], "DivOptions")
    for dtype in (np.int8, np.int16):
        name = np.dtype(dtype).name
        yield f"neg_{name}", one(59, [tensor(dtype, [40], 0.1)], [tensor(dtype, [40], 0.1)])
        zero = -128 if dtype == np.int8 else 0
        if dtype == np.int8:
            yield f"sqrt_{name}", one(75, [tensor(dtype, [40], 0.3, zero)], [tensor(dtype, [40], 0.05, -100)])
        yield f"reduce_prod_{name}", one(81, [tensor(dtype, [4, 3, 5], 0.02, 0), Tensor(values=np.int32([1]))], [tensor(dtype, [4, 5], 0.01, 0)],
                                         "ReducerOptions")
    yield "log_softmax_uint8", one(50, [tensor(np.uint8, [6, 9], 0.07, 3)], [tensor(np.uint8, [6, 9], 1 / 16, 255)])
    for centers in (False, True):
        yield f"resize_bilinear_uint8_{'half_pixel' if centers else 'plain'}", one(
            23, [tensor(np.uint8, [1, 4, 5, 3], 0.1, 7), Tensor(values=np.int32([7, 9]))], [tensor(np.uint8, [1, 7, 9, 3], 0.1, 7)],
            "ResizeBilinearOptions", halfPixelCenters=centers)


def custom_cases(rng):
    f32, i16, u32 = np.float32, np.int16, np.uint32
    anchors = np.concatenate([rng.uniform(0, 1, (20, 2)), rng.uniform(0.1, 0.4, (20, 2))], 1).astype(f32)
    for regular in (False, True):
        made = flex(max_detections=5, max_classes_per_detection=1, detections_per_class=3, use_regular_nms=regular,
                    nms_score_threshold=0.2, nms_iou_threshold=0.5, num_classes=3, y_scale=10.0, x_scale=10.0,
                    h_scale=5.0, w_scale=5.0)
        yield f"detection_{'regular' if regular else 'fast'}", build(
            32, [Tensor(f32, [1, 20, 4]), Tensor(f32, [1, 20, 4]), Tensor(values=anchors)],
            [Tensor(f32, [1, 5, 4]), Tensor(f32, [1, 5]), Tensor(f32, [1, 5]), Tensor(f32, [1])],
            custom="TFLite_Detection_PostProcess", custom_options=made)
    for dtype in (i16, np.int32, f32):
        for length in (64, 120, 90):  # TFLite Micro crashes on lengths with other primes
            code = TYPES[np.dtype(dtype)]
            yield f"signal_rfft_{length}_{np.dtype(dtype).name}", build(
                32, [Tensor(dtype, [length - 3])], [Tensor(dtype, [length + 2])], custom="SignalRfft",
                custom_options=flex(T=code, fft_length=length))
            yield f"signal_irfft_{length}_{np.dtype(dtype).name}", build(
                32, [Tensor(dtype, [length + 2])], [Tensor(dtype, [length])], custom="SignalIrfft",
                custom_options=flex(T=code, fft_length=length))
    yield "signal_window", build(
        32, [Tensor(i16, [2, 16]), Tensor(values=rng.integers(-4096, 4096, 16).astype(i16))], [Tensor(i16, [2, 16])],
        custom="SignalWindow", custom_options=flex(shift=12))
    yield "signal_fft_auto_scale", build(
        32, [Tensor(i16, [30])], [Tensor(i16, [30]), Tensor(np.int32, [])], custom="SignalFftAutoScale", custom_options=flex())
    yield "signal_energy", build(
        32, [Tensor(i16, [20])], [Tensor(u32, [10])], custom="SignalEnergy", custom_options=flex(start_index=0, end_index=10))
    yield "signal_filter_bank_log", build(
        32, [Tensor(u32, [40])], [Tensor(i16, [40])], custom="SignalFilterBankLog",
        custom_options=flex(output_scale=1600, input_correction_bits=3))
    yield "signal_square_root", build(
        32, [Tensor(np.uint64, [40]), Tensor(values=np.int32(2))], [Tensor(u32, [40])], custom="SignalFilterBankSquareRoot",
        custom_options=flex())
    yield "signal_framer", build(
        32, [Tensor(i16, [1, 8])], [Tensor(i16, [1, 2, 6]), Tensor(np.bool_, [])], custom="SignalFramer",
        custom_options=flex(frame_size=6, frame_step=4, prefill=True))
    yield "signal_overlap_add", build(
        32, [Tensor(i16, [1, 3, 6])], [Tensor(i16, [1, 12])], custom="SignalOverlapAdd", custom_options=flex(T=7, frame_step=4))
    yield "signal_stacker", build(
        32, [Tensor(i16, [4])], [Tensor(i16, [12]), Tensor(np.bool_, [])], custom="SignalStacker",
        custom_options=flex(num_channels=4, stacker_left_context=2, stacker_right_context=0, stacker_step=2))
    yield "signal_delay", build(
        32, [Tensor(i16, [1, 8])], [Tensor(i16, [1, 8])], custom="SignalDelay", custom_options=flex(delay_length=3))


def pack_bits(indices, bits):
    text = "".join(format(i, f"0{bits}b") for i in indices)
    text += "0" * (-len(text) % 8)
    return bytes(int(text[i:i + 8], 2) for i in range(0, len(text), 8))


def compression_metadata(tensor, value_buffer, bits):
    b = flatbuffers.Builder(64)
    b.StartObject(3)
    b.PrependInt32Slot(0, tensor, 0)
    b.PrependUint32Slot(1, value_buffer, 0)
    b.PrependUint8Slot(2, bits, 0)
    lut = b.EndObject()
    for slots, slot in ((1, 0), (2, 1)):  # Subgraph.lut_tensors, Metadata.subgraphs
        b.StartVector(4, 1, 4)
        b.PrependUOffsetTRelative(lut)
        vector = b.EndVector()
        b.StartObject(slots)
        b.PrependUOffsetTRelativeSlot(slot, vector, 0)
        lut = b.EndObject()
    b.Finish(lut)
    return bytes(b.Output())


def compressed_cases(rng):
    """Pairs of a model and the same with its weights compressed; TFLite Micro runs the first."""
    kind, made = options("FullyConnectedOptions")
    for name, scale, bits in (("tensor", [0.02], 3), ("channel", [0.02, 0.01, 0.03, 0.02], 5)):
        tables = rng.integers(-127, 128, (len(scale), 1 << bits)).astype(np.int8)
        indices = rng.integers(0, 1 << bits, (4, 15))
        w = np.stack([tables[row % len(scale)][indices[row]] for row in range(4)])
        x, y = Tensor(np.int8, [2, 15], scale=[0.05], zero=[3]), Tensor(np.int8, [2, 4], scale=[1.0], zero=[-5])
        codes = pack_bits(indices.ravel(), bits)
        small = Tensor(np.int8, [4, 15], scale=scale, packed=(TYPES[np.dtype(np.int8)], codes))
        yield (f"compressed_dense_{name}", build(9, [x, Tensor(values=w, scale=scale)], [y], kind, made),
               build(9, [x, small], [y], kind, made,
                     metadata=("COMPRESSION_METADATA", compression_metadata(1, 4, bits), [tables.tobytes()])))


def sample(rng, detail):
    shape, dtype = detail["shape"], np.dtype(detail["dtype"])
    if dtype.kind == "f":
        return rng.uniform(-1, 1, shape).astype(dtype)
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(dtype)
    info = np.iinfo(dtype)
    values = rng.integers(info.min, info.max, shape, dtype=dtype, endpoint=True)
    return (values >> dtype.type(rng.integers(0, 4))).astype(dtype)


def run_litert(content, samples):
    resolver = litert.OpResolverType.BUILTIN_REF
    results = []
    for inputs in samples:
        runner = litert.Interpreter(model_content=content, experimental_op_resolver_type=resolver)
        runner.allocate_tensors()
        for detail, x in zip(runner.get_input_details(), inputs):
            runner.set_tensor(detail["index"], x)
        runner.invoke()
        results.append([runner.get_tensor(d["index"]).copy() for d in runner.get_output_details()])
    return results


def run_micro(content, samples):
    from tflite_micro.python.tflite_micro import runtime

    results = []
    for inputs in samples:
        runner = runtime.Interpreter.from_bytes(content, arena_size=1 << 20)
        for i, x in enumerate(inputs):
            runner.set_input(x, i)
        runner.invoke()
        count = len(schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0)).subgraphs[0].outputs)
        results.append([np.array(runner.get_output(i)).copy() for i in range(count)])
    return results


def write(folder, name, content, stored=None):
    """Runs `content`; the file holds `stored`, which means the same."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0)).subgraphs[0]
    codes = {v: k for k, v in TYPES.items()}
    details = [dict(shape=list(model.tensors[i].shape), dtype=codes[model.tensors[i].type]) for i in model.inputs]
    rng = np.random.default_rng(sum(name.encode()))
    samples = [[sample(rng, d) for d in details] for _ in range(3)]
    arrays = {f"in{i}": np.stack([s[i] for s in samples]) for i in range(len(details))}
    for key, run in (("tflm", run_micro), ("ref", run_litert)):
        try:
            results = run(content, samples)
        except Exception as error:
            reason = (str(error).strip() or repr(error)).splitlines()[0]
            print(f"{name}: {key} does not run it: {reason[:100]}")
            continue
        arrays |= {f"{key}{i}": np.stack([r[i] for r in results]) for i in range(len(results[0]))}
        break
    else:
        return
    (folder / f"{name}.tflite").write_bytes(stored or content)
    np.savez_compressed(folder / "goldens" / f"{name}.tflite.npz", **arrays)


def main():
    folder = pathlib.Path(sys.argv[1])
    for cases in (hybrid_cases, index_cases, quantized_cases, custom_cases):
        for name, content in cases(np.random.default_rng(1)):
            write(folder, name, content)
    for name, content, stored in compressed_cases(np.random.default_rng(2)):
        write(folder, name, content, stored)


if __name__ == "__main__":
    main()
