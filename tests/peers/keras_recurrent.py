"""Compares recurrent Keras models with what Smelt makes of them.

usage: keras_recurrent.py make FOLDER              (with tensorflow, tf_keras and keras)
       keras_recurrent.py check SMELT FOLDER       (with numpy, ai_edge_litert and tflite_micro)

`make` writes models of both Keras generations with random weights, and what they compute for random inputs. `check` converts each in
every --rnn form, runs it in Smelt and in LiteRT, and fused ones in TFLite Micro, and prints those that differ by over 1e-4.
"""
import os
import pathlib
import subprocess
import sys

import numpy as np

T, F, U = 6, 5, 7


def layers_of(k):
    """name -> function of an input tensor (or None for its default) that gives outputs; with the input's shape."""
    L = k.layers
    models = {}

    def add(name, build, shape=(T, F), integers=False, inputs=None):
        models[name] = (build, inputs or [shape], integers)

    def one(name, layer, **more):
        add(name, lambda x: layer()(x), **more)

    for cls in (L.LSTM, L.GRU, L.SimpleRNN):
        n = cls.__name__.lower()
        one(n, lambda c=cls: c(U))
        one(n + "_seq", lambda c=cls: c(U, return_sequences=True))
        one(n + "_back", lambda c=cls: c(U, go_backwards=True))
        one(n + "_back_seq", lambda c=cls: c(U, go_backwards=True, return_sequences=True))
        one(n + "_no_bias", lambda c=cls: c(U, use_bias=False))
        one(n + "_unroll", lambda c=cls: c(U, unroll=True))
        one(n + "_relu", lambda c=cls: c(U, activation="relu", return_sequences=True))
        one(n + "_softsign", lambda c=cls: c(U, activation="softsign"))
        one(n + "_elu", lambda c=cls: c(U, activation="elu"))
        one(n + "_selu", lambda c=cls: c(U, activation="selu"))
        one(n + "_linear", lambda c=cls: c(U, activation="linear"))
        one(n + "_dropout", lambda c=cls: c(U, dropout=0.3, recurrent_dropout=0.2))
        one(n + "_long", lambda c=cls: c(U, return_sequences=True), shape=(100, F))
        one(n + "_one_step", lambda c=cls: c(U), shape=(1, F))
        one(n + "_stateful", lambda c=cls: c(U, stateful=True))
        one(n + "_stateful_seq", lambda c=cls: c(U, stateful=True, return_sequences=True, go_backwards=True))
        one(n + "_state", lambda c=cls: c(U, return_state=True))
        one(n + "_seq_state", lambda c=cls: c(U, return_state=True, return_sequences=True))
        add(n + "_stack", lambda x, c=cls: c(4)(c(U, return_sequences=True)(c(3, return_sequences=True)(x))))
        add(n + "_masked", lambda x, c=cls: c(U)(L.Masking()(x)))
        add(n + "_masked_seq", lambda x, c=cls: c(U, return_sequences=True)(L.Masking()(x)))
        add(n + "_masked_stack", lambda x, c=cls: c(3)(L.Dense(4)(c(U, return_sequences=True)(L.Masking()(x)))))
        add(n + "_masked_back", lambda x, c=cls: c(U, return_sequences=True, go_backwards=True)(L.Masking()(x)))
        add(n + "_masked_bi", lambda x, c=cls: L.Bidirectional(c(U, return_sequences=True))(L.Masking()(x)))
        add(n + "_masked_bi_last", lambda x, c=cls: L.Bidirectional(c(U))(L.Masking()(x)))
        add(n + "_embedded", lambda x, c=cls: c(U)(L.Embedding(11, 4, mask_zero=True)(x)), shape=(T,), integers=True)
        add(n + "_pooled", lambda x, c=cls: L.GlobalAveragePooling1D()(c(U, return_sequences=True)(L.Masking()(x))))
        for mode in ("concat", "sum", "mul", "ave"):
            one(f"{n}_bi_{mode}", lambda c=cls, m=mode: L.Bidirectional(c(U, return_sequences=True), merge_mode=m))
        one(n + "_bi", lambda c=cls: L.Bidirectional(c(U)))
        one(n + "_bi_none", lambda c=cls: L.Bidirectional(c(U, return_sequences=True), merge_mode=None))
        one(n + "_bi_state", lambda c=cls: L.Bidirectional(c(U, return_state=True)))
        add(n + "_bi_stack", lambda x, c=cls: L.Bidirectional(c(3))(L.Bidirectional(c(U, return_sequences=True))(x)))
        one(n + "_bi_own", lambda c=cls: L.Bidirectional(c(U, name="a"), backward_layer=c(3, go_backwards=True, name="b")))

        def decoder(x, c=cls):
            _, *states = c(U, return_state=True)(x)
            return c(U, return_sequences=True)(x, initial_state=states)

        add(n + "_decoder", decoder)

        def masked_decoder(x, c=cls):
            masked = L.Masking()(x)
            _, *states = c(U, return_state=True)(masked)
            return c(U, return_sequences=True)(masked, initial_state=states)

        add(n + "_masked_decoder", masked_decoder)

        def concatenated(x, c=cls):
            masked = L.Masking()(x)
            y = L.Concatenate()([c(3, return_sequences=True)(masked), c(4, return_sequences=True)(masked)])
            return c(U)(L.Dropout(0.2)(L.Add()([y, y])))

        add(n + "_masked_merge", concatenated)
        cell = {"lstm": L.LSTMCell, "gru": L.GRUCell, "simplernn": L.SimpleRNNCell}[n]
        one(n + "_cell", lambda c=cell: L.RNN(c(U), return_sequences=True))
        one(n + "_cells", lambda c=cell: L.RNN([c(3), c(U)], return_sequences=True))
        one(n + "_cells_back", lambda c=cell: L.RNN([c(3), c(U)], return_sequences=True, go_backwards=True))
        add(n + "_cells_masked", lambda x, c=cell: L.RNN([c(3), c(U)])(L.Masking()(x)))
        one(n + "_bi_cell", lambda c=cell: L.Bidirectional(L.RNN(c(U), return_sequences=True)))

    for cls in (L.LSTM, L.GRU):
        n = cls.__name__.lower()
        one(n + "_hard", lambda c=cls: c(U, recurrent_activation="hard_sigmoid"))
        one(n + "_hard_seq", lambda c=cls: c(U, recurrent_activation="hard_sigmoid", return_sequences=True, activation="relu"))
    one("lstm_unit_forget", lambda: L.LSTM(U, unit_forget_bias=False))
    one("lstm_implementation_1", lambda: L.LSTM(U, implementation=1))
    for name, more in (("", {}), ("_seq", {"return_sequences": True}), ("_back", {"go_backwards": True}), ("_no_bias", {"use_bias": False})):
        one("gru_before" + name, lambda m=more: L.GRU(U, reset_after=False, **m))
    add("gru_before_masked", lambda x: L.GRU(U, reset_after=False, return_sequences=True)(L.Masking()(x)))
    one("time_distributed", lambda: L.TimeDistributed(L.LSTM(3)), shape=(2, 4, 3))
    for name, layer, shape in (("1d", getattr(L, "ConvLSTM1D", None), (4, 6, 2)), ("2d", L.ConvLSTM2D, (3, 5, 6, 2)), ("3d", getattr(L, "ConvLSTM3D", None), (2, 4, 4, 4, 2))):
        if layer is None:
            continue
        n = "conv_lstm_" + name
        one(n, lambda c=layer: c(3, 3, padding="same"), shape=shape)
        one(n + "_seq", lambda c=layer: c(3, 2, return_sequences=True), shape=shape)
        one(n + "_back", lambda c=layer: c(3, 3, padding="same", go_backwards=True, return_sequences=True, use_bias=False), shape=shape)
        one(n + "_relu", lambda c=layer: c(3, 3, activation="relu", recurrent_activation="sigmoid", return_state=True), shape=shape)
    one("conv_lstm_2d_strides", lambda: L.ConvLSTM2D(3, 3, strides=2, padding="same"), shape=(3, 7, 6, 2))
    one("conv_lstm_2d_dilated", lambda: L.ConvLSTM2D(3, 2, dilation_rate=2, padding="same"), shape=(3, 7, 6, 2))
    one("conv_lstm_2d_bi", lambda: L.Bidirectional(L.ConvLSTM2D(3, 3, padding="same", return_sequences=True)), shape=(3, 5, 6, 2))
    return models


