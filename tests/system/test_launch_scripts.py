"""The guide to several processes and its scripts: every command is run with two processes, texts that users look up are
those that are printed. Slurm's commands are stand-ins that set the variables Slurm sets."""

import mmap
import os
import pathlib
import random
import signal
import socket
import stat
import subprocess
import sys

import pandas
import pytest
import torch
import yaml

import launch_guide
from conftest import BIN, FIXTURES, ROOT, clean_environment
from jobs import free_port

DEADLINE = 120  # seconds; a job takes one or two, Python's launchers some more
VENV = pathlib.Path(sys.prefix)
COLUMNS = ["--target-cols", "code_1", "code_2"]

# Starts the command behind its options once per task, each with the variables of a Slurm step on one node.
SRUN = """#!{python}
import os, subprocess, sys
command = sys.argv[1:]
while command[0].startswith("-"):
    command = command[1:]
step = {{"SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "2", "SLURM_NTASKS": "2", "SLURM_STEP_TASKS_PER_NODE": "2",
        "SLURM_STEP_NODELIST": "localhost", "SLURM_NODEID": "0", "SLURM_CPUS_ON_NODE": "2"}}
step["SLURM_JOB_ID"] = os.environ.get("SLURM_JOB_ID", "{job}")
tasks = [subprocess.Popen(command, env={{**os.environ, **step, "SLURM_PROCID": str(i), "SLURM_LOCALID": str(i)}})
         for i in range(2)]
sys.exit(max(task.wait() for task in tasks))
"""
# Runs a copy of the script, as Slurm does, with the variables of a batch script.
SBATCH = """#!/usr/bin/env bash
set -eu
while [ "${{1#-}}" != "$1" ]; do shift; done
cp "$1" spooled_script
shift
export SLURM_JOB_ID={job} SLURM_SUBMIT_DIR="$PWD" SLURM_PROCID=0 SLURM_NTASKS=2 SLURM_CPUS_PER_TASK=1
mkdir -p spool
mv spooled_script spool/
exec bash spool/spooled_script "$@"
"""
SCONTROL = '#!/bin/sh\necho "$@" >>scontrol.log\n'


