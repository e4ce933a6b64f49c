"""The commands of MULTI_GPU_TRAINING.md, cut down to what a small machine runs in seconds.

A command is a line of a block ```sh (a backslash at the end goes on). A comment before the block says how it is tested:
<!-- test: together --> starts its commands at the same time, <!-- test: skip (REASON) --> leaves them out, and
<!-- test: needs PROGRAM --> does where there is no such program.
"""

import re
import shutil

import yaml

from conftest import ROOT

GUIDE = (ROOT / "MULTI_GPU_TRAINING.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"(?:<!-- test: (?P<how>.*?) -->\n)?```sh\n(?P<text>.*?)```", re.DOTALL)

SMALLER = [
    (r"--nproc_per_node=\d+", "--nproc_per_node=2"),
    (r"(--nnodes=2 .*)--nproc_per_node=2", r"\1--nproc_per_node=1"),
    (r"--num_processes \d+", "--num_processes 2"),
    (r"-np \d+", "-np 2"),
    (r"-n \d+", "-n 2"),
    (r"node1:\d+,node2:\d+", "localhost:1,localhost:1"),
    (r"node1 node2 \d+", "localhost localhost 1"),
    (r"(occupations.csv|hisco_files) \d+", r"\1 2"),
    (r"--master_addr=node1", "--master_addr=127.0.0.1"),
    (r"--devices \d,\d", "--devices cpu:2"),
    (r"CUDA_VISIBLE_DEVICES=[\d,]+ ", "CUDA_VISIBLE_DEVICES= "),
]


class Block:
    """Commands that are started together, most often a single one."""

    def __init__(self, commands, skip=""):
        self.commands, self.skip = commands, skip

    @property
    def name(self):
        return re.sub(r"\W+", "-", self.commands[0])[:60]

    def smaller(self, port):
        return [smaller(command, port) for command in self.commands]

    @property
    def num_processes(self):
        """Of the cut-down job."""
        first = smaller(self.commands[0], 0)
        plain = re.match(r"(CUDA_\S+ )?build/bin/", first) and "cpu:2" not in first
        return 1 if plain or " --cpu " in first else 2


def smaller(command, port):
    for pattern, replacement in SMALLER:
        command = re.sub(pattern, replacement, command)
    return command.replace("29500", str(port))


def blocks():
    for found in BLOCK.finditer(GUIDE):
        lines = found["text"].replace("\\\n", " ").splitlines()
        commands = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
        how = found["how"] or ""
        if how == "together":
            yield Block(commands)
            continue
        skip = why_not(how)
        for command in commands:
            yield Block([command], skip)


def why_not(how):
    """Why a block with this mark is not run; "" if it is."""
    skip = re.fullmatch(r"skip \((?P<why>.*)\)|needs (?P<program>\S+)", how)
    assert skip or not how, f"unknown mark '{how}'"
    if skip and skip["program"]:
        return "" if shutil.which(skip["program"]) else f"{skip['program']} is not there"
    return skip["why"] if skip else ""


def settings():
    """The guide's run.yaml and mixer.yaml."""
    return [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)]
