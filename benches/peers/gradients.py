#!/usr/bin/env python3
"""Writes the gradients that PyTorch's autograd finds, for tests/gradients: python gradients.py MODEL_FOLDER OUT.safetensors

The scalar of each text is direction · embedding (mean pooled, divided by its length), direction[i] = ((i·7919 + 13) mod 1009)/504.5 − 1. Kept are token ids, gradients at
the word embeddings of every token, and of the sum over texts for each weight its norm and its first eight values. f32, one thread.
"""

import sys

import safetensors.torch
import torch
import transformers

TEXTS = ["The cat sat on the mat.", "Where is the nearest railway station, please?", "Ninapenda kusoma vitabu vya historia."]


def main(folder: str, out: str) -> None:
    torch.set_num_threads(1)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).eval()
    direction = torch.tensor([((i * 7919 + 13) % 1009) / 504.5 - 1 for i in range(model.config.hidden_size)])
    kept, total = {}, 0.0
    for i, text in enumerate(TEXTS):
        ids = torch.tensor([tokenizer(text)["input_ids"]])
        words = model.get_input_embeddings()(ids)
        words.retain_grad()
        states = model(inputs_embeds=words).last_hidden_state[0]
        scalar = torch.nn.functional.normalize(states.mean(0), dim=0) @ direction
        scalar.backward()
        total += scalar.item()
        kept[f"ids_{i}"] = ids[0].to(torch.int64)
        kept[f"words_{i}"] = words.grad[0].clone()
    for name, weight in model.named_parameters():
        if weight.grad is not None and "word_embeddings" not in name:
            flat = weight.grad.flatten()
            kept[f"weight.{name}"] = torch.cat([flat.double().norm().float()[None], flat[:8]])
    safetensors.torch.save_file(kept, out, metadata={"torch": torch.__version__, "scalar": str(total)})


if __name__ == "__main__":
    main(*sys.argv[1:])