def write_program(path, text):
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def slurm_job():
    """A job number whose port is free."""
    while True:
        job = random.randrange(100_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", 16384 + job % 16384))
                return job
            except OSError:
                continue


class House:
    """A folder laid out like the repository, with the guide's settings for a tiny model, data, and the stand-ins for
    Slurm."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "build").mkdir()
        (folder / "build" / "bin").symlink_to(BIN)
        (folder / ".venv").symlink_to(VENV)
        (folder / "scripts").symlink_to(ROOT / "scripts")
        (folder / "configs").mkdir()
        accelerate = (ROOT / "configs" / "accelerate_config.yaml").read_text()
        assert "num_processes: 4" in accelerate
        (folder / "configs" / "accelerate_config.yaml").write_text(
            accelerate.replace("num_processes: 4", "num_processes: 2"))
        rows = (ROOT / "data" / "sample.csv").read_text(encoding="utf-8").splitlines(keepends=True)
        (folder / "occupations.csv").write_text("".join(rows[:81]), encoding="utf-8")
        hisco = pandas.DataFrame({"occ1": [f"occupation {i}" for i in range(80)], "lang": "en",
                                  **{f"code{k}": [str(i + k) if k == 1 else None for i in range(80)] for k in range(1, 6)}})
        (folder / "hisco_files").mkdir()
        hisco[:40].to_csv(folder / "hisco_files" / "train_1.csv", index=False)
        hisco[40:70].to_parquet(folder / "hisco_files" / "train_2.parquet")
        hisco[70:].to_csv(folder / "hisco_files" / "val.csv", index=False)
        for name, settings in zip(("run.yaml", "mixer.yaml"), launch_guide.settings(), strict=True):
            assert settings.pop("encoder") == "google/canine-s"  # nothing is downloaded here
            settings.update(encoder_config=str(FIXTURES / "encoder" / "config.json"), padding="mask", batch_size=12,
                            num_epochs=1, num_threads=1)
            (folder / name).write_text(yaml.safe_dump(settings))
        tools = folder / "tools"
        tools.mkdir()
        job = slurm_job()
        write_program(tools / "srun", SRUN.format(python=sys.executable, job=job))
        write_program(tools / "sbatch", SBATCH.format(job=job))
        write_program(tools / "scontrol", SCONTROL)

    def environment(self, **more):
        kept = {name: value for name, value in clean_environment().items()
                if not name.startswith(("SLURM_", "OMPI_", "PMI", "ACCELERATE_", "NCCL_", "GLOO_", "HF_"))}
        path = os.pathsep.join([str(self.folder / "tools"), str(VENV / "bin"), kept["PATH"]])
        return {**kept, "PATH": path, "CUDA_VISIBLE_DEVICES": "", "OMPI_ALLOW_RUN_AS_ROOT": "1",
                "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "OMPI_MCA_rmaps_base_oversubscribe": "1", **more}

    def run(self, *commands, **variables):
        """Runs shell commands at the same time; the exit codes and what each printed."""
        started = [subprocess.Popen(["bash", "-c", command], cwd=self.folder, env=self.environment(**variables),
                                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                    text=True, start_new_session=True) for command in commands]
        try:
            texts = [process.communicate(timeout=DEADLINE)[0] for process in started]
        finally:
            for process in started:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
        return [process.returncode for process in started], texts

    def script(self, name, *arguments, **variables):
        return subprocess.run([self.folder / "scripts" / name, *map(str, arguments)], cwd=self.folder,
                              env=self.environment(**variables), stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=DEADLINE, check=False)


@pytest.fixture
def house(tmp_path):
    if not (BIN / "finetune").exists():
        pytest.fail(f"{BIN / 'finetune'} is not there: build first, or set CANINE_BIN")
    return House(tmp_path)


# --- the guide ---

@pytest.mark.parametrize("block", list(launch_guide.blocks()), ids=lambda block: block.name)
def test_the_commands_of_the_guide_train(house, block):
    if block.skip:
        pytest.skip(block.skip)
    codes, texts = house.run(*block.smaller(free_port()))
    assert codes == [0] * len(codes), "\n".join(texts)
    assert "Done after step" in texts[0]
    if block.num_processes > 1:
        assert "Number of processes: 2" in texts[0]
        assert sum(text.count("using device: cpu") for text in texts) == 2
    else:
        assert "Number of processes" not in texts[0]
    (last,) = (house.folder / "runs").glob("*/last.bin")
    assert torch.load(last, weights_only=True)["step"] > 0


def test_the_guide_has_commands_for_every_launcher():
    commands = [command for block in launch_guide.blocks() for command in block.commands]
    for word in ("build/bin/finetune", "mpirun -np 8 -H node1:4,node2:4 --bind-to none build/bin/train_mixer", "torchrun", "accelerate launch", "mpirun", "mpiexec.hydra", "srun", "sbatch",
                 "python -m torch.distributed.launch", "scripts/run_multi_gpu_train.sh", "scripts/mpirun_two_nodes.sh"):
        assert any(command.startswith(word) for command in commands), word


MEMBER = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1"}
RANK_0 = {**MEMBER, "RANK": "0", "LOCAL_RANK": "0"}
RANK_1 = {**MEMBER, "RANK": "1", "LOCAL_RANK": "1"}
# What the guide's table says, the variables and flags that lead to it.
MESSAGES = [
    ("RANK=4 must be below WORLD_SIZE=4", {**MEMBER, "WORLD_SIZE": "4", "RANK": "4"}, ""),
    ("MASTER_ADDR is not set, but 4 processes must find each other", {"RANK": "0", "WORLD_SIZE": "4"}, ""),
    ("WORLD_SIZE=4 is set, but RANK is not", {"WORLD_SIZE": "4"}, ""),
    ("names several addresses", {**RANK_0, "MASTER_ADDR": "10.0.0.1 172.17.0.1", "MASTER_PORT": "free"}, ""),
    ("holds a port, which MASTER_PORT is for", {**RANK_0, "MASTER_ADDR": "127.0.0.1:29500", "MASTER_PORT": "free"}, ""),
    ("the name cannot be resolved", {**RANK_1, "MASTER_ADDR": "nobody.invalid", "MASTER_PORT": "free"}, "--timeout-init 1"),
    ("add --launcher single", {**RANK_0, "MASTER_PORT": "free"}, "--timeout-init 1"),
    ("contradicts the 1 process of this job", {}, "--world-size 4"),
    ("contradicts local rank 0 of this process", {}, "--local_rank 1"),
    ("--precision fp16 needs a GPU, and this run is on the CPU", {}, "--precision fp16"),
    ("the launcher asks for fp16, which needs a GPU; this run computes in float32",
     {"ACCELERATE_MIXED_PRECISION": "fp16"}, "--world-size 1 --prepare-only"),
    ("--backend nccl: NCCL works on GPUs", {}, "--devices cpu:2 --backend nccl"),
    ("--devices cpu:3 names 3 devices, over which a batch of 20 rows cannot be divided evenly", {},
     "--devices cpu:3 --batch-size 20"),
    ("--global-batch-size 21: it must be divisible by 4", {}, "--devices cpu:2 --global-batch-size 21 --grad-accum-steps 2"),
    ("this host has no network interface 'eth9'", {"GLOO_SOCKET_IFNAME": "eth9"}, "--devices cpu:2"),
    ("has not joined the job of", {**RANK_0, "MASTER_PORT": "free"}, "--timeout-init 1"),
    ("nobody answered within", {**RANK_1, "MASTER_PORT": "free"}, "--timeout-init 1"),
    ("(errno 98, address already in use)", {**RANK_0, "MASTER_PORT": "taken"}, "--timeout-init 5"),
    ("something accepts connections there but does not answer as the store of a job",
     {**RANK_1, "MASTER_PORT": "taken"}, "--timeout-init 1"),
]


@pytest.mark.parametrize("text, variables, flags", MESSAGES, ids=[message[0][:40] for message in MESSAGES])
def test_the_table_of_messages_has_what_is_printed(house, text, variables, flags):
    assert text in launch_guide.GUIDE
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        ports = {"free": str(free_port()), "taken": str(listener.getsockname()[1])}
        variables = {name: ports.get(value, value) for name, value in variables.items()}
        _, (printed,) = house.run(f"build/bin/finetune --config run.yaml {flags}", **variables)
    assert text in printed


@pytest.mark.parametrize("library, text", [
    ("nvidia/nccl/lib/libnccl.so.2", "unhandled system error (run with NCCL_DEBUG=INFO for details)"),
    ("nvidia/nccl/lib/libnccl.so.2", "remote process exited or there was a network error"),
    ("nvidia/nccl/lib/libnccl.so.2", "unhandled cuda error"),
    ("nvidia/nccl/lib/libnccl.so.2", "Mismatched NCCL version detected"),
    ("nvidia/nccl/lib/libnccl.so.2", "NCCL version mismatch with remote peer"),
    ("nvidia/nccl/lib/libnccl.so.2", "Duplicate GPU detected"),
    ("torch/lib/libc10_cuda.so", "CUDA out of memory. Tried to allocate"),
])
def test_the_table_has_the_texts_of_the_libraries(library, text):
    assert text in launch_guide.GUIDE
    with open(pathlib.Path(torch.__file__).parents[1] / library, "rb") as file:
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            assert content.find(text.encode()) >= 0


# --- scripts/run_multi_gpu_train.sh ---

def gpu_script(house, *arguments, **variables):
    return house.script("run_multi_gpu_train.sh", *arguments, **variables)


def test_without_gpus_and_number_one_process_trains_and_the_rate_is_scaled(house):
    done = gpu_script(house, "occupations.csv", "--", "--config", "run.yaml", "--save-path", "a folder")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("run_multi_gpu_train.sh: 1 process(es), no GPU visible")
    assert yaml.safe_load((house.folder / "a folder" / "args.yaml").read_text())["lr_scale"] == "linear"


def test_of_two_rates_the_last_one_counts_so_flags_win_over_the_script(house):
    codes, (printed,) = house.run("build/bin/finetune --lr-scale linear --config run.yaml --lr-scale none --print-config")
    assert codes == [0]
    assert yaml.safe_load(printed)["lr_scale"] == "none"


@pytest.mark.parametrize("visible, expected", [(None, 2), ("0", 1), ("0,1,3", 3), ("", 1)])
def test_every_visible_gpu_gets_a_process(house, visible, expected):
    write_program(house.folder / "tools" / "nvidia-smi", "#!/bin/sh\necho 'GPU 0: A (UUID: a)'\necho 'GPU 1: A (UUID: b)'\n")
    recorder = house.folder / "venv"
    (recorder / "bin").mkdir(parents=True)
    write_program(recorder / "bin" / "torchrun", '#!/bin/sh\nprintf "%s\\n" "$@"\n')
    (house.folder / ".venv").unlink()
    (house.folder / ".venv").symlink_to(recorder)
    environment = house.environment()
    environment.pop("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        environment["CUDA_VISIBLE_DEVICES"] = visible
    done = subprocess.run([house.folder / "scripts/run_multi_gpu_train.sh", "occupations.csv", "--", *COLUMNS, "--language",
                           "two words"], cwd=house.folder, env=environment, capture_output=True, text=True, check=True)
    passed = done.stdout.splitlines()[1:]
    assert f"--nproc_per_node={expected}" in passed
    assert passed[-7:] == ["--lr-scale", "linear", *COLUMNS, "--language", "two words"]


@pytest.mark.parametrize("arguments, complaint", [
    (["occupations.csv", "0", "--", *COLUMNS], "not '0'"),
    (["occupations.csv", "two", "--", *COLUMNS], "not 'two'"),
    (["occupations.csv", "2", "--num-epochs", "3"], "unexpected '--num-epochs'"),
    (["occupations.csv", "2"], "--target-cols"),
    (["missing.csv", "2", "--", *COLUMNS], "no file or folder 'missing.csv'"),
    (["configs"], "--save-dir"),
    (["configs", "--", "--save-dir", "out"], "the folder 'configs' has no CSV or Parquet file with a word that begins with 'train'"),
])
def test_what_the_script_for_all_gpus_cannot_use_is_said_in_one_line(house, arguments, complaint):
    done = gpu_script(house, *arguments)
    assert done.returncode == 2
    assert complaint in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_a_folder_is_data_for_train_mixer(house):
    recorder = house.folder / "recorded"
    (recorder / "bin").mkdir(parents=True)
    write_program(recorder / "bin" / "torchrun", '#!/bin/sh\nprintf "%s\\n" "$@"\n')
    (house.folder / ".venv").unlink()
    (house.folder / ".venv").symlink_to(recorder)
    folder = house.folder / "some files"
    folder.mkdir()
    for name in ("train_1.csv", "my train 2.parquet", "Val.csv", "evaluation.csv", "train.txt"):
        (folder / name).write_text("")
    done = gpu_script(house, "some files", "2", "--", "--save-dir", "two words")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[3:] == [
        str(house.folder / "build/bin/train_mixer"), "--distributed", "--train-data", "some files/train_1.csv",
        "some files/my train 2.parquet", "--val-data", "some files/Val.csv", "--lr-scale", "linear", "--save-dir",
        "two words"]


# --- scripts/mpirun_two_nodes.sh ---

def test_mpirun_is_given_both_hosts_the_variables_and_the_flags_as_they_are(house):
    write_program(house.folder / "tools" / "recorder", '#!/bin/sh\nprintf "%s\\n" "$@"\n')
    done = house.script("mpirun_two_nodes.sh", "node1", "10.0.0.2", 4, "--", "--save-path", "two words", "--distributed",
                        MPIRUN="recorder", MPIRUN_FLAGS="--mca btl_tcp_if_include eth1", NCCL_SOCKET_IFNAME="eth1")
    passed = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr
    assert passed[:4] == ["-np", "8", "-H", "node1:4,10.0.0.2:4"]
    assert passed[passed.index("-x") + 1] == "NCCL_SOCKET_IFNAME"
    assert passed[passed.index("btl_tcp_if_include") + 1] == "eth1"
    assert passed[-4:] == [str(house.folder / "build/bin/finetune"), "--save-path", "two words", "--distributed"]
    other = house.script("mpirun_two_nodes.sh", "node1", "node2", 1, "--", "--config", "mixer.yaml", MPIRUN="recorder",
                         CANINE_PROGRAM=str(house.folder / "build/bin/train_mixer"))
    assert other.stdout.splitlines()[-3:] == [str(house.folder / "build/bin/train_mixer"), "--config", "mixer.yaml"]


@pytest.mark.parametrize("arguments, complaint", [
    (["node1", "node2"], "Usage"),
    (["node1", "node2", "none"], "not 'none'"),
    (["node1", "-x", "2"], "'-x' is not the name of a host"),
    (["node1", "node2", "2", "--distributed"], "unexpected '--distributed'"),
])
def test_what_the_script_for_two_machines_cannot_use_is_named(house, arguments, complaint):
    done = house.script("mpirun_two_nodes.sh", *arguments)
    assert done.returncode == 2
    assert complaint in done.stderr


# --- scripts/slurm.sbatch ---

@pytest.mark.parametrize("code, requeued", [(75, True), (0, False), (76, False)])
def test_only_a_job_that_stopped_after_a_save_queues_again(house, code, requeued):
    write_program(house.folder / "program", f"#!/bin/sh\nexit {code}\n")
    codes, (printed,) = house.run("sbatch scripts/slurm.sbatch --config run.yaml",
                                  CANINE_PROGRAM=str(house.folder / "program"))
    log = house.folder / "scontrol.log"
    assert codes == [code]
    assert log.exists() == requeued, printed
    if requeued:
        assert log.read_text().startswith("requeue ")


def test_the_script_for_slurm_says_that_it_must_be_submitted(house):
    done = house.script("slurm.sbatch", "--config", "run.yaml")
    assert done.returncode == 2
    assert "sbatch scripts/slurm.sbatch" in done.stderr
