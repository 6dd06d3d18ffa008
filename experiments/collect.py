#!/usr/bin/env python3
"""What experiments/run left in target/experiment, as three small tables: experiments/collect.py [SNELLEN].

cells.csv: a row for each run that is there: condition, seed, data, perturbation, language, measure, value and the run's SHA-256. students.csv: the digests of each student.
verdicts.csv: every cell of the experiment's claims that was decided. report.py makes the pages of them.

What was recorded of runs that are not here stays: the experiment may be made in parts. A run that is here has to be the recorded one, digest by digest; one that is not is named, takes its place, and makes the
exit status 1.
"""

import collections
import csv
import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RUNS = ROOT / "target/experiment"
SNELLEN = sys.argv[1] if len(sys.argv) > 1 else str(ROOT / "target/release/snellen")

if not Path(SNELLEN).exists():
    sys.exit(f"{SNELLEN} is not there: cargo build --release, or give the program")


def score(qrels, run, measure):
    told = subprocess.run(
        [SNELLEN, "score", "--quiet", "--qrels", qrels, "--run", run, "--measures", measure, "--digits", "12"],
        check=True, capture_output=True, text=True,
    )
    return float(told.stdout.split("\t")[2])


def runs_of(folder):
    """Data, perturbation, language, judgements, run and measure of every run of a student."""
    for tatoeba in sorted(folder.glob("tatoeba*")):
        kind = tatoeba.name.removeprefix("tatoeba").removeprefix(".") or "none"
        for run in sorted(tatoeba.glob("*.run")):
            yield "tatoeba", kind, run.name.split("-")[0], run.with_suffix(".qrels"), run, "Success@1"
    for attacked in sorted(folder.glob("attack/*/greedy.run")):
        yield "tatoeba", "attack", attacked.parent.name, attacked.parent / "qrels", attacked, "Success@1"
    for afriqa in sorted(folder.glob("afriqa*")):
        kind = afriqa.name.removeprefix("afriqa").removeprefix(".") or "none"
        for run in sorted(afriqa.glob("*.run")):
            language = run.name.split(".")[0]
            yield "afriqa", kind, language, RUNS / f"afriqa/qrels.{language}.txt", run, "nDCG@10"
    lareqa = folder / "lareqa/lareqa.run"
    if lareqa.exists():
        yield "lareqa", "none", "deu+eng+spa", lareqa.with_name("lareqa.qrels"), lareqa, "AP(norm='min')@20"


def cells():
    for folder in sorted(RUNS.glob("*-[0-9]*")):
        condition, _, seed = folder.name.rpartition("-")
        for data, kind, language, qrels, run, measure in runs_of(folder):
            if not (run.parent / "done").exists() and run.name != "greedy.run" and kind != "pivot":
                continue  # somebody is writing it
            digest = hashlib.sha256(run.read_bytes()).hexdigest()
            yield condition, seed, data, kind, language, measure, score(str(qrels), str(run), measure), digest
        aligned = folder / "align.txt"
        if aligned.exists():
            lines = [line.split() for line in aligned.read_text().splitlines()]
            told = {line[0]: line[1] for line in lines if len(line) == 2}
            yield condition, seed, "wpt05", "none", "hin", "AER", told["gold.aer"], hashlib.sha256(aligned.read_bytes()).hexdigest()


def students():
    for summary in sorted(RUNS.glob("*-[0-9]*/student/run.json")):
        condition, _, seed = summary.parent.parent.name.rpartition("-")
        told = json.loads(summary.read_text())
        yield condition, seed, told["steps"], told["configuration_sha256"], told["model_sha256"], told["log_sha256"]


def verdicts():
    told = subprocess.run(
        [SNELLEN, "verify", "--claims", str(ROOT / "claims/experiment"), "--format", "csv", "--quiet"],
        capture_output=True, text=True,
    )
    if told.returncode not in (0, 1):
        sys.exit(told.stderr)
    undecided = collections.Counter()
    why = re.compile(r"95 % from (\S+) to (\S+), p = (\S+) \((.*)\), d_z = \S+, (\d+) queries")
    for row in csv.DictReader(told.stdout.splitlines()):
        if row["verdict"] == "blocked":
            undecided[row["claim"]] += 1
            continue
        low, high, p, test, queries = why.fullmatch(row["why"]).groups()
        yield row["claim"], row["language"], row["direction"], row["measure"], row["value"], low, high, p, test, queries, row["verdict"]
    for claim, cells in undecided.items():
        print(f"{claim}: {cells} cells are not decided, as their runs are not here", file=sys.stderr)


def write(name, group, key, head, found):
    """The rows of a table: those found, and those recorded of what is not here. `key`: how many columns tell rows apart; `group`: by how many they are put together. Returns how many are other than recorded."""
    path = ROOT / "experiments" / name
    with open(path, newline="") as file:
        recorded = {tuple(row[:key]): row for row in list(csv.reader(file))[1:]}
    rows, moved = dict(recorded), 0
    for row in ([str(field) for field in row] for row in found):
        before = recorded.get(tuple(row[:key]))
        if before is not None and before != row:
            print(f"{name}: {', '.join(row[:key])}: {', '.join(row[key:])}; recorded was {', '.join(before[key:])}", file=sys.stderr)
            moved += 1
        rows[tuple(row[:key])] = row
    with open(path, "w", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(head)
        writer.writerows(sorted(rows.values(), key=lambda row: row[:group]))
    return moved


moved = write("cells.csv", 2, 6, ["condition", "seed", "data", "perturbation", "language", "measure", "value", "run_sha256"], cells())
moved += write("students.csv", 2, 2, ["condition", "seed", "steps", "configuration_sha256", "model_sha256", "log_sha256"], students())
moved += write("verdicts.csv", 0, 4, ["claim", "cell", "kind", "measure", "difference", "low", "high", "p", "test", "queries", "verdict"], verdicts())
sys.exit(1 if moved else 0)
