"""Builds .tflite files of one recurrent op each, with random weights, without a converter: forms that converters make
no more (peephole weights, projection, layer normalization, coupled gates, RNN, SVDF) and those that they do.

  PYTHON tests/peers/recurrent_models.py goldens tests/golden      the models and goldens that the tests keep
  PYTHON tests/peers/recurrent_models.py compare SMELT FOLDER [N]  N random models per form against the peers
where PYTHON has ai_edge_litert, tflite_micro and numpy. LiteRT runs its reference kernels.
"""
import math
import pathlib
import subprocess
import sys

import flatbuffers
import numpy as np
from ai_edge_litert import interpreter as litert
from ai_edge_litert import schema_py_generated as schema

TYPES = {np.float32: schema.TensorType.FLOAT32, np.int8: schema.TensorType.INT8, np.int16: schema.TensorType.INT16,
         np.int32: schema.TensorType.INT32, np.int64: schema.TensorType.INT64, np.uint8: schema.TensorType.UINT8}
TANH, NONE, RELU = 4, 0, 1


class Builder:
    """A model of one op. `tensor` gives an index; data makes it a constant."""

    def __init__(self):
        self.tensors, self.buffers = [], [schema.BufferT()]

    def tensor(self, dtype, shape, data=None, scale=None, zero=0, variable=False):
        t = schema.TensorT()
        t.name, t.shape, t.type, t.isVariable = f"t{len(self.tensors)}", list(shape), TYPES[dtype], variable
        t.buffer = 0
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(data, dtype).tobytes(), np.uint8)
            t.buffer = len(self.buffers)
            self.buffers.append(buffer)
        if scale is not None:
            t.quantization = schema.QuantizationParametersT()
            t.quantization.scale, t.quantization.zeroPoint = [float(scale)], [int(zero)]
        self.tensors.append(t)
        return len(self.tensors) - 1

    def model(self, op, version, options_type, options, inputs, outputs, graph_inputs, graph_outputs, intermediates=()):
        code = schema.OperatorCodeT()
        code.builtinCode, code.deprecatedBuiltinCode, code.version = op, op, version
        operator = schema.OperatorT()
        operator.opcodeIndex, operator.inputs, operator.outputs = 0, inputs, outputs
        operator.builtinOptionsType, operator.builtinOptions = options_type, options
        operator.intermediates = list(intermediates)
        graph = schema.SubGraphT()
        graph.tensors, graph.operators = self.tensors, [operator]
        graph.inputs, graph.outputs = graph_inputs, graph_outputs
        m = schema.ModelT()
        m.version, m.operatorCodes, m.subgraphs, m.buffers = 3, [code], [graph], self.buffers
        m.description = "recurrent op"
        builder = flatbuffers.Builder(1024)
        builder.Finish(m.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def quantized(rng, shape, scale, dtype=np.int8):
    top = np.iinfo(dtype).max
    return rng.integers(-top, top, shape, endpoint=True), scale


class Cell:
    """Operands of an LSTM cell; kind: float32, hybrid, int8, int16."""

    def __init__(self, b, rng, kind, n, i, c, o, cifg, peephole, projection, norm, narrow=False, aux=0, diagonal=False):
        real = kind in ("float32", "hybrid")
        act = {"int8": np.int8, "int16": np.int16}.get(kind, np.float32)
        self.x_scale, self.x_zero = (0.02, int(rng.integers(-40, 40))) if kind == "int8" else (1 / 8192, 0)
        self.h_scale, self.h_zero = (1 / 120, int(rng.integers(-20, 20))) if kind == "int8" else (1 / 32768, 0)
        exponent = -15 if narrow else int(rng.integers(-13, -10))
        self.cell_scale = 2.0 ** exponent
        gates = [g for g in range(4) if not (cifg and g == 0)]

        def matrix(rows, cols, gain):
            spread = gain / math.sqrt(cols)
            if kind == "float32":
                return b.tensor(np.float32, (rows, cols), rng.normal(0, spread, (rows, cols)))
            return b.tensor(np.int8, (rows, cols), *quantized(rng, (rows, cols), 3 * spread / 127))

        def gated(make):
            return [make(g) if g in gates else -1 for g in range(4)]

        sums = [2 ** -12] * 4 if not norm else [2.0 ** -12 * float(rng.uniform(0.5, 2)) for _ in range(4)]
        self.input = gated(lambda g: matrix(c, i, 1.5))
        self.recurrent = gated(lambda g: b.tensor(np.float32, (c,), rng.normal(0, 1, c)) if diagonal else matrix(c, o, 1.2))
        self.aux = gated(lambda g: matrix(c, aux, 1.0)) if aux else [-1] * 4

        def vector(g):
            if kind == "float32":
                return b.tensor(np.float32, (c,), rng.normal(0, 0.5, c))
            if kind == "hybrid":
                return b.tensor(np.int8, (c,), *quantized(rng, (c,), 0.005))
            return b.tensor(np.int16, (c,), *quantized(rng, (c,), 0.5 / 32767, np.int16))

        self.peephole = gated(vector) if peephole else [-1] * 4
        self.peephole = [self.peephole[0], self.peephole[1], self.peephole[3]]

        def bias(g):
            values = rng.normal(0.3 if g == 1 else 0, 0.5, c)
            if real:
                return b.tensor(np.float32, (c,), values)
            scale = self.x_scale * self.scale_of(b, self.input[g])
            if norm:
                scale = self.norm_scale / 1024
            return b.tensor(np.int64 if kind == "int16" else np.int32, (c,), np.round(values / scale), scale)

        self.norm_scale = 1.5 / 32767
        self.bias = gated(bias)
        self.norm = [-1] * 4
        if norm and real:
            self.norm = gated(lambda g: b.tensor(np.float32, (c,), rng.normal(0.8, 0.3, c)))
        elif norm:
            self.norm = gated(lambda g: b.tensor(np.int16, (c,), rng.integers(5000, 32767, c), self.norm_scale))
        self.projection, self.projection_bias = -1, -1
        hidden_scale, hidden_zero = (self.h_scale, self.h_zero)
        if projection:
            hidden_scale, hidden_zero = 1 / 125, int(rng.integers(-10, 10))
            self.projection = matrix(o, c, 1.5)
            if projection == "bias":
                values = rng.normal(0, 0.2, o)
                if real:
                    self.projection_bias = b.tensor(np.float32, (o,), values)
                else:
                    scale = self.scale_of(b, self.projection) * (2.0 ** -15 if narrow else hidden_scale)
                    self.projection_bias = b.tensor(np.int32, (o,), np.round(values / scale), scale)
        quant = {} if real else dict(scale=self.h_scale, zero=self.h_zero)
        self.output_state = b.tensor(act, (n, o), variable=True, **quant)
        self.cell_state = b.tensor(np.float32 if real else np.int16, (n, c), variable=True,
                                   **({} if real else dict(scale=self.cell_scale)))
        self.intermediates = []
        if narrow:
            for g in range(4):
                self.intermediates += [b.tensor(np.int8, (0,), scale=s, zero=z) for s, z in
                                       ((2.0 ** -12, 0), (0.03, int(rng.integers(-9, 9))), (0.025, int(rng.integers(-9, 9))))]
        elif kind == "int8":
            self.intermediates = [b.tensor(np.int16, (0,), scale=s) for s in sums]
            self.intermediates.append(b.tensor(np.int8, (0,), scale=hidden_scale, zero=hidden_zero))

    @staticmethod
    def scale_of(b, tensor):
        return b.tensors[tensor].quantization.scale[0]

    def operands(self, count):
        all_of = (self.input + self.recurrent + self.peephole + self.bias + [self.projection, self.projection_bias] +
                  [self.output_state, self.cell_state] + self.norm)
        return all_of[:count - 1]


def sequence_lstm(rng, kind="float32", n=1, t=3, i=4, c=5, o=None, time_major=False, cifg=False, peephole=False,
                  projection=None, norm=False, operands=24, clip=0.0, proj_clip=0.0, single=False, narrow=False,
                  asymmetric=False, diagonal=False):
    """UNIDIRECTIONAL_SEQUENCE_LSTM, or LSTM where `single`."""
    b = Builder()
    act = {"int8": np.int8, "int16": np.int16}.get(kind, np.float32)
    o = o if projection else c
    cell = Cell(b, rng, kind, n, i, c, o, cifg, peephole, projection, norm, narrow, diagonal=diagonal)
    quant = (lambda s, z: {}) if act == np.float32 else (lambda s, z: dict(scale=s, zero=z))
    lead = (n,) if single else (t, n) if time_major else (n, t)
    x = b.tensor(act, lead + (i,), **quant(cell.x_scale, cell.x_zero))
    y = b.tensor(act, lead + (o,), **quant(cell.h_scale, cell.h_zero))
    options = schema.LSTMOptionsT() if single else schema.UnidirectionalSequenceLSTMOptionsT()
    options.fusedActivationFunction, options.cellClip, options.projClip = TANH, clip, proj_clip
    options.asymmetricQuantizeInputs = asymmetric
    if not single:
        options.timeMajor, options.diagonalRecurrentTensors = time_major, diagonal
    op, kind_of = ((schema.BuiltinOperator.LSTM, schema.BuiltinOptions.LSTMOptions) if single else
                   (schema.BuiltinOperator.UNIDIRECTIONAL_SEQUENCE_LSTM,
                    schema.BuiltinOptions.UnidirectionalSequenceLSTMOptions))
    return b.model(op, 4 if single else 3, kind_of, options, [x] + cell.operands(operands), [y], [x], [y],
                   cell.intermediates)


def basic_lstm(rng, kind="float32", n=1, i=4, o=5):
    b = Builder()
    q = kind == "uint8"
    act, wide = (np.uint8, np.int16) if q else (np.float32, np.float32)
    unit = dict(scale=1 / 128, zero=128) if q else {}
    state = dict(scale=1 / 2048) if q else {}
    x = b.tensor(act, (n, i), **unit)
    previous = b.tensor(act, (n, o), variable=True, **unit)
    if q:
        w = b.tensor(act, (4 * o, i + o), rng.integers(0, 255, (4 * o, i + o), endpoint=True), 0.01, 120)
        bias = b.tensor(np.int32, (4 * o,), rng.integers(-9000, 9000, 4 * o), 0.01 / 128)
    else:
        w = b.tensor(act, (4 * o, i + o), rng.normal(0, 0.6, (4 * o, i + o)))
        bias = b.tensor(act, (4 * o,), rng.normal(0, 0.5, 4 * o))
    before = b.tensor(wide, (n, o), variable=True, **state)
    y = b.tensor(act, (n, o), **unit)
    after = b.tensor(wide, (n, o), **state)
    scratch = [b.tensor(act, (n, i + o), **unit), b.tensor(wide, (n, 4 * o), **(dict(scale=1 / 4096) if q else {}))]
    options = schema.LSTMOptionsT()
    options.fusedActivationFunction, options.kernelType = TANH, 1
    return b.model(schema.BuiltinOperator.LSTM, 2, schema.BuiltinOptions.LSTMOptions, options,
                   [x, previous, w, bias, before], [y, after] + scratch, [x], [y, after])


def bidirectional_lstm(rng, kind="float32", n=1, t=3, i=4, c=5, merge=False, time_major=False, aux=None,
                       cifg=False, peephole=False, projection=None, asymmetric=False):
    """aux: None, "input" (the backward cell reads it) or "weights"."""
    b = Builder()
    aux_size = 3 if aux == "weights" else 0
    cells = [Cell(b, rng, kind, n, i, size, size - 1 if projection else size, cifg, peephole, projection, False,
                  aux=aux_size) for size in (c, c)]  # LiteRT wants both alike
    lead = (t, n) if time_major else (n, t)
    x = b.tensor(np.float32, lead + (i,))
    extra = b.tensor(np.float32, lead + (aux_size or i,)) if aux else -1
    outputs = [b.tensors[cell.output_state].shape[1] for cell in cells]
    inputs = [x]
    for cell in cells:
        inputs += (cell.input + cell.recurrent + cell.peephole + cell.bias + [cell.projection, cell.projection_bias])
    for cell in cells:
        inputs += [cell.output_state, cell.cell_state]
    inputs += [extra] + cells[0].aux + cells[1].aux
    sizes = [sum(outputs)] if merge else outputs
    ys = [b.tensor(np.float32, lead + (size,)) for size in sizes]
    options = schema.BidirectionalSequenceLSTMOptionsT()
    options.fusedActivationFunction, options.mergeOutputs, options.timeMajor = TANH, merge, time_major
    options.asymmetricQuantizeInputs = asymmetric
    return b.model(schema.BuiltinOperator.BIDIRECTIONAL_SEQUENCE_LSTM, 3,
                   schema.BuiltinOptions.BidirectionalSequenceLSTMOptions, options, inputs, ys,
                   [x] + ([extra] if aux else []), ys)


def rnn(rng, form="rnn", kind="float32", n=1, t=3, i=4, c=5, c2=6, merge=False, time_major=False, aux=None,
        asymmetric=False, activation=TANH):
    """form: rnn, sequence or bidirectional."""
    b = Builder()

    def matrix(rows, cols):
        if kind == "float32":
            return b.tensor(np.float32, (rows, cols), rng.normal(0, 1 / math.sqrt(cols), (rows, cols)))
        return b.tensor(np.int8, (rows, cols), *quantized(rng, (rows, cols), 3 / math.sqrt(cols) / 127))

    def cell(units):
        return [matrix(units, i), matrix(units, units), b.tensor(np.float32, (units,), rng.normal(0, 0.5, units)),
                b.tensor(np.float32, (n, units), variable=True)]

    lead = (n,) if form == "rnn" else (t, n) if time_major else (n, t)
    x = b.tensor(np.float32, lead + (i,))
    inputs, sizes, extra = [x] + cell(c), [c], -1
    if form == "bidirectional":
        inputs += cell(c2)
        sizes = [c + c2] if merge else [c, c2]
        extra = b.tensor(np.float32, lead + (i,)) if aux else -1
        inputs += [extra] + ([matrix(c, i), matrix(c2, i)] if aux == "weights" else [-1, -1])
    ys = [b.tensor(np.float32, lead + (size,)) for size in sizes]
    o, v = schema.BuiltinOperator, schema.BuiltinOptions
    op, kind_of, options = {
        "rnn": (o.RNN, v.RNNOptions, schema.RNNOptionsT()),
        "sequence": (o.UNIDIRECTIONAL_SEQUENCE_RNN, v.SequenceRNNOptions, schema.SequenceRNNOptionsT()),
        "bidirectional": (o.BIDIRECTIONAL_SEQUENCE_RNN, v.BidirectionalSequenceRNNOptions,
                          schema.BidirectionalSequenceRNNOptionsT())}[form]
    options.fusedActivationFunction, options.asymmetricQuantizeInputs = activation, asymmetric
    if form != "rnn":
        options.timeMajor = time_major
    if form == "bidirectional":
        options.mergeOutputs = merge
    return b.model(op, 3, kind_of, options, inputs, ys, [x] + ([extra] if aux else []), ys)


def svdf(rng, kind="float32", n=1, i=6, units=4, rank=2, memory=5, bias=True, activation=RELU, asymmetric=False, zero=0):
    """kind: float32, hybrid, int8 (int16 state) or int8_state8."""
    b = Builder()
    f = units * rank
    real = kind in ("float32", "hybrid")
    act = np.float32 if real else np.int8
    state8 = kind == "int8_state8"
    q = (lambda s, z: {}) if real else (lambda s, z: dict(scale=s, zero=z))
    x = b.tensor(act, (n, i), **q(0.03, 7))
    if kind == "float32":
        feature = b.tensor(np.float32, (f, i), rng.normal(0, 0.5, (f, i)))
        time = b.tensor(np.float32, (f, memory), rng.normal(0, 0.5, (f, memory)))
    else:
        narrow = kind == "hybrid" or state8
        feature = b.tensor(np.int8, (f, i), *quantized(rng, (f, i), 0.01))
        time = b.tensor(np.int8 if narrow else np.int16, (f, memory),
                        *quantized(rng, (f, memory), 0.01 if narrow else 0.01 / 256, np.int8 if narrow else np.int16))
    state_scale = 0.05 if state8 else 0.0005
    state_type = np.float32 if real else np.int8 if state8 else np.int16
    state = b.tensor(state_type, (n, f * memory), variable=True, **q(state_scale, zero))
    bias_index = -1
    if bias and real:
        bias_index = b.tensor(np.float32, (units,), rng.normal(0, 0.5, units))
    elif bias:
        scale = state_scale * b.tensors[time].quantization.scale[0]
        bias_index = b.tensor(np.int32, (units,), np.round(rng.normal(0, 0.5, units) / scale), scale)
    y = b.tensor(act, (n, units), **q(0.02, -11))
    options = schema.SVDFOptionsT()
    options.rank, options.fusedActivationFunction, options.asymmetricQuantizeInputs = rank, activation, asymmetric
    return b.model(schema.BuiltinOperator.SVDF, 4, schema.BuiltinOptions.SVDFOptions, options,
                   [x, feature, time, bias_index, state], [y], [x], [y])


def forms():
    """(name, function, arguments) of every form."""
    lstm = sequence_lstm
    for kind in ("float32", "hybrid", "int8"):
        yield f"lstm_{kind}", lstm, dict(kind=kind)
        yield f"lstm_{kind}_clip", lstm, dict(kind=kind, clip=0.4)
        yield f"lstm_{kind}_20", lstm, dict(kind=kind, operands=20)
        yield f"lstm_{kind}_20_time_major", lstm, dict(kind=kind, operands=20, time_major=True, n=2)
        yield f"lstm_{kind}_time_major", lstm, dict(kind=kind, time_major=True, n=3)
        yield f"lstm_{kind}_batch", lstm, dict(kind=kind, n=3)
        yield f"lstm_{kind}_cifg", lstm, dict(kind=kind, cifg=True)
        yield f"lstm_{kind}_peephole", lstm, dict(kind=kind, peephole=True)
        yield f"lstm_{kind}_projection", lstm, dict(kind=kind, projection="bias", o=3, proj_clip=0.3)
        yield f"lstm_{kind}_norm", lstm, dict(kind=kind, norm=True)
        yield f"lstm_{kind}_everything", lstm, dict(kind=kind, norm=True, projection="bias", o=5, peephole=True, cifg=True, clip=0.9)
        yield f"lstm_step_{kind}", lstm, dict(kind=kind, single=True, n=2)
        yield f"lstm_step_{kind}_everything", lstm, dict(kind=kind, single=True, norm=True, projection="plain", o=5, peephole=True)
    yield "lstm_step_int8_narrow", lstm, dict(kind="int8", single=True, norm=True, cifg=True, projection="bias", o=4, narrow=True)
    yield "lstm_int16", lstm, dict(kind="int16")
    yield "lstm_int16_time_major", lstm, dict(kind="int16", time_major=True, n=2, clip=0.5)
    yield "lstm_float32_diagonal", lstm, dict(diagonal=True)
    yield "lstm_hybrid_asymmetric", lstm, dict(kind="hybrid", asymmetric=True, n=2, projection="plain", o=3)
    yield "lstm_basic_float32", basic_lstm, dict(n=2)
    yield "lstm_basic_uint8", basic_lstm, dict(kind="uint8", n=2)
    for kind in ("float32", "hybrid"):
        both = bidirectional_lstm
        yield f"bidirectional_lstm_{kind}", both, dict(kind=kind, n=2)
        yield f"bidirectional_lstm_{kind}_merge", both, dict(kind=kind, merge=True, time_major=True, n=2)
        yield f"bidirectional_lstm_{kind}_aux_input", both, dict(kind=kind, aux="input", merge=True)
        yield f"bidirectional_lstm_{kind}_aux_weights", both, dict(kind=kind, aux="weights", time_major=True, n=2)
        yield f"bidirectional_lstm_{kind}_parts", both, dict(kind=kind, cifg=True, peephole=True, projection="bias", asymmetric=True)
        for form in ("rnn", "sequence", "bidirectional"):
            yield f"{form}_rnn_{kind}", rnn, dict(form=form, kind=kind, n=2)
            yield f"{form}_rnn_{kind}_relu_time_major", rnn, dict(form=form, kind=kind, n=2, time_major=True, activation=RELU, asymmetric=True)
        yield f"bidirectional_rnn_{kind}_aux_weights", rnn, dict(form="bidirectional", kind=kind, aux="weights", merge=True)
        yield f"bidirectional_rnn_{kind}_aux_input", rnn, dict(form="bidirectional", kind=kind, aux="input", merge=True)
        yield f"bidirectional_rnn_{kind}_aux_input_time_major", rnn, dict(form="bidirectional", kind=kind, aux="input", time_major=True)
        yield f"svdf_{kind}", svdf, dict(kind=kind, n=2)
        yield f"svdf_{kind}_no_bias", svdf, dict(kind=kind, bias=False, rank=1, activation=NONE)
    yield "svdf_hybrid_asymmetric", svdf, dict(kind="hybrid", asymmetric=True)
    yield "svdf_int8", svdf, dict(kind="int8", n=2)
    yield "svdf_int8_state8", svdf, dict(kind="int8_state8", n=2)
    yield "svdf_int8_state8_zero", svdf, dict(kind="int8_state8", zero=9)
    yield "svdf_int8_zero", svdf, dict(kind="int8", zero=-32768)


# The forms whose goldens the tests keep.
KEPT = ("lstm_float32_everything", "lstm_hybrid", "lstm_hybrid_asymmetric", "lstm_int8", "lstm_int8_clip", "lstm_int8_batch",
        "lstm_int8_20_time_major", "lstm_int8_cifg", "lstm_int8_everything", "lstm_step_int8_everything",
        "lstm_step_int8_narrow", "lstm_int16", "lstm_int16_time_major", "lstm_basic_float32", "lstm_basic_uint8",
        "bidirectional_lstm_hybrid_parts", "bidirectional_lstm_float32_aux_weights", "rnn_rnn_hybrid",
        "sequence_rnn_float32", "bidirectional_rnn_hybrid_relu_time_major", "svdf_float32", "svdf_hybrid_asymmetric",
        "svdf_int8", "svdf_int8_state8_zero", "svdf_int8_zero")


def random_inputs(rng, details, samples):
    inputs = []
    for d in details:
        shape = (samples,) + tuple(d["shape"])
        if d["dtype"] == np.float32:
            inputs.append(rng.normal(0, 1, shape).astype(np.float32))
        else:
            info = np.iinfo(d["dtype"])
            inputs.append(rng.integers(info.min, info.max, shape, endpoint=True, dtype=d["dtype"]))
    return inputs


def run_litert(path, inputs):
    results = []
    for s in range(len(inputs[0])):
        i = litert.Interpreter(str(path), experimental_op_resolver_type=litert.OpResolverType.BUILTIN_REF)
        i.allocate_tensors()
        for d, x in zip(i.get_input_details(), inputs):
            i.set_tensor(d["index"], x[s])
        i.invoke()
        results.append([i.get_tensor(d["index"]).copy() for d in i.get_output_details()])
    return [np.stack(r) for r in zip(*results)]


def run_micro(path, inputs, outputs):
    from tflite_micro.python.tflite_micro import runtime
    i = runtime.Interpreter.from_file(str(path))
    results = []
    for s in range(len(inputs[0])):
        i.reset()
        for k, x in enumerate(inputs):
            i.set_input(x[s], k)
        i.invoke()
        results.append([i.get_output(k).copy() for k in range(outputs)])
    return [np.stack(r) for r in zip(*results)]


def micro_has(name):
    """The forms that TFLite Micro runs; it ends the process on some others."""
    return name in ("lstm_float32", "lstm_float32_clip", "lstm_float32_time_major", "lstm_float32_batch", "lstm_int8",
                    "lstm_int8_clip", "lstm_int8_time_major", "lstm_int8_batch", "lstm_int16", "lstm_int16_time_major",
                    "svdf_float32", "svdf_int8", "svdf_int8_state8", "svdf_int8_state8_zero", "svdf_int8_zero")


def expected(name, path, rng, samples):
    """Inputs and outputs as arrays of a golden."""
    reader = litert.Interpreter(str(path), experimental_op_resolver_type=litert.OpResolverType.BUILTIN_REF)
    inputs = random_inputs(rng, reader.get_input_details(), samples)
    golden = {f"in{i}": x for i, x in enumerate(inputs)}
    only_micro = name.startswith("lstm_int16") or name in ("svdf_int8_state8", "svdf_int8_state8_zero", "svdf_int8_zero")
    if not only_micro:
        golden |= {f"ref{i}": y for i, y in enumerate(run_litert(path, inputs))}
    if micro_has(name):
        golden |= {f"tflm{i}": y for i, y in enumerate(run_micro(path, inputs, len(reader.get_output_details())))}
    return golden


def make_goldens(folder):
    (folder / "goldens").mkdir(exist_ok=True)
    for name, make, arguments in forms():
        if name not in KEPT:
            continue
        rng = np.random.default_rng(sum(name.encode()))
        path = folder / f"{name}.tflite"
        path.write_bytes(make(rng, **arguments))
        np.savez_compressed(folder / "goldens" / f"{name}.tflite.npz", **expected(name, path, rng, 2))


def sized(rng, make, arguments):
    """The form with random sizes."""
    a = dict(arguments)
    a["i"] = int(rng.integers(1, 40))
    a["n"] = int(rng.integers(1, 4)) if a.get("n", 1) > 1 else 1
    if make is svdf:
        return a | dict(units=int(rng.integers(1, 20)), rank=int(rng.integers(1, 4)), memory=int(rng.integers(1, 12)))
    if make is basic_lstm:
        return a | dict(o=int(rng.integers(1, 30)))
    c = int(rng.integers(2, 50))
    a |= dict(c=c)
    if not a.pop("single", False):
        a["t"] = int(rng.integers(1, 9))
    else:
        a["single"] = True
    if make is rnn:
        a["c2"] = int(rng.integers(2, 30))
    if "o" in a:
        a["o"] = c if a.get("peephole") else int(rng.integers(1, 30))
    return a


def compare(smelt, folder, count):
    folder.mkdir(exist_ok=True)
    worst = {}
    for name, make, arguments in forms():
        for k in range(count):
            rng = np.random.default_rng(sum(name.encode()) * 1000 + k)
            path = folder / "model.tflite"
            path.write_bytes(make(rng, **(sized(rng, make, arguments) if k else arguments)))
            golden = expected(name, path, rng, 2)
            np.savez(folder / "in.npz", **{key: v for key, v in golden.items() if key.startswith("in")})
            ran = subprocess.run([smelt, "run", path, "--inputs", folder / "in.npz", "--outputs", folder / "out.npz"],
                                 capture_output=True, text=True)
            if ran.returncode:
                print(f"{name} {k}: {ran.stderr.strip()}")
                path.rename(folder / f"{name}_{k}.tflite")
                continue
            out = np.load(folder / "out.npz")
            engine = "tflm" if "tflm0" in golden else "ref"
            error = 0.0
            for key in (key for key in golden if key.startswith(engine)):
                want = golden[key].astype(np.float64)
                got = out["out" + key[len(engine):]].astype(np.float64)
                error = max(error, np.abs(want - got).max() / (max(np.abs(want).max(), 1e-3) if golden[key].dtype == np.float32 else 1))
            key = (name, engine)
            worst[key] = max(worst.get(key, 0), error)
            if error > 1e-5:
                path.rename(folder / f"{name}_{k}.tflite")
    for (name, engine), error in worst.items():
        print(f"{name:45} {engine:5} {error:.3g}{'' if error <= 1e-5 else '   DIFFERENT'}")


if __name__ == "__main__":
    if sys.argv[1] == "goldens":
        make_goldens(pathlib.Path(sys.argv[2]))
    else:
        compare(sys.argv[2], pathlib.Path(sys.argv[3]), int(sys.argv[4]) if len(sys.argv) > 4 else 3)
