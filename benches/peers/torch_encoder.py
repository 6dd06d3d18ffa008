"""PyTorch f32: transformers' BertModel, mean pooling and L2 as sentence-transformers does them. MODEL TEXTS THREADS"""

import pathlib
import sys

import torch
import transformers

import protocol
from encoding import BATCH, Texts, padded

transformers.utils.logging.disable_progress_bar()


class Sentences(torch.nn.Module):
    """A checkpoint with its pooling: ids and mask in, embeddings out."""

    def __init__(self, folder: pathlib.Path):
        super().__init__()
        self.bert = transformers.BertModel.from_pretrained(folder, add_pooling_layer=False, dtype=torch.float32)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return self.pooled(self.bert(input_ids=ids, attention_mask=mask).last_hidden_state, mask)

    def pooled(self, states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        weight = mask.unsqueeze(-1).to(states.dtype)
        mean = (states * weight).sum(1) / weight.sum(1).clamp(min=1e-9)
        return torch.nn.functional.normalize(mean, dim=1)


def gradients(model: Sentences, texts: Texts, order: str, at: str) -> dict:
    """Forward and backward of direction · embedding: gradients at the word embeddings of tokens (`words`), and at the weights too (`weights`; the table of words
    is left out, as its gradient would be a table of zeros but for those rows)."""
    width = model.bert.config.hidden_size
    direction = torch.tensor([((i * 7919 + 13) % 1009) / 504.5 - 1 for i in range(width)])
    table = model.bert.get_input_embeddings()
    for weight in model.parameters():
        weight.requires_grad_(at == "weights")
    table.weight.requires_grad_(False)
    total = 0.0

    def work():
        nonlocal total
        ids = texts.ids(texts.lines)
        if order == "sorted":
            ids.sort(key=lambda text: -len(text))
        for start in range(0, len(ids), BATCH):
            batch, mask = (torch.from_numpy(rows) for rows in padded(ids[start : start + BATCH]))
            words = table(batch).requires_grad_(True)
            states = model.bert(inputs_embeds=words, attention_mask=mask).last_hidden_state
            (model.pooled(states, mask) @ direction).sum().backward()
            total += float((words.grad * mask.unsqueeze(-1)).abs().sum(dtype=torch.float64))
            model.zero_grad(set_to_none=True)

    return {"seconds": protocol.seconds(work), "magnitude": total}


def main() -> None:
    folder, texts, threads = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), int(sys.argv[3])
    torch.set_num_threads(threads)
    torch.set_num_interop_threads(1)
    model = Sentences(folder).eval()

    def forward(ids, mask):
        with torch.inference_mode():
            return model(torch.from_numpy(ids), torch.from_numpy(mask)).numpy()

    texts = Texts(folder, texts)
    requests = protocol.encoder_requests(texts, forward)
    protocol.serve(requests | {"gradients": lambda order, at: gradients(model, texts, order, at)})


if __name__ == "__main__":
    main()
