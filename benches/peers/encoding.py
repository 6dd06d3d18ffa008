"""What the Python players share: texts to token ids, ids to padded batches."""

import json
import pathlib

import numpy
import tokenizers

BATCH = 32


class Texts:
    """The texts of a file, a line each, and the model's own tokeniser (the Rust library, its fastest way in)."""

    def __init__(self, model: pathlib.Path, file: pathlib.Path):
        self.lines = file.read_text(encoding="utf-8").splitlines()
        self.tokenizer = tokenizers.Tokenizer.from_file(str(model / "tokenizer.json"))
        self.tokenizer.no_padding()
        limit = json.loads((model / "sentence_bert_config.json").read_text())["max_seq_length"]
        self.tokenizer.enable_truncation(limit)

    def ids(self, lines: list[str]) -> list[list[int]]:
        return [encoding.ids for encoding in self.tokenizer.encode_batch_fast(lines)]

    def embed(self, order: str, forward) -> numpy.ndarray:
        """Every text's embedding: `forward` gets ids and mask [batch, longest], i64, and returns [batch, width]."""
        ids = self.ids(self.lines)
        texts = list(range(len(ids)))
        if order == "sorted":
            texts.sort(key=lambda text: -len(ids[text]))
        out = None
        for start in range(0, len(texts), BATCH):
            batch = texts[start : start + BATCH]
            rows = forward(*padded([ids[text] for text in batch]))
            if out is None:
                out = numpy.empty((len(texts), rows.shape[1]), numpy.float32)
            out[batch] = rows
        return out


def padded(ids: list[list[int]]) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Ids and mask of one batch. What stands at padding does not matter under the mask."""
    longest = max(map(len, ids))
    out = numpy.zeros((len(ids), longest), numpy.int64)
    mask = numpy.zeros((len(ids), longest), numpy.int64)
    for row, text in enumerate(ids):
        out[row, : len(text)] = text
        mask[row, : len(text)] = 1
    return out, mask
