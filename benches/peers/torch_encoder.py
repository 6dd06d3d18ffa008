"""PyTorch f32: transformers' BertModel, mean pooling and L2 as sentence-transformers does them. MODEL TEXTS THREADS"""

import pathlib
import sys

import torch
import transformers

import protocol
from encoding import Texts

transformers.utils.logging.disable_progress_bar()


class Sentences(torch.nn.Module):
    """A checkpoint with its pooling: ids and mask in, embeddings out."""

    def __init__(self, folder: pathlib.Path):
        super().__init__()
        self.bert = transformers.BertModel.from_pretrained(folder, add_pooling_layer=False, dtype=torch.float32)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        states = self.bert(input_ids=ids, attention_mask=mask).last_hidden_state
        weight = mask.unsqueeze(-1).to(states.dtype)
        mean = (states * weight).sum(1) / weight.sum(1).clamp(min=1e-9)
        return torch.nn.functional.normalize(mean, dim=1)


def main() -> None:
    folder, texts, threads = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), int(sys.argv[3])
    torch.set_num_threads(threads)
    torch.set_num_interop_threads(1)
    model = Sentences(folder).eval()

    def forward(ids, mask):
        with torch.inference_mode():
            return model(torch.from_numpy(ids), torch.from_numpy(mask)).numpy()

    protocol.serve(protocol.encoder_requests(Texts(folder, texts), forward))


if __name__ == "__main__":
    main()
