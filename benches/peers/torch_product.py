"""PyTorch's f32 product of activations [m, k] with a weight [n, k] on one thread: `product m k n` gives its least seconds within a fifth of a second."""

import time

import torch

import protocol


def product(m: str, k: str, n: str) -> float:
    activations, weight = torch.randn(int(m), int(k)), torch.randn(int(n), int(k))
    with torch.inference_mode():
        work = lambda: torch.nn.functional.linear(activations, weight)
        work()
        begun, least = time.perf_counter(), float("inf")
        while time.perf_counter() - begun < 0.2:
            least = min(least, protocol.seconds(work))
    return least


def main() -> None:
    torch.set_num_threads(1)
    protocol.serve({"product": product})


if __name__ == "__main__":
    main()
