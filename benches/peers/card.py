#!/usr/bin/env python3
"""Snellen on a card beside PyTorch on the same card: card.py SNELLEN-CARD MODEL TEXTS [CARD]

Needs a Python with torch (for CUDA), transformers, tokenizers and numpy. Times are the medians of five rounds, asked in turn; ratios are of the same round, above 1 where Snellen
is faster, with the least and the most in brackets."""

import contextlib
import pathlib
import sys

from players import Contest, Player

SHAPES = [(8192, 1024, 4096), (8192, 4096, 1024), (32768, 384, 1536)]
# Queries, passages, tokens of each, width.
MAXSIM = [(32, 4096, 64, 128)]
KINDS = {"f32": "PyTorch f32, TF32 off", "tf32": "PyTorch TF32", "bf16": "PyTorch bf16"}
ROUNDS = 5


def main() -> None:
    program, folder, texts, *card = sys.argv[1:]
    card = card[0] if card else "0"
    torch = [sys.executable, pathlib.Path(__file__).parent / "torch_card.py", folder, texts, card]
    print("| what | who | figure | Snellen is faster by |\n|---|---|---|---|")
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(Player([program, folder, texts, card], 16))
        peer = stack.enter_context(Player(torch, 16))

        def contest(what, mine, theirs, show):
            peers = [(label, peer, [*theirs, kind]) for kind, label in KINDS.items()]
            for row in Contest(ROUNDS, [("snellen", ours, mine), *peers]).rows(what, show):
                print(f"| {' | '.join(row)} |", flush=True)

        for m, k, n in SHAPES:
            words = ["product", m, k, n]
            contest(f"product {m, k, n}", words, words, lambda taken: f"{2e-12 * m * k * n / taken:.1f} Tflop/s")
        for queries, passages, tokens, width in MAXSIM:
            words = ["maxsim", queries, passages, tokens, width]
            flops = 2 * queries * passages * tokens**2 * width
            contest(f"MaxSim {queries} × {passages}, {tokens} tokens of {width}", words, words, lambda taken: f"{1e-12 * flops / taken:.1f} Tflop/s")
        count = len(pathlib.Path(texts).read_text(encoding="utf-8").splitlines())
        contest(f"encode {count} sentences, {pathlib.Path(folder).name}", ["encode", "sorted"], ["encode"], lambda taken: f"{taken:.2f} s")


if __name__ == "__main__":
    main()
