"""Compares what recipes of the LiteRT quantizer make of a model, there and here, op by op.

    litert_recipes.py SMELT MODEL CALIBRATION.npz [FLAG...]

MODEL is a float model with one input that Smelt can read, CALIBRATION.npz holds samples under x; flags
(--range 0..1) go to smelt. Both quantizers get the float .tflite that `smelt convert` writes. Needs
litert_quantizer and ai_edge_litert.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from litert_quantizer import quantizer, recipe

SAMPLES = 16
INT8 = {"num_bits": 8, "symmetric": False, "granularity": "TENSORWISE", "dtype": "INT"}
INT16 = {"num_bits": 16, "symmetric": True, "granularity": "TENSORWISE", "dtype": "INT"}
CODES = {v: k for k, v in vars(schema.BuiltinOperator).items() if isinstance(v, int)}
TYPES = {v: k for k, v in vars(schema.TensorType).items() if isinstance(v, int)}


def weights(bits, **more):
    return {"num_bits": bits, "symmetric": True, "granularity": "CHANNELWISE", "dtype": "INT"} | more


def entry(operation, regex=".*", algorithm="min_max_uniform_quantize", activation=None, weight=None,
          compute="INTEGER", dequantize=False, least=0):
    config = {"weight_tensor_config": weight or weights(8), "compute_precision": compute,
              "explicit_dequantize": dequantize, "skip_checks": False, "min_weight_elements": least}
    if activation:
        config["activation_tensor_config"] = activation
    return {"regex": regex, "operation": operation, "algorithm_key": algorithm, "op_config": config}


def without(operation, regex=".*"):
    return {"regex": regex, "operation": operation, "algorithm_key": "no_quantize"}


def recipes(names):
    """(name, entries); `names` are results of ops of the model."""
    some = names[len(names) // 2]
    yield "static_wi8_ai8", recipe.static_wi8_ai8()
    yield "static_wi8_ai16", recipe.static_wi8_ai16()
    yield "dynamic_wi8_afp32", recipe.dynamic_wi8_afp32()
    yield "dynamic_wi4_afp32", recipe.dynamic_wi4_afp32()
    yield "dynamic_legacy_wi8_afp32", recipe.dynamic_legacy_wi8_afp32()
    yield "weight_only_wi8_afp32", recipe.weight_only_wi8_afp32()
    yield "weight_only_wi4_afp32", recipe.weight_only_wi4_afp32()
    yield "static, float convolutions", [entry("*", activation=INT8), without("CONV_2D")]
    yield "static, float input and output", [entry("*", activation=INT8), without("INPUT"),
                                              without("OUTPUT")]
    yield "static, one layer dynamic", [entry("*", activation=INT8), entry("CONV_2D", some)]
    yield "order of one regex", [entry("*", activation=INT8), entry("*", some),
                                 without("FULLY_CONNECTED")]
    yield "int16, dense weight-only", [entry("*", activation=INT16),
                                       entry("FULLY_CONNECTED", weight=weights(8), compute="FLOAT",
                                             dequantize=True)]
    yield "float16", [entry("*", algorithm="float_casting", weight=weights(16, dtype="FLOAT"),
                            compute="FLOAT", dequantize=True)]
    yield "OCTAV int4", [entry("*", algorithm="OCTAV", weight=weights(4))]
    yield "MSE int8", [entry("*", algorithm="MSE")]


def read(data):
    return schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(data, 0))


def with_signature(model):
    """The bytes of the model with a signature that calls its input x and its output y."""
    def entry_of(name, tensor):
        entry = schema.TensorMapT()
        entry.name, entry.tensorIndex = name, int(tensor)
        return entry
    graph = model.subgraphs[0]
    signature = schema.SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = "serving_default", 0
    signature.inputs = [entry_of("x", graph.inputs[0])]
    signature.outputs = [entry_of("y", graph.outputs[0])]
    model.signatureDefs = [signature]
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def ops(model):
    """Of every op but conversions: its type and how it computes."""
    graph = model.subgraphs[0]
    kind = lambda op: CODES[max(model.operatorCodes[op.opcodeIndex].builtinCode,
                                model.operatorCodes[op.opcodeIndex].deprecatedBuiltinCode)]
    kind_of_tensor = lambda i: TYPES[graph.tensors[i].type]
    dequantized = {op.outputs[0]: kind_of_tensor(op.inputs[0]) for op in graph.operators
                   if kind(op) == "DEQUANTIZE" and model.buffers[graph.tensors[op.inputs[0]].buffer].data is not None}
    result = []
    for op in graph.operators:
        if kind(op) in ("QUANTIZE", "DEQUANTIZE"):
            continue
        made = kind_of_tensor(op.outputs[0])
        held = [kind_of_tensor(i) for i in op.inputs if i >= 0 and kind_of_tensor(i) in ("INT8", "INT4")]
        stored = [dequantized[i] for i in op.inputs if i in dequantized]
        if made in ("INT8", "INT16"):
            precision = made + (" int4" if "INT4" in held else "")
        elif held:
            precision = "dynamic " + held[0]
        else:
            precision = "weights " + stored[0] if stored else "float"
        result.append((kind(op), precision))
    return result


def main(smelt, model, calibration, flags):
    folder = pathlib.Path(tempfile.mkdtemp())
    floats = folder / "float.tflite"
    smelt_run = lambda *args: subprocess.run([smelt, *map(str, args)], capture_output=True, text=True)
    smelt_run("convert", model, "-o", floats, "-q").check_returncode()
    parsed = read(floats.read_bytes())
    graph = parsed.subgraphs[0]
    x = np.load(calibration)["x"][:SAMPLES].astype(np.float32)
    np.savez(folder / "x.npz", x=x)
    floats.write_bytes(with_signature(parsed))  # the peer's calibrator wants one
    samples = {"serving_default": [{"x": x[i:i + 1]} for i in range(len(x))]}
    names = [graph.tensors[op.outputs[0]].name.decode() for op in graph.operators]
    failed = 0
    for title, entries in recipes(names):
        path = folder / "recipe.json"
        path.write_text(json.dumps(entries))
        ours = smelt_run("quantize", floats, "--recipe", path, "--calibrate", folder / "x.npz", "-o",
                         folder / "ours.tflite", "-q", *flags)
        try:
            peer = quantizer.Quantizer(str(floats), entries)
            peer_bytes = peer.quantize(peer.calibrate(samples) if peer.need_calibration else None)
            wanted = ops(read(peer_bytes.quantized_model))
        except Exception as error:  # what the peer cannot do is shown, not compared
            print(f"{title}: the peer fails: {type(error).__name__}: {str(error)[:100]}")
            continue
        if ours.returncode:
            print(f"{title}: {ours.stdout}{ours.stderr}".strip())
            failed += 1
            continue
        got = ops(read((folder / "ours.tflite").read_bytes()))
        wrong = [f"{i} {a[0]}: {b[1]} instead of {a[1]}" for i, (a, b) in enumerate(zip(wanted, got)) if a != b]
        failed += bool(wrong) or len(wanted) != len(got)
        print(f"{title}: {len(wanted) - len(wrong)} of {len(wanted)} ops as there", *wrong[:5], sep="\n    ")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]))
