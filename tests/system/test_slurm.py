"""finetune as steps of a real Slurm over two hosts. What needs no Slurm (single starts, impossible variables) is in
test_launchers.py."""

import re
import subprocess
import time

import pytest

from conftest import ROOT
from jobs import PROGRAM, assert_good_folder, assert_same_training, training
from slurm import NODES, slurm_or_skip

IN_TIME = 60  # seconds
TWO_TASKS = ["--nodes=2", "--ntasks-per-node=1"]


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    with slurm_or_skip(tmp_path_factory.mktemp("slurm")) as cluster:
        yield cluster


def wait_until(happens, what, seconds=IN_TIME):
    end = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.05)


def test_srun_across_two_hosts(slurm, jobs, tmp_path, two_ranks):
    text = jobs(*slurm.on_first("srun", *TWO_TASKS), PROGRAM, *training(tmp_path, "--batch-size", "4")).succeed(IN_TIME)
    place = re.search(r"launcher=slurm rank=0/2 local=0/1 because SLURM_PROCID and SLURM_STEP_NUM_TASKS of a Slurm step are set; "
                      rf"the ranks meet at {NODES[0]}:\d+", text)
    assert place, text
    assert text.count("Starting Epoch 0") == 1
    assert_same_training(tmp_path / "out", two_ranks)


def test_several_tasks_on_a_node(slurm, jobs, tmp_path):
    """Local ranks are those of the node, also where nodes have different numbers of tasks."""
    text = jobs(*slurm.on_first("srun", "--nodes=2", "--ntasks=3", "--distribution=block"),
                PROGRAM, *training(tmp_path, "--batch-size", "2")).succeed(IN_TIME)
    assert "launcher=slurm rank=0/3 local=0/2 because" in text
    for rank in range(3):
        assert text.count(f"Process {rank} using device: cpu") == 1


def test_a_killed_task_ends_the_step(slurm, jobs, tmp_path):
    """By itself: Slurm is told to leave the others alone, so they can say why they end."""
    job = jobs(*slurm.on_first("srun", "--kill-on-bad-exit=0", *TWO_TASKS), PROGRAM,
               *training(tmp_path, "--batch-size", "4", "--timeout-step", "5"), CANINE_FAULT="kill@1:5:in_backward")
    assert job.end(IN_TIME) != 0
    assert "injected fault: kill at in_backward, rank 1, step 5" in job.text
    assert re.search(rf"error: rank 0 of 2.*rank 1 \(host {NODES[1]}\)", job.text), job.text
    assert_good_folder(tmp_path / "out")


def test_a_batch_job_that_is_stopped_queues_again_and_goes_on(slurm, jobs, tmp_path, two_ranks):
    log = tmp_path / "job.log"

    def said():
        return log.read_text(errors="replace") if log.exists() else ""

    def control(*command):
        return subprocess.run(slurm.on_first(*command), capture_output=True, text=True, check=True, timeout=IN_TIME).stdout

    def state():
        return re.search(r"JobState=(\w+)", control("scontrol", "show", "job", number))[1]

    submitted = jobs(*slurm.on_first("sbatch", "--parsable", f"--output={log}", *TWO_TASKS, "--gpus-per-node=0",
                                     "--cpus-per-task=1"), ROOT / "scripts" / "slurm.sbatch",
                     *training(tmp_path, "--batch-size", "4"), CANINE_PROGRAM=str(PROGRAM),
                     CANINE_FAULT="slow=300@0:5:pre_forward")
    number = submitted.succeed().strip()
    wait_until(lambda: "Batch 5/9" in said(), "five batches")
    control("scancel", "--signal=TERM", number)
    wait_until(lambda: f"stopped after a save; job {number} queues again" in said(), "the end of the first run\n" + said())
    wait_until(lambda: state() == "PENDING", "the job in the queue again")
    # Slurm lets it wait for two minutes, and does so all the same where it has not quite put the job back yet.
    control("scontrol", "update", f"JobId={number}", "StartTime=now")
    wait_until(lambda: state() == "COMPLETED", f"the end of job {number}'s second run", 120 + 2 * IN_TIME)
    assert re.search(r"Resuming from \S+ \(step \d+ of 18\)", said()), said()
    assert_same_training(tmp_path / "out", two_ranks)
