"""The mixer as the Python program builds it: transformers' CanineModel, torch.nn.TransformerDecoder, a flat head.

Written from the description of that program, for side-by-side timing. Shapes: B rows, T characters, S target positions,
V vocabulary, C classes, H width; a target row is BOS, blocks of block_size tokens, EOS.
"""

import math

import torch
from torch import nn
from torch.nn import functional
from transformers import CanineConfig, CanineModel

PAD, BOS, EOS = 1, 2, 3
GPF_VOCABULARY = 2087


def full_size_config():
    """The shape of google/canine-s, which is also CanineConfig's default."""
    return CanineConfig()


class Mixer(nn.Module):
    """Encoder, sequence decoder and flat head over the pooled output."""

    def __init__(self, config, num_classes, vocabulary=GPF_VOCABULARY, decoder_layers=3, decoder_heads=8, positions=128,
                 encoder=None):
        super().__init__()
        width = config.hidden_size
        self.encoder = encoder or CanineModel(config)
        self.embedding = nn.Embedding(vocabulary, width)
        layer = nn.TransformerDecoderLayer(width, decoder_heads, dim_feedforward=width, dropout=0.0)
        self.decoder = nn.TransformerDecoder(layer, decoder_layers)
        self.head = nn.Linear(width, vocabulary)
        self.flat_head = nn.Linear(width, num_classes)
        frequencies = torch.exp(torch.arange(0, width, 2) * (-math.log(10000.0) / width))
        angles = torch.arange(positions).unsqueeze(1) * frequencies
        table = torch.zeros(positions, 1, width)
        table[:, 0, 0::2], table[:, 0, 1::2] = torch.sin(angles), torch.cos(angles)
        self.register_buffer("positions", table)

    def encode(self, ids, mask):
        out = self.encoder(input_ids=ids, attention_mask=mask)
        return out.last_hidden_state.transpose(0, 1), out.pooler_output  # [T,B,H], [B,H]

    def decode(self, memory, tokens, padding_bonus=None, memory_padding=None):
        """tokens [B,S] -> logits [B,S,V]. The bonus is the program's float key padding mask, None when decoding."""
        length = tokens.size(1)
        target = self.embedding(tokens.transpose(0, 1)) * math.sqrt(self.embedding.embedding_dim) + self.positions[:length]
        causal = torch.triu(torch.ones(length, length, dtype=torch.bool, device=tokens.device), 1)
        if padding_bonus is not None:
            causal = torch.zeros(length, length, device=tokens.device).masked_fill(causal, float("-inf"))
        out = self.decoder(target, memory, tgt_mask=causal, tgt_key_padding_mask=padding_bonus,
                           memory_key_padding_mask=memory_padding)
        return self.head(out).transpose(0, 1)

    def forward(self, ids, mask, tokens, hide_padding=False):
        memory, pooled = self.encode(ids, mask)
        bonus = (tokens == PAD).float()
        return self.decode(memory, tokens, bonus, mask == 0 if hide_padding else None), self.flat_head(pooled)


def sequence_loss(logits, targets, block_size):
    """Order-invariant block loss: logits [B,S,V], targets [B,S+1], the last position is left out."""
    num_rows, length = targets.shape
    num_blocks = (length - 2) // block_size
    used = logits[:, :num_blocks * block_size]
    goal = targets[:, 1:1 + num_blocks * block_size]
    is_pad = goal == PAD
    first_pad = torch.where(is_pad.any(1), is_pad.int().argmax(1), num_blocks * block_size)
    num_codes = torch.div(first_pad, block_size, rounding_mode="floor")
    num_codes = torch.where(num_codes == 0, num_blocks, num_codes)
    excluded = torch.arange(num_blocks, device=goal.device) >= num_codes.unsqueeze(1)  # [B,nb]

    def block(tensor, index):
        return tensor[:, index * block_size:(index + 1) * block_size]

    def cross_entropy(candidate, wanted, ignore_index=-100):
        return functional.cross_entropy(candidate.transpose(1, 2), wanted, reduction="none", ignore_index=ignore_index)

    order, num_target_blocks = 0.0, 0
    for j in range(num_blocks):
        wanted = block(goal, j)
        if bool((wanted == PAD).all()):
            break
        errors = torch.stack([cross_entropy(block(used, c), wanted, PAD).mean(1) for c in range(num_blocks)], 1)
        order = order + errors.masked_fill(excluded, float("inf")).min(1).values.mean()
        num_target_blocks += 1
    pads = torch.full_like(block(goal, 0), PAD)
    padding = torch.stack([cross_entropy(block(used, c), pads).mean(1) for c in range(num_blocks)], 1)
    return order / num_target_blocks + (padding * excluded).mean()


def mixer_loss(seq_logits, flat_logits, targets, labels, block_size, weight):
    flat = functional.binary_cross_entropy_with_logits(flat_logits.float(), labels)
    return weight * sequence_loss(seq_logits.float(), targets, block_size) + (1 - weight) * flat


def training_step(model, optimizer, batch, bf16=False):
    """Forward, loss, backward, clip and update as the Python program does them, its reading of the loss included.

    batch: ids, mask [B,T], targets [B,L], labels [B,C]; gpf, blocks of five tokens, sequence weight 0.1.
    """
    ids, mask, targets, labels = batch
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        sequence, flat = model(ids, mask, targets[:, :-1])
        loss = mixer_loss(sequence, flat, targets, labels, 5, 0.1)
    loss.item()
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()


def greedy(model, ids, mask, steps, hide_padding=False):
    """BOS, then `steps` times the decoder over the whole prefix and the largest logit; tokens and their probabilities."""
    memory, _ = model.encode(ids, mask)
    hidden = mask == 0 if hide_padding else None
    tokens = torch.full((ids.size(0), 1), BOS, dtype=torch.long, device=ids.device)
    probabilities = []
    for _ in range(steps):
        logits = model.decode(memory, tokens, memory_padding=hidden)[:, -1]
        best = logits.softmax(-1).max(-1)
        probabilities.append(best.values)
        tokens = torch.cat([tokens, best.indices.unsqueeze(1)], 1)
    return tokens, torch.stack(probabilities, 1)
