"""Saves models of every structure that Keras serializes and compares what Smelt makes of them with Keras's own outputs.

usage: keras_models.py keras|tf_keras SMELT_PROGRAM [NAME...]

Each model is converted to .tflite by Smelt and run by Smelt and by LiteRT, where that is installed.
"""
import importlib
import os
import pathlib
import subprocess
import sys
import tempfile

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
import numpy as np

keras = importlib.import_module(sys.argv[1])
layers = keras.layers
KERAS3 = sys.argv[1] == "keras"
if KERAS3:
    ops = keras.ops
else:
    import tensorflow as tf
MODELS = {}


def model(function):
    MODELS[function.__name__] = function
    return function


@model
def sequential():
    return keras.Sequential([layers.Input((6,)), layers.Dense(4, activation="relu"), layers.Dense(3)])


@model
def nested_sequential():
    inner = keras.Sequential([layers.Input((6,)), layers.Dense(4), layers.Dense(5)], name="inner")
    return keras.Sequential([layers.Input((6,)), inner, layers.Dense(3)])


@model
def nested_three_deep():
    x = layers.Input((6,))
    deep = keras.Model(x, layers.Dense(6, name="same")(x), name="deep")
    y = layers.Input((6,))
    middle = keras.Model(y, layers.Dense(6, name="same")(deep(y)), name="middle")
    z = layers.Input((6,))
    return keras.Model(z, layers.Dense(6, name="same")(middle(z)))


@model
def nested_called_twice():
    x = layers.Input((6,))
    inner = keras.Model(x, layers.Dense(6)(x))
    a, b = layers.Input((6,)), layers.Input((6,))
    return keras.Model([a, b], layers.Add()([inner(a), inner(b)]))


@model
def shared_layer():
    a, b = layers.Input((6,)), layers.Input((6,))
    dense = layers.Dense(4)
    return keras.Model([a, b], [layers.Subtract()([dense(a), dense(b)]), layers.Dense(2)(a)])


@model
def dictionaries():
    a, b = layers.Input((6,), name="a"), layers.Input((3,), name="b")
    joined = layers.Concatenate()([a, b])
    return keras.Model({"a": a, "b": b}, {"x": layers.Dense(2, name="x")(joined), "y": layers.Dense(3, name="y")(joined)})


@model
def nested_dictionary():
    a, b = layers.Input((6,), name="a"), layers.Input((3,), name="b")
    inner = keras.Model({"b": b, "a": a}, layers.Dense(2)(layers.Concatenate()([a, b])))
    p, q = layers.Input((6,), name="p"), layers.Input((3,), name="q")
    return keras.Model([p, q], inner({"a": p, "b": q}))


@model
def subclassed_functional():
    class Special(keras.Model):
        pass

    x = layers.Input((6,))
    return Special(inputs=x, outputs=layers.Dense(3)(x))


@model
def names_with_slashes():
    x = layers.Input((6,))
    y = layers.Dense(3, name="block_a-dense" if KERAS3 else "block/dense")(x)
    return keras.Model(x, layers.Dense(2, name="block_a" if KERAS3 else "block/dense/b")(y))


@model
def time_distributed_dense():
    x = layers.Input((5, 6))
    return keras.Model(x, layers.TimeDistributed(layers.Dense(3, activation="relu"))(x))


@model
def time_distributed_convolution():
    x = layers.Input((3, 8, 8, 2))
    y = layers.TimeDistributed(layers.Conv2D(4, 3, activation="relu"))(x)
    y = layers.TimeDistributed(layers.MaxPooling2D())(y)
    return keras.Model(x, layers.TimeDistributed(layers.Flatten())(y))


@model
def time_distributed_model():
    inner = keras.Sequential([layers.Input((8, 8, 1)), layers.Conv2D(2, 3), layers.Flatten(), layers.Dense(4)])
    x = layers.Input((3, 8, 8, 1))
    return keras.Model(x, layers.Dense(2)(layers.Flatten()(layers.TimeDistributed(inner)(x))))


@model
def mixed_precision():
    policy = keras.mixed_precision.Policy("mixed_float16") if not KERAS3 else "mixed_float16"
    return keras.Sequential([layers.Input((6,)), layers.Dense(4, dtype=policy), layers.Dense(3, dtype="float32")])


