"""Synthetic vectors for retrieval: unit vectors of normal numbers, the same in every run."""

import pathlib

import numpy

# Late interaction: tokens of a query and of a passage, and their width.
QUERY, PASSAGE, WIDTH = 32, 64, 128
# Dense retrieval: width.
DENSE = 384
# How many of the best are kept.
BEST = 100


def write(file: pathlib.Path, rows: int, width: int, seed: int) -> None:
    """Rows of unit vectors as f32, unless the file has them already."""
    if file.exists() and file.stat().st_size == 4 * rows * width:
        return
    random = numpy.random.default_rng(seed)
    partial = file.with_suffix(".partial")
    with partial.open("wb") as out:
        for start in range(0, rows, 65536):
            block = random.standard_normal((min(65536, rows - start), width), numpy.float32)
            block /= numpy.linalg.norm(block, axis=1, keepdims=True)
            block.tofile(out)
    partial.rename(file)
