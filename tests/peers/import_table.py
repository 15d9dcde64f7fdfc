"""Writes docs/IMPORT.md: what Smelt makes of every Keras file in a folder of real models.

usage: import_table.py SMELT_PROGRAM MODELS GOLDENS OUTPUT.md

MODELS holds .h5, .hdf5, .keras and .mltk.zip files at any depth; GOLDENS/PATH.npz holds in0.., out0.. of those that Keras
itself could load.
"""
import collections
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import zipfile

import h5py
import numpy as np

SUFFIXES = (".h5", ".hdf5", ".keras")


def layer_classes(config, found):
    """Counts the classes of all layers, nested ones included."""
    if isinstance(config, list):
        for entry in config:
            layer_classes(entry, found)
        return
    if not isinstance(config, dict):
        return
    inner = config.get("config")
    layers = inner if isinstance(inner, list) else inner.get("layers") if isinstance(inner, dict) else None
    if layers is None and "class_name" in config:
        found[config["class_name"]] += 1
        if isinstance(inner, dict) and isinstance(inner.get("layer"), dict):
            layer_classes(inner["layer"], found)
    for layer in layers or []:
        layer_classes(layer, found)


def describe(path):
    """(Keras version, layers by number) as the file itself says them."""
    version, text = "?", None
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                version = json.loads(archive.read("metadata.json"))["keras_version"]
                text = archive.read("config.json")
        else:
            with h5py.File(path) as file:
                for place in (file, file.get("model_weights", file)):
                    if "keras_version" in place.attrs:
                        version = place.attrs["keras_version"]
                        version = version.decode() if isinstance(version, bytes) else version
                        break
                text = file.attrs.get("model_config")
        found = collections.Counter()
        if text is not None:
            layer_classes(json.loads(text), found)
    except Exception:
        return version, "unreadable"
    if not found:
        return version, "weights only"
    found.pop("InputLayer", None)
    return version, ", ".join(name if n == 1 else f"{n} {name}" for name, n in found.most_common())


def same(a, b):
    a, b = a.ravel().astype("f8"), b.ravel().astype("f8")
    return a.size == b.size and np.allclose(a, b, rtol=1e-4, atol=1e-4 * max(1e-3, np.abs(a).max(initial=0)), equal_nan=True)


def compare(program, path, golden, folder):
    """What happens to the file: one short sentence."""
    out = folder / "m.tflite"
    convert = subprocess.run([program, "convert", path, "-o", out, "-q"], capture_output=True, text=True, timeout=300)
    if convert.returncode:
        message = convert.stderr.strip().removeprefix("smelt: error: ")
        message = re.sub(r"^while (reading|preparing) \S+: ", "", message).replace(str(path), "the file")
        kind = "refused" if convert.returncode == 3 else "**failed**"
        return f"{kind}: {message}".replace("|", "\\|")
    if not golden.exists():
        return "imported"
    data = np.load(golden)
    np.savez(folder / "in.npz", **{k: data[k] for k in data.files if re.fullmatch(r"in\d+", k)})
    run = subprocess.run([program, "run", out, "--inputs", folder / "in.npz", "--outputs", folder / "out.npz"], capture_output=True, text=True, timeout=300)
    if run.returncode:
        return f"**runs not**: {run.stderr.strip()}"
    got = np.load(folder / "out.npz")
    got = [got[k] for k in got.files]
    want = [data[k] for k in data.files if re.fullmatch(r"out\d+", k)]
    fits = len(got) == len(want) and all(any(same(w, g) for g in got) for w in want)
    return "equal" if fits else "**outputs differ**"


def main():
    program, models, goldens, output = sys.argv[1], *map(pathlib.Path, sys.argv[2:5])
    rows, counts = [], collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        for path in sorted(models.rglob("*")):
            if not path.name.endswith(SUFFIXES):
                continue
            relative = path.relative_to(models)
            result = compare(program, path, goldens / f"{relative}.npz", pathlib.Path(folder))
            counts[result.split(":")[0].strip("*")] += 1
            rows.append(f"| {relative} | {' | '.join(describe(path))} | {result} |")
    total = ", ".join(f"{n} {what}" for what, n in counts.most_common())
    output.write_text(
        "# Import of real Keras files\n\n"
        "Written by `tests/peers/import_table.py`. *equal*: the outputs of the float `.tflite` are those of Keras within 1e-4 relative; "
        "*imported*: converted, but Keras itself could not load the file or no outputs of it are at hand; *refused*: with the message given.\n\n"
        f"{len(rows)} files: {total}.\n\n"
        "| file | Keras | layers | result |\n|---|---|---|---|\n" + "\n".join(rows) + "\n"
    )
    print(total)


if __name__ == "__main__":
    main()
