#!/usr/bin/env python3
"""Writes what PyTorch makes of small distillations, for tests/distill: python distill.py MODEL_FOLDER OUT.safetensors

Teacher and student are the same checkpoint; ten sentences and their German translations are all learned from in every step. For each case: the loss of each of its steps
(AdamW, linear decay, gradients shortened to 1), and of the first step the gradient of every weight as its norm and its first eight values. Plans are POT's, in f64, held fixed. f32, one
thread. What the cases are, tests/distill has in TOML.
"""

import json
import sys

import numpy
import ot
import safetensors.torch
import torch
import transformers

PAIRS = [
    ("The water is cold.", "Das Wasser ist kalt."),
    ("The house is big.", "Das Haus ist groß."),
    ("My mother is a teacher.", "Meine Mutter ist Lehrerin."),
    ("Where is the station?", "Wo ist der Bahnhof?"),
    ("I would like some tea.", "Ich hätte gern etwas Tee."),
    ("The children are playing in the garden.", "Die Kinder spielen im Garten."),
    ("Yesterday it rained all day.", "Gestern hat es den ganzen Tag geregnet."),
    ("She reads a book every week.", "Sie liest jede Woche ein Buch."),
    ("We are going to the market tomorrow.", "Wir gehen morgen auf den Markt."),
    ("He does not know the answer.", "Er weiß die Antwort nicht."),
]

# steps, learning rate, warm-up, tokens' weight and solver, pooled weight, adversary
CASES = {
    "sinkhorn": dict(steps=200, rate=5e-5, warmup=20, tokens=(1.0, "sinkhorn"), pooled=0.0),
    "greedy": dict(steps=200, rate=5e-5, warmup=20, tokens=(2.0, "greedy"), pooled=0.0),
    "pooled": dict(steps=200, rate=5e-5, warmup=20, tokens=None, pooled=1.0),
    "mixed-pgd": dict(steps=1, rate=5e-5, warmup=0, tokens=(1.0, "sinkhorn"), pooled=0.5, radius=0.3, ball=2, weight=0.5, consistency=0.5, temperature=0.05),
}
EPSILON = 0.1


def plan(cost, solver):
    """A plan of equal masses."""
    cost = cost.detach().double().numpy()
    m, n = cost.shape
    if solver == "sinkhorn":
        return torch.from_numpy(ot.bregman.sinkhorn_log(numpy.full(m, 1 / m), numpy.full(n, 1 / n), cost, EPSILON, numItermax=100000, stopThr=1e-12))
    pairs, out = min(m, n), numpy.zeros((m, n))
    rows, columns = set(), set()
    for at in numpy.argsort(cost.ravel(), kind="stable"):
        i, j = divmod(int(at), n)
        if i not in rows and j not in columns:
            rows.add(i), columns.add(j)
            out[i, j] = 1 / pairs
    return torch.from_numpy(out)


class Reader:
    def __init__(self, folder):
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(folder)

    def __call__(self, texts):
        """Padded ids, attention, and which tokens are a text's own."""
        read = self.tokenizer(texts, padding=True, return_tensors="pt", return_special_tokens_mask=True)
        return read["input_ids"], read["attention_mask"], read["special_tokens_mask"] == 0


def states(model, read, shift=None):
    ids, attention, _ = read
    words = model.get_input_embeddings()(ids)
    if shift is not None:
        words = words + shift
    return words, model(inputs_embeds=words, attention_mask=attention).last_hidden_state


def embeddings(found, attention):
    mask = attention[..., None].float()
    return torch.nn.functional.normalize((found * mask).sum(1) / mask.sum(1), dim=1)


def objective(case, found, read, target, target_read, target_embeddings, expected=None):
    """The mean over the texts."""
    pooled = embeddings(found, read[1])
    loss = case["pooled"] * ((pooled - target_embeddings) ** 2).sum(1).mean()
    if case["tokens"]:
        weight, solver = case["tokens"]
        for i in range(len(found)):
            student, teacher = found[i][read[2][i]], target[i][target_read[2][i]]
            unit = torch.nn.functional.normalize
            cost = 1 - unit(student, dim=1) @ unit(teacher, dim=1).T
            loss = loss + weight * (plan(cost, solver) * cost.double()).sum() / len(found)
    if expected is not None:
        scores = torch.log_softmax(pooled @ target_embeddings.T / case["temperature"], 1)
        loss = loss + case["consistency"] * (expected * (expected.log() - scores)).sum(1).mean()
    return loss, pooled


