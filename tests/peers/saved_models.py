#!/usr/bin/env python3
"""Makes TensorFlow models of many kinds and compares what Smelt computes with TensorFlow.

usage: saved_models.py SMELT FOLDER [--goldens FOLDER] [NAME...]     (with the Python of a TensorFlow environment)

Every model is saved as a SavedModel (by tf_keras, Keras 3, tf.Module or TensorFlow 1's simple_save) under FOLDER,
converted with `smelt convert` and run with `smelt run`. Prints one line for each that differs or does not import.
"""
import os
import shutil
import subprocess
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
import tf_keras as k2  # noqa: E402
import keras as k3  # noqa: E402

MODELS = {}


def model(function):
    MODELS[function.__name__] = function
    return function


def randomize(m, rng):
    m.set_weights([(rng.uniform(0.5, 1.5, w.shape) if "variance" in v.name or "gamma" in v.name else
                    rng.uniform(-0.5, 0.5, w.shape)).astype(w.dtype) if w.dtype.kind == "f" else w
                   for v, w in zip(m.weights, m.get_weights())])


def keras_like(k, layers, shape):
    x = inputs = k.Input(shape)
    for layer in layers:
        x = layer(x)
    return k.Model(inputs, x)


def both(name, shape, layers):
    """The same stack of layers saved by Keras 2 (model.save) and by Keras 3 (model.export)."""
    MODELS["k2_" + name] = lambda: ("k2", lambda: keras_like(k2, layers(k2.layers), shape))
    MODELS["k3_" + name] = lambda: ("k3", lambda: keras_like(k3, layers(k3.layers), shape))


both("dense", (8,), lambda L: [L.Dense(16, "relu"), L.BatchNormalization(), L.Dropout(0.3), L.Dense(4, "softmax")])
both("dense3d", (5, 8), lambda L: [L.Dense(6, "tanh"), L.Dense(3)])
both("conv", (12, 12, 3), lambda L: [L.Conv2D(8, 3, padding="same", use_bias=False), L.BatchNormalization(), L.ReLU(),
                                     L.DepthwiseConv2D(3, strides=2, padding="same"), L.BatchNormalization(),
                                     L.ReLU(6.0), L.SeparableConv2D(5, 3), L.LeakyReLU(), L.GlobalAveragePooling2D(),
                                     L.Dense(3, "softmax")])
both("conv_dilated", (16, 16, 2), lambda L: [L.Conv2D(4, 3, dilation_rate=2, padding="same", activation="relu"),
                                             L.Conv2D(4, 3, dilation_rate=2), L.Flatten(), L.Dense(2)])
both("conv1d", (20, 3), lambda L: [L.Conv1D(4, 3, padding="causal", dilation_rate=2), L.BatchNormalization(),
                                   L.MaxPooling1D(2), L.Conv1D(5, 3, activation="relu"), L.AveragePooling1D(2),
                                   L.GlobalMaxPooling1D(), L.Dense(2)])
both("transposed", (6, 6, 3), lambda L: [L.Conv2DTranspose(4, 3, strides=2, padding="same"), L.UpSampling2D(2),
                                         L.UpSampling2D(2, interpolation="bilinear"), L.Conv2DTranspose(2, 2, strides=2)])
both("conv1d_transposed", (6, 3), lambda L: [L.Conv1DTranspose(4, 3, strides=2, padding="same")])
both("conv3d", (6, 8, 8, 2), lambda L: [L.Conv3D(3, 3, activation="relu"), L.MaxPooling3D(2), L.AveragePooling3D(2, padding="same"),
                                        L.Flatten(), L.Dense(2)])
both("grouped", (8, 8, 4), lambda L: [L.Conv2D(8, 3, groups=2, activation="elu")])
both("norm", (6, 8), lambda L: [L.LayerNormalization(), L.Dense(8, "gelu"), L.LayerNormalization(axis=[1, 2])])
both("norm4d", (6, 6, 8), lambda L: [L.LayerNormalization(), L.GroupNormalization(4), L.UnitNormalization()])
both("activations", (10,), lambda L: [L.Dense(10, a) for a in ("relu", "sigmoid", "tanh", "elu", "selu", "softplus",
                                                               "softsign", "swish", "gelu", "exponential", "hard_sigmoid")])
