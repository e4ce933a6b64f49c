"""finetune under every launcher: the same training whoever starts the processes, and start-up lines that say who did."""

import json
import os
import re

import pytest

from conftest import ROOT, clean_environment
from jobs import (PROGRAM, accelerate, assert_equal_models, assert_good_folder, assert_same_training, by_hand, free_port,
                  have_hydra, have_mpirun, hydra, load, model_of, mpirun, old_launcher, standalone, torchrun, training)

PER_PROCESS = ("--batch-size", "4")  # with two processes the global batch of `two_ranks`

needs_mpirun = pytest.mark.skipif(not have_mpirun(), reason="mpirun (Open MPI) is not there")
needs_hydra = pytest.mark.skipif(not have_hydra(), reason="mpiexec.hydra (MPICH) is not there")


def start_lines(text, launcher, world=2, precision="no"):
    """Checks what the guides promise of the first lines; returns the launcher's line."""
    assert text.count("Distributed training: MULTI_CPU") == 1, text
    assert text.count(f"Number of processes: {world}") == 1
    assert text.count(f"Mixed precision: {precision}") == 1
    for rank in range(world):
        assert text.count(f"Process {rank} using device: cpu") == 1, text
    found = re.search(rf"launcher={launcher} rank=0/{world} local=0/\d+ because .*", text)
    assert found, text
    assert text.count("4 rows x 2 processes x 1 accumulation = global batch 8 | learning rate 0.001 | 9 steps per epoch") == 1
    assert text.count("Starting Epoch 0") == 1  # then only the first process talks
    return found[0]


# ---------------------------------------------------------------------------------------------- torchrun and its kin


@pytest.mark.parametrize(
    "launcher",
    [
        pytest.param(lambda: torchrun(f"--master_port={free_port()}"), id="plain"),
        pytest.param(lambda: torchrun(f"--master_port={free_port()}", "--no-python"), id="no-python"),
        pytest.param(lambda: standalone(), id="standalone"),
        pytest.param(lambda: torchrun("--nnodes=1", "--node_rank=0", "--master_addr=127.0.0.1",
                                      f"--master_port={free_port()}"), id="nnodes"),
    ],
)
def test_torchrun(jobs, tmp_path, two_ranks, launcher):  # D02, D03: without --distributed
    text = jobs(*launcher(), PROGRAM, *training(tmp_path, *PER_PROCESS)).succeed()
    line = start_lines(text, "torchrun")
    assert "TORCHELASTIC_RUN_ID" in line
    assert_same_training(tmp_path / "out", two_ranks)
    summary = json.loads((tmp_path / "out" / "result.json").read_text())
    assert summary["step"] == 18


def test_torchrun_restarts_a_job_from_its_newest_checkpoint(jobs, tmp_path, two_ranks):
    job = jobs(*standalone(), "--max-restarts=1", PROGRAM, *training(tmp_path, *PER_PROCESS),
               CANINE_FAULT="kill@1:7:in_backward")
    text = job.succeed()
    assert "injected fault: kill at in_backward, rank 1, step 7" in text
    assert re.search(r"Resuming from \S*/6.bin|Resuming from \S*last.bin \(step 6 of 18\)", text), text
    assert_same_training(tmp_path / "out", two_ranks)
    assert_good_folder(tmp_path / "out")


@pytest.mark.parametrize("flag", [None, "--local_rank", "--local-rank"])
def test_torch_distributed_launch(jobs, tmp_path, two_ranks, flag):  # D04
    """Old versions pass the local rank as a flag, in one spelling or the other; new ones only where asked."""
    if flag is None:
        command = [*old_launcher(), PROGRAM]
    else:
        shell = f'exec "$0" "$@" {flag}=$LOCAL_RANK'
        command = [*torchrun(f"--master_port={free_port()}", "--no-python"), "bash", "-c", shell, PROGRAM]
    text = jobs(*command, *training(tmp_path, *PER_PROCESS)).succeed()
    start_lines(text, "torchrun")
    assert_same_training(tmp_path / "out", two_ranks)


