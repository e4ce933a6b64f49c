#!/usr/bin/env python3
"""Times jobs of several processes on CPUs: the start up to the first step, and what a second process brings.

start    seconds from the command to the line of the first step: ours under torchrun, ours with processes of its own, and
         torchrun with a Python program that does the same up to there (imports, rows, model, Gloo, DDP, one step)
scaling  samples a second with one and with two processes of one thread, each pinned to a processor of its own and with
         the same rows per process; efficiency = two / (2 x one). Ours, and the Python program

Every measurement is a job of its own; ours and Python's take turns. The Python model is benchmarks/python_model.py.

Usage: .venv/bin/python benchmarks/launch_benchmark.py [start] [scaling] [--size tiny|full] [--rounds N] [--bin DIR]
Programs: cmake --preset release && cmake --build --preset release
"""

import argparse
import csv
import datetime
import json
import os
import pathlib
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from compare_python import ROOT, git_commit, processor

TINY = ROOT / "configs" / "tiny-encoder" / "config.json"
TORCHRUN = pathlib.Path(sys.executable).parent / "torchrun"
LAUNCHER_VARIABLES = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
FIRST_STEP = "] Batch 1/"
PYTHON_FIRST_STEP = "first step"
STEPS_BETWEEN_LINES = {"tiny": 20, "full": 3}
SAMPLE_CLASSES = 226  # codes of data/sample.csv
LINES = 6  # of which the first is warm-up


# --- Python's side: one rank, run as `launch_benchmark.py --python-side KIND JSON` ---

def first_rows(count):
    with open(ROOT / "data" / "sample.csv", encoding="utf-8", newline="") as file:
        return [row["occ1"] for _, row in zip(range(count), csv.DictReader(file))]


def batch_of(texts, length, num_classes):
    """As the Python program makes them: code points between two marks, filled up, and a mask."""
    import torch

    ids = torch.zeros(len(texts), length, dtype=torch.long)
    for row, text in enumerate(texts):
        points = [0xE000, *map(ord, text[:length - 2]), 0xE001]
        ids[row, :len(points)] = torch.tensor(points)
    return ids, (ids != 0).long(), torch.randint(5, 2087, (len(texts), 7)), torch.zeros(len(texts), num_classes)


def python_side(kind, setting):
    import pandas
    import torch
    from torch.nn.parallel import DistributedDataParallel
    from transformers import CanineConfig

    from python_model import Mixer, full_size_config, training_step

    torch.set_num_threads(1)
    world = int(os.environ.get("WORLD_SIZE", "1"))
    is_main = os.environ.get("RANK", "0") == "0"
    if world > 1:
        torch.distributed.init_process_group("gloo")
    pandas.read_csv(ROOT / "data" / "sample.csv")  # the program reads its data so
    config = full_size_config() if setting["size"] == "full" else CanineConfig.from_json_file(TINY)
    model = Mixer(config, setting["classes"]).train()
    ddp = DistributedDataParallel(model) if world > 1 else model
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-5)
    batch = batch_of(first_rows(setting["batch"]), setting["length"], setting["classes"])

    if kind == "start":
        training_step(ddp, optimizer, batch)
        if is_main:
            print(PYTHON_FIRST_STEP, flush=True)
        time.sleep(600)  # is ended from outside, as ours
    for _ in range(LINES):
        start = time.perf_counter()
        for _ in range(setting["steps"]):
            training_step(ddp, optimizer, batch)
        rate = setting["steps"] * setting["batch"] * world / (time.perf_counter() - start)
        if is_main:
            print(f"Samples/sec: {rate:.1f}", flush=True)
    if world > 1:
        torch.distributed.destroy_process_group()


def python_command(kind, setting):
    return [__file__, "--python-side", kind, json.dumps(setting)]


# --- our side ---

def our_command(arguments, folder, batch):
    config = TINY
    if arguments.size == "full":
        config = pathlib.Path(folder) / "config.json"
        config.write_text("{}", encoding="utf-8")  # the defaults of CANINE's configuration are the full size
    steps = STEPS_BETWEEN_LINES[arguments.size]
    return [arguments.bin / "finetune", "--dataset", ROOT / "data" / "sample.csv", "--target-cols", "code_1", "code_2",
            "--language-col", "lang", "--encoder-config", config, "--max-len", "128", "--num-threads", "1",
            "--batch-size", batch, "--num-epochs", "1000", "--log-interval", steps, "--eval-interval", "1000000",
            "--save-interval", "1000000", "--save-path", pathlib.Path(folder) / "run"]


# --- jobs ---

def environment(**more):
    kept = {name: value for name, value in os.environ.items() if name not in LAUNCHER_VARIABLES}
    return {**kept, "OMP_NUM_THREADS": "1", **more}


def descendants(pid):
    """The process and all that came of it, children first."""
    children = {}
    for entry in pathlib.Path("/proc").iterdir():
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1]) if entry.name.isdigit() else 0
        except OSError:
            continue
        children.setdefault(parent, []).append(entry.name)

    def below(one):
        return [found for child in children.get(one, []) for found in below(int(child))] + [one]

    return below(pid)