@model
def float16_weights():
    return keras.Sequential([layers.Input((6,)), layers.Dense(4, dtype="float16")])


@model
def float64_weights():
    return keras.Sequential([layers.Input((6,)), layers.Dense(4, dtype="float64")])


@model
def integer_input():
    x = layers.Input((6,), dtype="int32")
    return keras.Model(x, layers.Dense(2)(layers.Rescaling(0.5)(x)))


@model
def open_time():
    x = layers.Input((None, 6))
    y = layers.TimeDistributed(layers.Dense(3))(x)
    return keras.Model(x, layers.Reshape((-1, 3))(y))


@model
def open_image():
    x = layers.Input((None, None, 3))
    y = layers.Conv2D(4, 3, strides=2, padding="same", activation="relu")(x)
    return keras.Model(x, layers.Dense(2)(layers.GlobalAveragePooling2D()(y)))


@model
def arithmetic():
    x = layers.Input((4, 6))
    if KERAS3:
        y = (x * 2 + 1) / (ops.abs(x) + 1)
        y = 1 - ops.maximum(y, 0.25) ** 2
        y = ops.where(y > 0.5, y, ops.tanh(y))
        return keras.Model(x, [ops.clip(y, 0, 1), ops.sqrt(ops.square(y) + 1), -y])
    y = (x * 2 + 1) / (tf.abs(x) + 1)
    y = 1 - tf.maximum(y, 0.25) ** 2
    y = tf.where(y > 0.5, y, tf.tanh(y))
    return keras.Model(x, [tf.clip_by_value(y, 0, 1), tf.sqrt(tf.square(y) + 1), -y])


@model
def reductions():
    x = layers.Input((4, 6))
    if KERAS3:
        return keras.Model(x, [ops.mean(x, axis=1), ops.sum(x, axis=(1, 2), keepdims=True), ops.max(x, axis=-1), ops.std(x, axis=2), ops.argmax(x, axis=-1)])
    return keras.Model(x, [tf.reduce_mean(x, axis=1), tf.reduce_sum(x, axis=(1, 2), keepdims=True), tf.reduce_max(x, axis=-1), tf.math.reduce_std(x, axis=2), tf.argmax(x, axis=-1), keras.backend.mean(x, axis=1)])


@model
def shapes():
    x = layers.Input((4, 6))
    if KERAS3:
        a, b = ops.split(x, 2, axis=1)
        y = ops.concatenate([a, b * 2, x[:, 1:-1]], axis=1)
        y = ops.transpose(y, (0, 2, 1))[:, None]
        y = ops.pad(ops.squeeze(y, 1), ((0, 0), (1, 1), (0, 0)))
        return keras.Model(x, [y, ops.stack([a, b], axis=1), x[:, 0, ::2], ops.expand_dims(ops.reshape(x, (-1, 24)), 1), ops.flip(x, axis=1)])
    a, b = tf.split(x, 2, axis=1)
    y = tf.concat([a, b * 2, x[:, 1:-1]], axis=1)
    y = tf.transpose(y, (0, 2, 1))[:, None]
    y = tf.pad(tf.squeeze(y, 1), ((0, 0), (1, 1), (0, 0)))
    return keras.Model(x, [y, tf.stack([a, b], axis=1), x[:, 0, ::2], tf.expand_dims(tf.reshape(x, (-1, 24)), 1), tf.reverse(x, axis=[1])])


@model
def activations():
    x = layers.Input((4, 6))
    if KERAS3:
        return keras.Model(x, [ops.softmax(x, axis=1), ops.relu6(x), ops.gelu(x), ops.silu(x), ops.sigmoid(x), ops.log_softmax(x), ops.leaky_relu(x), keras.activations.relu(x, negative_slope=0.1, max_value=1)])
    return keras.Model(x, [tf.nn.softmax(x, axis=1), tf.nn.relu6(x), tf.nn.gelu(x), tf.nn.silu(x), tf.sigmoid(x), tf.nn.log_softmax(x), tf.nn.leaky_relu(x), keras.activations.relu(x, alpha=0.1, max_value=1)])


