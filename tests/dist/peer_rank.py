"""A rank that runs torch.distributed: adds its number to those of the other ranks with Gloo.

peer_rank.py client PORT: rank 1 of 2, env:// with a master elsewhere. peer_rank.py file PATH: rank 1 of 2, file:// with that
path. peer_rank.py server: rank 0 of 2, whose store is at the port that the first line of output names. The last line is
the sum.
"""

import os
import sys
from datetime import timedelta

import torch
import torch.distributed as dist

LIMIT = timedelta(seconds=60)
if sys.argv[1] == "server":
    store = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False, timeout=LIMIT)
    print(store.port, flush=True)
    # What env:// makes of a store.
    dist.init_process_group("gloo", store=dist.PrefixStore("default_pg", store), rank=0, world_size=2, timeout=LIMIT)
elif sys.argv[1] == "file":
    dist.init_process_group("gloo", init_method=f"file://{sys.argv[2]}", rank=1, world_size=2, timeout=LIMIT)
else:
    os.environ.update(RANK="1", WORLD_SIZE="2", MASTER_ADDR="127.0.0.1", MASTER_PORT=sys.argv[2])
    dist.init_process_group("gloo", timeout=LIMIT)
value = torch.tensor([10.0 + dist.get_rank()])
dist.all_reduce(value)
print(value.item(), flush=True)
dist.destroy_process_group()