def randomize(model, random):
    model.set_weights([random.uniform(-0.6, 0.6, w.shape).astype(w.dtype) for w in model.get_weights()])


def as_cudnn(folder, name):
    """A model of one LSTM or GRU as one of CuDNNLSTM or CuDNNGRU, which order weights in another way."""
    import json
    import shutil

    import h5py
    from tf_keras.src.saving.legacy import hdf5_format

    source, target = folder / f"{name}.k2", folder / f"{name}_cudnn.k2"
    shutil.copy(f"{source}.npz", f"{target}.npz")
    shutil.copy(f"{source}.h5", f"{target}.h5")
    with h5py.File(f"{target}.h5", "r+") as file:
        config = json.loads(file.attrs["model_config"])
        for layer in config["config"]["layers"]:
            if layer["class_name"] not in ("LSTM", "GRU"):
                continue
            layer["class_name"] = "CuDNN" + layer["class_name"]
            for key in ("activation", "recurrent_activation", "use_bias", "implementation", "reset_after", "unroll"):
                layer["config"].pop(key, None)
            group = file["model_weights"][layer["config"]["name"]]
            names = list(group.attrs["weight_names"])
            fake = type(layer["class_name"], (), {})()
            for key, value in zip(names, hdf5_format._convert_rnn_weights(fake, [group[n][:] for n in names])):
                del group[key]
                group[key] = value
        file.attrs["model_config"] = json.dumps(config)


