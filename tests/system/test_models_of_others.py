"""Models as other programs leave them, in every program that loads one."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from conftest import FIXTURES, built

CODES = ["--formatter", "gpf", "--mapping", FIXTURES / "data" / "key.csv", "--target-cols", "hisco_1", "hisco_2",
         "--block-size", "5", "--encoder-config", FIXTURES / "encoder" / "config.json"]
TRAINING = ["--encoder-config", FIXTURES / "encoder" / "config.json", "--num-threads", "1", "--max-len", "32", "--padding",
            "mask", "--batch-size", "16", "--num-epochs", "1"]


def weights():
    return load_file(FIXTURES / "trained.safetensors")


def prefixed(prefix):
    return {prefix + name: tensor for name, tensor in weights().items()}


def compiled_encoder():
    return {name.replace("encoder.", "encoder._orig_mod.", 1) if name.startswith("encoder.") else name: tensor
            for name, tensor in weights().items()}


FILES = {
    "ddp.bin": lambda: {"model": prefixed("module."), "step": 3, "key": None},
    "both.pt": lambda: {"model": prefixed("module._orig_mod."), "step": 3, "key": None},
    "submodule.pt": lambda: {"model": compiled_encoder(), "step": 3},
    "lightning.ckpt": lambda: {"state_dict": prefixed("model."), "epoch": 3, "global_step": 9,
                               "hyper_parameters": __import__("argparse").Namespace(a=1)},
    "plain.pth": lambda: {"model_state_dict": weights(), "epoch": 3},
}


def save_parts(folder, tensors):
    """Two files and an index, as transformers saves large models."""
    folder.mkdir()
    shutil.copy(FIXTURES / "encoder" / "config.json", folder)
    names = sorted(tensors)
    files = {}
    for number, part in enumerate((names[: len(names) // 2], names[len(names) // 2:]), 1):
        file = f"model-0000{number}-of-00002.safetensors"
        save_file({name: tensors[name] for name in part}, folder / file)
        files.update(dict.fromkeys(part, file))
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": files}))


def predictions(folder, model):
    out = folder / "out.csv"
    result = built("predict", folder).run("--model", model, *CODES, "--num-threads", "1", "--fn-in", "in.csv", "--fn-out", out,
                                          "--overwrite")
    assert result.returncode == 0, result.stderr
    return out.read_bytes()


def test_names_entries_and_protocols_of_other_programs_change_nothing(tmp_path):
    (tmp_path / "in.csv").write_text("occ1\nfarmer\ncoal merchant\nwidow of a bricklayer\n")
    expected = predictions(tmp_path, FIXTURES / "trained.safetensors")
    for name, content in FILES.items():
        torch.save(content(), tmp_path / name)
        assert predictions(tmp_path, name) == expected, name
    for protocol in (3, 4, 5):
        torch.save({"model": weights(), "step": 3, "key": None}, tmp_path / "model.bin", pickle_protocol=protocol)
        assert predictions(tmp_path, "model.bin") == expected, protocol
    save_parts(tmp_path / "parts", prefixed("module."))
    assert predictions(tmp_path, "parts") == expected


def test_inspect_convert_and_evaluate_take_them(tmp_path):
    torch.save(FILES["both.pt"](), tmp_path / "both.pt")
    shown = built("inspect", tmp_path).run("both.pt", "--json")
    assert shown.returncode == 0, shown.stderr
    assert json.loads(shown.stdout)["model"] == "mixer"
    assert built("convert", tmp_path).run("both.pt", "plain.safetensors").returncode == 0
    plain = load_file(tmp_path / "plain.safetensors")
    assert plain.keys() == weights().keys()
    assert all(torch.equal(plain[name], tensor) for name, tensor in weights().items())
    evaluated = built("evaluate", tmp_path).run("--checkpoint", "both.pt", *CODES, "--num-threads", "1", "--batch-size", "64",
                                                "--val-data", FIXTURES / "data" / "data_val.csv", "--summary", "s.json")
    assert evaluated.returncode == 0, evaluated.stderr


def rows(folder, codes=("123", "456")):
    lines = [f"farmer number {n},{codes[n % len(codes)]},en\n" for n in range(40)]
    (folder / "in.csv").write_text("occ1,code,lang\n" + "".join(lines))


TRAINERS = {  # flags for these rows, without those of the encoder
    "finetune": ["--dataset", "in.csv", "--target-cols", "code", *TRAINING[2:], "--save-path"],
    "train_mixer": ["--train-data", "in.csv", "--val-data", "in.csv", "--formatter", "gpf", "--target-cols", "code", *TRAINING[2:],
                    "--save-dir"],
}
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


def test_an_encoder_in_several_files_is_that_of_one_file(tmp_path):
    rows(tmp_path)
    save_parts(tmp_path / "parts", load_file(FIXTURES / "encoder" / "model.safetensors"))
    lasts = []
    for encoder in (tmp_path / "parts", FIXTURES / "encoder"):
        result = built("finetune", tmp_path).run(*TRAINERS["finetune"], encoder.name + "_run", "--block-size", "3", "--encoder", encoder)
        assert result.returncode == 0, result.stderr
        lasts.append(torch.load(tmp_path / (encoder.name + "_run") / "last.bin", weights_only=True)["model"])
    assert all(torch.equal(lasts[0][name], tensor) for name, tensor in lasts[1].items())


def test_variants_and_stand_ins_are_named(tmp_path):
    (tmp_path / "variant").mkdir()
    shutil.copy(FIXTURES / "encoder" / "config.json", tmp_path / "variant")
    save_file(weights(), tmp_path / "variant" / "model.fp16.safetensors")
    rows(tmp_path)
    (tmp_path / "pointer.bin").write_text(POINTER)
    (tmp_path / "shards").mkdir()
    save_file(weights(), tmp_path / "shards" / "model-00001-of-00002.safetensors")
    (tmp_path / "tensorflow").mkdir()
    for name in ("checkpoint", "model.ckpt.index", "model.ckpt.data-00000-of-00001"):
        (tmp_path / "tensorflow" / name).write_bytes(b"\0" * 64)
    (tmp_path / "dangling.bin").symlink_to("gone.bin")
    for program, arguments in (
            ("inspect", []), ("convert", ["out.bin"]),
            *((name, [*flags, "run", *TRAINING[:2], "--initial-checkpoint"]) for name, flags in TRAINERS.items()),
            ("predict", ["--fn-in", "in.csv", "--fn-out", "out.csv", "--model"]),
            ("evaluate", ["--val-data", FIXTURES / "data" / "data_val.csv", "--checkpoint"])):
        for model, message in (("variant", "ln -s model.fp16.safetensors model.safetensors"),
                               ("shards", "model-00001-of-00002.safetensors, part 1 of 2 of a model's weights, and not their "
                                          "index, model.safetensors.index.json"),
                               ("tensorflow", "a checkpoint of TensorFlow, which is not read here"),
                               ("tensorflow/model.ckpt.index", "a part of a checkpoint of TensorFlow"),
                               ("pointer.bin", "this is a Git LFS pointer"), ("dangling.bin", "gone.bin, which is not there")):
            order = [model, *arguments] if program == "convert" else [*arguments, model]
            result = built(program, tmp_path).run(*order)
            assert result.returncode in (2, 77), result.stderr
            assert message in result.stderr, (program, result.stderr)
            assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", TRAINERS)
def test_an_encoder_that_cannot_be_read_is_refused_before_anything_is_written(tmp_path, name):
    rows(tmp_path)
    encoder = load_file(FIXTURES / "encoder" / "model.safetensors")
    for folder in ("one part", "no part", "no index"):
        save_parts(tmp_path / folder, encoder)
    part = "model-00002-of-00002.safetensors"
    (tmp_path / "one part" / part).write_text(POINTER)
    (tmp_path / "no part" / part).unlink()
    (tmp_path / "no index" / "model.safetensors.index.json").unlink()
    for folder, pointer in (("whole", "model.safetensors"), ("shape", "config.json"), ("page", "model.safetensors")):
        shutil.copytree(FIXTURES / "encoder", tmp_path / folder)
        (tmp_path / folder / pointer).write_text("<html>" if folder == "page" else POINTER)
    lfs = "this is a Git LFS pointer, not the file itself; fetch it with 'git lfs install' and 'git lfs pull'"
    for folder, code, message in (
            ("one part", 77, f"one part/{part}: {lfs}"), ("no part", 77, f"it names {part}, which is not beside it"),
            ("no index", 2, "and not their index, model.safetensors.index.json"), ("whole", 77, f"model.safetensors: {lfs}"),
            ("shape", 77, f"config.json: {lfs}"), ("page", 77, "model.safetensors: expected weights (torch.save or safetensors)")):
        result = built(name, tmp_path).run(*TRAINERS[name], "run", "--block-size", "3", "--encoder", folder)
        assert (result.returncode, message in result.stderr) == (code, True), (folder, result.stderr)
        assert not (tmp_path / "run").exists(), folder
    (tmp_path / "settings.yaml").write_text(POINTER)
    result = built(name, tmp_path).run(*TRAINERS[name], "run", "--config", "settings.yaml")
    assert result.returncode == 2 and f"--config settings.yaml: {lfs}" in result.stderr


@pytest.mark.parametrize("name", TRAINERS)
def test_a_start_from_weights_under_other_names_is_the_same(tmp_path, name):
    rows(tmp_path)

    def run(save, *more):
        result = built(name, tmp_path).run(*TRAINERS[name], save, "--block-size", "3", *TRAINING[:2], *more)
        assert result.returncode == 0, result.stderr
        return torch.load(tmp_path / save / "last.bin", weights_only=True)["model"]

    first = run("first")
    lasts = []
    for prefix in ("", "module.", "_orig_mod.", "model.", "module._orig_mod."):
        torch.save({"model": {prefix + name: tensor for name, tensor in first.items()}}, tmp_path / "start.bin")
        lasts.append(run(f"from_{prefix}", "--initial-checkpoint", "start.bin"))
    for last in lasts[1:]:
        assert last.keys() == lasts[0].keys()
        assert all(torch.equal(last[key], tensor) for key, tensor in lasts[0].items())


@pytest.mark.parametrize("name", TRAINERS)
def test_a_start_checkpoint_of_other_codes_is_refused_before_anything_is_written(tmp_path, name):
    rows(tmp_path)
    program = built(name, tmp_path)
    longer_block = ["--block-size", "4", *(["--allow-codes-shorter-than-block-size"] if name == "finetune" else [])]

    def run(save, *more):
        return program.run(*TRAINERS[name], save, *TRAINING[:2], *more)

    first = run("first", "--block-size", "3")
    assert first.returncode == 0, first.stderr
    started = ["--initial-checkpoint", "first/last.bin"]
    other = run("other", *longer_block, *started)
    assert other.returncode == 77
    assert "trained with --block-size 3 and this run has --block-size 4" in other.stderr and "--only-encoder" in other.stderr
    separated = run("other", "--block-size", "3", "--use-within-block-sep", *started)
    assert separated.returncode == 77 and "no --use-within-block-sep and this run has it" in separated.stderr
    assert not (tmp_path / "other").exists()

    # The same codes in another order are put into it; other codes, as many, are refused.
    rows(tmp_path, ("456", "123"))
    turned = run("turned", "--block-size", "3", *started)
    assert turned.returncode == 0 and "another order" in turned.stderr, turned.stderr
    rows(tmp_path, ("123", "789"))
    others = run("others", "--block-size", "3", *started)
    assert others.returncode == 77 and "its 2 codes are not the 2 codes of this run" in others.stderr
    assert not (tmp_path / "others").exists()

    # Without a key their number tells.
    torch.save({"model": torch.load(tmp_path / "first" / "last.bin", weights_only=True)["model"]}, tmp_path / "bare.bin")
    rows(tmp_path, ("123", "456", "789"))
    bare = run("others", "--block-size", "3", "--initial-checkpoint", "bare.bin")
    assert bare.returncode == 77
    assert "bare.bin: its flat head has 2 classes, this run has 3 codes; take its encoder alone with --only-encoder" in bare.stderr
    assert not (tmp_path / "others").exists()
    only_encoder = run("encoder", *longer_block, "--only-encoder", *started)
    assert only_encoder.returncode == 0, only_encoder.stderr
