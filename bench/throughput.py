#!/usr/bin/env python3
"""Speed of Smelt beside LiteRT's default engine, and beside TFLite Micro, in one run.

    bench/throughput.py MODEL.tflite... [--threads 2] [--rounds 3] [--seconds 1] [--micro MODEL.tflite]

For each model: samples per second on --threads threads with the best batch of each engine, and the latency of
one sample on one thread. Both engines measure in turn, --rounds times, and each keeps its best round, so that
other work on the machine hurts both alike; its load is printed at the start and the end. Ratios above 1 mean
that Smelt is faster. --micro adds samples per second of TFLite Micro, which has no threads, on one model.
Needs ai-edge-litert (and tflite-micro for --micro) in the Python that runs it. Exit status 1 where a ratio is
below --need-float, --need-int8, --need-latency or --need-micro.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
from ai_edge_litert.interpreter import Interpreter

ROOT = pathlib.Path(__file__).resolve().parent.parent
BATCHES = (1, 4, 16, 64)


def inputs_of(details, rng):
    """One random sample, or batch, for each input."""
    arrays = []
    for tensor in details:
        values = rng.random(tensor["shape"])
        arrays.append((values if tensor["dtype"] == np.float32 else values * 100).astype(tensor["dtype"]))
    return arrays


class LiteRT:
    """One model in LiteRT's default engine at one batch."""

    def __init__(self, path, threads, batch):
        self.batch = batch
        self.interpreter = Interpreter(model_path=str(path), num_threads=threads)
        for tensor in self.interpreter.get_input_details():
            if batch > 1:
                self.interpreter.resize_tensor_input(tensor["index"], [batch, *tensor["shape"][1:]])
        self.interpreter.allocate_tensors()
        details = self.interpreter.get_input_details()
        for tensor, values in zip(details, inputs_of(details, np.random.default_rng(1))):
            self.interpreter.set_tensor(tensor["index"], values)
        self.interpreter.invoke()

    def is_float(self):
        return self.interpreter.get_input_details()[0]["dtype"] == np.float32

    def measure(self, seconds):
        """-> (samples per second, median ms of an invocation)."""
        times = []
        end = time.perf_counter() + seconds
        while not times or time.perf_counter() < end:
            start = time.perf_counter()
            self.interpreter.invoke()
            times.append(time.perf_counter() - start)
        return self.batch * len(times) / sum(times), 1e3 * float(np.median(times))


class Smelt:
    """The same in `smelt benchmark`, a process for each measurement."""

    def __init__(self, program, path, threads, batch):
        self.command = [str(program), "benchmark", str(path), "--threads", str(threads), "--batch", str(batch), "-q"]

    def measure(self, seconds):
        with tempfile.TemporaryDirectory() as folder:
            report = os.path.join(folder, "speed.json")
            subprocess.run([*self.command, "--seconds", str(seconds), "--json", report], check=True,
                           stdout=subprocess.DEVNULL)
            result = json.loads(pathlib.Path(report).read_text())
        return result["samples_per_second"], result["latency_ms"]["p50"]


def at_best_batch(make, seconds):
    """The engine at the batch that gives the most samples per second in a short trial."""
    best = (0, None)
    for batch in BATCHES:
        try:
            engine = make(batch)
            speed = engine.measure(seconds)[0]
        except (RuntimeError, ValueError, subprocess.CalledProcessError):
            continue  # not every model takes every batch
        if speed > best[0]:
            best = (speed, engine)
    return best[1]


def compare(path, program, options):
    """-> (is float, throughput of Smelt and LiteRT, latency of Smelt and LiteRT)."""
    trial = options.seconds / 3
    smelt = at_best_batch(lambda batch: Smelt(program, path, options.threads, batch), trial)
    litert = at_best_batch(lambda batch: LiteRT(path, options.threads, batch), trial)
    single = Smelt(program, path, 1, 1), LiteRT(path, 1, 1)
    speeds, latencies = [], []
    for _ in range(options.rounds):
        speeds.append([engine.measure(options.seconds)[0] for engine in (smelt, litert)])
        latencies.append([engine.measure(options.seconds / 2)[1] for engine in single])
    return single[1].is_float(), np.max(speeds, axis=0), np.min(latencies, axis=0)


def micro_speed(path, seconds):
    """Samples per second of TFLite Micro's reference kernels."""
    from tflite_micro import runtime

    interpreter = runtime.Interpreter.from_file(str(path))
    detail = interpreter.get_input_details(0)
    interpreter.set_input(inputs_of([detail], np.random.default_rng(1))[0], 0)
    times = []
    end = time.perf_counter() + seconds
    while not times or time.perf_counter() < end:
        start = time.perf_counter()
        interpreter.invoke()
        times.append(time.perf_counter() - start)
    return 1 / min(times)


def load():
    return "load %.1f on %d cores" % (os.getloadavg()[0], os.cpu_count())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", type=pathlib.Path)
    parser.add_argument("--smelt", type=pathlib.Path, default=ROOT / "build/release/bin/smelt")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--micro", type=pathlib.Path)
    parser.add_argument("--need-float", type=float, default=1.2)
    parser.add_argument("--need-int8", type=float, default=1.0)
    parser.add_argument("--need-latency", type=float, default=1.0)
    parser.add_argument("--need-micro", type=float, default=40)
    options = parser.parse_args()
    failed = []

    def check(name, ratio, need):
        if ratio < need:
            failed.append(f"{name} {ratio:.2f} < {need}")

    print(load())
    print(f"{'model':34} {'samples/s':>10} {'LiteRT':>10} {'ratio':>6} {'ms':>8} {'LiteRT':>8} {'ratio':>6}")
    for path in options.models:
        is_float, (smelt, litert), (ms, litert_ms) = compare(path, options.smelt, options)
        print(f"{path.stem:34} {smelt:10.0f} {litert:10.0f} {smelt / litert:6.2f} {ms:8.3f} {litert_ms:8.3f} "
              f"{litert_ms / ms:6.2f}", flush=True)
        check(path.stem, smelt / litert, options.need_float if is_float else options.need_int8)
        check(f"{path.stem} latency", litert_ms / ms, options.need_latency)
    if options.micro:
        smelt = at_best_batch(lambda batch: Smelt(options.smelt, options.micro, options.threads, batch), 1)
        speed, micro = smelt.measure(options.seconds)[0], micro_speed(options.micro, options.seconds)
        print(f"{options.micro.stem}: {speed:.0f} samples/s, TFLite Micro {micro:.0f}, ratio {speed / micro:.1f}")
        check("TFLite Micro", speed / micro, options.need_micro)
    print(load())
    for line in failed:
        print("below the bound:", line)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
