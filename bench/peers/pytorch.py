"""PyTorch: forward, cross-entropy, backward, AdamW of a LLaMA, speaking bench/protocol.mjs."""
import json
import os
import resource
import sys
import time
import warnings

import torch
import torch.nn as nn
import torch.nn.functional as F

warnings.filterwarnings("ignore")


class RmsNorm(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(hidden))

    def forward(self, x):
        return F.rms_norm(x, (x.shape[-1],), self.weight, 1e-6)


def rotate(x, cos, sin):
    half = x.shape[-1] // 2
    return x * cos + torch.cat((-x[..., half:], x[..., :half]), -1) * sin


def linear(inputs, outputs):
    return nn.Linear(inputs, outputs, bias=False)


class Block(nn.Module):
    def __init__(self, hidden, mlp, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = RmsNorm(hidden), RmsNorm(hidden)
        self.q, self.k, self.v, self.o = (linear(hidden, hidden) for _ in range(4))
        self.gate, self.up, self.down = linear(hidden, mlp), linear(hidden, mlp), linear(mlp, hidden)

    def forward(self, x, cos, sin):
        batch, length, hidden = x.shape
        y = self.norm1(x)
        q, k, v = (f(y).view(batch, length, self.heads, -1).transpose(1, 2) for f in (self.q, self.k, self.v))
        attended = F.scaled_dot_product_attention(rotate(q, cos, sin), rotate(k, cos, sin), v, is_causal=True)
        x = x + self.o(attended.transpose(1, 2).reshape(batch, length, hidden))
        z = self.norm2(x)
        return x + self.down(F.silu(self.gate(z)) * self.up(z))


class Llama(nn.Module):
    def __init__(self, w):
        super().__init__()
        hidden, head_size = w["hidden"], w["hidden"] // w["heads"]
        self.embedding = nn.Embedding(w["vocab"], hidden)
        self.blocks = nn.ModuleList(Block(hidden, w["mlp"], w["heads"]) for _ in range(w["layers"]))
        self.norm = RmsNorm(hidden)
        self.head = linear(hidden, w["vocab"])
        frequencies = 10000 ** (-torch.arange(0, head_size, 2) / head_size)
        angles = torch.outer(torch.arange(w["seq"]), frequencies).repeat(1, 2)
        self.register_buffer("cos", angles.cos())
        self.register_buffer("sin", angles.sin())

    def forward(self, ids, targets):
        x = self.embedding(ids)
        for block in self.blocks:
            x = block(x, self.cos, self.sin)
        return F.cross_entropy(self.head(self.norm(x)).view(-1, self.head.out_features), targets.view(-1))


def saved_bytes(model, ids):
    """Distinct storages that backward holds, without the parameters."""
    own = {p.untyped_storage().data_ptr() for p in model.parameters()}
    saved = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            saved[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = model(ids, ids)
    loss.backward()
    model.zero_grad()
    return sum(saved.values())


def peak_rss():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def say(message):
    print(json.dumps(message), flush=True)


def main():
    workload, options = json.loads(sys.argv[1]), json.loads(sys.argv[2])
    torch.set_num_threads(workload["threads"])
    torch.manual_seed(0)
    base = peak_rss()
    model = Llama(workload)
    if workload["dtype"] == "bf16":
        model = model.bfloat16()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused="fused" in options)
    ids = (torch.arange(workload["batch"] * workload["seq"]) * 7919 % workload["vocab"]).view(workload["batch"], -1)
    saved = saved_bytes(model, ids)
    compute = torch.compile(model) if "compile" in options else model

    def step():
        compute(ids, ids).backward()
        optimizer.step()
        optimizer.zero_grad()

    step()
    step()
    names = ("OPENBLAS_CORETYPE", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "MALLOC_TOP_PAD_", "OMP_WAIT_POLICY", "LD_PRELOAD")
    settings = {"version": torch.__version__, "blas": "mkl" if torch.backends.mkl.is_available() else "other"}
    settings |= {"capability": torch.backends.cpu.get_cpu_capability(), "optimizer": "AdamW", **options}
    say({"ready": settings | {name: os.environ[name] for name in names if name in os.environ}})
    for line in sys.stdin:
        if line.strip() == "end":
            break
        start = time.perf_counter()
        step()
        say({"seconds": time.perf_counter() - start})
    say({"memory": {"peakRss": peak_rss(), "baseRss": base, "saved": saved}})


main()