both("prelu", (6, 6, 3), lambda L: [L.Conv2D(4, 3), L.PReLU(shared_axes=[1, 2]), L.ELU(), L.Flatten(), L.Dense(3), L.PReLU()])
both("pools", (11, 11, 2), lambda L: [L.MaxPooling2D(3, 2, padding="same"), L.AveragePooling2D(2, padding="same"),
                                      L.ZeroPadding2D(((1, 2), (0, 1))), L.Cropping2D(1), L.GlobalMaxPooling2D(keepdims=True)])
both("shapes", (4, 6), lambda L: [L.Reshape((6, 4)), L.Permute((2, 1)), L.Flatten(), L.RepeatVector(3), L.Reshape((-1, 8)),
                                  L.GlobalAveragePooling1D()])
both("embedding", (7,), lambda L: [L.Embedding(20, 6), L.GlobalAveragePooling1D(), L.Dense(2, "softmax")])
both("lstm", (9, 4), lambda L: [L.LSTM(6, return_sequences=True), L.LSTM(5), L.Dense(2)])
both("gru", (9, 4), lambda L: [L.GRU(6, return_sequences=True), L.GRU(5), L.Dense(2)])
both("gru_before", (9, 4), lambda L: [L.GRU(6, reset_after=False), L.Dense(2)])
both("simple_rnn", (9, 4), lambda L: [L.SimpleRNN(6, return_sequences=True), L.SimpleRNN(3)])
both("bidirectional", (9, 4), lambda L: [L.Bidirectional(L.LSTM(5, return_sequences=True)), L.Bidirectional(L.GRU(4))])
both("lstm_backwards", (9, 4), lambda L: [L.LSTM(6, go_backwards=True, return_sequences=True), L.LSTM(3, activation="relu")])
both("conv_lstm", (4, 8, 8, 2), lambda L: [L.ConvLSTM2D(3, 3)])
both("time_distributed", (4, 8, 8, 2), lambda L: [L.TimeDistributed(L.Conv2D(3, 3)), L.TimeDistributed(L.Flatten()), L.LSTM(4)])


def branches(k):
    L = k.layers
    a, b = k.Input((8, 8, 4), name="left"), k.Input((4,), name="right")
    x = L.Conv2D(4, 3, padding="same")(a)
    x = L.Add()([x, a])
    x = L.Concatenate()([L.Activation("relu")(x), L.Multiply()([x, a]), L.Subtract()([x, a]), L.Maximum()([x, a])])
    g = L.GlobalAveragePooling2D()(x)
    y = L.Dense(16, "sigmoid")(b)
    s = L.Reshape((1, 1, 16))(y)
    z = L.Multiply()([x, s])
    return k.Model([a, b], [L.Dense(3)(L.Concatenate()([g, y])), L.Average()([z, x]), L.Dot(axes=1)([g, y])])


def attention(k):
    L = k.layers
    x = inputs = k.Input((6, 8))
    y = L.MultiHeadAttention(2, 4)(x, x)
    x = L.LayerNormalization()(L.Add()([x, y]))
    x = L.Add()([L.Dense(8)(L.Dense(16, "relu")(x)), x])
    return k.Model(inputs, L.GlobalAveragePooling1D()(x))


for which in ("k2", "k3"):
    MODELS[which + "_branches"] = lambda which=which: (which, lambda: branches(k2 if which == "k2" else k3))
    MODELS[which + "_attention"] = lambda which=which: (which, lambda: attention(k2 if which == "k2" else k3))
MODELS["k2_mobilenet_v2"] = lambda: ("k2", lambda: k2.applications.MobileNetV2((96, 96, 3), 0.35, weights=None, classes=10))
MODELS["k3_mobilenet_v3"] = lambda: ("k3", lambda: k3.applications.MobileNetV3Small((64, 64, 3), 0.75, weights=None, classes=10))
MODELS["k2_efficientnet"] = lambda: ("k2", lambda: k2.applications.EfficientNetB0(input_shape=(64, 64, 3), weights=None, classes=10))
MODELS["k3_resnet50"] = lambda: ("k3", lambda: k3.applications.ResNet50(input_shape=(64, 64, 3), weights=None, classes=10))


