#!/usr/bin/env python3
"""How long scoring a run takes: Snellen beside trec_eval, pytrec_eval and ranx, whole processes, asked in turn.

    python3 benches/peers/scoring.py target/release/snellen [--trec-eval PATH] [--lines 10000000] [--rounds 3] [--no-ranx]

Makes up a run of 10,000 queries and judgements (50 a query) in a temporary folder. Every program computes AP, nDCG@10, RR and R@100; the means
must agree. pytrec_eval and ranx must be importable by the Python that runs this. Prints medians and ratios.
"""

import argparse
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time

QUERIES = 10_000
JUDGED = 50
NAMES = "AP nDCG@10 RR R@100"

PYTREC = """
import sys, pytrec_eval
qrels = pytrec_eval.parse_qrel(open(sys.argv[1]))
run = pytrec_eval.parse_run(open(sys.argv[2]))
found = pytrec_eval.RelevanceEvaluator(qrels, {'map', 'ndcg_cut.10', 'recip_rank', 'recall.100'}).evaluate(run)
for name in ('map', 'ndcg_cut_10', 'recip_rank', 'recall_100'):
    print(sum(values[name] for values in found.values()) / len(found))
"""

RANX = """
import sys
from ranx import Qrels, Run, evaluate
qrels = Qrels.from_file(sys.argv[1], kind='trec')
run = Run.from_file(sys.argv[2], kind='trec')
for value in evaluate(qrels, run, ['map', 'ndcg@10', 'mrr', 'recall@100']).values():
    print(value)
"""


def make_up(folder, lines):
    draw = random.Random(4)
    depth = lines // QUERIES
    with open(os.path.join(folder, "qrels"), "w") as qrels, open(os.path.join(folder, "run"), "w") as run:
        for query in range(QUERIES):
            documents = draw.sample(range(depth * 3), depth)
            for judged in draw.sample(range(depth * 3), JUDGED):
                qrels.write(f"q{query} 0 doc{judged} {draw.choice((0, 0, 1, 2))}\n")
            scores = sorted((draw.random() * 30 for _ in documents), reverse=True)
            for rank, (document, score) in enumerate(zip(documents, scores), 1):
                run.write(f"q{query} Q0 doc{document} {rank} {score:.6f} made-up\n")


def once(command):
    """Seconds, peak memory in MiB, standard output."""
    before = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    out = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - before
    if status != 0:
        sys.exit(f"{command[0]} ended with status {status}")
    return seconds, usage.ru_maxrss / 1024, out


def values(name, out):
    """AP, nDCG@10, RR and R@100 as they were printed."""
    if name in ("pytrec_eval", "ranx"):
        found = [float(line) for line in out.split()]
    else:
        found = [float(line.split()[2]) for line in out.splitlines() if line.split()[1] == "all"]
        if name == "trec_eval":
            order = {line.split()[0]: float(line.split()[2]) for line in out.splitlines()}
            found = [order[key] for key in ("map", "ndcg_cut_10", "recip_rank", "recall_100")]
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("snellen")
    parser.add_argument("--trec-eval", help="its program")
    parser.add_argument("--lines", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-ranx", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        make_up(folder, options.lines)
        qrels, run = os.path.join(folder, "qrels"), os.path.join(folder, "run")
        ours = [options.snellen, "score", "--qrels", qrels, "--run", run, "--measures", NAMES, "--quiet"]
        players = {"snellen": ours, "snellen, 1 thread": [*ours, "--threads", "1"]}
        if options.trec_eval:
            named = ["-m", "map", "-m", "ndcg_cut.10", "-m", "recip_rank", "-m", "recall.100"]
            players["trec_eval"] = [options.trec_eval, *named, qrels, run]
        players["pytrec_eval"] = [sys.executable, "-c", PYTREC, qrels, run]
        if not options.no_ranx:
            players["ranx"] = [sys.executable, "-c", RANX, qrels, run]
        seconds = {name: [] for name in players}
        memory, found = {}, {}
        for _ in range(options.rounds):
            for name, command in players.items():
                taken, memory[name], out = once(command)
                seconds[name].append(taken)
                found[name] = values(name, out)
        # Some print four digits.
        if any(max(column) - min(column) > 1.0001e-4 for column in zip(*found.values())):
            sys.exit(f"the means differ: {found}")
        base = statistics.median(seconds["snellen"])
        print(f"{options.lines} lines, {QUERIES} queries, {options.rounds} rounds; {NAMES} = {found['snellen']}")
        for name, taken in seconds.items():
            median = statistics.median(taken)
            print(f"{name:20} {median:8.2f} s  ({min(taken):.2f}-{max(taken):.2f})  {median / base:6.1f} x  {memory[name]:6.0f} MiB")


if __name__ == "__main__":
    main()
