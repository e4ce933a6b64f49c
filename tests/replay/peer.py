"""Makes a replay folder with transformers and torch: peer.py OUT_DIR hisco|occ1950

The encoder is transformers.CanineModel, the decoder torch.nn.TransformerDecoder, the optimizer torch.optim.AdamW; the
loss is written out as loops. The shape differs from the stored fixture in everything that may differ: blocks and classes,
widths, heads, layers, buckets, windows of 64 over 130 characters, feed-forward widths, batch size, warm-up, rates.
"""
import json
import math
import os
import sys

import torch
from safetensors.torch import save_file
from torch import nn
from transformers import CanineConfig, CanineModel, get_linear_schedule_with_warmup

out, formatter = sys.argv[1:]
os.makedirs(f"{out}/encoder", exist_ok=True)
torch.set_num_threads(1)
torch.manual_seed(8)

NB, BS, V, C = {"hisco": (5, 5, 19, 1919), "occ1950": (2, 3, 16, 1000)}[formatter]
PAD = 1
B, T, BATCHES, H = 4, 130, 3, 32
WEIGHT, STEPS_WEIGHT, RATE = 0.3, 0.6, 2e-3
CONFIG = dict(hidden_size=H, num_hidden_layers=3, num_attention_heads=2, intermediate_size=44, hidden_dropout_prob=0.0,
              attention_probs_dropout_prob=0.0, num_hash_functions=4, num_hash_buckets=300,
              max_position_embeddings=256, local_transformer_stride=64)
SPEC = {"formatter": formatter, "block_size": BS, "learning_rate": RATE, "warmup_pct": 0.34, "epochs": 2,
        "seq2seq_weight": WEIGHT, "steps_seq2seq_weight": STEPS_WEIGHT, "dropout": 0.0}


class Positions(nn.Module):
    def __init__(self):
        super().__init__()
        angle = torch.arange(128)[:, None] * torch.exp(-torch.arange(0, H, 2) * math.log(10000) / H)
        table = torch.zeros(128, 1, H)
        table[:, 0, 0::2], table[:, 0, 1::2] = torch.sin(angle), torch.cos(angle)
        self.register_buffer("pos_embedding", table)

    def forward(self, x):
        return x + self.pos_embedding[: x.size(0)]


class Tokens(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(V, H)

    def forward(self, x):
        return self.embedding(x) * math.sqrt(H)


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.token_emb = Tokens()
        self.positional_encoding = Positions()
        self.decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(H, 8, 36, dropout=0.0), 2)
        self.head = nn.Linear(H, V)

    def forward(self, target, memory, pad_bonus):
        size = target.size(1)
        causal = torch.triu(torch.full((size, size), float("-inf")), 1)
        padding = (target == PAD).float() if pad_bonus else None
        x = self.positional_encoding(self.token_emb(target.T))
        x = self.decoder(x, memory.transpose(0, 1), tgt_mask=causal, tgt_key_padding_mask=padding)
        return self.head(x).transpose(0, 1)


