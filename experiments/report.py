#!/usr/bin/env python3
"""The pages of the experiment, from the tables that collect.py wrote: experiments/report.py [--check].

Writes TABLES.md (means over languages and seeds, and what became of the claims) and differences.svg; with --check it only says whether they are what it would write.
"""

import csv
import statistics
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent

LOW = ["swh", "tgl", "mar", "amh"]
HIGH = ["deu", "fra", "fin", "spa"]
AFRIQA = ["hau", "swa", "yor", "zul"]
# Classes 4 and 5 of Joshi et al. (ACL 2020) among XTREME-R's languages, as in the claims.
XTREME_HIGH = "ara deu fra spa jpn cmn vie eus nld hin pes ita por rus kor tur fin hun pol".split()
XTREME_R = XTREME_HIGH + "heb ind tgl tam afr ell ben urd bul kat tha kaz est lit ron ukr mar swh jav mal tel aze".split()
CASELESS = {"mar", "amh"}
KINDS = ["typo@0.2", "unspace@0.2", "upper"]
MAIN = ["zero-shot", "pooled", "greedy", "ot", "noise", "adversarial", "consistency"]
COMPARED = {
    "ot-over-zero-shot": "OT distillation against the teacher, zero-shot",
    "noise-over-ot": "OT with noise against OT",
    "adversarial-over-ot": "OT with adversarial training against OT",
    "consistency-over-ot": "The same with consistency, seeds 2 and 3",
}


def rows_of(name):
    with open(HERE / name, newline="") as file:
        return list(csv.DictReader(file))


def mean_of(table, condition, data, kind, languages):
    """The mean over languages of each seed for which none is missing."""
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


