#!/usr/bin/env python3
"""Times data-parallel ranks of ours and of torch.distributed side by side and prints the ratios.

Ranks are processes of one thread each that meet over Gloo on the loopback. Ours and Python's take turns. A turn starts
all ranks anew; within it, steps with and without DDP take turns, too.

Usage: .venv/bin/python benchmarks/compare_ddp.py [CASE ...] [--model mlp|tiny|full] [--rounds N] [--steps N] [--bin DIR]
       --list says what the cases measure; without names all-reduce and step run.
Program: cmake --preset release -DCANINE_BUILD_BENCHMARKS=ON && ninja -C build ddp_benchmark
One side by itself:
       torchrun --nproc_per_node=2 --no-python build/bin/ddp_benchmark step --model mlp
       torchrun --nproc_per_node=2 benchmarks/compare_ddp.py --python-side step --model mlp
"""

import argparse
import contextlib
import datetime
import os
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import time

from compare_python import git_commit, processor, python_batch, python_model

ROOT = pathlib.Path(__file__).resolve().parent.parent
CASES = {
    "all-reduce": "latency and bandwidth of all-reduces of float32; ours also without signs of life",
    "step": "a training step of --model alone, with DDP, and with one all-reduce after it",
    "scaling": "a step of --model on one rank, and with DDP on all, each rank pinned to a core",
}
SIZES = {"8 B": 8, "4 KiB": 4096, "1 MB": 1_000_000, "25 MB": 25_000_000, "150 MB": 150_000_000}
ROWS = {"mlp": 64, "tiny": 8, "full": 8}  # per rank
STEPS = {"mlp": 10, "tiny": 20, "full": 3}
WARM_UP = 3  # the buckets are laid out anew at the second step
DEADLINE = 600  # seconds for a turn


# --- Python's side: a rank; the first prints "NAME: VALUE ms", as benchmarks/ddp_benchmark.cpp does ---

def print_median(name, seconds):
    import torch.distributed as dist

    if dist.get_rank() == 0:
        print(f"{name}: {1e3 * statistics.median_high(seconds):.5f} ms", flush=True)


