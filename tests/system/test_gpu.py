"""Training on a GPU. Without one these tests are skipped, and counted so."""

import json
import os
import pathlib
import signal

import pytest
import torch
from conftest import BIN, ROOT
from jobs import assert_same_training, load, standalone

pytestmark = pytest.mark.skipif(not pathlib.Path("/dev/nvidiactl").exists(), reason="needs a GPU")

DATA = ["--input-col", "occ1", "--target-cols", "code_1", "code_2", "--language-col", "lang", "--num-epochs", "1",
        "--eval-interval", "1000", "--log-interval", "1", "--save-path", "out"]


def few_rows(folder, count):
    """The first rows of the bundled sample."""
    lines = (ROOT / "data/sample.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / "rows.csv").write_text("".join(lines[:count + 1]), encoding="utf-8")
    return ["--dataset", "rows.csv", *DATA]


@pytest.mark.parametrize("precision", ["fp32", "tf32", "bf16", "fp16"])
def test_a_short_run_of_full_size(finetune, precision):
    (finetune.folder / "canine-s.json").write_text(json.dumps({"model_type": "canine"}))  # defaults are canine-s
    result = finetune.run(*few_rows(finetune.folder, 80), "--encoder-config", "canine-s.json", "--devices", "0",
                          "--batch-size", "16", "--learning-rate", "1e-4", "--precision", precision)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Process 0 using device: cuda:0" in result.stdout
    summary = json.loads((finetune.folder / "out/result.json").read_text())
    assert summary["step"] == 5
    assert 0 < summary["last_validation"]["val_loss"] < 10
    weights = torch.load(finetune.folder / "out/last.bin", weights_only=True)["model"]
    assert all(bool(torch.isfinite(tensor).all()) for tensor in weights.values())


@pytest.mark.parametrize("ranks, flags", [(1, ["--backend", "nccl"]), (2, ["--backend", "gloo", "--share-devices"])])
def test_ranks_on_one_gpu(jobs, tmp_path, ranks, flags):
    text = jobs(*standalone(processes=ranks), BIN / "finetune", *few_rows(tmp_path, 200), "--encoder-config",
                ROOT / "configs/tiny-encoder/config.json", "--devices", "0", "--batch-size", "8", "--check-sync", "5",
                *flags).succeed()
    assert "Done after step" in text


needs_two_gpus = pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two GPUs")


def small(folder, count=200):
    """A run of a second or two on a GPU, without --devices."""
    return [*few_rows(folder, count), "--encoder-config", ROOT / "configs/tiny-encoder/config.json",
            "--batch-size", "8"]


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_a_deterministic_run_goes_on_bit_for_bit(jobs, tmp_path, attention):
    flags = [*small(tmp_path), "--devices", "0", "--deterministic", "--attention", attention, "--num-epochs", "3",
             "--eval-interval", "7"]
    jobs(BIN / "finetune", *flags, "--save-path", "whole").succeed()

    # From step 5 on there is time to ask.
    job = jobs(BIN / "finetune", *flags, CANINE_FAULT="slow=300@0:5:pre_forward")
    job.wait_for("Batch 6/")
    os.kill(job.pid, signal.SIGTERM)
    assert job.end() == 75, job.text
    assert 6 <= load(tmp_path / "out" / "last.bin")["step"] < load(tmp_path / "whole" / "last.bin")["step"]
    again = jobs(BIN / "finetune", *flags)
    again.wait_for("Resuming from")
    again.succeed()
    assert_same_training(tmp_path / "out", tmp_path / "whole")


@pytest.mark.parametrize("variables", [{"ACCELERATE_USE_CPU": "true"}, {"CUDA_VISIBLE_DEVICES": ""}])
def test_gpus_that_may_not_be_used(jobs, tmp_path, variables):
    assert "Process 0 using device: cpu" in jobs(BIN / "finetune", *small(tmp_path, 40), **variables).succeed()


@needs_two_gpus
@pytest.mark.parametrize("flags, variables", [([], {"CUDA_VISIBLE_DEVICES": "0,1"}), (["--devices", "0,1"], {})])
def test_a_plain_start_uses_two_gpus(jobs, tmp_path, flags, variables):
    text = jobs(BIN / "finetune", *small(tmp_path), *flags, **variables).succeed()
    assert "Using 2 GPUs for training" in text
    for rank in range(2):
        assert f"Process {rank} using device: cuda:{rank}" in text
    assert "Done after step" in text
