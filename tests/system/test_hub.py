"""--encoder with the name of a model that is not in the Hub cache: it is downloaded from HF_ENDPOINT, here a server on this
machine (tests/hub/hub_server.py)."""

import shutil
import sys

import pytest
import torch

from conftest import FIXTURES, ROOT, clean_environment
from jobs import PROGRAM, training

sys.path.insert(0, str(ROOT / "tests" / "hub"))
from hub_server import COMMIT, TOKEN, HubServer  # noqa: E402


@pytest.fixture
def serve(tmp_path):
    """Starts a Hub that has the fixtures' encoder as org/tiny."""
    model = tmp_path / "hub" / "org" / "tiny"
    model.mkdir(parents=True)
    for name in ("config.json", "model.safetensors", "pytorch_model.bin"):
        shutil.copy(FIXTURES / "encoder" / name, model / name)
    started = []

    def start(*behaviours):
        started.append(HubServer(tmp_path / "hub", behaviours))
        return started[-1].__enter__()

    yield start
    for hub in started:
        hub.__exit__()


def variables(hub, tmp_path, **more):
    return {"HF_ENDPOINT": hub.endpoint, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "", "HF_TOKEN": "",
            "HF_HUB_CACHE": "", "no_proxy": "127.0.0.1", **more}


def with_encoder(folder, name, **more):
    flags = training(folder, "--num-epochs", "1", **more)
    at = flags.index("--encoder-config")
    flags[at:at + 2] = ["--encoder", name]
    return flags


def downloaded(hub):
    return sorted((request["host"], request["path"].split("?")[0]) for request in hub.requests if request["method"] == "GET")


def test_two_processes_download_each_file_once(jobs, serve, tmp_path):
    hub = serve("token")
    environment = variables(hub, tmp_path, HF_TOKEN=TOKEN)
    job = jobs(PROGRAM, "--devices", "cpu:2", *with_encoder(tmp_path, "org/tiny"), env=environment)
    job.succeed()
    assert downloaded(hub) == [("endpoint", "/org/tiny/resolve/main/config.json"), ("storage", "/org/tiny/model.safetensors")]
    assert len([line for line in job.lines if "Downloading org/tiny (revision main) from " + hub.endpoint in line]) == 1
    snapshot = tmp_path / "hf" / "hub" / "models--org--tiny" / "snapshots" / COMMIT
    for name in ("config.json", "model.safetensors"):
        assert (snapshot / name).read_bytes() == (FIXTURES / "encoder" / name).read_bytes()

    # The second run asks nobody.
    asked = len(hub.requests)
    again = jobs(PROGRAM, *with_encoder(tmp_path, "org/tiny", save_path="out2"), env=environment)
    again.succeed()
    assert len(hub.requests) == asked


def test_a_downloaded_encoder_is_the_one_in_a_folder(jobs, serve, tmp_path):
    hub = serve("cut")  # and goes on where the connection broke
    for name, save_path in (("org/tiny@" + COMMIT, "of_hub"), (FIXTURES / "encoder", "of_folder")):
        jobs(PROGRAM, *with_encoder(tmp_path, str(name), save_path=save_path), env=variables(hub, tmp_path)).succeed()
    of_hub, of_folder = (torch.load(tmp_path / name / "last.bin", weights_only=True)["model"] for name in ("of_hub", "of_folder"))
    assert all(torch.equal(of_hub[key], of_folder[key]) for key in of_folder)
    ranges = [request["range"] for request in hub.requests if request["method"] == "GET" and request["host"] == "storage"]
    assert ranges[0] == "" and ranges[1].startswith("bytes=")


@pytest.mark.parametrize("behaviour, name, code, message", [
    ("flip", "org/tiny", 74, "was announced; they were thrown away"),
    ("gated", "org/tiny", 2, "accept its conditions"),
    ("", "org/absent", 2, "there is no such model, or it is private"),
    ("", "org/tiny@v9", 2, "has no revision 'v9'"),
])
def test_refusals_end_all_processes_before_anything_is_written(jobs, serve, tmp_path, behaviour, name, code, message):
    hub = serve(behaviour)
    job = jobs(PROGRAM, "--devices", "cpu:2", *with_encoder(tmp_path, name), env=variables(hub, tmp_path))
    assert job.end() == code
    assert [line for line in job.lines if f"error: --encoder {name}: " in line and message in line], job.text
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob("hf/hub/models--*/snapshots"))


def test_offline_nobody_is_asked(finetune, serve, tmp_path):
    hub = serve()
    environment = clean_environment(**variables(hub, tmp_path, HF_HUB_OFFLINE="1"))
    result = finetune.run(*with_encoder(tmp_path, "org/tiny"), env=environment)
    assert result.returncode == 2
    assert ".venv/bin/hf download org/tiny" in result.stderr
    assert not hub.requests