class Module(tf.Module):
    """A function with variables w0, w1, ... of given values."""

    def __init__(self, function, *values):
        super().__init__()
        self.w = [tf.Variable(value, name=f"w{i}") for i, value in enumerate(values)]
        self.function = function


def module(name, specs, function, *shapes):
    def make():
        rng = np.random.default_rng(3)
        m = Module(function, *[rng.normal(size=s).astype("float32") for s in shapes])
        signature = [tf.TensorSpec([None, *s], t, name=f"x{i}") for i, (s, t) in enumerate(specs)]
        f = tf.function(lambda *x: {f"y{i}": y for i, y in enumerate(m.function(m.w, *x))}, input_signature=signature)
        return "module", (m, f)
    MODELS["tf_" + name] = make


F, I = tf.float32, tf.int32
module("math", [((5,), F)], lambda w, x: [tf.sin(x) + tf.cos(x), tf.math.log1p(tf.abs(x)), tf.math.expm1(x), tf.sqrt(x * x + 1),
                                          tf.math.rsqrt(x * x + 1), tf.floor(x), tf.math.ceil(x), tf.round(x), tf.sign(x),
                                          tf.math.reciprocal(x), x ** 2.0, tf.math.squared_difference(x, w[0]),
                                          tf.sinh(x), tf.cosh(x), tf.tan(x), tf.atan(x), tf.math.divide_no_nan(x, tf.nn.relu(x))], (5,))
module("compare", [((5,), F)], lambda w, x: [tf.where(x > 0, x, w[0]), tf.cast(tf.logical_and(x > 0, x < 1), F),
                                             tf.cast(tf.equal(tf.argmax(x, -1), 2), F), tf.clip_by_value(x, -0.5, 0.5),
                                             tf.maximum(x, w[0]) - tf.minimum(x, 0.0)], (5,))
module("slices", [((6, 8), F)], lambda w, x: [x[:, 1:5:2, ::-1], x[..., 3], x[:, tf.newaxis, 2], x[:, -1], tf.gather(x, [0, 2], axis=1),
                                              *tf.split(x, 4, axis=2)[:2], *tf.split(x, [2, 4], axis=1), tf.unstack(x, axis=1)[3],
                                              tf.stack([x, x * 2], axis=2), tf.reverse(x, [1]), tf.roll(x, 3, axis=2),
                                              tf.slice(x, [0, 1, 2], [-1, 3, 4]), tf.tile(x, [1, 2, 1]), tf.pad(x, [[0, 0], [1, 1], [0, 2]]),
                                              tf.pad(x, [[0, 0], [1, 1], [0, 2]], constant_values=3.0),
                                              tf.pad(x, [[0, 0], [1, 1], [2, 2]], mode="REFLECT")])
module("reductions", [((6, 8), F)], lambda w, x: [tf.reduce_mean(x, 1), tf.reduce_sum(x, [1, 2]), tf.reduce_max(x, -1, keepdims=True),
                                                  tf.reduce_min(x, [1]), tf.reduce_prod(x, 2), tf.math.cumsum(x, 1),
                                                  tf.norm(x, axis=-1), tf.nn.l2_normalize(x, -1), tf.reduce_logsumexp(x, -1),
                                                  tf.math.reduce_std(x, 1), tf.cast(tf.reduce_any(x > 1, 1), F),
                                                  tf.math.top_k(x, 3)[0], tf.one_hot(tf.argmax(x, -1), 8)])
module("products", [((4, 6), F), ((6, 5), F)], lambda w, x, y: [x @ y, tf.matmul(y, x, transpose_a=True, transpose_b=True), x @ w[0],
                                                                tf.einsum("bij,jk->bik", x, w[0]), tf.einsum("bij,bjk->bki", x, y),
                                                                tf.einsum("bij,jhk->bhik", x, w[1]), tf.tensordot(x, w[0], 1),
                                                                tf.einsum("...ij,jk->...ik", x, w[0])], (6, 3), (6, 2, 3))