@model
def products():
    x, y = layers.Input((4, 6)), layers.Input((4, 6))
    if KERAS3:
        return keras.Model([x, y], ops.matmul(ops.transpose(x, (0, 2, 1)), y))
    return keras.Model([x, y], [tf.matmul(x, y, transpose_a=True), tf.matmul(x, y, transpose_b=True)])


def run(program, name, folder):
    net = MODELS[name]()
    for weight in net.weights:
        if "seed" not in weight.name and "count" not in weight.name:
            weight.assign(np.random.randn(*weight.shape).astype("float32") * 0.3)
    inputs = []
    for tensor in net.inputs:
        shape = [1] + [9 if d is None else d for d in tensor.shape[1:]]
        values = np.random.randn(*shape) * (5 if "int" in str(tensor.dtype) else 1)
        inputs.append(values.astype("int32" if "int" in str(tensor.dtype) else "float32"))
    structured = inputs if len(inputs) > 1 else inputs[0]
    if name == "dictionaries":
        names = [t.name.split(":")[0] for t in net.inputs]
        structured = dict(zip(names, inputs))
    outputs = net(structured)
    outputs = list(outputs.values()) if isinstance(outputs, dict) else outputs if isinstance(outputs, (list, tuple)) else [outputs]
    outputs = [np.array(o).astype("float64") for o in outputs]
    np.savez(folder / "in.npz", **{f"in{i}": x for i, x in enumerate(inputs)})
    forms = {}
    for suffix in (".keras", ".h5"):
        try:
            net.save(folder / f"m{suffix}")
            forms[suffix] = [folder / f"m{suffix}"]
        except Exception as error:
            print(f"  {name}{suffix}: Keras does not save it ({type(error).__name__})")
    net.save_weights(folder / "w.weights.h5")
    if ".keras" in forms:
        forms["weights"] = [folder / "w.weights.h5", "--config", folder / "m.keras"]
    problems = []
    for form, arguments in forms.items():
        out = folder / "m.tflite"
        convert = subprocess.run([program, "convert", *map(str, arguments), "-o", out, "-q"], capture_output=True, text=True)
        if convert.returncode:
            problems.append(f"{form}: {convert.stderr.strip()[-200:]}")
            continue
        ran = subprocess.run([program, "run", out, "--inputs", folder / "in.npz", "--outputs", folder / "out.npz"], capture_output=True, text=True)
        if ran.returncode:
            problems.append(f"{form}: run: {ran.stderr.strip()[-200:]}")
            continue
        got = np.load(folder / "out.npz")
        got = [got[f"out{i}"].astype("float64") for i in range(len(got.files))]
        for i, want in enumerate(outputs):
            fits = [g for g in got if g.size == want.size and np.allclose(g.ravel(), want.ravel(), rtol=1e-4, atol=1e-5 if "16" not in name else 1e-2)]
            if not fits:
                problems.append(f"{form}: output {i} differs")
        if problem := litert_problem(out, inputs):
            problems.append(f"{form}: {problem}")
    return problems


def litert_problem(path, inputs):
    """Whether LiteRT takes the file at the sizes of these inputs."""
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        import tensorflow as tensorflow

        Interpreter = tensorflow.lite.Interpreter
    try:
        interpreter = Interpreter(str(path))
        for detail, value in zip(interpreter.get_input_details(), inputs):
            interpreter.resize_tensor_input(detail["index"], value.shape)
        interpreter.allocate_tensors()
        for detail, value in zip(interpreter.get_input_details(), inputs):
            interpreter.set_tensor(detail["index"], value.astype(detail["dtype"]))
        interpreter.invoke()
    except Exception as error:
        return f"LiteRT: {str(error)[:150]}"
    return None


def main():
    np.random.seed(1)
    failed = 0
    for name in sys.argv[3:] or MODELS:
        keras.backend.clear_session()
        with tempfile.TemporaryDirectory() as folder:
            try:
                problems = run(sys.argv[2], name, pathlib.Path(folder))
            except Exception as error:
                problems = [f"{type(error).__name__}: {str(error)[:200]}"]
        failed += bool(problems)
        print(name, "ok" if not problems else "; ".join(problems), flush=True)
    print(f"{failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