class Job:
    """Commands started together, ended with everything that came of them as soon as enough is read from the first."""

    def __init__(self, commands, environments):
        self.start = time.perf_counter()
        self.processes = [
            subprocess.Popen([str(word) for word in command], env=env, stdin=subprocess.DEVNULL, text=True,
                             stdout=subprocess.PIPE if i == 0 else subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            for i, (command, env) in enumerate(zip(commands, environments))]

    def lines(self, text, count):
        """The first `count` lines that hold `text`, with the seconds when they came."""
        found = []
        try:
            for line in self.processes[0].stdout:
                if text in line:
                    found.append((line, time.perf_counter() - self.start))
                if len(found) == count:
                    return found
            raise SystemExit(f"{self.processes[0].args} ended with {self.processes[0].wait()} before '{text}'")
        finally:
            self.end()

    def end(self):
        for process in self.processes:
            for pid in reversed(descendants(process.pid)) if process.poll() is None else []:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            process.wait()


def seconds_to(text, command):
    return Job([command], [environment()]).lines(text, 1)[0][1]


def torchrun(*command, python=False):
    return [TORCHRUN, "--standalone", "--nproc_per_node=2", *([] if python else ["--no-python"]), *command]


def measure_start(arguments, setting):
    with tempfile.TemporaryDirectory() as folder:
        ours = seconds_to(FIRST_STEP, torchrun(*our_command(arguments, folder, arguments.batch)))
    with tempfile.TemporaryDirectory() as folder:
        own = seconds_to(FIRST_STEP, [*our_command(arguments, folder, 2 * arguments.batch), "--devices", "cpu:2"])
    python = seconds_to(PYTHON_FIRST_STEP, torchrun(*python_command("start", setting), python=True))
    return {"ours, torchrun": ours, "ours, own processes": own, "Python, torchrun": python}


def samples_per_second(command, world):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    processors = sorted(os.sched_getaffinity(0))
    if len(processors) < world:
        raise SystemExit(f"{world} processors are needed, {len(processors)} are there")
    places = [dict(zip(LAUNCHER_VARIABLES, (str(rank), str(rank), str(world), str(world), "127.0.0.1", port)))
              for rank in range(world)] if world > 1 else [{}]
    pinned = [["taskset", "-c", processors[rank], *command] for rank in range(world)]
    lines = Job(pinned, [environment(**place) for place in places]).lines("Samples/sec:", LINES)
    rates = [float(re.search(r"Samples/sec: ([\d.]+)", line).group(1)) for line, _ in lines]
    return statistics.median(rates[1:])


def measure_scaling(arguments, setting):
    values = {}
    for world in (1, 2):
        with tempfile.TemporaryDirectory() as folder:
            values[f"ours {world}"] = samples_per_second(
                [*our_command(arguments, folder, arguments.batch), "--devices", "cpu"], world)
        values[f"Python {world}"] = samples_per_second([sys.executable, *python_command("scaling", setting)], world)
    return values


def rounds_of(measure, arguments, setting):
    """Medians of the values of all rounds."""
    rounds = [measure(arguments, setting) for _ in range(arguments.rounds)]
    return {name: statistics.median(values[name] for values in rounds) for name in rounds[0]}


def main():
    parser = argparse.ArgumentParser(description="Jobs of several processes on CPUs, ours and Python's")
    parser.add_argument("cases", nargs="*", help="start, scaling; without names both")
    parser.add_argument("--size", choices=["tiny", "full"], default="full", help="of the encoder")
    parser.add_argument("--batch", type=int, default=8, help="rows of each process")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each side")
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build" / "bin", help="folder of finetune")
    parser.add_argument("--python-side", nargs=2, metavar=("KIND", "JSON"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.python_side:
        python_side(arguments.python_side[0], json.loads(arguments.python_side[1]))
        return
    unknown = [name for name in arguments.cases if name not in ("start", "scaling")]
    if unknown:
        parser.error(f"unknown case {unknown[0]}; the cases are start and scaling")
    cases = arguments.cases or ["start", "scaling"]
    setting = {"size": arguments.size, "batch": arguments.batch, "length": 128, "classes": SAMPLE_CLASSES,
               "steps": STEPS_BETWEEN_LINES[arguments.size]}

    print(f"{datetime.date.today()}, commit {git_commit()}, {processor()}, {arguments.size} encoder, "
          f"{arguments.batch} rows of each process, 1 thread each, median of {arguments.rounds} turns\n")
    if "start" in cases:
        values = rounds_of(measure_start, arguments, setting)
        python = values["Python, torchrun"]
        print("| start to first step, 2 processes | s | Python / this |")
        print("|---|---:|---:|")
        for name, seconds in values.items():
            print(f"| {name} | {seconds:.2f} | {python / seconds:.2f} |", flush=True)
        print()
    if "scaling" in cases:
        values = rounds_of(measure_scaling, arguments, setting)
        print("| samples a second | 1 process | 2 processes | efficiency |")
        print("|---|---:|---:|---:|")
        for side in ("ours", "Python"):
            one, two = values[f"{side} 1"], values[f"{side} 2"]
            print(f"| {side} | {one:.1f} | {two:.1f} | {two / (2 * one):.2f} |", flush=True)


if __name__ == "__main__":
    main()
