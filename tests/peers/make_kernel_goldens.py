"""Makes the models and goldens of tests/golden: ops with weights and pools, in int8 and int16x8.

The models come from TensorFlow's converter, the outputs from TFLite Micro's reference kernels:
  TF_PYTHON tests/peers/make_kernel_goldens.py models tests/golden
  TFLM_PYTHON tests/peers/make_kernel_goldens.py goldens tests/golden
where TF_PYTHON has tensorflow and tf_keras, and TFLM_PYTHON has tflite_micro and numpy.
"""
import pathlib
import sys

import numpy as np

# name, input shape, layers as (Keras class, arguments)
CASES = [
    ("conv_3x3_same_relu", (9, 7, 5), [("Conv2D", dict(filters=19, kernel_size=3, padding="same", activation="relu"))]),
    ("conv_stride2_valid", (9, 8, 3), [("Conv2D", dict(filters=8, kernel_size=(3, 2), strides=2))]),
    ("conv_dilated", (11, 11, 4), [("Conv2D", dict(filters=6, kernel_size=3, dilation_rate=2, padding="same"))]),
    ("conv_groups", (6, 6, 6), [("Conv2D", dict(filters=12, kernel_size=3, groups=3, padding="same"))]),
    ("conv_1x1_no_bias", (7, 5, 16), [("Conv2D", dict(filters=33, kernel_size=1, use_bias=False))]),
    ("conv_1x1_stride2_relu6", (7, 7, 9), [("Conv2D", dict(filters=17, kernel_size=1, strides=2, activation="relu6"))]),
    ("depthwise_3x3_same", (8, 9, 24), [("DepthwiseConv2D", dict(kernel_size=3, padding="same", activation="relu6"))]),
    ("depthwise_stride2", (9, 9, 11), [("DepthwiseConv2D", dict(kernel_size=5, strides=2, padding="same"))]),
    ("depthwise_multiplier", (6, 6, 5), [("DepthwiseConv2D", dict(kernel_size=3, depth_multiplier=3))]),
    ("depthwise_from_one_channel", (12, 6, 1), [("DepthwiseConv2D", dict(kernel_size=(5, 4), depth_multiplier=8, strides=2, padding="same"))]),
    ("depthwise_dilated", (9, 9, 8), [("DepthwiseConv2D", dict(kernel_size=3, dilation_rate=2, padding="same"))]),
    ("transpose_conv_same", (4, 5, 6), [("Conv2DTranspose", dict(filters=7, kernel_size=3, strides=2, padding="same"))]),
    ("transpose_conv_valid", (3, 4, 5), [("Conv2DTranspose", dict(filters=3, kernel_size=(4, 3), strides=(3, 2)))]),
    ("dense", (40,), [("Dense", dict(units=21, activation="relu"))]),
    ("dense_no_bias", (33,), [("Dense", dict(units=10, use_bias=False))]),
    ("average_pool", (8, 7, 20), [("AveragePooling2D", dict(pool_size=3, strides=2, padding="same"))]),
    ("average_pool_valid", (8, 8, 3), [("AveragePooling2D", dict(pool_size=(4, 2)))]),
    ("max_pool", (9, 7, 21), [("MaxPooling2D", dict(pool_size=3, strides=2, padding="same"))]),
]
SAMPLES = {1: 3, 2: 1}  # by bytes of a value


def make_models(folder):
    import tensorflow as tf
    import tf_keras as keras

    for name, shape, layers in CASES:
        for width in (8, 16):
            rng = np.random.default_rng(sum(name.encode()) + width)
            keras.utils.set_random_seed(int(rng.integers(1 << 30)))
            model = keras.Sequential([keras.Input(shape, batch_size=1)])
            for cls, arguments in layers:
                if cls.endswith("Conv2D") or cls in ("Dense", "Conv2DTranspose"):
                    arguments = dict(arguments, bias_initializer=keras.initializers.RandomNormal(stddev=0.5))
                    arguments["use_bias"] = arguments.get("use_bias", True)
                model.add(getattr(keras.layers, cls)(**arguments))
            converter = tf.lite.TFLiteConverter.from_keras_model(model)
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = lambda: (
                [rng.normal(0.3, 1.0, (1,) + shape).astype(np.float32)] for _ in range(20))
            if width == 8:
                converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
                converter.inference_input_type = converter.inference_output_type = tf.int8
            else:
                converter.target_spec.supported_ops = [
                    tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8]
                converter.inference_input_type = converter.inference_output_type = tf.int16
            try:
                data = converter.convert()
            except Exception as error:  # the converter has no such kernel
                print(f"{name} int{width}: {str(error).splitlines()[0]}")
                continue
            (folder / f"{name}_int{width}.tflite").write_bytes(data)


def make_goldens(folder):
    from tflite_micro.python.tflite_micro import runtime

    (folder / "goldens").mkdir(exist_ok=True)
    for path in sorted(folder.glob("*.tflite")):
        rng = np.random.default_rng(sum(path.name.encode()))
        interpreter = runtime.Interpreter.from_file(str(path))
        details = interpreter.get_input_details(0)
        info = np.iinfo(details["dtype"])
        inputs, outputs = [], []
        for _ in range(SAMPLES[details["dtype"]().itemsize]):
            x = rng.integers(info.min, info.max, details["shape"], endpoint=True, dtype=details["dtype"])
            interpreter.set_input(x, 0)
            interpreter.invoke()
            inputs.append(x)
            outputs.append(interpreter.get_output(0).copy())
        np.savez_compressed(folder / "goldens" / f"{path.name}.npz", in0=np.stack(inputs), tflm0=np.stack(outputs))


if __name__ == "__main__":
    step, target = sys.argv[1], pathlib.Path(sys.argv[2])
    make_models(target) if step == "models" else make_goldens(target)
