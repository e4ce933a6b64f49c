"""Trains with torch.nn.parallel.DistributedDataParallel: ddp_peer.py OUT_DIR

For each world size and optimizer all ranks run five steps; rank 0 writes the gradients of the last step and the weights
and buffers after it as raw float32 into OUT_DIR/<optimizer>_<world>_<variant>.f32.
"""
import math
import os
import sys

import torch
import torch.distributed as dist
import torch.multiprocessing as mp

WIDTHS = (6, 16, 4)
ROWS = 5
STEPS = 5
VARIANTS = {
    "plain": {},
    "small": {"bucket_cap_mb": 200 / 2**20},
    "view": {"bucket_cap_mb": 200 / 2**20, "gradient_as_bucket_view": True},
    "unused": {"bucket_cap_mb": 200 / 2**20, "find_unused_parameters": True},
    "static": {"bucket_cap_mb": 200 / 2**20, "static_graph": True},
}


def wave(shape, phase):
    size = math.prod(shape)
    return (torch.sin(torch.arange(size, dtype=torch.float64) * 12.9898 + phase) * 0.5).reshape(shape).float()


class Net(torch.nn.Module):
    def __init__(self, phase):
        super().__init__()
        self.first = torch.nn.Linear(WIDTHS[0], WIDTHS[1])
        self.norm = torch.nn.BatchNorm1d(WIDTHS[1])
        self.second = torch.nn.Linear(WIDTHS[1], WIDTHS[2])
        with torch.no_grad():
            for i, parameter in enumerate(self.parameters()):
                parameter.copy_(wave(parameter.shape, phase + i))

    def forward(self, rows):
        return self.second(torch.tanh(self.norm(self.first(rows))))


def train(rank, world, name, variant, out):
    net = Net(10.0 * rank)
    ddp = torch.nn.parallel.DistributedDataParallel(net, **VARIANTS[variant])
    if name == "sgd":
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    else:
        optimizer = torch.optim.AdamW(net.parameters(), lr=0.01, weight_decay=0.01)
    for step in range(STEPS):
        rows = wave((world * ROWS, WIDTHS[0]), 100.0 + step)[rank * ROWS : (rank + 1) * ROWS] * 4
        optimizer.zero_grad(set_to_none=variant != "view")
        ddp(rows).pow(2).mean().backward()
        optimizer.step()
    if rank == 0:
        tensors = [p.grad for p in net.parameters()] + [p.detach() for p in net.parameters()]
        tensors += [b.float() for b in net.buffers()]
        torch.cat([t.reshape(-1) for t in tensors]).numpy().tofile(f"{out}/{name}_{world}_{variant}.f32")


def run(rank, world, out):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{out}/store_{world}", rank=rank, world_size=world)
    for name in ("sgd", "adamw"):
        for variant in VARIANTS:
            train(rank, world, name, variant, out)
    dist.destroy_process_group()


if __name__ == "__main__":
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    for world in (2, 3):
        mp.start_processes(run, args=(world, sys.argv[1]), nprocs=world, start_method="fork")
