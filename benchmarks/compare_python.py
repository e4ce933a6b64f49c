#!/usr/bin/env python3
"""Times our programs and the same model in Python side by side and prints the ratios.

Every measurement is a process of its own; ours and Python's take turns, so load on the machine hits both. The Python
model is benchmarks/python_model.py: transformers' CanineModel and torch.nn.TransformerDecoder, trained with
torch.optim.AdamW and clip_grad_norm_ as the Python program does, decoded without a cache as it does.

Usage: .venv/bin/python benchmarks/compare_python.py [CASE ...] [--rounds N] [--threads N] [--bin DIR]
       --list names the cases; without names all but those marked "long" run.
Programs: cmake --preset release -DCANINE_BUILD_BENCHMARKS=ON && cmake --build --preset release
"""

import argparse
import datetime
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent


# The Python program knows neither trimmed batches nor bfloat16: what those save is measured against its way.
ITS_WAY = {"length": 128, "padding": "reference", "precision": "fp32"}


class Case:
    """One thing to measure: arguments of our program, arguments of the Python side, and what they are called."""

    def __init__(self, name, kind, long=False, repeats=5, both=False, **setting):
        self.name, self.kind, self.long, self.repeats = name, kind, long, repeats
        self.setting = {"size": "full", "batch": 8, **ITS_WAY, **setting}
        self.python_setting = self.setting if both else {**self.setting, **ITS_WAY}


CASES = [
    Case("step", "step"),
    Case("step-bf16", "step", precision="bf16"),
    Case("step-bf16-both", "step", precision="bf16", both=True),
    Case("step-32", "step", batch=32, repeats=3, long=True),
    Case("step-bf16-32", "step", precision="bf16", batch=32, repeats=3, long=True),
    # The mean width of shuffled batches of 32 occupational descriptions, with the usual augmentation and without.
    Case("step-bf16-32-mask", "step", precision="bf16", batch=32, length=72, padding="mask", repeats=3, long=True),
    Case("step-bf16-32-mask-plain", "step", precision="bf16", batch=32, length=56, padding="mask", repeats=3, long=True),
    Case("step-tiny", "step", size="tiny", batch=64, repeats=10),
    Case("decode", "decode", batch=32, repeats=2),
    Case("decode-bf16", "decode", batch=32, precision="bf16", repeats=2),
    Case("decode-256", "decode", batch=256, repeats=1, long=True),
    Case("decode-bf16-256", "decode", batch=256, precision="bf16", repeats=1, long=True),
    Case("full-search", "full", batch=4, repeats=1),
    Case("full-search-bf16", "full", batch=4, precision="bf16", repeats=1),
    Case("full-search-32", "full", batch=32, repeats=1, long=True),
    Case("full-search-bf16-32", "full", batch=32, precision="bf16", repeats=1, long=True),
    Case("checkpoint", "checkpoint", repeats=3),
    Case("start", "start"),
    Case("start-encoder", "start", encoder=True),
]
FULL_SIZE_MEGABYTES = 1840  # of a checkpoint: weights and two moments
TREE_LEVELS = (13, 80, 341, 1720, 1919)  # nodes of HISCO's prefix tree below the root, as in decode_benchmark.cpp


# --- Python's side: run as `compare_python.py --python-side KIND JSON`, prints one JSON object {what: value} ---

def python_model(setting):
    import torch
    from transformers import CanineConfig

    from python_model import Mixer, full_size_config

    torch.manual_seed(1)
    config = full_size_config()
    if setting["size"] == "tiny":
        config = CanineConfig(hidden_size=96, num_hidden_layers=3, num_attention_heads=4, intermediate_size=384,
                              num_hash_buckets=2048, max_position_embeddings=2048)
    encoder = None
    if "encoder" in setting:
        from transformers import CanineModel
        encoder = CanineModel.from_pretrained(setting["encoder"])
    return Mixer(config, num_classes=296, encoder=encoder)


def python_batch(setting):
    """Random rows with 26 real characters each and one code of five tokens, as benchmarks/benchmark_model.hpp makes."""
    import torch

    rows, length = setting["batch"], setting["length"]
    real = min(26, length)
    ids = torch.zeros(rows, length, dtype=torch.long)
    ids[:, :real] = torch.randint(32, 1000, (rows, real))
    mask = torch.zeros_like(ids)
    mask[:, :real] = 1
    return ids, mask, torch.randint(5, 2087, (rows, 7)), torch.zeros(rows, 296)


def python_step(setting, repeats):
    import torch

    from python_model import training_step

    model = python_model(setting).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-5)
    batch = python_batch(setting)
    totals = []
    for _ in range(repeats + 2 if repeats else 1):
        start = time.perf_counter()
        training_step(model, optimizer, batch, bf16=setting["precision"] == "bf16")
        totals.append(time.perf_counter() - start)
    return {"ms a step": 1e3 * statistics.median(totals[2:] or totals)}