def test_an_inner_launcher_hides_the_outer_one(jobs, tmp_path, two_ranks):
    outer = {"SLURM_JOB_ID": "77", "SLURM_STEP_ID": "0", "SLURM_PROCID": "0", "SLURM_LOCALID": "0",
             "SLURM_STEP_NUM_TASKS": "1", "SLURM_NTASKS": "1", "SLURM_STEP_NODELIST": "localhost",
             "SLURM_STEP_TASKS_PER_NODE": "1", "OMPI_COMM_WORLD_RANK": "0", "OMPI_COMM_WORLD_SIZE": "1",
             "OMPI_COMM_WORLD_LOCAL_RANK": "0", "OMPI_COMM_WORLD_LOCAL_SIZE": "1"}
    text = jobs(*standalone(), PROGRAM, *training(tmp_path, *PER_PROCESS), env=outer).succeed()
    assert "(OMPI_COMM_WORLD_RANK, SLURM_PROCID not used)" in start_lines(text, "torchrun")
    assert_same_training(tmp_path / "out", two_ranks)


# ---------------------------------------------------------------------------------------------- accelerate


@pytest.fixture
def no_accelerate_settings(tmp_path):
    """The user's own accelerate configuration stays out of the tests."""
    return {"HF_HOME": str(tmp_path / "hf"), "XDG_CACHE_HOME": str(tmp_path / "cache")}


def test_accelerate_cpu(jobs, tmp_path, no_accelerate_settings):
    text = jobs(*accelerate("--cpu"), PROGRAM, *training(tmp_path, "--num-epochs", "1"),
                env=no_accelerate_settings).succeed()
    assert "Process 0 using device: cpu" in text
    assert "Process 1" not in text
    assert load(tmp_path / "out" / "last.bin")["step"] == 1


def test_accelerate_fp16_on_a_cpu_is_float32_everywhere(jobs, tmp_path, no_accelerate_settings):
    """What the start-up lines and args.yaml say is what was computed with, so that --config starts the same again."""
    text = jobs(*accelerate("--cpu", "--mixed_precision=fp16"), PROGRAM, *training(tmp_path, "--num-epochs", "1"),
                env=no_accelerate_settings).succeed()
    assert "warning: the launcher asks for fp16, which needs a GPU; this run computes in float32" in text
    assert "Mixed precision: no" in text.splitlines()
    assert "precision: fp32" in (tmp_path / "out" / "args.yaml").read_text().splitlines()
    jobs(PROGRAM, "--config", "out/args.yaml", "--save-path", "again").succeed()


def test_accelerate_multi_gpu_fp16_on_cpus(jobs, tmp_path, two_ranks, no_accelerate_settings):
    text = jobs(*accelerate("--multi_gpu", "--num_processes=2", "--mixed_precision=fp16",
                            f"--main_process_port={free_port()}"),
                PROGRAM, *training(tmp_path, *PER_PROCESS), env=no_accelerate_settings).succeed()
    start_lines(text, "torchrun", precision="no")
    assert re.search(r"(warning|note): .*fp16.*(float32|fp32)", text), text
    assert_same_training(tmp_path / "out", two_ranks)


ACCELERATE_CONFIG = """\
compute_environment: LOCAL_MACHINE
distributed_type: MULTI_GPU
num_machines: 1
num_processes: 2
machine_rank: 0
main_process_port: {port}
mixed_precision: 'no'
use_cpu: false
"""


def test_accelerate_config_file(jobs, tmp_path, two_ranks, no_accelerate_settings):
    config = tmp_path / "accelerate.yaml"
    config.write_text(ACCELERATE_CONFIG.format(port=free_port()))
    text = jobs(*accelerate("--config_file", config), PROGRAM, *training(tmp_path, *PER_PROCESS),
                env=no_accelerate_settings).succeed()
    start_lines(text, "torchrun")
    assert_same_training(tmp_path / "out", two_ranks)


