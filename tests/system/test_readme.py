"""The commands of README.md as they stand there, one after the other in one folder, on little data and a tiny encoder."""

import re
import shlex
import shutil
import subprocess

import pandas
import pytest

from conftest import BIN, FIXTURES, ROOT, TIME_LIMIT, clean_environment

BLOCK = re.compile(r"```\n(build/bin/\w+ -.*?)```|```\n(build/bin/inspect .*?)```", re.DOTALL)
COMMIT = "0123456789abcdef0123456789abcdef01234567"
SMALLER = {
    "finetune": ["--num-epochs", "1", "--batch-size", "32"],
    "train_mixer": ["--num-epochs", "1", "--batch-size", "32"],
    "evaluate": ["--batch-size", "32"],
}


def commands():
    text = (ROOT / "README.md").read_text(encoding="utf-8").replace("\\\n", " ")
    for found in BLOCK.finditer(text):
        for line in (found[1] or found[2]).splitlines():
            yield shlex.split(line, comments=True)


@pytest.fixture
def house(tmp_path):
    """A folder with the README's files; the encoder that it names is in the Hub's cache, and tiny."""
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "bin").symlink_to(BIN)
    model = tmp_path / "hf" / "hub" / "models--google--canine-s"
    shutil.copytree(FIXTURES / "encoder", model / "snapshots" / COMMIT)
    (model / "refs").mkdir()
    (model / "refs" / "main").write_text(COMMIT)
    rows = pandas.read_csv(ROOT / "data" / "sample.csv", dtype=str, keep_default_na=False)[:200]
    rows.to_csv(tmp_path / "occupations.csv", index=False)
    rows.rename(columns={"occ1": "occupation"}).assign(id=range(200)).to_csv(tmp_path / "parish.csv", index=False)
    hisco = pandas.read_csv(ROOT / "data" / "hisco_train.csv")[:120]
    (tmp_path / "hisco").mkdir()
    hisco[:50].to_csv(tmp_path / "hisco" / "train_1.csv", index=False)
    hisco[50:100].to_csv(tmp_path / "hisco" / "train_2.csv", index=False)
    hisco[100:].to_parquet(tmp_path / "hisco" / "val.parquet")
    return tmp_path


def test_the_commands_of_the_readme(house):
    environment = {**clean_environment(), "HF_HOME": str(house / "hf")}
    ran = []
    for command in commands():
        name = command[0].rsplit("/", 1)[1]
        done = subprocess.run([*command, *SMALLER.get(name, [])], cwd=house, env=environment, capture_output=True,
                              text=True, timeout=TIME_LIMIT, check=False)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        ran.append(name)
    assert ran == ["finetune", "train_mixer", "evaluate", "predict", "inspect", "convert", "convert"]
    assert len(pandas.read_csv(house / "codes.csv")) == 200
    assert len(pandas.read_csv(house / "rows.csv")) == 20
    assert (house / "metrics.json").exists()
    assert (house / "exported" / "model.safetensors").exists()
    assert (house / "model.bin").exists()