def shifted(case, model, read, args):
    """What PGD makes of the clean texts: steps of 2.5 / n radii up the slope, within a ball of the text's own tokens."""
    own = read[2][..., None].float()
    words = model.get_input_embeddings()(read[0]).detach() * own
    radius = case["radius"] * (words**2).sum((1, 2)).sqrt()
    shift = torch.zeros_like(words)
    for step in range(case["ball"]):
        there = shift.clone().requires_grad_(True)
        _, found = states(model, read, there)
        # The clean text has nothing to be consistent with.
        loss, _ = objective(case, found, read, *args[:3], None if step == 0 else args[3])
        slope = torch.autograd.grad(loss, there)[0] * own
        length = (slope**2).sum((1, 2)).sqrt()
        shift = shift + (2.5 / case["ball"]) * (radius / length)[:, None, None] * slope
        length = (shift**2).sum((1, 2)).sqrt()
        shift = shift * torch.clamp(radius / length, max=1.0)[:, None, None]
    return shift.detach()


def train(case, folder, kept, name):
    load = lambda: transformers.AutoModel.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).eval()
    teacher, model, reader = load(), load(), Reader(folder)
    model.embeddings.requires_grad_(False)
    sentences, read = reader([pair[0] for pair in PAIRS]), reader([pair[1] for pair in PAIRS])
    with torch.no_grad():
        target = states(teacher, sentences)[1]
        target_embeddings = embeddings(target, sentences[1])
    trained = {n: p for n, p in model.named_parameters() if p.requires_grad and "pooler" not in n}
    decays = [p for n, p in trained.items() if n.endswith(".weight") and "LayerNorm" not in n]
    others = [p for n, p in trained.items() if not (n.endswith(".weight") and "LayerNorm" not in n)]
    optimizer = torch.optim.AdamW([{"params": decays, "weight_decay": 0.01}, {"params": others, "weight_decay": 0.0}], lr=case["rate"])
    losses = []
    for step in range(case["steps"]):
        optimizer.zero_grad()
        _, found = states(model, read)
        loss, pooled = objective(case, found, read, target, sentences, target_embeddings)
        if "radius" in case:
            expected = torch.softmax(pooled.detach() @ target_embeddings.T / case["temperature"], 1)
            args = (target, sentences, target_embeddings, expected)
            _, there = states(model, read, shifted(case, model, read, args))
            other, _ = objective(case, there, read, *args)
            loss = (1 - case["weight"]) * loss + case["weight"] * other
        loss.backward()
        losses.append(loss.item())
        if step == 0:
            for n, p in trained.items():
                flat = p.grad.flatten()
                kept[f"{name}/{n}"] = torch.cat([flat.double().norm().float()[None], flat[:8]])
        torch.nn.utils.clip_grad_norm_(trained.values(), 1.0)
        steps, warmup = case["steps"], case["warmup"]
        rate = (step + 1) / warmup if step < warmup else (steps - step) / (steps - warmup)
        for group in optimizer.param_groups:
            group["lr"] = case["rate"] * rate
        optimizer.step()
    kept[f"{name}/losses"] = torch.tensor(losses, dtype=torch.float32)
    print(name, losses[0], losses[-1])


def main(folder, out):
    torch.set_num_threads(1)
    kept = {}
    for name, case in CASES.items():
        train(case, folder, kept, name)
    pairs = "".join(f"{i}\t{source}\t{target}\n" for i, (source, target) in enumerate(PAIRS))
    safetensors.torch.save_file(kept, out, metadata={"torch": torch.__version__, "pot": ot.__version__, "pairs": json.dumps(pairs)})


if __name__ == "__main__":
    main(*sys.argv[1:])
