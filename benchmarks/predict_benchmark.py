#!/usr/bin/env python3
"""Rows a second and peak memory of predict over a large table.

Makes a table of invented descriptions of which a share is new (the others come again), a tiny HISCO model with random
weights (or takes --model), runs the program in each mode, and prints rows a second and the peak memory beyond that of
a run over a single row, which is what the model itself takes.

Usage: .venv/bin/python benchmarks/predict_benchmark.py [--rows 1000000] [--new 0.1] [--modes greedy flat]
           [--model MODEL] [--batch-size 256] [--bin DIR]
"""

import argparse
import json
import multiprocessing
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TINY_CONFIG = ROOT / "configs" / "tiny-encoder" / "config.json"
HISCO_SYMBOLS, HISCO_CLASSES = 19, 1919
WORDS = "master journeyman retired widow of a the farmer smith shoe maker coal merchant servant keeper ship wright"


def write_table(path, rows, new, seed=0):
    """One column of descriptions of 5 to 60 characters, as CSV."""
    words, rng = WORDS.split(), random.Random(seed)
    texts = [f"{' '.join(rng.choices(words, k=rng.randint(1, 8)))} {i}" for i in range(max(1, int(rows * new)))]
    with open(path, "w", encoding="utf-8") as file:
        file.write("occ1\n")
        file.writelines(text + "\n" for text in texts)
        file.writelines(rng.choice(texts) + "\n" for _ in range(rows - len(texts)))


# Names of python_model.py's parts in checkpoints of the Python program.
CHECKPOINT_NAMES = {"encoder": "encoder", "embedding": "decoder.token_emb.embedding", "decoder": "decoder.decoder",
                    "head": "decoder.head", "flat_head": "linear_decoder",
                    "positions": "decoder.positional_encoding.pos_embedding"}


def write_tiny_model(path):
    """A checkpoint of a HISCO mixer around the tiny encoder, with random weights."""
    import torch
    from python_model import Mixer
    from transformers import CanineConfig

    torch.manual_seed(0)
    model = Mixer(CanineConfig(**json.loads(TINY_CONFIG.read_text())), HISCO_CLASSES, HISCO_SYMBOLS)
    weights = {}
    for name, tensor in model.state_dict().items():
        part, _, rest = name.partition(".")
        weights[CHECKPOINT_NAMES[part] + ("." + rest if rest else "")] = tensor
    torch.save({"model": weights, "step": 0, "key": None}, path)


def run(command):
    """Seconds and peak memory in MB of a program."""
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{' '.join(map(str, command))} failed")
    return time.monotonic() - start, usage.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--new", type=float, default=0.1, help="share of the rows whose description was not there before")
    parser.add_argument("--modes", nargs="+", default=["flat"])
    parser.add_argument("--model", help="not given = a tiny HISCO model")
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build" / "bin")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        model = ["--model", arguments.model or folder / "tiny.bin"]
        if not arguments.model:
            # In a process of its own: what a program takes counts from what its parent holds, and torch is large.
            maker = multiprocessing.get_context("spawn").Process(target=write_tiny_model, args=(folder / "tiny.bin",))
            maker.start()
            maker.join()
            model += ["--encoder-config", TINY_CONFIG]
        write_table(folder / "one.csv", 1, 1)
        write_table(folder / "many.csv", arguments.rows, arguments.new)
        for mode in arguments.modes:
            command = [arguments.bin / "predict", *model, "--mode", mode, "--batch-size", str(arguments.batch_size),
                       "--non-verbose", "--overwrite", "--fn-out", folder / "out.csv"]
            _, base = run([*command, "--fn-in", folder / "one.csv"])
            seconds, peak = run([*command, "--fn-in", folder / "many.csv"])
            print(f"{mode}: {arguments.rows:,} rows ({arguments.new:.0%} new texts) in {seconds:.1f} s, "
                  f"{arguments.rows / seconds:,.0f} rows/s; peak {peak:.0f} MB, {peak - base:.0f} MB beyond a run over "
                  f"one row", flush=True)


if __name__ == "__main__":
    main()
