#!/usr/bin/env python3
"""The tables of the experiment, from what experiments/run left in target/experiment: experiments/report.py [SNELLEN].

Writes experiments/cells.csv (a row for each run that is there: condition, seed, data, perturbation, language, measure, value and the run's SHA-256),
experiments/students.csv (the digest of each student) and experiments/TABLES.md (means over languages and seeds, and what became of the claims).
"""

import csv
import hashlib
import json
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RUNS = ROOT / "target/experiment"
SNELLEN = sys.argv[1] if len(sys.argv) > 1 else str(ROOT / "target/release/snellen")

LOW = ["swh", "tgl", "mar", "amh"]
HIGH = ["deu", "fra", "fin", "spa"]
AFRIQA = ["hau", "swa", "yor", "zul"]
# Classes 4 and 5 of Joshi et al. (ACL 2020) among XTREME-R's languages, as in the claims.
XTREME_HIGH = "ara deu fra spa jpn cmn vie eus nld hin pes ita por rus kor tur fin hun pol".split()
XTREME_R = XTREME_HIGH + "heb ind tgl tam afr ell ben urd bul kat tha kaz est lit ron ukr mar swh jav mal tel aze".split()
CASELESS = {"mar", "amh"}
KINDS = ["typo@0.2", "unspace@0.2", "upper"]
MAIN = ["zero-shot", "pooled", "greedy", "ot", "noise", "adversarial"]


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
    found = []
    for folder in sorted(RUNS.glob("*-[0-9]*")):
        condition, _, seed = folder.name.rpartition("-")
        for data, kind, language, qrels, run, measure in runs_of(folder):
            if not (run.parent / "done").exists() and run.name != "greedy.run" and kind != "pivot":
                continue  # somebody is writing it
            digest = hashlib.sha256(run.read_bytes()).hexdigest()
            value = score(str(qrels), str(run), measure)
            found.append((condition, int(seed), data, kind, language, measure, value, digest))
        aligned = folder / "align.txt"
        if aligned.exists():
            lines = [line.split() for line in aligned.read_text().splitlines()]
            told = {line[0]: line[1] for line in lines if len(line) == 2}
            digest = hashlib.sha256(aligned.read_bytes()).hexdigest()
            found.append((condition, int(seed), "wpt05", "none", "hin", "AER", float(told["gold.aer"]), digest))
    return found


def students():
    found = []
    for summary in sorted(RUNS.glob("*-[0-9]*/student/run.json")):
        condition, _, seed = summary.parent.parent.name.rpartition("-")
        told = json.loads(summary.read_text())
        found.append((condition, seed, told["steps"], told["configuration_sha256"], told["model_sha256"], told["log_sha256"]))
    return found


