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
    (folder / "in.csv").write_text("occ1,code\n" + "".join(f"farmer number {n},{codes[n % 2]}\n" for n in range(40)))


def test_an_encoder_in_several_files_is_that_of_one_file(tmp_path):
    rows(tmp_path)
    save_parts(tmp_path / "parts", load_file(FIXTURES / "encoder" / "model.safetensors"))
    lasts = []
    for encoder in (tmp_path / "parts", FIXTURES / "encoder"):
        flags = [value for value in TRAINING if value not in ("--encoder-config", FIXTURES / "encoder" / "config.json")]
        result = built("finetune", tmp_path).run("--dataset", "in.csv", "--target-cols", "code", "--block-size", "3", *flags,
                                                 "--encoder", encoder, "--save-path", encoder.name + "_run")
        assert result.returncode == 0, result.stderr
        lasts.append(torch.load(tmp_path / (encoder.name + "_run") / "last.bin", weights_only=True)["model"])
    assert all(torch.equal(lasts[0][name], tensor) for name, tensor in lasts[1].items())


def test_variants_and_stand_ins_are_named(tmp_path):
    (tmp_path / "variant").mkdir()
    shutil.copy(FIXTURES / "encoder" / "config.json", tmp_path / "variant")
    save_file(weights(), tmp_path / "variant" / "model.fp16.safetensors")
    rows(tmp_path)
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
    (tmp_path / "pointer.bin").write_text(pointer)
    (tmp_path / "dangling.bin").symlink_to("gone.bin")
    for program, arguments in (
            ("inspect", []), ("convert", ["out.bin"]),
            ("finetune", ["--dataset", "in.csv", "--target-cols", "code", "--save-path", "run", "--initial-checkpoint"]),
            ("predict", ["--fn-in", "in.csv", "--fn-out", "out.csv", "--model"]),
            ("evaluate", ["--val-data", FIXTURES / "data" / "data_val.csv", "--checkpoint"])):
        for model, message in (("variant", "ln -s model.fp16.safetensors model.safetensors"),
                               ("pointer.bin", "this is a Git LFS pointer"), ("dangling.bin", "gone.bin, which is not there")):
            order = [model, *arguments] if program == "convert" else [*arguments, model]
            more = TRAINING if program == "finetune" else []
            result = built(program, tmp_path).run(*order, *more)
            assert result.returncode in (2, 77), result.stderr
            assert message in result.stderr, (program, result.stderr)
            assert not (tmp_path / "run").exists()


def test_a_start_checkpoint_of_other_codes_is_refused_before_anything_is_written(tmp_path):
    rows(tmp_path)
    program = built("finetune", tmp_path)

    def run(save_path, *more, **options):
        return program.run("--dataset", "in.csv", "--target-cols", "code", *TRAINING, "--save-path", save_path, *more, **options)

    first = run("first", "--block-size", "3")
    assert first.returncode == 0, first.stderr
    started = ["--initial-checkpoint", "first/last.bin"]
    other = run("other", "--block-size", "4", "--allow-codes-shorter-than-block-size", *started)
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
    only_encoder = run("encoder", "--block-size", "4", "--allow-codes-shorter-than-block-size", "--only-encoder", *started)
    assert only_encoder.returncode == 0, only_encoder.stderr
