"""PyTorch's side of the checkpoint tests.

peer.py write DIR     writes one file per kind of value that a torch file may hold
peer.py resume FILE   loads a checkpoint strictly into a module, AdamW and LambdaLR, takes a step and prints the result
peer.py again IN OUT  loads IN with weights_only and saves it as OUT
peer.py large FILE    saves tensors of which one is larger than 4 GiB and others lie behind it
peer.py safetensors IN OUT  loads IN with the reference implementation and saves it as OUT
"""

import collections
import sys
import zipfile
from fractions import Fraction
from pathlib import Path


def write(folder):
    import numpy as np
    import torch

    class Opaque:
        def __init__(self):
            self.inner = [1, 2]

    globals()["Opaque"] = Opaque
    Opaque.__module__, Opaque.__qualname__ = "__main__", "Opaque"
    base = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    types = ["float32", "float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool",
             "complex64", "uint16", "float8_e4m3fn"]
    tied = torch.nn.Linear(3, 3)
    other = torch.nn.Linear(3, 3)
    other.weight = tied.weight
    subclass = torch.arange(3.0)
    subclass.note = "an attribute"
    counter = collections.Counter(["a", "b", "a"])
    values = {
        "plain": {"none": None, "yes": True, "no": False, "small": 5, "wide": 70000, "negative": -3, "long": 2**40,
                  "minimum": -(2**63), "huge": 2**80, "huge_negative": -(2**80), "float": 0.1, "nan": float("nan"),
                  "text": "bageri\u00e6\u4e2d\U0001f600", "bytes": b"\x00\xff\x80a", "no_bytes": b"",
                  "tuple": (1, "a", (2,)), "list": [1, [2], []], "set": {7}, "frozenset": frozenset([8]),
                  "array": bytearray(b"ab")},
        "keys": {1: "int", "1": "text", float("nan"): "nan", None: "none", (1, 2): "tuple", -(2**40): "long"},
        "ordered": collections.OrderedDict([("b", 1), ("a", 2)]),
        "types": {name: torch.arange(5).to(getattr(torch, name)) for name in types},
        "views": {"base": base, "transposed": base.t(), "slice": base[1:3, ::2], "element": base[2, 3],
                  "expanded": torch.tensor([3.0]).expand(4, 5)},
        "shapes": {"scalar": torch.tensor(2.5), "empty": torch.zeros(0, 3), "five": torch.zeros(1, 2, 1, 2, 1)},
        "tied": {"one": tied.state_dict(), "two": other.state_dict()},
        "parameters": {"parameter": torch.nn.Parameter(base[0].clone()), "grad": base[1].clone().requires_grad_(True),
                       "subclass": subclass},
        "numpy": {"f8": np.float64(1.5), "f4": np.float32(2.5), "i8": np.int64(-3), "u1": np.uint8(200),
                  "b1": np.bool_(True), "u8": np.uint64(2**63 + 5), "text": np.str_("x"), "array": np.array([1.0])},
        "torch_words": {"size": torch.Size([2, 3]), "dtype": torch.float32, "device": torch.device("cuda", 1),
                        "cpu": torch.device("cpu"), "storage": base.untyped_storage()},
        "objects": {"object": Opaque(), "fraction": Fraction(1, 2), "counter": counter,
                    "default": collections.defaultdict(list, {"k": [1]}), "function": print,
                    "after": "still read"},
        "long": {"list": list(range(2500)), "dict": {f"k{i}": i for i in range(2000)},
                 "ordered": collections.OrderedDict((i, i) for i in range(1001))},
        "optimizer": None,
    }
    module = torch.nn.Linear(2, 2)
    optimizer = torch.optim.AdamW(module.parameters(), lr=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=10)
    module(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    schedule.step()
    values["optimizer"] = {"optimizer": optimizer.state_dict(), "scheduler": schedule.state_dict()}
    for name, value in values.items():
        torch.save(value, folder / f"{name}.bin")
    torch.save(values["plain"], folder / "legacy.bin", _use_new_zipfile_serialization=False)
    torch.save(values["plain"], folder / "legacy4.bin", _use_new_zipfile_serialization=False, pickle_protocol=4)
    values["large"] = {"bytes": bytes(100_000), "text": "\u00e6" * 100_000, "array": bytearray(70_000), "after": 1}
    torch.save(values["large"], folder / "large.bin")
    (folder / "protocol1").mkdir()
    torch.save(values["plain"], folder / "protocol1" / "plain.bin", pickle_protocol=1)
    for protocol in (3, 4, 5):
        (folder / f"protocol{protocol}").mkdir()
        for name in set(values) - {"numpy", "optimizer"}:  # with functions that other protocols name otherwise
            torch.save(values[name], folder / f"protocol{protocol}" / f"{name}.bin", pickle_protocol=protocol)
    torch.jit.script(module).save(str(folder / "script.bin"))
    as_if_from_a_gpu(folder / "views.bin", folder / "gpu.bin")
    with zipfile.ZipFile(folder / "views.bin") as source, zipfile.ZipFile(folder / "deflated.bin", "w") as target:
        for entry in source.infolist():
            target.writestr(entry.filename, source.read(entry), zipfile.ZIP_DEFLATED)


def as_if_from_a_gpu(written, copy):
    """The same values, whose storages say that they lay on the second GPU."""
    with zipfile.ZipFile(written) as source, zipfile.ZipFile(copy, "w") as target:
        for entry in source.infolist():
            content = source.read(entry)
            if entry.filename.endswith("data.pkl"):
                assert content.count(b"X\x03\0\0\0cpu") == 1  # later ones refer to it
                content = content.replace(b"X\x03\0\0\0cpu", b"X\x06\0\0\0cuda:1")
            target.writestr(entry.filename, content)


def resume(file):
    import torch

    content = torch.load(file, weights_only=True)
    assert list(content)[:5] == ["model", "optimizer", "scheduler", "step", "key"], list(content)
    module = torch.nn.Linear(4, 3)
    module.load_state_dict(content["model"], strict=True)
    optimizer = torch.optim.AdamW(module.parameters(), lr=1.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (1 + step))
    optimizer.load_state_dict(content["optimizer"])
    schedule.load_state_dict(content["scheduler"])
    assert content["step"] == 2**40 and schedule.last_epoch == 7
    assert [type(k).__name__ for k in content["key"]] == ["str", "float"]
    module(torch.ones(1, 4)).sum().backward()
    optimizer.step()
    schedule.step()
    state = optimizer.state[module.weight]
    print(int(state["step"]), f"{module.weight[0, 1].item():.9g}", optimizer.param_groups[0]["lr"])


def again(source, target):
    import torch

    torch.save(torch.load(source, weights_only=True), target)


def large(file):
    import torch

    big = torch.zeros(2**32 + 100, dtype=torch.uint8)
    big[-1] = 7
    torch.save({"small": torch.arange(3), "big": big, "empty": torch.zeros(0), "behind": torch.ones(2)}, file)


def safetensors(source, target):
    from safetensors.torch import load_file, save_file

    tensors = load_file(source)
    save_file(tensors, target, metadata={"format": "pt"})
    print(sorted(tensors))


if __name__ == "__main__":
    commands = {"write": write, "resume": resume, "again": again, "large": large, "safetensors": safetensors}
    commands[sys.argv[1]](*map(Path, sys.argv[2:]))
