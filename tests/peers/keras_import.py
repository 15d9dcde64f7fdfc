"""Compares imported Keras .h5 models with what tf_keras loads: the shape of every layer's output, and its inputs and outputs.

usage: keras_import.py KERAS_DUMP_PROGRAM FOLDER
"""
import os
import pathlib
import re
import subprocess
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import tf_keras

LINE = re.compile(r"^  (?:input )?(.+?): \w+\[(.*?)\](?: =|$)")


def imported(program, path):
    """Shapes of tensors by name, or None with the error."""
    run = subprocess.run([program, path], capture_output=True, text=True)
    if run.returncode:
        return None, run.stderr.strip()
    shapes = {}
    for line in run.stdout.splitlines():
        if match := LINE.match(line):
            shapes[match[1]] = [None if d == "?" else int(d) for d in match[2].split(", ") if d]
    return shapes, None


def compare(shapes, model):
    """The number of layers compared and those that differ."""
    wrong, compared = [], 0
    for layer in model.layers:
        if layer.name not in shapes or isinstance(layer, tf_keras.Model):
            continue
        expected = list(layer.get_output_shape_at(0))
        if isinstance(layer, tf_keras.layers.InputLayer) and isinstance(expected[0], tuple):
            expected = list(expected[0])
        compared += 1
        if shapes[layer.name][1:] != expected[1:]:
            wrong.append(f"{layer.name}: {shapes[layer.name]} is not {expected}")
    return compared, wrong


def main():
    program, folder = sys.argv[1:]
    failed = False
    for path in sorted(p for p in pathlib.Path(folder).rglob("*") if p.suffix in (".h5", ".hdf5")):
        shapes, error = imported(program, path)
        if shapes is None:
            print(f"{path.name}: {error}")
            continue
        try:
            model = tf_keras.models.load_model(path, compile=False)
        except Exception as problem:  # what tf_keras cannot load, cannot be compared
            print(f"{path.name}: imported; tf_keras: {str(problem).splitlines()[0][:80]}")
            continue
        compared, wrong = compare(shapes, model)
        failed = failed or bool(wrong)
        print(f"{path.name}: {compared} of {len(model.layers)} layers compared, {len(wrong)} differ {wrong[:3]}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