class Mixer(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = CanineModel(CanineConfig(**CONFIG))
        self.decoder = Decoder()
        self.linear_decoder = nn.Linear(H, C)

    def encode(self, ids, mask):
        encoded = self.encoder(input_ids=ids, attention_mask=mask)
        return encoded.last_hidden_state, encoded.pooler_output

    def forward(self, batch):
        memory, pooled = self.encode(batch["input_ids"], batch["attention_mask"])
        return self.decoder(batch["targets_seq2seq"][:, :-1], memory, True), self.linear_decoder(pooled)


def losses(sequence, flat, batch):
    nll, target = -sequence.log_softmax(-1), batch["targets_seq2seq"][:, 1:-1]
    order, padding, blocks = 0.0, 0.0, 0
    counts = []
    for row in target.tolist():
        first = row.index(PAD) if PAD in row else 0
        counts.append(first // BS if first else NB)
    for j in range(NB):
        wanted = target[:, j * BS:(j + 1) * BS]
        if (wanted == PAD).all():
            break
        blocks += 1
        for i, count in enumerate(counts):
            candidates = []
            for c in range(count):
                picked = nll[i, c * BS:(c + 1) * BS].gather(1, wanted[i][:, None])[:, 0]
                candidates.append(picked.masked_fill(wanted[i] == PAD, 0.0).sum() / BS)
            order = order + torch.stack(candidates).min() / len(counts)
    for i, count in enumerate(counts):
        padding = padding + nll[i, count * BS:NB * BS, PAD].sum() / (BS * NB * len(counts))
    linear = nn.functional.binary_cross_entropy_with_logits(flat, batch["targets_linear"])
    return order / blocks + padding, linear


def make_batch():
    ids, mask = torch.zeros(B, T, dtype=torch.long), torch.zeros(B, T, dtype=torch.long)
    target = torch.full((B, NB * BS + 2), PAD)
    for i in range(B):
        n = int(torch.randint(2, T + 1, ()))
        ids[i, :n] = torch.randint(32, 0x2FFF, (n,))
        ids[i, 0], ids[i, n - 1], mask[i, :n] = 0xE000, 0xE001, 1
        codes = int(torch.randint(1, min(NB, 3) + 1, ()))
        target[i, 1:1 + codes * BS] = torch.randint(5, V - 1, (codes * BS,))
    target[:, 0], target[:, -1] = 2, 3
    return {"input_ids": ids, "attention_mask": mask, "targets_seq2seq": target,
            "targets_linear": (torch.rand(B, C) < 0.1).float()}


def write_json(name, value):
    with open(f"{out}/{name}", "w") as file:
        json.dump(value, file, indent=1)


batches = [make_batch() for _ in range(BATCHES)]
model = Mixer()
with torch.no_grad():
    for p in model.parameters():
        p.add_(0.1 * torch.randn_like(p))
model.eval()  # nothing but dropout differs, and the fast path of TransformerDecoder takes no gradients anyway
model.encoder.save_pretrained(f"{out}/encoder")
write_json("spec.json", SPEC)
save_file({k: v.clone().contiguous() for k, v in model.state_dict().items()}, f"{out}/model.safetensors")
save_file(batches[0], f"{out}/batch.safetensors")
save_file({f"{i}.{k}": v for i, b in enumerate(batches) for k, v in b.items()}, f"{out}/step_batches.safetensors")

acts = {}


def keep(name, transpose=False):
    def hook(_module, _inputs, output):
        output = output[0] if isinstance(output, tuple) else getattr(output, "last_hidden_state", output)
        acts[name] = (output.transpose(0, 1) if transpose else output).detach().clone().contiguous()
    return hook


e, d = model.encoder, model.decoder
hooked = [(e.char_embeddings, "encoder.embeddings"), (e.initial_char_encoder, "encoder.initial"),
          (e.chars_to_molecules, "encoder.molecules"), (e.pooler, "encoder.pooled"),
          (e.projection, "encoder.projection"), (e.final_char_encoder, "encoder.final")]
hooked += [(layer, f"encoder.deep.{i}") for i, layer in enumerate(e.encoder.layer)]
handles = [m.register_forward_hook(keep(n)) for m, n in hooked]
handles.append(d.positional_encoding.register_forward_hook(keep("decoder.embeddings", True)))
handles += [m.register_forward_hook(keep(f"decoder.layer.{i}", True)) for i, m in enumerate(d.decoder.layers)]
sequence, flat = model(batches[0])
for handle in handles:
    handle.remove()
acts["seq_logits"], acts["flat_logits"] = sequence.detach().contiguous(), flat.detach()
save_file(acts, f"{out}/activations.safetensors")

l_seq, l_lin = losses(sequence, flat, batches[0])
total = WEIGHT * l_seq + (1 - WEIGHT) * l_lin
total.backward()
save_file({n: p.grad for n, p in model.named_parameters()}, f"{out}/gradients.safetensors")
norm = torch.nn.utils.get_total_norm([p.grad for p in model.parameters()])
at_start = []
for batch in batches:
    with torch.no_grad():
        a, b = losses(*model(batch), batch)
    at_start.append({"loss": (WEIGHT * a + (1 - WEIGHT) * b).item(), "loss_linear": b.item(), "loss_seq2seq": a.item()})
write_json("losses.json", {"total": total.item(), "seq2seq": l_seq.item(), "linear": l_lin.item(),
                           "total_gradient_norm": norm.item(), "loss_by_step_batch_at_start": at_start})

with torch.no_grad():
    memory, pooled = model.encode(batches[0]["input_ids"], batches[0]["attention_mask"])
    tokens = torch.full((B, 1), 2)
    probabilities, gaps = [torch.ones(B)], []
    for _ in range(NB * BS + 1):
        logits = d(tokens, memory, False)[:, -1]
        best = logits.topk(2)[0]
        gaps.append(best[:, 0] - best[:, 1])
        p, token = logits.softmax(-1).max(-1)
        probabilities.append(p)
        tokens = torch.cat([tokens, token[:, None]], 1)
    top = model.linear_decoder(pooled).sigmoid().topk(5)
write_json("greedy.json", {"tokens": tokens.tolist(), "probabilities": torch.stack(probabilities, 1).tolist(),
                           "logit_gap_to_second": torch.stack(gaps, 1).tolist(),
                           "flat_top5": {"index": top[1].tolist(), "probability": top[0].tolist()}})

total_steps = BATCHES * SPEC["epochs"]
warmup = int(total_steps * SPEC["warmup_pct"])
optimizer = torch.optim.AdamW(model.parameters(), lr=RATE)
schedule = get_linear_schedule_with_warmup(optimizer, warmup, total_steps)
steps = []
for step in range(total_steps):
    batch = batches[step % BATCHES]
    optimizer.zero_grad()
    a, b = losses(*model(batch), batch)
    loss = STEPS_WEIGHT * a + (1 - STEPS_WEIGHT) * b
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    steps.append({"step": step + 1, "loss": loss.item(), "loss_seq2seq": a.item(), "loss_linear": b.item(),
                  "lr_used": optimizer.param_groups[0]["lr"], "grad_norm_before_clip": norm.item()})
    optimizer.step()
    schedule.step()
sums = {k: [float(v.double().sum()), float(v.double().abs().sum())] for k, v in model.state_dict().items()}
write_json("steps.json", {"total_steps": total_steps, "warmup_steps": warmup, "steps": steps,
                          "state_sum_and_abs_sum_after": sums})