def write(name, head, rows):
    with open(ROOT / "experiments" / name, "w", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(head)
        writer.writerows(rows)


def mean_of(table, condition, data, kind, languages):
    """The mean over seeds of the mean over languages, and the seeds; none where a language is missing."""
    seeds = sorted({key[1] for key in table if key[0] == condition})
    means = []
    for seed in seeds:
        values = [table.get((condition, seed, data, kind, language)) for language in languages]
        if None not in values:
            means.append(statistics.fmean(values))
    return means


def shown(means):
    if not means:
        return ""
    value = f"{100 * statistics.fmean(means):.2f}"
    return value if len(means) == 1 else f"{value} ± {50 * (max(means) - min(means)):.2f}"


COLUMNS = [("Tatoeba, as written", "tatoeba", "none")] + [(f"`{kind}`", "tatoeba", kind) for kind in KINDS] + [("attacked", "tatoeba", "attack")]


def table_of(table, conditions, columns):
    """Markdown; a column is its title, data, perturbation and languages."""
    lines = ["| | " + " | ".join(column[0] for column in columns) + " |", "|---" + "|---:" * len(columns) + "|"]
    for condition in conditions:
        values = [shown(mean_of(table, condition, *column[1:])) for column in columns]
        if any(values):
            lines.append(f"| {condition} | " + " | ".join(values) + " |")
    return "\n".join(lines) + "\n"


def of(languages):
    for title, data, kind in COLUMNS:
        asked = [language for language in languages if not (kind == "upper" and language in CASELESS)]
        yield title, data, kind, asked


def verdicts():
    told = subprocess.run(
        [SNELLEN, "verify", "--claims", str(ROOT / "claims/experiment"), "--format", "csv", "--quiet"],
        capture_output=True, text=True,
    )
    if told.returncode not in (0, 1):
        sys.exit(told.stderr)
    lines = ["| claim | cell | difference | 95 % interval | test | verdict |", "|---|---|---:|---|---|---|"]
    blocked = 0
    for row in csv.DictReader(told.stdout.splitlines()):
        if row["verdict"] == "blocked":
            blocked += 1
            continue
        interval, _, test = row["why"].removeprefix("95 % ").partition(", p")
        lines.append(f"| {row['claim']} | {row['language']} | {float(row['value']):+.4f} | {interval} | p{test} | {row['verdict']} |")
    return "\n".join(lines) + "\n" + (f"\n{blocked} cells are blocked: their runs are not here.\n" if blocked else "")


def main():
    found = cells()
    write("cells.csv", ["condition", "seed", "data", "perturbation", "language", "measure", "value", "run_sha256"], found)
    write("students.csv", ["condition", "seed", "steps", "configuration_sha256", "model_sha256", "log_sha256"], students())
    table = {row[:5]: row[6] for row in found}
    conditions = sorted({row[0] for row in found})
    ablations = [condition for condition in conditions if condition not in MAIN]
    main_conditions = [condition for condition in MAIN if condition in conditions]
    afriqa = [("AfriQA, as written", "afriqa", "none", AFRIQA), ("AfriQA, `typo@0.2`", "afriqa", "typo@0.2", AFRIQA)]
    parts = [
        "# Tables of the experiment\n\nWritten by `experiments/report.py` from [cells.csv](cells.csv); `just experiment` makes the runs. Means over languages, in per cent: accuracy "
        "(Tatoeba), nDCG@10 (AfriQA), mAP@20 (LAReQA), and the error rate of word alignments (lower is better). Of several seeds the mean, ± half of what lies between the lowest and the highest.\n",
        f"## Low-resource languages that were trained on\n\nTatoeba: {', '.join(LOW)} (`upper`: those with case). AfriQA: {', '.join(AFRIQA)}.\n",
        table_of(table, main_conditions, list(of(LOW)) + afriqa),
        f"## High-resource languages, which were not trained on\n\nPerturbed: {', '.join(HIGH)}. XTREME-R: its 19 languages of classes 4 and 5, and all of its 41.\n",
        table_of(table, main_conditions, [*of(HIGH), ("XTREME-R, 19", "tatoeba", "none", XTREME_HIGH), ("XTREME-R, 41", "tatoeba", "none", XTREME_R), ("LAReQA", "lareqa", "none", ["deu+eng+spa"]), ("AER, Hindi", "wpt05", "none", ["hin"])]),
        "## Language by language\n\nTatoeba as written / `typo@0.2` / attacked; AfriQA as written / `typo@0.2`.\n",
        by_language(table, main_conditions),
    ]
    if ablations:
        parts += ["## Ablations, one seed each\n", table_of(table, ["zero-shot", "ot", *ablations], list(of(LOW))[:4] + afriqa + list(of(HIGH))[:4])]
    parts += ["## What became of the claims\n\n`snellen verify --claims claims/experiment`.\n", verdicts()]
    (ROOT / "experiments/TABLES.md").write_text("\n".join(parts))


def by_language(table, conditions):
    lines = ["| | " + " | ".join(LOW + HIGH + AFRIQA) + " |", "|---" + "|---:" * (len(LOW + HIGH + AFRIQA)) + "|"]
    for condition in conditions:
        values = []
        for language in LOW + HIGH + AFRIQA:
            data, kinds = ("afriqa", ["none", "typo@0.2"]) if language in AFRIQA else ("tatoeba", ["none", "typo@0.2", "attack"])
            means = [mean_of(table, condition, data, kind, [language]) for kind in kinds]
            values.append(" / ".join(f"{100 * statistics.fmean(m):.1f}" if m else "" for m in means))
        lines.append(f"| {condition} | " + " | ".join(values) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
