"""Goes on from a checkpoint of the Python program in PyTorch: prints the losses of some more steps, one a line.

Usage: continue_peer.py BENCHMARKS_DIR FIXTURE_DIR FIRST_STEP LAST_STEP TOTAL_STEPS WARMUP_STEPS. Batches are those of
step_batches.safetensors, over and over. The model is benchmarks/python_model.py, from transformers and torch.nn.
"""

import pathlib
import sys

import torch
from safetensors.torch import load_file
from transformers import CanineConfig, get_linear_schedule_with_warmup

RENAMED = [("decoder.token_emb.embedding.", "embedding."), ("decoder.positional_encoding.pos_embedding", "positions"),
           ("decoder.decoder.", "decoder."), ("decoder.head.", "head."), ("linear_decoder.", "flat_head.")]


def renamed(name):
    for old, new in RENAMED:
        if name.startswith(old):
            return new + name[len(old):]
    return name


def main(benchmarks, fixture, first, last, total, warmup):
    sys.path.insert(0, benchmarks)
    from python_model import Mixer, mixer_loss

    folder = pathlib.Path(fixture)
    checkpoint = torch.load(folder / "after10.bin", weights_only=True)
    weights = {renamed(name): tensor for name, tensor in checkpoint["model"].items()}
    model = Mixer(CanineConfig.from_json_file(folder / "encoder" / "config.json"), weights["flat_head.bias"].numel())
    model.load_state_dict(weights)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    schedule = get_linear_schedule_with_warmup(optimizer, int(warmup), int(total))
    optimizer.load_state_dict(checkpoint["optimizer"])
    schedule.load_state_dict(checkpoint["scheduler"])
    # The rate of the next step comes from the flags of the new run.
    for group in optimizer.param_groups:
        group["lr"] = 1e-3 * schedule.lr_lambdas[0](int(first))
    batches = load_file(folder / "step_batches.safetensors")
    for step in range(int(first), int(last)):
        ids, mask, targets, labels = (batches[f"{step % 5}.{name}"] for name in
                                      ("input_ids", "attention_mask", "targets_seq2seq", "targets_linear"))
        sequence, flat = model(ids, mask, targets[:, :-1])
        loss = mixer_loss(sequence, flat, targets, labels, 5, 0.2)
        print(repr(loss.item()))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()


main(*sys.argv[1:])