@pytest.mark.parametrize("variable, value", [("ACCELERATE_MIXED_PRECISION", "fp8"),
                                             ("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "0"),
                                             ("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "x")])
def test_what_accelerate_exports_and_cannot_be_is_a_warning(finetune, variable, value):
    result = finetune.run("--print-config", env=clean_environment(**{variable: value}))
    assert result.returncode == 0, result.stderr
    assert f"warning: {variable}={value} has no effect here: " in result.stderr


def test_no_mixed_precision_is_no_warning(finetune):
    result = finetune.run("--print-config", env=clean_environment(ACCELERATE_MIXED_PRECISION="no"))
    assert result.returncode == 0 and "warning" not in result.stderr, result.stderr


def test_accumulation_as_accelerate_exports_it(finetune):
    def accumulation(*flags, **variables):
        result = finetune.run("--print-config", *flags, env=clean_environment(**variables))
        assert result.returncode == 0, result.stderr
        return next(line for line in result.stdout.splitlines() if line.startswith("grad_accum_steps"))

    variable = {"ACCELERATE_GRADIENT_ACCUMULATION_STEPS": "3"}
    assert re.search(r": 3 .*ACCELERATE_GRADIENT_ACCUMULATION_STEPS", accumulation(**variable))
    assert re.search(r": 2 .*command line", accumulation("--grad-accum-steps", "2", **variable))


def test_the_arithmetic_of_batches_is_one_line(finetune, tmp_path):
    """Also of one process, where there is something to say."""
    flags = training(tmp_path, "--batch-size", "4", "--dry-run")
    accumulated = finetune.run(*flags, "--grad-accum-steps", "2")
    assert ("4 rows x 1 process x 2 accumulation = global batch 8 | learning rate 0.001 | 9 steps per epoch"
            in accumulated.stdout.splitlines()), accumulated.stderr
    scaled = finetune.run(*flags, "--lr-scale", "sqrt", "--lr-ref-batch", "1")
    assert "global batch 4 | learning rate 0.001 x 2 (sqrt) = 0.002 | 18 steps per epoch" in scaled.stdout, scaled.stderr
    assert "global batch" not in finetune.run(*flags).stdout


def test_the_rate_of_a_batch_of_all_processes_stays(finetune, tmp_path):
    result = finetune.run("--devices", "cpu:2", *training(tmp_path, "--batch-size", "8", "--lr-scale", "linear", "--dry-run"))
    assert "global batch 8 | learning rate 0.001 x 1 (linear) = 0.001 |" in result.stdout, result.stderr


def test_the_arithmetic_of_a_resumed_run_has_the_rate_in_use(finetune, tmp_path):
    """The checkpoint's, as the Python program resumes."""
    scaled = ["--lr-scale", "linear", "--lr-ref-batch", "4"]
    first = finetune.run("--devices", "cpu:2", *training(tmp_path, "--batch-size", "8", "--num-epochs", "1", *scaled))
    assert "learning rate 0.001 x 2 (linear) = 0.002 |" in first.stdout, first.stderr
    again = finetune.run("--devices", "cpu:2", *training(tmp_path, "--batch-size", "8", "--learning-rate", "5e-3", *scaled))
    assert "| learning rate 0.002 (of the checkpoint) |" in again.stdout, again.stderr


# ---------------------------------------------------------------------------------------------- mpirun, PMI, srun


@needs_mpirun
def test_mpirun(jobs, tmp_path, two_ranks):
    text = jobs(*mpirun(), PROGRAM, *training(tmp_path, *PER_PROCESS)).succeed()
    assert start_lines(text, "openmpi").endswith("; the ranks meet through MPI"), text
    assert_same_training(tmp_path / "out", two_ranks)


@needs_mpirun
def test_mpirun_with_an_address_does_without_mpi(jobs, tmp_path, two_ranks):
    """The way out where MPI cannot agree."""
    port = free_port()
    text = jobs(*mpirun("-x", "MASTER_ADDR=127.0.0.1", "-x", f"MASTER_PORT={port}"), PROGRAM,
                *training(tmp_path, *PER_PROCESS)).succeed()
    assert start_lines(text, "openmpi").endswith(f"; the ranks meet at 127.0.0.1:{port}"), text
    assert_same_training(tmp_path / "out", two_ranks)


@needs_mpirun
def test_mpirun_without_the_plugin_meets_in_a_file(jobs, tmp_path, two_ranks):
    """A copy of the program, away from its plug-ins, as on a machine without Open MPI's libraries."""
    import shutil

    program = tmp_path / "bin" / PROGRAM.name
    program.parent.mkdir()
    shutil.copy2(PROGRAM, program)
    shared = tmp_path / "tmp"
    shared.mkdir()
    text = jobs(*mpirun(), program, *training(tmp_path, *PER_PROCESS), CANINE_PLUGIN_DIR=str(tmp_path / "none"),
                TMPDIR=str(shared)).succeed()
    line = start_lines(text, "openmpi")
    assert "there is no canine_mpi.so in" in line, line
    assert f"; the ranks meet through the file {shared}/canine-" in line, line
    assert_same_training(tmp_path / "out", two_ranks)
    assert not list(shared.glob("canine-*")), "the store's files are left"


def together(jobs, folder, variables, *flags, **more):
    """Starts one process for each set of variables, all with the same command."""
    return [jobs(PROGRAM, *training(folder, *flags), env={**own, **more}) for own in variables]


def succeed(ranks):
    return "\n".join(job.succeed() for job in ranks)


@needs_hydra
def test_mpich(jobs, tmp_path, two_ranks):
    shared = tmp_path / "tmp"
    shared.mkdir()
    text = jobs(*hydra(), PROGRAM, *training(tmp_path, *PER_PROCESS), TMPDIR=str(shared)).succeed()
    assert f"; the ranks meet through the file {shared}/canine-" in start_lines(text, "pmi")
    assert_same_training(tmp_path / "out", two_ranks)
    assert not list(shared.glob("canine-*")), "the store's files are left"


def test_pmi_variables(jobs, tmp_path, two_ranks):
    variables = [{"PMI_RANK": str(rank), "PMI_SIZE": "2", "MPI_LOCALRANKID": str(rank), "MPI_LOCALNRANKS": "2"}
                 for rank in range(2)]
    text = succeed(together(jobs, tmp_path, variables, *PER_PROCESS, "--init-method", f"file://{tmp_path}/store"))
    start_lines(text, "pmi")
    assert_same_training(tmp_path / "out", two_ranks)


def test_pmi_variables_without_a_meeting_place(jobs, tmp_path, two_ranks):
    """The processes of one launcher find each other by the launcher's process."""
    shell = ('for rank in 0 1; do PMI_RANK=$rank PMI_SIZE=2 MV2_COMM_WORLD_RANK=$rank MV2_COMM_WORLD_SIZE=2 '
             'MV2_COMM_WORLD_LOCAL_RANK=$rank MV2_COMM_WORLD_LOCAL_SIZE=2 "$0" "$@" & jobs[rank]=$!; done; '
             'wait ${jobs[0]} && wait ${jobs[1]}')
    text = jobs("bash", "-c", shell, PROGRAM, *training(tmp_path, *PER_PROCESS), TMPDIR=str(tmp_path)).succeed()
    start_lines(text, "pmi")
    assert_same_training(tmp_path / "out", two_ranks)


def slurm_task(rank, world=2, job=None):
    return {"SLURM_JOB_ID": str(job or os.getpid()), "SLURM_STEP_ID": "0", "SLURM_PROCID": str(rank),
            "SLURM_LOCALID": str(rank), "SLURM_NODEID": "0", "SLURM_STEP_NUM_TASKS": str(world),
            "SLURM_NTASKS": str(world), "SLURM_STEP_NODELIST": "localhost", "SLURM_STEP_TASKS_PER_NODE": str(world)}


def test_srun(jobs, tmp_path, two_ranks):
    port = {"MASTER_PORT": str(free_port())}  # in place of the one that follows from the job's number
    text = succeed(together(jobs, tmp_path, [{**slurm_task(rank), **port} for rank in range(2)], *PER_PROCESS))
    start_lines(text, "slurm")
    assert_same_training(tmp_path / "out", two_ranks)


def test_a_plain_start_in_a_batch_script_is_single(jobs, tmp_path):
    batch = {name: value for name, value in slurm_task(0).items() if "STEP" not in name}
    text = jobs(PROGRAM, *training(tmp_path, "--num-epochs", "1", "--dry-run"), env=batch).succeed()
    assert "launcher=" not in text
    assert "Dry run passed" in text


def test_ranks_started_by_hand(jobs, tmp_path, two_ranks):  # D49: no GPU
    port = free_port()
    text = succeed(together(jobs, tmp_path, [by_hand(rank, 2, port) for rank in range(2)], *PER_PROCESS))
    assert start_lines(text, "env").endswith(f"RANK and WORLD_SIZE are set; the ranks meet at 127.0.0.1:{port}")
    assert_same_training(tmp_path / "out", two_ranks)


# ---------------------------------------------------------------------------------------------- by itself


def test_self_launch(two_ranks, jobs, tmp_path):
    text = jobs(PROGRAM, "--devices", "cpu:2", *training(tmp_path, "--batch-size", "8")).succeed()
    assert text.splitlines()[0] == "Using 2 processes on the CPU for training"
    start_lines(text, "self")
    assert_same_training(tmp_path / "out", two_ranks)


def test_the_global_batch_decides_not_the_launcher(jobs, tmp_path, two_ranks):
    text = jobs(*standalone(), PROGRAM, *training(tmp_path, "--batch-size", "2", "--global-batch-size", "8")).succeed()
    assert "18 in all, 9 an epoch" in text
    assert_equal_models(model_of(tmp_path / "out"), model_of(two_ranks))


def test_devices_without_a_process_are_a_note(finetune, tmp_path):
    result = finetune.run("--devices", "cpu:3", *training(tmp_path, "--num-epochs", "1", "--dry-run"),
                          env=clean_environment(RANK="0", WORLD_SIZE="1"))
    assert result.returncode == 0, result.stderr
    assert ("note: --devices cpu:3 names 3 devices, but the launcher has started 1 process on this host, so 1 is used"
            in result.stderr.splitlines()), result.stderr
    assert "launcher=env rank=0/1" in result.stdout


def test_named_devices_must_divide_the_batch(finetune, tmp_path):
    result = finetune.run("--devices", "cpu:2", *training(tmp_path, "--batch-size", "5"))
    assert result.returncode == 2
    assert "--devices cpu:2" in result.stderr and "batch of 5 rows" in result.stderr
    assert not (tmp_path / "out").exists()


def test_plain_is_one_process_without_a_port(finetune, tmp_path):
    result = finetune.run(*training(tmp_path, "--batch-size", "8"))
    assert result.returncode == 0, result.stderr
    for word in ("launcher=", "Number of processes", "Using"):
        assert word not in result.stdout
    assert "Process 0 using device: cpu" in result.stdout
    assert load(tmp_path / "out" / "last.bin")["step"] == 18


def test_distributed_alone_is_one_note(finetune, tmp_path):  # D03
    result = finetune.run("--distributed", *training(tmp_path, "--num-epochs", "1", "--dry-run"))
    assert result.returncode == 0, result.stderr
    assert [line for line in result.stderr.splitlines() if "--distributed" in line] == [
        "note: --distributed: no launcher has started several processes and there is one device, so this is one process"]


def test_a_meeting_place_without_others_is_one_note(finetune, tmp_path):
    result = finetune.run("--init-method", "tcp://127.0.0.1:1", *training(tmp_path, "--dry-run"))
    assert result.returncode == 0, result.stderr
    assert "note: --init-method has no effect: this is one process, which meets no others" in result.stderr


# ---------------------------------------------------------------------------------------------- impossible places


@pytest.mark.parametrize(
    "variables, named",
    [
        ({"RANK": "2", "WORLD_SIZE": "2", "LOCAL_RANK": "0"}, "RANK=2"),
        ({"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0"}, "MASTER_ADDR is not set"),
        ({"RANK": "0", "WORLD_SIZE": "two", "MASTER_ADDR": "localhost", "MASTER_PORT": "1"}, "WORLD_SIZE"),
        ({"WORLD_SIZE": "2"}, "RANK"),
        ({"OMPI_COMM_WORLD_RANK": "3", "OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_LOCAL_RANK": "0",
          "OMPI_COMM_WORLD_LOCAL_SIZE": "1"}, "OMPI_COMM_WORLD_RANK=3"),
        ({"PMI_RANK": "0", "PMI_SIZE": "4", "MPI_LOCALRANKID": "0", "MPI_LOCALNRANKS": "2"}, "MASTER_ADDR"),
        ({**slurm_task(5, 2)}, "SLURM_PROCID=5"),
    ],
)
def test_impossible_places_are_refused(finetune, tmp_path, variables, named):
    result = finetune.run(*training(tmp_path), env=clean_environment(**variables))
    assert result.returncode == 2, result.stdout + result.stderr
    assert named in result.stderr
    assert not (tmp_path / "out").exists()


def test_contradicting_flags_are_refused(finetune, tmp_path):
    result = finetune.run("--world-size", "4", *training(tmp_path), env=clean_environment(**by_hand(0, 2, free_port())))
    assert result.returncode == 2
    assert "--world-size 4 contradicts" in result.stderr