def markdown(head, rows, left=1):
    lines = ["| " + " | ".join(head) + " |", "|---" * left + "|---:" * (len(head) - left) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def table_of(table, conditions, columns):
    """A column is its title, data, perturbation and languages."""
    rows = []
    for condition in conditions:
        values = [shown(mean_of(table, condition, *column[1:])) for column in columns]
        if any(values):
            rows.append([condition, *values])
    return markdown(["", *(column[0] for column in columns)], rows)


def tatoeba(languages, kinds=(*KINDS, "attack")):
    yield "Tatoeba, as written", "tatoeba", "none", languages
    for kind in kinds:
        asked = [language for language in languages if not (kind == "upper" and language in CASELESS)]
        yield "attacked" if kind == "attack" else f"`{kind}`", "tatoeba", kind, asked


def by_language(table, conditions):
    rows = []
    for condition in conditions:
        values = []
        for language in LOW + HIGH + AFRIQA:
            data, kinds = ("afriqa", ["none", "typo@0.2"]) if language in AFRIQA else ("tatoeba", ["none", "typo@0.2", "attack"])
            means = [mean_of(table, condition, data, kind, [language]) for kind in kinds]
            values.append(" / ".join(f"{100 * statistics.fmean(m):.1f}" if m else "" for m in means))
        rows.append([condition, *values])
    return markdown(["", *LOW, *HIGH, *AFRIQA], rows)


def points(value):
    return f"{100 * float(value) + 0.0:+.2f}".replace("-0.00", "+0.00")


def p_value(row):
    return f"p < 0.0001 ({row['test']})" if float(row["p"]) < 1e-4 else f"p = {float(row['p']):.4f} ({row['test']})"


def of_claims(verdicts, together):
    rows = []
    for row in verdicts:
        if is_together(row) == together:
            interval = f"{points(row['low'])} to {points(row['high'])}"
            rows.append([row["claim"], row["cell"], row["kind"], row["measure"].replace("AP(norm='min')", "mAP"), row["queries"], points(row["difference"]), interval, p_value(row), row["verdict"]])
    return markdown(["claim", "cell", "kind", "measure", "queries", "difference", "95 % interval", "test", "verdict"], rows, left=4)


def is_together(row):
    """Whether a cell is one of several languages together."""
    return row["cell"].startswith(("low-resource", "high-resource", "AfriQA", "deu+eng+spa"))


def tables():
    table = {(row["condition"], row["seed"], row["data"], row["perturbation"], row["language"]): float(row["value"]) for row in rows_of("cells.csv")}
    verdicts = rows_of("verdicts.csv")
    conditions = sorted({key[0] for key in table})
    mains = [condition for condition in MAIN if condition in conditions]
    ablations = [condition for condition in conditions if condition not in MAIN]
    afriqa = [("AfriQA, as written", "afriqa", "none", AFRIQA), ("AfriQA, `typo@0.2`", "afriqa", "typo@0.2", AFRIQA)]
    wide = [("XTREME-R, 19", "tatoeba", "none", XTREME_HIGH), ("XTREME-R, 41", "tatoeba", "none", XTREME_R)]
    others = [("LAReQA", "lareqa", "none", ["deu+eng+spa"]), ("AER, Hindi", "wpt05", "none", ["hin"])]
    parts = [
        "# Tables of the experiment\n\nWritten by `experiments/report.py` from [cells.csv](cells.csv), [students.csv](students.csv) and [verdicts.csv](verdicts.csv); `just experiment` makes the runs. "
        "Means over languages, in per cent: accuracy (Tatoeba), nDCG@10 (AfriQA), mAP@20 (LAReQA), and the error rate of word alignments (lower is better). Of several seeds the mean, ± half of what lies "
        "between the lowest and the highest. [What it means](README.md).\n",
        f"## Low-resource languages that were trained on\n\nTatoeba: {', '.join(LOW)} (`upper`: those with case; attacked: the first 200 queries). AfriQA: {', '.join(AFRIQA)}.\n",
        table_of(table, mains, [*tatoeba(LOW), *afriqa]),
        "Seed 1 of *consistency* was asked no more than an ablation is: joined words, capitals, attacks, XTREME-R's other languages, LAReQA and AER are of seeds 2 and 3.\n",
        f"## High-resource languages, which were not trained on\n\nPerturbed: {', '.join(HIGH)}. XTREME-R: its 19 languages of classes 4 and 5, and all of its 41.\n",
        table_of(table, mains, [*tatoeba(HIGH), *wide, *others]),
        "## Language by language\n\nTatoeba as written / `typo@0.2` / attacked; AfriQA as written / `typo@0.2`.\n",
        by_language(table, mains),
    ]
    if ablations:
        columns = [*tatoeba(LOW, ["typo@0.2"]), *afriqa, *tatoeba(HIGH, ["typo@0.2"])]
        columns = [("low-resource: " * (i == 0) + "high-resource: " * (i == 4) + column[0], *column[1:]) for i, column in enumerate(columns)]
        parts += ["## Ablations, one seed each\n", table_of(only_first_seed(table), ["zero-shot", "ot", "adversarial", "consistency", *ablations], columns)]
    parts += [
        "## What became of the claims\n\n`snellen verify --claims claims/experiment`; differences in points. The languages' queries together:\n",
        of_claims(verdicts, True),
        "Language by language:\n",
        of_claims(verdicts, False),
    ]
    return "\n".join(parts)


def only_first_seed(table):
    return {key: value for key, value in table.items() if key[1] == "1"}


# What the picture is made of: points to pixels, rows' height, where labels end.
SCALE, ROW, LEFT, TOP = 34, 20, 255, 40
STYLE = """text { font: 13px system-ui, sans-serif; fill: #222 } .group { font-weight: 600 } .axis { stroke: #999 } .margin { stroke: #999; stroke-dasharray: 4 3 }
.reproduced { stroke: #1b7a4b; fill: #1b7a4b } .differs { stroke: #b3541e; fill: #b3541e } line.reproduced, line.differs { stroke-width: 2 }
@media (prefers-color-scheme: dark) { text { fill: #ddd } .reproduced { stroke: #5fd39a; fill: #5fd39a } .differs { stroke: #f0a070; fill: #f0a070 } }"""


def picture():
    """Differences of the cells of several languages with their intervals, in points."""
    groups = []
    verdicts = rows_of("verdicts.csv")
    for prefix, title in COMPARED.items():
        rows = [row for row in verdicts if row["claim"].startswith(prefix) and is_together(row)]
        if rows:
            groups.append((title, rows))
    ends = [100 * float(row[key]) for _, rows in groups for row in rows for key in ("low", "high")]
    first, last = min(-2, *(int(end) - 1 for end in ends)), max(2, *(int(end) + 1 for end in ends))
    at = lambda value: LEFT + SCALE * (100 * float(value) - first)
    y, drawn = TOP, []
    for title, rows in groups:
        drawn.append(f'<text class="group" x="10" y="{y}">{title}</text>')
        for row in rows:
            y += ROW
            name = row["cell"] + (", as written" if row["claim"].endswith(("-clean", "-high-resource", "-lareqa")) else "")
            name = name.replace("deu+eng+spa", "LAReQA, deu eng spa")
            kind, x = row["verdict"], at(row["difference"])
            told = f"{name}: {points(row['difference'])} ({points(row['low'])} to {points(row['high'])}), {row['kind']}: {kind}"
            drawn.append(f'<g><title>{told}</title><text x="{LEFT - 12}" y="{y + 4}" text-anchor="end">{name}</text>')
            drawn.append(f'<line class="{kind}" x1="{at(row["low"]):.1f}" x2="{at(row["high"]):.1f}" y1="{y}" y2="{y}"/>')
            shape = f'<circle class="{kind}" cx="{x:.1f}" cy="{y}" r="4"/>' if row["kind"] == "greater" else f'<rect class="{kind}" x="{x - 4:.1f}" y="{y - 4}" width="8" height="8"/>'
            drawn.append(shape + "</g>")
        y += 2 * ROW
    bottom = y - ROW
    frame = [f'<line class="axis" x1="{at(0):.1f}" x2="{at(0):.1f}" y1="{TOP + 6}" y2="{bottom}"/>', f'<line class="margin" x1="{at(-0.01):.1f}" x2="{at(-0.01):.1f}" y1="{TOP + 6}" y2="{bottom}"/>']
    frame += [f'<text x="{at(tick / 100):.1f}" y="{bottom + 16}" text-anchor="middle">{tick:+d}</text>'.replace("+0", "0") for tick in range(first, last + 1, 2 if last - first > 10 else 1)]
    frame.append(f'<text x="10" y="{bottom + 40}">Points, with 95 % intervals. Circles ask for more than 0,</text>')
    frame.append(f'<text x="10" y="{bottom + 58}">squares for more than −1 (dashed). Green: the claim holds.</text>')
    width = LEFT + SCALE * (last - first) + 20
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {bottom + 70}" width="{width}" role="img" aria-label="Differences between the conditions of the experiment">\n'
        f"<style>{STYLE}</style>\n" + "\n".join(frame + drawn) + "\n</svg>\n"
    )


def main():
    pages = {"TABLES.md": tables(), "differences.svg": picture()}
    for name, text in pages.items():
        if "--check" not in sys.argv:
            (HERE / name).write_text(text)
        elif (HERE / name).read_text() != text:
            sys.exit(f"experiments/{name} is not what experiments/report.py writes")


if __name__ == "__main__":
    main()