def make(folder):
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    import keras
    import tf_keras

    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for generation, k in (("2", tf_keras), ("3", keras)):
        for name, (build, shapes, integers) in layers_of(k).items():
            random = np.random.default_rng(sum(map(ord, name)))
            k.backend.clear_session()
            try:
                stateful = "_stateful" in name
                x = k.Input(shapes[0], batch_size=1 if stateful else None)
                model = k.Model(x, build(x))
                randomize(model, random)
                shape = (1, *shapes[0])
                if integers:
                    value = random.integers(0, 11, shape).astype("f4")
                else:
                    value = random.uniform(-1, 1, shape).astype("f4")
                if len(shape) > 2:
                    value[:, random.integers(0, shape[1], 2)] = 0  # masked steps
                else:
                    value[:, -2:] = 0
                y = model.predict(value, verbose=0)
                y = y if isinstance(y, (list, tuple)) else [y]
                golden = {"in0": value, **{f"out{i}": v for i, v in enumerate(y)}}
                if stateful:
                    golden["second"] = model.predict(value, verbose=0)
                np.savez(folder / f"{name}.k{generation}.npz", **golden)
                model.save(folder / f"{name}.k{generation}.h5")
                model.save(folder / f"{name}.k{generation}.keras")
            except Exception as problem:
                print(f"{name} of Keras {generation} is not made: {str(problem).splitlines()[0][:120]}")
    for name in ("lstm", "lstm_seq", "gru", "gru_back_seq"):
        as_cudnn(folder, name)


def litert(path, value, times=1):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path))
    interpreter.allocate_tensors()
    for _ in range(times):
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], value)
        interpreter.invoke()
    return [interpreter.get_tensor(d["index"]) for d in interpreter.get_output_details()]


def micro(path, value, count):
    from tflite_micro import runtime

    interpreter = runtime.Interpreter.from_file(str(path), arena_size=1 << 22)
    interpreter.set_input(value, 0)
    interpreter.invoke()
    return [interpreter.get_output(i) for i in range(count)]


def smelt_run(smelt, path, folder, count):
    npz = folder / "o.npz"
    subprocess.run([smelt, "run", path, "--inputs", folder / "i.npz", "--outputs", npz], check=True, capture_output=True)
    out = np.load(npz)
    return [out[f"out{i}"] for i in range(count)]


def differs(got, want):
    if len(got) != len(want):
        return f"{len(got)} outputs, not {len(want)}"
    worst = max(float(np.abs(g.ravel() - w.ravel()).max() / max(1e-3, np.abs(w).max())) if g.size == w.size else 9e9 for g, w in zip(got, want))
    return f"differs by {worst:.1e}" if not worst < 1e-4 else None


def check_file(smelt, model, golden, form, folder):
    """What is wrong with a model in a form, None where nothing is."""
    want = [golden[key] for key in sorted(golden.files) if key.startswith("out")]
    np.savez(folder / "i.npz", in0=golden["in0"])
    out = folder / "m.tflite"
    run = subprocess.run([smelt, "convert", model, "-o", out, "-q", "--rnn", form], capture_output=True, text=True)
    if run.returncode:
        return run.stderr.strip().split(": ", 2)[-1][:110]
    try:
        if problem := differs(smelt_run(smelt, out, folder, len(want)), want):
            return "Smelt " + problem
    except subprocess.CalledProcessError as error:
        return "run: " + error.stderr.decode().strip()[-110:]
    try:
        if problem := differs(litert(out, golden["in0"]), want):
            return "LiteRT " + problem
        if "second" in golden and (problem := differs(litert(out, golden["in0"], 2), [golden["second"]])):
            return "the second call in LiteRT " + problem
    except Exception as error:
        return "LiteRT: " + str(error)[:110]
    plain = pathlib.Path(model).name.split(".")[0]
    if form == "fused" and plain.startswith("lstm") and not any(w in plain for w in ("mask", "embed", "pool")):
        try:
            if problem := differs(micro(out, golden["in0"], len(want)), want):
                return "TFLite Micro " + problem
        except Exception as error:
            return "TFLite Micro: " + str(error)[:110]
    return None


def check(smelt, folder):
    folder = pathlib.Path(folder)
    work = folder / "work"
    work.mkdir(exist_ok=True)
    count, wrong = 0, 0
    for path in sorted(p for p in folder.iterdir() if p.suffix in (".h5", ".keras")):
        golden = np.load(path.with_suffix(".npz"))
        for form in ("fused", "unroll", "while"):
            count += 1
            if problem := check_file(smelt, path, golden, form, work):
                wrong += 1
                print(f"{path.name} {form}: {problem}", flush=True)
    print(f"{count - wrong} of {count} equal Keras")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(make(*sys.argv[2:]) if sys.argv[1] == "make" else check(*sys.argv[2:]))