def python_all_reduce(arguments):
    import torch
    import torch.distributed as dist

    tensors = {size: torch.zeros(size // 4) for size in SIZES.values()}
    seconds = {size: [] for size in tensors}
    passes = 5  # sizes take turns, so that a moment of load on the machine hits all of them
    for _ in range(passes):
        for size, values in tensors.items():
            dist.all_reduce(values)
            for _ in range(min(max(arguments.volume * 1_000_000 // size // passes, 2), 400)):
                start = time.perf_counter()
                dist.all_reduce(values)
                seconds[size].append(time.perf_counter() - start)
    for size in tensors:
        print_median(f"all-reduce {size} bytes", seconds[size])


def python_mlp(rows):
    """The net of ddp_benchmark.cpp: twenty layers of 704 x 704."""
    import torch
    from torch import nn

    layers = []
    for _ in range(20):
        layers += [nn.Linear(704, 704), nn.ReLU()]
    batch = torch.randn(rows, 704)
    return nn.Sequential(*layers[:-1]), lambda net: net(batch).square().mean()


def python_mixer(size, rows):
    from python_model import mixer_loss

    setting = {"size": size, "batch": rows, "length": 128}
    ids, mask, targets, labels = python_batch(setting)

    def loss_of(net):
        sequence, flat = net(ids, mask, targets[:, :-1])
        return mixer_loss(sequence, flat, targets, labels, 5, 0.1)

    return python_model(setting).train(), loss_of


def average_gradients(parameters, everything):
    """All at once, with nothing to hide behind. The flat tensor is kept from step to step, as buckets are."""
    import torch
    import torch.distributed as dist

    with torch.no_grad():
        flat = [parameter.grad.reshape(-1) for parameter in parameters]
        torch.cat(flat, out=everything)
        everything.div_(dist.get_world_size())
        dist.all_reduce(everything)
        begin = 0
        for gradient in flat:
            gradient.copy_(everything[begin:begin + gradient.numel()])
            begin += gradient.numel()


def python_step(arguments):
    import copy

    import torch
    import torch.distributed as dist

    torch.manual_seed(1)
    rows = arguments.batch or ROWS[arguments.model]
    model, loss_of = python_mlp(rows) if arguments.model == "mlp" else python_mixer(arguments.model, rows)
    alone = copy.deepcopy(model)  # a second module on the same weights, without the hooks of DDP
    for parameter, shared in zip(alone.parameters(), model.parameters()):
        parameter.data = shared.data
    parameters = list(alone.parameters())
    everything = torch.empty(sum(parameter.numel() for parameter in parameters))
    ddp = torch.nn.parallel.DistributedDataParallel(model, gradient_as_bucket_view=arguments.bucket_view)

    def step(net):
        net.zero_grad(set_to_none=not arguments.bucket_view)
        loss_of(net).backward()

    def step_then_all_reduce():
        step(alone)
        average_gradients(parameters, everything)

    kinds = [lambda: step(alone), lambda: step(ddp), step_then_all_reduce]
    num_steps = arguments.steps or STEPS[arguments.model]
    seconds = torch.zeros(len(kinds), num_steps, dtype=torch.float64)
    together = torch.zeros(1)
    for number in range(-WARM_UP, num_steps):
        for kind, body in enumerate(kinds):
            dist.all_reduce(together)
            start = time.perf_counter()
            body()
            if number >= 0:
                seconds[kind, number] = time.perf_counter() - start
    dist.all_reduce(seconds, dist.ReduceOp.MAX)  # the slowest rank's time counts
    plain, with_ddp, after = seconds
    print_median("step alone", plain.tolist())
    print_median("step with DDP", with_ddp.tolist())
    print_median("step, then one all-reduce", after.tolist())
    print_median("overhead of DDP", (with_ddp - plain).tolist())
    print_median("communication after the step", (after - plain).tolist())
    print_median("communication hidden", (after - with_ddp).tolist())


def python_side(kind, arguments):
    import torch
    import torch.distributed as dist

    torch.set_num_threads(1)
    dist.init_process_group("gloo", timeout=datetime.timedelta(seconds=120))
    {"all-reduce": python_all_reduce, "step": python_step}[kind](arguments)
    dist.destroy_process_group()


# --- ranks as processes ---

@contextlib.contextmanager
def running(commands):
    """The processes of (command, environment, cores) triples; the first one's output can be read. None outlives it."""
    processes = []
    try:
        for number, (command, environment, cores) in enumerate(commands):
            processes.append(subprocess.Popen(
                [str(word) for word in command], env=environment, text=True,
                stdout=subprocess.PIPE if number == 0 else subprocess.DEVNULL,
                preexec_fn=(lambda chosen=cores: os.sched_setaffinity(0, chosen)) if cores else None))
        yield processes
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
            process.wait()


def run_ranks(command, ranks, pinned=False):
    """Milliseconds by name, as rank 0 prints them. The store that an agent of torchrun would serve is ours."""
    import torch.distributed as dist

    store = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    cores = sorted(os.sched_getaffinity(0))
    commands = []
    for rank in range(ranks):
        environment = {
            **os.environ, "RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": ranks, "LOCAL_WORLD_SIZE": ranks,
            "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": store.port, "TORCHELASTIC_USE_AGENT_STORE": "True",
            "GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": 1,
        }
        environment = {name: str(value) for name, value in environment.items()}
        commands.append((command, environment, {cores[rank % len(cores)]} if pinned else None))
    try:
        with running(commands) as processes:
            output, _ = processes[0].communicate(timeout=DEADLINE)
            for rank, process in enumerate(processes):
                if process.wait(timeout=60) != 0:
                    raise SystemExit(f"rank {rank} of {command[0]} ended with exit code {process.returncode}")
    except subprocess.TimeoutExpired:
        raise SystemExit(f"{command[0]}: the ranks have not ended in time") from None
    return {name: float(value) for name, value in re.findall(r"^(.+): (-?[\d.]+) ms$", output, re.MULTILINE)}


class Sides:
    """How the ranks of each side are started for these arguments."""

    def __init__(self, arguments):
        self.arguments = arguments
        self.program = arguments.bin / "ddp_benchmark"
        self.step_flags = ["--model", arguments.model, "--batch", arguments.batch or ROWS[arguments.model],
                           "--steps", arguments.steps or STEPS[arguments.model],
                           *(["--bucket-view"] if arguments.bucket_view else [])]

    def flags(self, kind):
        return self.step_flags if kind == "step" else ["--volume", self.arguments.volume]

    def ours(self, kind, *more, ranks=None, pinned=False):
        return run_ranks([self.program, kind, *self.flags(kind), *more], ranks or self.arguments.ranks, pinned)

    def python(self, kind, ranks=None, pinned=False):
        command = [sys.executable, __file__, "--python-side", kind, *self.flags(kind)]
        return run_ranks(command, ranks or self.arguments.ranks, pinned)


# --- the comparison: each case yields (what, ours, Python's, whether more is better) ---

def medians(turns):
    return {name: statistics.median(turn[name] for turn in turns) for name in turns[0]}


def compare_all_reduce(sides, rounds):
    ours, theirs, watched, unwatched = [], [], [], []
    for _ in range(rounds):
        ours.append(sides.ours("all-reduce"))
        theirs.append(sides.python("all-reduce"))
        watched.append(sides.ours("all-reduce", "--bytes", 8))
        unwatched.append(sides.ours("all-reduce", "--bytes", 8, "--no-monitor"))
    ours, theirs = medians(ours), medians(theirs)
    for text, size in SIZES.items():
        name = f"all-reduce {size} bytes"
        if size < 1_000_000:
            yield f"{text}, µs", 1e3 * ours[name], 1e3 * theirs[name], False
        else:
            yield f"{text}, GB/s", size / ours[name] / 1e6, size / theirs[name] / 1e6, True
    pair = [1e3 * medians(turns)["all-reduce 8 bytes"] for turns in (watched, unwatched)]
    yield "8 B, µs, ours both: left with signs of life, right without", *pair, False


def compare_steps(sides, rounds):
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(sides.ours("step"))
        theirs.append(sides.python("step"))
    ours, theirs = medians(ours), medians(theirs)
    for name in ours:
        if name != "communication hidden":
            yield f"{name}, ms", ours[name], theirs[name], False
    yield "communication hidden by backward, ms", ours["communication hidden"], theirs["communication hidden"], None
    sent = [side["communication after the step"] for side in (ours, theirs)]
    if min(sent) > 0:  # else it is lost in the noise of the steps
        share = [100 * side["communication hidden"] / whole for side, whole in zip((ours, theirs), sent)]
        yield "the same, % of the communication after the step", *share, True


def compare_scaling(sides, rounds):
    """Time of a step on one rank divided by that on all of them: the work per rank is the same."""
    turns = [{"one": side("step", ranks=1, pinned=True)["step alone"], "all": side("step", pinned=True)["step with DDP"]}
             for _ in range(rounds) for side in (sides.ours, sides.python)]
    ours, theirs = medians(turns[::2]), medians(turns[1::2])
    one, together = (ours["one"], theirs["one"]), (ours["all"], theirs["all"])
    ranks = sides.arguments.ranks
    yield "step on 1 rank, pinned, ms", *one, False
    yield f"step with DDP on {ranks} ranks, pinned, ms", *together, False
    yield f"efficiency, 1 to {ranks} ranks, %", *(100 * a / b for a, b in zip(one, together)), True


def ratio(ours, theirs, more_is_better):
    if more_is_better is None or min(ours, theirs) <= 0:
        return "–"
    return f"{ours / theirs if more_is_better else theirs / ours:.2f}"


def positive(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a number of 1 or more, got {text}")
    return value


def main():
    parser = argparse.ArgumentParser(description="Ranks of ours against ranks of torch.distributed, side by side")
    parser.add_argument("cases", nargs="*", metavar="CASE", help="names from --list; without, all-reduce and step")
    parser.add_argument("--list", action="store_true", help="say what the cases measure")
    parser.add_argument("--model", choices=list(ROWS), default="mlp",
                        help="20 layers with 10 M parameters, the tiny mixer, or the full-size one (needs 8 GiB)")
    parser.add_argument("--batch", type=positive, help="rows per rank (default 8; mlp: 64)")
    parser.add_argument("--steps", type=positive, help="steps of each kind in a turn (default 10; tiny: 20, full: 3)")
    parser.add_argument("--bucket-view", action="store_true", help="gradient_as_bucket_view on both sides")
    parser.add_argument("--volume", type=positive, default=300, help="megabytes to send for each size in a turn")
    parser.add_argument("--rounds", type=positive, default=3, help="turns of each side")
    parser.add_argument("--ranks", type=positive, default=2)
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build" / "bin", help="folder of ddp_benchmark")
    parser.add_argument("--python-side", choices=["all-reduce", "step"], help="be a rank of the Python side")
    arguments = parser.parse_args()

    if arguments.python_side:
        python_side(arguments.python_side, arguments)
        return
    if arguments.list:
        for name, text in CASES.items():
            print(f"{name:<12} {text}")
        return
    unknown = [name for name in arguments.cases if name not in CASES]
    if unknown:
        parser.error(f"unknown case {unknown[0]}; the cases are {', '.join(CASES)}")
    if arguments.ranks < 2:
        parser.error("--ranks: expected 2 or more")
    sides = Sides(arguments)
    if not sides.program.exists():
        parser.error(f"there is no {sides.program}; build it, or name its folder by --bin")

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # by way of the clauses that end the ranks
    cores = len(os.sched_getaffinity(0))
    print(f"{datetime.date.today()}, commit {git_commit()}, {processor()}, {cores} cores, {arguments.ranks} ranks of one "
          f"thread, Gloo on loopback, model {arguments.model}, median of {arguments.rounds} turns\n")
    print("| case | what | ours | Python | ratio (above 1: ours is better) |")
    print("|---|---|---:|---:|---:|")
    compare = {"all-reduce": compare_all_reduce, "step": compare_steps, "scaling": compare_scaling}
    for case in arguments.cases or ["all-reduce", "step"]:
        for what, ours, theirs, more_is_better in compare[case](sides, arguments.rounds):
            print(f"| {case} | {what} | {ours:.4g} | {theirs:.4g} | {ratio(ours, theirs, more_is_better)} |", flush=True)


if __name__ == "__main__":
    main()
