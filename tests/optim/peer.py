"""Runs PyTorch's and transformers' own optimizer parts: peer.py OUT_DIR

Writes raw little-endian float32 and float64 files that the tests of room `optim` compare with.
"""
import sys

import numpy as np
import torch
from transformers import get_linear_schedule_with_warmup

out = sys.argv[1]
torch.set_num_threads(1)
torch.manual_seed(3)


def write(name, values, dtype):
    np.concatenate([np.asarray(v, dtype=dtype).ravel() for v in values]).tofile(f"{out}/{name}")


# AdamW: 20 steps with clipping and a schedule; the tensors and their gradients are written first.
SHAPES = [(7, 5), (5,), (3, 4, 2), (1,), (64, 33)]
NUM_STEPS = 20
parameters = [torch.nn.Parameter(torch.randn(s)) for s in SHAPES]
write("adamw_start.f32", [p.detach() for p in parameters], np.float32)
gradients = [[torch.randn(s) * 10.0 ** (i % 4 - 2) for s in SHAPES] for i in range(NUM_STEPS)]
write("adamw_gradients.f32", [g for step in gradients for g in step], np.float32)
optimizer = torch.optim.AdamW(parameters, lr=1e-2)
schedule = get_linear_schedule_with_warmup(optimizer, 4, NUM_STEPS + 2)
norms = []
for step in gradients:
    for parameter, gradient in zip(parameters, step):
        parameter.grad = gradient.clone()
    norms.append(torch.nn.utils.clip_grad_norm_(parameters, max_norm=1.0).item())
    optimizer.step()
    schedule.step()
state = [optimizer.state[p] for p in parameters]
write("adamw_norms.f32", norms, np.float32)
write("adamw_end.f32", [p.detach() for p in parameters], np.float32)
write("adamw_exp_avg.f32", [s["exp_avg"] for s in state], np.float32)
write("adamw_exp_avg_sq.f32", [s["exp_avg_sq"] for s in state], np.float32)

# Schedule: rates of every step and one beyond the end, for many (total, warm-up).
rates = []
for total in range(1, 25):
    for warmup in range(0, total + 1):
        sgd = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=2e-5)
        schedule = get_linear_schedule_with_warmup(sgd, warmup, total)
        for _ in range(total + 1):
            rates.append(sgd.param_groups[0]["lr"])
            sgd.step()
            schedule.step()
write("rates.f64", rates, np.float64)

# Loss scaler: finite and infinite gradients in a fixed pattern; scale and growth tracker after each step.
PATTERN = "....i..n......ii...."
scaler = torch.amp.GradScaler("cpu", init_scale=1024.0, growth_factor=2.0, backoff_factor=0.5, growth_interval=3)
weight = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
sgd = torch.optim.SGD([weight], lr=0.125)
scales = []
for mark in PATTERN:
    sgd.zero_grad()
    scaler.scale((weight * torch.tensor([0.5, 0.25])).sum()).backward()
    if mark != ".":
        weight.grad[1] = float("inf") if mark == "i" else float("nan")
    scaler.unscale_(sgd)
    scaler.step(sgd)
    scaler.update()
    scales += [scaler.get_scale(), scaler._get_growth_tracker(), *weight.detach().tolist()]
write("scaler.f64", scales, np.float64)
