#!/usr/bin/env python3
"""Random judgements and runs, with ties, gaps, negative grades and queries without anything relevant: Snellen's measures beside pytrec_eval's (trec_eval 9
in a library), ir_measures' and ranx's, query by query. Arguments: the program, how many collections; --no-ranx leaves ranx out,
which takes minutes to compile itself.

Needs: pip install pytrec-eval-terrier ir_measures ranx.
"""

import collections
import json
import pathlib
import random
import subprocess
import sys
import tempfile

import ir_measures
import pytrec_eval

TREC = [
    "map", "map_cut_5", "ndcg", "ndcg_cut_5", "ndcg_cut_10", "P_5", "P_20", "recall_5", "recall_10", "recip_rank", "Rprec", "bpref", "infAP",
    "success_1", "success_5", "set_P", "set_recall", "set_F", "set_map", "iprec_at_recall_0.10", "iprec_at_recall_0.50", "num_ret", "num_rel", "num_rel_ret",
]
# By dialect: most of ir_measures' values are pytrec_eval's, with its order of equal scores; Judged and Compat are its own.
IR = {
    "trec_eval9": ["nDCG@10", "AP", "AP(rel=2)@10", "P@5", "R@10", "Success@5", "nDCG(judged_only=True)@5", "P(judged_only=True)@5", "SetF"],
    "snellen": ["Judged@10", "Compat(p=0.8)"],
}
RANX = {"ndcg@10": "nDCG@10", "map": "AP", "mrr": "RR", "precision@5": "P@5", "recall@10": "R@10", "hit_rate@5": "Success@5"}


def collection(rng: random.Random) -> tuple[dict, dict]:
    """Judgements and a run, by query and document."""
    documents = [f"d{i}" for i in range(rng.choice([1, 3, 8, 30, 200]))]
    qrels, run = {}, {}
    for query in (f"q{i}" for i in range(rng.randint(1, 6))):
        judged = rng.sample(documents, rng.randint(1, len(documents)))
        highest = rng.choice([0, 1, 1, 3])
        qrels[query] = {document: rng.randint(-1, highest) for document in judged}
        # Where all grades are negative trec_eval 9 reads memory that it never wrote, and may not end.
        qrels[query][judged[0]] = max(qrels[query][judged[0]], 0)
        kinds = rng.choice([2, 5, 10**6])
        if rng.random() < 0.9:
            retrieved = rng.sample(documents, rng.randint(1, len(documents)))
            run[query] = {document: rng.randrange(kinds) / 7 for document in retrieved}
    return qrels, run


def write(folder: pathlib.Path, qrels: dict, run: dict) -> None:
    lines = (f"{q} 0 {d} {grade}\n" for q, of in qrels.items() for d, grade in of.items())
    (folder / "qrels").write_text("".join(lines))
    lines = (f"{q} Q0 {d} 1 {score!r} t\n" for q, of in run.items() for d, score in of.items())
    (folder / "run").write_text("".join(lines))


def ours(program: str, folder: pathlib.Path, measures: list, *options: str) -> dict:
    command = [program, "--quiet", "score", "--qrels", folder / "qrels", "--run", folder / "run", "--measures", " ".join(measures)]
    found = subprocess.run([*command, "--per-query", "--format", "json", *options], capture_output=True, text=True, check=True)
    # The names in the answer are the dialect's; their order is that of the question.
    return {query["query"]: dict(zip(measures, query["values"].values())) for query in json.loads(found.stdout)["queries"]}


def main() -> None:
    program, count = sys.argv[1], int(sys.argv[2])
    if "--no-ranx" not in sys.argv:
        import ranx
    equal, differing = collections.Counter(), collections.defaultdict(list)

    def compare(tool, measure, what, theirs, mine, tolerance=0.0):
        if abs(theirs - mine) <= tolerance:
            equal[tool] += 1
        else:
            differing[tool, measure].append((what, theirs, mine))

    for seed in range(count):
        qrels, run = collection(random.Random(seed))
        if not run:
            continue
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            write(folder, qrels, run)
            mine = ours(program, folder, TREC, "--dialect", "trec_eval9")
            theirs = pytrec_eval.RelevanceEvaluator(qrels, set(TREC)).evaluate(run)
            for query, values in theirs.items():
                for measure in TREC:
                    compare("pytrec_eval", measure, (seed, query), values[measure], mine[query][measure])
            for dialect, names in IR.items():
                mine = ours(program, folder, names, "--dialect", dialect, "--complete")
                for metric in ir_measures.iter_calc([ir_measures.parse_measure(m) for m in names], qrels, run):
                    value = mine[metric.query_id][str(metric.measure)]
                    compare("ir_measures", str(metric.measure), (seed, metric.query_id), metric.value, value, 1e-15)
            if "--no-ranx" in sys.argv:
                continue
            mine = ours(program, folder, list(RANX.values()))
            judged = {q: {d: max(g, 0) for d, g in of.items()} for q, of in qrels.items() if q in run}
            judged = {q: of for q, of in judged.items() if any(of.values())}
            if judged:
                values = ranx.evaluate(ranx.Qrels(judged), ranx.Run({q: run[q] for q in judged}), list(RANX), return_mean=False, make_comparable=True)
                for name, found in values.items():
                    for query, value in zip(sorted(judged), found):
                        # ranx leaves equal scores in the order of its sort, which is nobody's rule.
                        scores = list(run[query].values())
                        tied = " with equal scores" if len(set(scores)) < len(scores) else ""
                        compare("ranx" + tied, name, (seed, query), float(value), mine[query][RANX[name]], 1e-12)
    # What is known to differ, and why: README has it.
    known = {("ir_measures", "Judged@10"), ("ir_measures", "Compat(p=0.8)")}
    known |= {("ranx with equal scores", name) for name in RANX}
    for tool, n in equal.items():
        print(f"{tool}: {n} values equal")
    for (tool, measure), cases in sorted(differing.items()):
        what, theirs, mine = cases[0]
        print(f"{tool} {measure}: {len(cases)} differ; the first, collection and query {what}: {theirs!r}, ours {mine!r}")
    if not equal["pytrec_eval"] or not equal["ir_measures"] or any(case not in known for case in differing):
        raise SystemExit("measures differ")


if __name__ == "__main__":
    main()
