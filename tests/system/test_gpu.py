"""Training on a GPU. Without one these tests are skipped, and counted so."""

import json
import pathlib

import pytest
import torch
from conftest import BIN, ROOT
from jobs import standalone

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