def python_decode(setting, repeats):
    import torch

    from python_model import greedy, mixer_loss

    model = python_model(setting).eval()
    ids, mask, targets, labels = python_batch(setting)

    def validate():
        sequence, flat = model(ids, mask, targets[:, :-1])
        loss = mixer_loss(sequence, flat, targets, labels, 5, 0.1).item()
        correct = (sequence[:, :5].argmax(-1) == targets[:, 1:6]).float().mean().item()
        flat_correct = ((flat > 0) == (labels > 0)).all(1).float().mean().item()
        return loss, correct, flat_correct

    with torch.no_grad():
        return {"ms a row, validation": milliseconds_a_row(validate, setting, repeats),
                **{f"ms a row, {length} positions": milliseconds_a_row(  # BOS is the first of them
                    lambda: greedy(model, ids, mask, length - 1), setting, repeats) for length in (7, 27)},
                "ms a row, flat": milliseconds_a_row(lambda: model.flat_head(model.encode(ids, mask)[1]).sigmoid().topk(5),
                                                     setting, repeats)}


def milliseconds_a_row(body, setting, repeats):
    """Median without the first run."""
    seconds = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        body()
        seconds.append(time.perf_counter() - start)
    return 1e3 * statistics.median(seconds[1:]) / setting["batch"]


def python_full(setting, repeats):
    """Search as the Python program does it: one call of the decoder per edge, over the whole prefix. An edge of every
    level is timed and counted as often as the level has edges: all 4,073 would take minutes a row."""
    import torch

    model = python_model(setting).eval()
    ids, mask, _, _ = python_batch(setting)
    with torch.no_grad():
        memory, _ = model.encode(ids, mask)
        total = milliseconds_a_row(lambda: model.encode(ids, mask), setting, repeats)
        for level, edges in enumerate(TREE_LEVELS, 1):
            prefix = torch.randint(5, 2087, (setting["batch"], level))
            total += edges * milliseconds_a_row(lambda: model.decode(memory, prefix)[:, -1].softmax(-1), setting, 3 * repeats)
    return {"ms a row, full search": total}


def python_checkpoint(setting, repeats):
    """The Python program writes every checkpoint twice ({step}.bin and last.bin), without a sync."""
    import torch

    model = python_model(setting)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-5)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    save, load = [], []
    with tempfile.TemporaryDirectory() as folder:
        names = [pathlib.Path(folder) / name for name in ("1.bin", "last.bin")]
        for _ in range(repeats):
            start = time.perf_counter()
            for name in names:
                torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": 1}, name)
            save.append(time.perf_counter() - start)
            start = time.perf_counter()
            torch.load(names[1], map_location="cpu", weights_only=True)
            load.append(time.perf_counter() - start)
    return {"s to save": statistics.median(save), "s to load": statistics.median(load)}


def python_start(setting, repeats):
    """Imports of the Python program, a model and one step; no data is prepared. Timed from outside."""
    import pandas  # noqa: F401  (the program imports it)

    python_step({**setting, "size": "full"}, 0)
    return {}


# --- our side: the program's output as the same kind of dictionary ---

def our_command(case, bin_dir, folder):
    setting = case.setting
    if case.kind == "checkpoint":
        return [bin_dir / "checkpoint_benchmark", folder, FULL_SIZE_MEGABYTES]
    if case.kind == "start":
        config = folder / "config.json"
        config.write_text("{}", encoding="utf-8")  # the defaults of CANINE's configuration are the full size
        model = ["--encoder", setting["encoder"]] if "encoder" in setting else ["--encoder-config", config]
        return [bin_dir / "finetune", "--dataset", ROOT / "data" / "sample.csv", "--target-cols", "code_1", "code_2",
                "--language-col", "lang", *model, "--batch-size", "8", "--num-epochs", "1",
                "--log-interval", "1", "--save-path", folder / "run"]
    common = ["--size", setting["size"], "--repeats", case.repeats, "--batch", setting["batch"],
              "--length", setting["length"], "--padding", setting["padding"], "--precision", setting["precision"]]
    if case.kind == "step":
        return [bin_dir / "step_benchmark", *common]
    what = ["full"] if case.kind == "full" else ["validation", "greedy", "flat"]
    return [bin_dir / "decode_benchmark", *common, "--what", *what, "--positions", "7", "27"]


def our_values(case, output):
    if case.kind == "step":
        return {"ms a step": float(re.search(r"total (\d+) ms", output).group(1))}
    if case.kind in ("decode", "full"):
        rates = re.findall(r"^(validation|\d+ positions|flat|full search).*: ([\d.]+) rows/s", output, re.MULTILINE)
        return {f"ms a row, {what}": 1e3 / float(rate) for what, rate in rates}
    seconds = {name: float(value) for name, value in re.findall(r"^(RunFolder::\w+).*?([\d.]+) s ", output, re.MULTILINE)}
    return {"s to save": seconds["RunFolder::save"], "s to load": seconds["RunFolder::newest"]}


