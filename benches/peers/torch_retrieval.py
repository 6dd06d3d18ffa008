"""PyTorch's late interaction and exhaustive dense search over synthetic vectors. FOLDER THREADS

Requests: `maxsim FORMULATION QUERIES PASSAGES [FILE]` and `dense QUERIES DOCUMENTS [FILE]` give seconds; the file gets the 100 best scores.
"""

import pathlib
import sys

import numpy
import torch

import protocol
from synthetic import BEST, DENSE, PASSAGE, QUERY, WIDTH


def einsum(queries: torch.Tensor, passages: torch.Tensor) -> torch.Tensor:
    """As it is written: every token with every token, the maximum, the sum."""
    return torch.einsum("qid,pjd->qpij", queries, passages).amax(-1).sum(-1)


def by_queries(queries: torch.Tensor, passages: torch.Tensor) -> torch.Tensor:
    """One product with a row a query token; passage tokens lie side by side."""
    products = queries.flatten(0, 1) @ passages.flatten(0, 1).T
    maxima = products.view(-1, passages.shape[0], PASSAGE).amax(-1)
    return maxima.view(queries.shape[0], QUERY, -1).sum(1)


def by_passages(queries: torch.Tensor, passages: torch.Tensor) -> torch.Tensor:
    """One product with a row a passage token; the maximum goes down the rows, whole vectors at a time."""
    products = passages.flatten(0, 1) @ queries.flatten(0, 1).T
    maxima = products.view(passages.shape[0], PASSAGE, -1).amax(1)
    return maxima.view(passages.shape[0], queries.shape[0], QUERY).sum(-1).T


# How many queries and passages meet at once: scores that fit a core's cache, the cache of all, and main memory.
BLOCKS = {"small": (8, 16), "middle": (32, 64), "large": (200, 500)}
FORMULATIONS = {
    f"{formulation.__name__}-{size}": (formulation, *blocks)
    for formulation in (einsum, by_queries, by_passages)
    for size, blocks in BLOCKS.items()
}


def maxsim(name: str, queries: torch.Tensor, passages: torch.Tensor) -> torch.Tensor:
    """The best scores of each query, block by block."""
    formulation, many_queries, many_passages = FORMULATIONS[name]
    rows = [
        torch.cat([formulation(q, p) for p in passages.split(many_passages)], 1).topk(min(BEST, len(passages))).values
        for q in queries.split(many_queries)
    ]
    return torch.cat(rows)


def dense(queries: torch.Tensor, corpus: numpy.ndarray) -> torch.Tensor:
    """The best scores of each query through a corpus that is read in blocks."""
    best = None
    for start in range(0, len(corpus), DENSE_BLOCK):
        block = torch.from_numpy(numpy.array(corpus[start : start + DENSE_BLOCK]))
        scores = (queries @ block.T).topk(min(BEST, len(block))).values
        best = scores if best is None else torch.cat([best, scores], 1).topk(BEST).values
    return best


DENSE_BLOCK = 16384


def main() -> None:
    folder = pathlib.Path(sys.argv[1])
    torch.set_num_threads(int(sys.argv[2]))

    def vectors(name: str, *shape: int) -> torch.Tensor:
        return torch.from_numpy(numpy.fromfile(folder / name, numpy.float32).reshape(-1, *shape))

    def timed(work, file: str | None) -> float:
        found = []
        with torch.inference_mode():
            taken = protocol.seconds(lambda: found.append(work()))
        if file:
            found[0].contiguous().numpy().tofile(file)
        return taken

    def maxsim_request(name, queries, passages, file=None):
        q, p = vectors("queries.f32", QUERY, WIDTH), vectors("passages.f32", PASSAGE, WIDTH)
        return timed(lambda: maxsim(name, q[: int(queries)], p[: int(passages)]), file)

    def dense_request(queries, documents, file=None):
        corpus = numpy.memmap(folder / "corpus.f32", numpy.float32, "r").reshape(-1, DENSE)
        q = vectors("dense-queries.f32", DENSE)[: int(queries)]
        return timed(lambda: dense(q, corpus[: int(documents)]), file)

    protocol.serve(
        {
            "formulations": lambda: list(FORMULATIONS),
            "maxsim": maxsim_request,
            "dense": dense_request,
            "memory": protocol.peak_memory,
        }
    )


if __name__ == "__main__":
    main()