module("batched_shape", [((4, 6), F)], lambda w, x: [tf.reshape(x, [tf.shape(x)[0], -1]), tf.reshape(x, [-1, 6]),
                                                     tf.reshape(tf.transpose(x, [0, 2, 1]), [tf.shape(x)[0], 3, 8]),
                                                     x + tf.zeros([tf.shape(x)[0], 1, 1]),
                                                     tf.concat([x, tf.broadcast_to(w[0], [tf.shape(x)[0], 1, 6])], 1)], (1, 1, 6))
module("images", [((8, 8, 4), F)], lambda w, x: [tf.image.resize(x, [4, 12]), tf.image.resize(x, [5, 5], method="nearest"),
                                                 tf.nn.space_to_depth(x, 2), tf.nn.depth_to_space(x, 2),
                                                 tf.nn.conv2d(x, w[0], 2, [[0, 0], [1, 0], [0, 1], [0, 0]]),
                                                 tf.nn.local_response_normalization(x), tf.nn.avg_pool2d(x, 3, 2, "SAME"),
                                                 tf.nn.conv2d(x, w[0], 1, "VALID", dilations=2)], (3, 3, 4, 5))
module("conditions", [((4,), F)], lambda w, x: [tf.cond(tf.reduce_sum(x) > 0, lambda: x * 2, lambda: x - w[0])], (4,))
module("loops", [((4,), F)], lambda w, x: [tf.while_loop(lambda i, v: i < 5, lambda i, v: (i + 1, v * 0.5 + w[0]), [0, x])[1]], (4,))
module("integers", [((4,), I)], lambda w, x: [x // 3, x % 3, tf.cast(x, F) / 2.0, tf.abs(x), tf.gather(w[0], tf.math.floormod(x, 5))], (5, 3))


def tf1_model(folder):
    tf1 = tf.compat.v1
    with tf1.Graph().as_default(), tf1.Session() as session:
        rng = np.random.default_rng(5)
        x = tf1.placeholder(tf.float32, [None, 8, 8, 3], name="image")
        w = tf1.get_variable("w", initializer=rng.normal(size=(3, 3, 3, 4)).astype("f4"), use_resource=False)
        y = tf1.nn.conv2d(x, w, [1, 1, 1, 1], "SAME")
        mean, variance = rng.normal(size=4).astype("f4"), rng.uniform(0.5, 1.5, 4).astype("f4")
        y = tf1.nn.fused_batch_norm(y, np.ones(4, "f4"), mean, mean, variance, is_training=False)[0]
        training = tf1.placeholder_with_default(False, [], name="training")
        y = tf1.cond(training, lambda: tf1.nn.dropout(y, 0.5), lambda: y)
        p = tf1.get_variable("p", (64 * 4, 3), initializer=tf1.random_normal_initializer(), partitioner=tf1.fixed_size_partitioner(3),
                             use_resource=True)
        y = tf1.matmul(tf1.reshape(tf1.nn.relu(y), [-1, 64 * 4]), tf1.convert_to_tensor(p))
        session.run(tf1.global_variables_initializer())
        tf1.saved_model.simple_save(session, folder, {"image": x}, {"scores": tf1.nn.softmax(y)})


MODELS["tf1_simple_save"] = lambda: ("tf1", tf1_model)


def save(kind, make, folder):
    rng = np.random.default_rng(11)
    if kind == "tf1":
        return make(folder)
    if kind == "module":
        m, f = make
        return tf.saved_model.save(m, folder, signatures=f)
    m = make()
    randomize(m, rng)
    return m.save(folder) if kind == "k2" else m.export(folder, verbose=False)


def compare(smelt, folder, name, golden=None):
    path = os.path.join(folder, name)
    if not os.path.exists(path):
        kind, make = MODELS[name]()
        save(kind, make, path)
    loaded = tf.saved_model.load(path)
    f = loaded.signatures["serving_default"]
    specs = f.structured_input_signature[1]
    rng = np.random.default_rng(1)
    inputs = {}
    for key, spec in sorted(specs.items()):
        shape = [1 if d is None else d for d in spec.shape]
        inputs[key] = (rng.integers(0, 7, shape).astype(spec.dtype.as_numpy_dtype) if spec.dtype.is_integer else
                       rng.normal(size=shape).astype("float32"))
    if "embedding" in name:
        inputs = {k: np.abs(v * 5).astype(int).astype(v.dtype) for k, v in inputs.items()}
    if golden:
        shutil.copytree(path, os.path.join(golden, name), ignore=shutil.ignore_patterns("fingerprint.pb", "assets", "keras*"))
    want = {k: v.numpy() for k, v in f(**{k: tf.constant(v) for k, v in inputs.items()}).items()}
    if golden:
        np.savez_compressed(os.path.join(golden, name, "golden.npz"), **{f"in{i}": inputs[k] for i, k in enumerate(sorted(inputs))},
                            **{f"out{i}": want[k] for i, k in enumerate(sorted(want))})
    out = os.path.join(folder, name + ".tflite")
    run = subprocess.run([smelt, "convert", path, "-o", out, "-q"], capture_output=True, text=True, timeout=300)
    if run.returncode:
        return run.stderr.strip()[-300:]
    np.savez(os.path.join(folder, "in.npz"), **{f"in{i}": inputs[k] for i, k in enumerate(sorted(inputs))})
    run = subprocess.run([smelt, "run", out, "--inputs", os.path.join(folder, "in.npz"), "--outputs",
                          os.path.join(folder, "out.npz")], capture_output=True, text=True, timeout=300)
    if run.returncode:
        return "run: " + run.stderr.strip()[-300:]
    got = np.load(os.path.join(folder, "out.npz"))
    for i, key in enumerate(sorted(want)):
        a, b = want[key].astype("f8").ravel(), got[f"out{i}"].astype("f8").ravel()
        if a.size != b.size:
            return f"{key}: {want[key].shape} against {got[f'out{i}'].shape}"
        finite = np.abs(a[np.isfinite(a)])
        if not np.allclose(a, b, rtol=1e-4, atol=1e-4 * max(1e-3, finite.max(initial=0)), equal_nan=True):
            return f"{key}: differs by {np.abs(a - b).max():.3g} of {np.abs(a).max():.3g}"
    ours = op_count(out)
    try:
        converter = tf.lite.TFLiteConverter.from_saved_model(path)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        theirs_path = out + ".tf"
        if os.environ.get("SMELT_COUNT_OPS"):
            with open(theirs_path, "wb") as file:
                file.write(converter.convert())
            theirs = op_count(theirs_path)
            if ours > theirs:
                print(f"  {name}: {ours} ops, the converter's has {theirs}", flush=True)
    except Exception as error:  # the converter refuses some
        print(f"  {name}: {ours} ops, the converter fails: {str(error)[:80]!r}", flush=True)
    return None


def freeze(path, file_name):
    """The model as one GraphDef with functions for its loops."""
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2
    loaded = tf.saved_model.load(path)  # keeps the variables
    f = loaded.signatures["serving_default"]
    frozen = convert_variables_to_constants_v2(f, lower_control_flow=False)
    with open(file_name, "wb") as file:
        file.write(frozen.graph.as_graph_def().SerializeToString())


def op_count(path):
    from tensorflow.lite.python import schema_py_generated as schema
    with open(path, "rb") as file:
        model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(file.read(), 0))
    return sum(len(s.operators) for s in model.subgraphs)


def main():
    smelt, folder, names = sys.argv[1], sys.argv[2], sys.argv[3:]
    golden = None
    if names[:1] == ["--goldens"]:  # copies the models with what TensorFlow computes, for the tests
        golden, names = names[1], names[2:]
    names = names or list(MODELS)
    os.makedirs(folder, exist_ok=True)
    good = 0
    for name in names:
        try:
            problem = compare(smelt, folder, name, golden)
        except Exception as error:
            problem = f"{type(error).__name__}: {str(error)[:200]}"
        good += problem is None
        if problem:
            print(f"{name}: {problem}", flush=True)
    if golden and "tf_loops" in names:
        freeze(os.path.join(folder, "tf_loops"), os.path.join(golden, "..", "frozen_loop.pb"))
    print(f"{good} of {len(names)} equal")
    return good != len(names)


if __name__ == "__main__":
    sys.exit(main())