# --- the comparison ---

def write_encoder(folder):
    """A full-size encoder with random weights in Hugging Face layout, as google/canine-s is one."""
    from transformers import CanineModel

    from python_model import full_size_config

    CanineModel(full_size_config()).save_pretrained(folder)


def run(command, environment, until=None):
    """Output of a process, its peak resident memory in MiB, and its seconds.

    With `until` the process is ended as soon as a line holds that text, which must come."""
    start = time.perf_counter()
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, text=True, env=environment)
    output = ""
    seen = False
    for line in process.stdout:
        output += line
        if until is not None and until in line:
            seen = True
            break
    seconds = time.perf_counter() - start
    if seen:
        process.kill()
    process.stdout.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if (process.returncode != 0 or until is not None) and not seen:
        raise SystemExit(f"{command[0]} ended with exit code {process.returncode}")
    return output, usage.ru_maxrss / 1024, seconds


def measure_ours(case, bin_dir, environment):
    with tempfile.TemporaryDirectory() as folder:
        until = "] Batch 1/" if case.kind == "start" else None
        output, peak, seconds = run(our_command(case, bin_dir, pathlib.Path(folder)), environment, until)
    values = {"s to the first step": seconds} if case.kind == "start" else our_values(case, output)
    return values if case.kind == "checkpoint" else {**values, "MiB at the peak": peak}


def measure_python(case, environment):
    given = json.dumps({"setting": case.python_setting, "repeats": case.repeats})
    output, peak, seconds = run([sys.executable, __file__, "--python-side", case.kind, given], environment)
    values = {"s to the first step": seconds} if case.kind == "start" else json.loads(output.splitlines()[-1])
    return values if case.kind == "checkpoint" else {**values, "MiB at the peak": peak}


def compare(case, rounds, bin_dir, environment):
    """Rows (what, ours, Python's, ratio): medians over the rounds."""
    ours, theirs = [], []
    with tempfile.TemporaryDirectory() as encoder:
        if "encoder" in case.setting:
            write_encoder(encoder)
            case.setting["encoder"] = case.python_setting["encoder"] = encoder
        for _ in range(rounds):
            ours.append(measure_ours(case, bin_dir, environment))
            theirs.append(measure_python(case, environment))
    for what in theirs[0]:
        our_median = statistics.median(values[what] for values in ours)
        their_median = statistics.median(values[what] for values in theirs)
        yield what, our_median, their_median, their_median / our_median


def git_commit():
    result = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True)
    return result.stdout.strip() or "unknown"


def processor():
    """Name and family: clouds call different generations by one name."""
    lines = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    facts = dict(re.split(r"\s*:\s*", line, maxsplit=1) for line in lines if ":" in line)
    return f"{facts.get('model name', 'unknown processor')} (family {facts.get('cpu family', '?')})"


def main():
    parser = argparse.ArgumentParser(description="Ours against Python, side by side")
    parser.add_argument("cases", nargs="*", help="names from --list")
    parser.add_argument("--list", action="store_true", help="name the cases")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each side")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build" / "bin", help="folder of our benchmark programs")
    parser.add_argument("--python-side", nargs=2, metavar=("KIND", "JSON"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()

    if arguments.python_side:
        kind, text = arguments.python_side
        given = json.loads(text)
        sides = {"step": python_step, "decode": python_decode, "full": python_full, "checkpoint": python_checkpoint,
                 "start": python_start}
        print(json.dumps(sides[kind](given["setting"], given["repeats"])))
        return
    if arguments.list:
        for case in CASES:
            words = " ".join(f"{key}={value}" for key, value in case.setting.items())
            print(f"{case.name:<20} {case.kind:<11} {words}{' (long)' if case.long else ''}")
        return

    by_name = {case.name: case for case in CASES}
    unknown = [name for name in arguments.cases if name not in by_name]
    if unknown:
        parser.error(f"unknown case {unknown[0]}; the cases are {', '.join(by_name)}")
    chosen = [by_name[name] for name in arguments.cases] or [case for case in CASES if not case.long]
    environment = {**os.environ, "OMP_NUM_THREADS": str(arguments.threads)}

    print(f"{datetime.date.today()}, commit {git_commit()}, {processor()}, {arguments.threads} threads, "
          f"median of {arguments.rounds} turns\n")
    print("| case | what | ours | Python | Python / ours |")
    print("|---|---|---:|---:|---:|")
    for case in chosen:
        for what, our_value, their_value, ratio in compare(case, arguments.rounds, arguments.bin, environment):
            print(f"| {case.name} | {what} | {our_value:.4g} | {their_value:.4g} | {ratio:.2f} |", flush=True)


if __name__ == "__main__":
    main()
