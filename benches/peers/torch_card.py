"""PyTorch on a card. MODEL TEXTS CARD

`product m k n KIND` and `maxsim queries passages tokens width KIND` give their least seconds within a second; KIND is f32 (TF32 off), tf32 or bf16. `encode KIND` is
in batches of 256, sorted by length."""

import contextlib
import pathlib
import sys
import time

import torch

import protocol
from encoding import Texts, padded
from torch_encoder import Sentences

# Sentences of a batch.
BATCH = 256
DEVICE = None


def kind(name: str) -> torch.dtype:
    torch.backends.cuda.matmul.allow_tf32 = name == "tf32"
    return torch.bfloat16 if name == "bf16" else torch.float32


def least(work) -> float:
    def waited():
        work()
        torch.cuda.synchronize(DEVICE)

    waited()
    begun, best = time.perf_counter(), float("inf")
    while time.perf_counter() - begun < 1:
        best = min(best, protocol.seconds(waited))
    return best


def product(m: str, k: str, n: str, name: str) -> float:
    dtype = kind(name)
    activations, weight = (torch.randn(int(rows), int(k), device=DEVICE, dtype=dtype) for rows in (m, n))
    return least(lambda: torch.nn.functional.linear(activations, weight))


def maxsim(queries: str, passages: str, tokens: str, width: str, name: str) -> float:
    dtype = kind(name)
    ours, theirs = (torch.randn(int(texts), int(tokens), int(width), device=DEVICE, dtype=dtype) for texts in (queries, passages))

    def work():
        # A query at a time, as all similarities together may not fit the memory.
        for query in ours:
            torch.einsum("qd,ptd->pqt", query, theirs).amax(2).sum(1)

    return least(work)


def main() -> None:
    global DEVICE
    folder, texts, card = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
    DEVICE = torch.device(f"cuda:{card}")
    model, texts = Sentences(folder).eval().to(DEVICE), Texts(folder, texts)

    def encode(name: str) -> float:
        low = torch.autocast("cuda", torch.bfloat16) if kind(name) == torch.bfloat16 else contextlib.nullcontext()

        def work():
            ids = texts.ids(texts.lines)
            order = sorted(range(len(ids)), key=lambda text: -len(ids[text]))
            with torch.inference_mode(), low:
                for start in range(0, len(order), BATCH):
                    batch = [ids[text] for text in order[start : start + BATCH]]
                    model(*(torch.from_numpy(rows).to(DEVICE) for rows in padded(batch))).cpu()

        return protocol.seconds(work)

    protocol.serve({"product": product, "maxsim": maxsim, "encode": encode})


if __name__ == "__main__":
    main()
