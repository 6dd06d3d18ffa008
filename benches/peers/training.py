#!/usr/bin/env python3
"""A training step beside PyTorch's: python training.py SNELLEN MODEL_FOLDER BITEXT.tsv[.gz] [ROUNDS]

Both train a copy of the model on 32 pairs a step, drawn at random: the teacher embeds the sentences, the student the translations, and the loss is the squared distance; all layers and
none of the embeddings move, by AdamW; f32, 2 threads, "query: " before every text, at most 128 tokens. Snellen also with the OT loss. They run in turn; told are tokens that the student
read a second, from the second step on, and peak memory.
"""

import csv
import gzip
import json
import pathlib
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time

STEPS, BATCH, LONGEST = 9, 32, 128
OBJECTIVES = {"pooled": "{ pooled = 1.0 }", "OT": '{ tokens = { solver = "sinkhorn", epsilon = 0.1 } }'}


def pytorch(folder, bitext):
    """Runs in a process of its own: says tokens a second."""
    import torch
    import transformers

    torch.set_num_threads(2)
    torch.manual_seed(0)
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_file=f"{folder}/tokenizer.json", pad_token="<pad>")
    load = lambda: transformers.AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    teacher, student = load(), load()
    student.embeddings.requires_grad_(False)
    moved = [p for name, p in student.named_parameters() if p.requires_grad and "pooler" not in name]
    optimizer = torch.optim.AdamW(moved, lr=2e-5)

    def embed(model, texts):
        read = tokenizer(texts, padding=True, truncation=True, max_length=LONGEST, return_tensors="pt", return_token_type_ids=False)
        mask = read["attention_mask"][..., None].float()
        states = model(**read).last_hidden_state
        return torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1), dim=1), int(mask.sum())

    pairs = [line.split("\t") for line in read(bitext).splitlines()]
    random.seed(int(time.time()))
    spent = tokens = 0
    for step in range(STEPS):
        drawn = random.sample(pairs, BATCH)
        start = time.perf_counter()
        with torch.no_grad():
            target, _ = embed(teacher, ["query: " + pair[1] for pair in drawn])
        optimizer.zero_grad()
        found, count = embed(student, ["query: " + pair[2] for pair in drawn])
        ((found - target) ** 2).sum(1).mean().backward()
        torch.nn.utils.clip_grad_norm_(moved, 1.0)
        optimizer.step()
        if step > 0:
            spent, tokens = spent + time.perf_counter() - start, tokens + count
    print(json.dumps(tokens / spent))


def read(path):
    return (gzip.open if str(path).endswith(".gz") else open)(path, "rt", encoding="utf-8").read()


def snellen(program, folder, bitext, objective, seed):
    """Tokens a second: the log gets a line a step."""
    with tempfile.TemporaryDirectory() as place:
        place = pathlib.Path(place)
        place.joinpath("pairs.tsv").write_text(read(bitext), encoding="utf-8")
        place.joinpath("config.toml").write_text(
            f'teacher = "{folder}"\nteacher_prefix = "query: "\nstudent_prefix = "query: "\nseed = {seed}\nsteps = {STEPS}\nbatch = {BATCH}\nlongest = {LONGEST}\n'
            f'bitext = [{{ language = "xx", file = "pairs.tsv" }}]\nobjective = {OBJECTIVES[objective]}\n'
        )
        log, times = place / "out/log.csv", []
        running = subprocess.Popen([program, "distill", "--quiet", "--threads", "2", "--config", place / "config.toml", "--output", place / "out"])
        while running.poll() is None:
            lines = log.read_text().count("\n") - 1 if log.exists() else 0
            times += [time.perf_counter()] * (lines - len(times))
            time.sleep(0.002)
        assert running.returncode == 0 and len(times) == STEPS
        with log.open() as rows:
            tokens = [int(row["tokens_read"]) for row in csv.DictReader(rows)]
        return sum(tokens[1:]) / (times[-1] - times[0])


def peak():
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def main(program, folder, bitext, rounds="5"):
    found = {"PyTorch": [], **{f"snellen, {objective}": [] for objective in OBJECTIVES}}
    memory = {}
    for seed in range(int(rounds)):
        for name, speeds in found.items():
            # Peak memory is that of the largest child so far: each player has a child of its own to wait for it.
            player = [sys.executable, __file__, "--player", name, program, folder, bitext, str(seed)]
            speed, most = json.loads(subprocess.run(player, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
            speeds.append(speed)
            memory[name] = max(memory.get(name, 0), most)
    base = statistics.median(found["PyTorch"])
    for name, speeds in found.items():
        middle = statistics.median(speeds)
        print(f"{name}: {middle:.0f} tokens/s ({min(speeds):.0f}–{max(speeds):.0f}), {middle / base:.2f} x PyTorch, {memory[name]:.0f} MiB")


def player(name, program, folder, bitext, seed):
    if name == "PyTorch":
        said = subprocess.run([sys.executable, __file__, "--pytorch", folder, bitext], check=True, capture_output=True, text=True).stdout
        speed = json.loads(said.splitlines()[-1])
    else:
        speed = snellen(program, folder, bitext, name.removeprefix("snellen, "), seed)
    print(json.dumps([speed, peak()]))


if __name__ == "__main__":
    arguments = sys.argv[1:]
    if arguments[0] == "--player":
        player(*arguments[1:])
    elif arguments[0] == "--pytorch":
        pytorch(*arguments[1:])
    else:
        main(*arguments)
