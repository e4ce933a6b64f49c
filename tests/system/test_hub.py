"""--encoder, --model and --checkpoint with the name of a model that is not in the Hub cache: it is downloaded from
HF_ENDPOINT, here a server on this machine (tests/hub/hub_server.py)."""

import shutil
import sys

import pytest
import torch

from conftest import FIXTURES, ROOT, Program, built, clean_environment
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


CODES = ["--formatter", "gpf", "--target-cols", "hisco_1", "hisco_2", "--block-size", "5", "--encoder-config",
         FIXTURES / "encoder" / "config.json"]


@pytest.fixture
def mixer(tmp_path, serve):
    """A Hub that has the fixtures' trained model as org/mixer, and that model's folder."""
    folder = tmp_path / "hub" / "org" / "mixer"
    result = built("convert", tmp_path).run(FIXTURES / "trained.safetensors", folder, "--mapping",
                                            FIXTURES / "data" / "key.csv", *CODES)
    assert result.returncode == 0, result.stderr
    return serve(), folder


@pytest.mark.parametrize("program, arguments", [
    ("predict", ["--fn-in", FIXTURES / "data" / "data_val.csv", "--overwrite", "--model"]),
    ("evaluate", ["--val-data", FIXTURES / "data" / "data_val.csv", "--devices", "cpu:2", "--checkpoint"]),
])
def test_predict_and_evaluate_download_their_model_once(mixer, tmp_path, program, arguments):
    hub, folder = mixer
    environment = clean_environment(**variables(hub, tmp_path))
    for model, out in (("org/mixer", "hub.csv"), ("org/mixer", "again.csv"), (folder, "folder.csv")):
        result = built(program, tmp_path).run(*arguments, model, *CODES, "--fn-out", out, env=environment)
        assert result.returncode == 0, result.stderr
        assert ("Downloading org/mixer" in result.stdout) == (out == "hub.csv")
    assert downloaded(hub) == [("endpoint", "/org/mixer/resolve/main/canine.json"),
                               ("endpoint", "/org/mixer/resolve/main/config.json"),
                               ("endpoint", "/org/mixer/resolve/main/key.json"),
                               ("storage", "/org/mixer/model.safetensors")]
    codes = (tmp_path / "hub.csv").read_bytes()
    assert codes == (tmp_path / "again.csv").read_bytes() == (tmp_path / "folder.csv").read_bytes()


@pytest.mark.parametrize("program, arguments", [
    ("predict", ["--fn-in", FIXTURES / "data" / "data_val.csv", "--fn-out", "out.csv", "--model"]),
    ("evaluate", ["--val-data", FIXTURES / "data" / "data_val.csv", "--checkpoint"]),
    ("finetune", ["--dataset", FIXTURES / "source.csv", "--target-cols", "hisco_1", "--encoder-config",
                  FIXTURES / "encoder" / "config.json", "--save-path", "out", "--initial-checkpoint"]),
])
def test_a_mistyped_path_is_not_taken_for_a_model_of_the_hub(serve, tmp_path, program, arguments):
    """Only a path that may be a Hub name is asked for there, and the message says both."""
    hub = serve()
    environment = clean_environment(**variables(hub, tmp_path))
    for model in ("runs/last.bin", "runs/of/mine", "./runs", "runs/frist"):
        result = built(program, tmp_path).run(*arguments, model, env=environment)
        assert result.returncode == 2, result.stderr
        assert f" {model}: there is no such file or folder" in result.stderr
        assert ("on the Hub: " in result.stderr and "there is no such model" in result.stderr) == (model == "runs/frist")
        assert bool(hub.requests) == (model == "runs/frist")
        assert not (tmp_path / "out").exists()


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
    assert not list(tmp_path.glob("hf/hub/models--*/snapshots/*/model.safetensors"))


def test_what_the_encoder_cannot_take_is_refused_before_its_weights_are_downloaded(jobs, serve, tmp_path):
    hub = serve()
    job = jobs(PROGRAM, *with_encoder(tmp_path, "org/tiny"), "--max-len", "3000", env=variables(hub, tmp_path))
    assert job.end() == 2
    assert "error: --max-len 3000: the encoder of " in job.text and "takes texts of 208 characters at most" in job.text
    assert downloaded(hub) == [("endpoint", "/org/tiny/resolve/main/config.json")]
    assert not (tmp_path / "out").exists()


def test_weights_that_a_checkpoint_has_are_not_downloaded(jobs, serve, tmp_path):
    hub = serve()
    flags = with_encoder(tmp_path, "org/tiny")
    jobs(PROGRAM, *flags, env=variables(hub, tmp_path)).succeed()
    config = [("endpoint", "/org/tiny/resolve/main/config.json")]
    for name, more in (("resumed", ["--num-epochs", "2"]),
                       ("started", ["--save-path", "other", "--initial-checkpoint", "out/last.bin"])):
        del hub.requests[:]
        environment = variables(hub, tmp_path, HF_HOME=str(tmp_path / name))
        jobs(PROGRAM, *flags, *more, env=environment).succeed()
        assert downloaded(hub) == config
    jobs(PROGRAM, *flags, "--save-path", "new", env=environment).succeed()  # config.json is there, the weights are not
    assert downloaded(hub) == [*config, ("storage", "/org/tiny/model.safetensors")]


def test_an_exported_model_is_used_by_its_name_alone(serve, tmp_path):
    exported = tmp_path / "hub" / "org" / "own"
    result = Program("convert", tmp_path).run(
        FIXTURES / "after10.bin", exported, "--encoder-config", FIXTURES / "encoder" / "config.json", "--target-cols",
        "hisco_1", "hisco_2", "--block-size", "5")
    assert result.returncode == 0, result.stderr
    (tmp_path / "in.csv").write_text("occ\nfarmer\ncoal merchant\nwidow of a bricklayer\n")
    hub = serve()
    environment = clean_environment(**variables(hub, tmp_path))
    for model, out in ((exported, "of_folder.csv"), ("org/own", "of_name.csv")):
        result = Program("predict", tmp_path).run("--model", model, "--fn-in", "in.csv", "--fn-out", out, env=environment)
        assert result.returncode == 0, result.stderr
    assert (tmp_path / "of_name.csv").read_bytes() == (tmp_path / "of_folder.csv").read_bytes()
    assert ("endpoint", "/org/own/resolve/main/canine.json") in downloaded(hub)


def test_offline_nobody_is_asked(finetune, serve, tmp_path):
    hub = serve()
    environment = clean_environment(**variables(hub, tmp_path, HF_HUB_OFFLINE="1"))
    result = finetune.run(*with_encoder(tmp_path, "org/tiny"), env=environment)
    assert result.returncode == 2
    assert ".venv/bin/hf download org/tiny" in result.stderr
    assert not hub.requests
