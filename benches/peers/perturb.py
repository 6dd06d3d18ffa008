"""Snellen's perturbations beside TextAttack's and nlpaug's: `python3 benches/peers/perturb.py SNELLEN PLAYER SENTENCES [--count N] [--rounds N]`.

SENTENCES is a folder with Tatoeba's test sets (`snellen data path tatoeba`), of which the English sides are taken. The peers are called in a loop with their
augmenters made and the sentences in memory, each with no constraint and a tenth of the letters or words. So is Snellen's library in PLAYER (snellen-perturb of this folder's crate), a process that runs already: that is like against
like. Beside it stands SNELLEN, the program: the whole process on one thread, from its start, from file to file. All are asked in turn; medians. Needs perturb-requirements.txt, installed with --no-deps in an environment of its own:
what TextAttack imports beyond it (PyTorch, flair, spaCy's kin) its swaps of characters never use, and empty modules stand in for it."""

import argparse
import contextlib
import importlib.abc
import importlib.machinery
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import types

from players import Player

# How often Snellen does it all in a round, of which the mean counts: what else a shared machine does would hit or miss a few milliseconds, but meets the peers' half
# second as it is.
PASSES, STARTS = 40, 10

# What the stand-ins must not stand in for: modules that these look for and can do without.
import numpy, pandas, requests, tqdm, more_itertools, lru  # noqa: E401, F401


class Everything(type):
    """A class that has every attribute."""

    def __getattr__(cls, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Nothing

    def __or__(cls, other):
        return cls

    def __ror__(cls, other):
        return cls


class Nothing(metaclass=Everything):
    def __init__(self, *arguments, **options):
        pass

    def __call__(self, *arguments, **options):
        return self

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Nothing

    def __iter__(self):
        return iter(())

    def __class_getitem__(cls, key):
        return cls


class Empty(types.ModuleType):
    """A module of which every name is there and does nothing."""

    __path__ = []

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Nothing


class StandIn(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds what nobody else finds."""

    def find_spec(self, name, path, target=None):
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec):
        return Empty(spec.name)

    def exec_module(self, module):
        pass


def peers() -> dict:
    """Kind, name, function of one sentence."""
    sys.meta_path.append(StandIn())
    import nlpaug.augmenter.char as characters
    from textattack import transformations
    from textattack.augmentation import Augmenter

    def textattack(name):
        augmenter = Augmenter(transformation=getattr(transformations, name)(), constraints=[], pct_words_to_swap=0.1, transformations_per_example=1)
        return lambda text: augmenter.augment(text)[0]

    def nlpaug(augmenter):
        return lambda text: augmenter.augment(text)[0]

    rate = {"aug_char_p": 0.1, "aug_char_max": None, "aug_word_max": None}
    return {
        ("swap@0.1", "TextAttack"): textattack("WordSwapNeighboringCharacterSwap"),
        ("swap@0.1", "nlpaug"): nlpaug(characters.RandomCharAug(action="swap", **rate)),
        ("neighbour@0.1", "TextAttack"): textattack("WordSwapQWERTY"),
        ("neighbour@0.1", "nlpaug"): nlpaug(characters.KeyboardAug(**rate)),
        ("delete@0.1", "TextAttack"): textattack("WordSwapRandomCharacterDeletion"),
        ("delete@0.1", "nlpaug"): nlpaug(characters.RandomCharAug(action="delete", **rate)),
    }


def sentences(folder: pathlib.Path, count: int) -> list:
    """Different English sentences, in the order of languages and lines."""
    found = {}
    for file in sorted(folder.rglob("tatoeba.*-eng.eng")):
        found |= dict.fromkeys(file.read_text(encoding="utf-8").splitlines())
    if len(found) < count:
        raise SystemExit(f"{folder}: {len(found)} English sentences, not {count}")
    return list(found)[:count]


def seconds(work) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("player")
    parser.add_argument("sentences", type=pathlib.Path)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    texts, others = sentences(options.sentences, options.count), peers()
    with contextlib.ExitStack() as stack:
        name = stack.enter_context(tempfile.TemporaryDirectory())
        source, target = pathlib.Path(name, "texts.txt"), pathlib.Path(name, "out.txt")
        source.write_text("".join(text + "\n" for text in texts), encoding="utf-8")
        player = stack.enter_context(Player([options.player, source], threads=1))
        print("| kind | Snellen | its time | peer | its time | ratio |\n|---|---|---|---|---|---|")
        for kind in dict.fromkeys(kind for kind, _ in others):
            command = [options.program, "perturb", "--quiet", "--threads", "1", "--input", source, "--kind", kind, "--output", target]
            contenders = {
                "in memory": lambda kind=kind: player.ask("perturb", kind, PASSES),
                "whole process": lambda command=command: seconds(lambda: [subprocess.run(command, check=True) for _ in range(STARTS)]) / STARTS,
            }
            for (of, peer), augment in others.items():
                if of == kind:
                    contenders[peer] = lambda augment=augment: seconds(lambda: [augment(text) for text in texts if text])
            times = {contender: [] for contender in contenders}
            for _ in range(options.rounds):
                for contender, work in contenders.items():
                    times[contender].append(work())
            for ours in list(contenders)[:2]:
                for peer in list(contenders)[2:]:
                    ratios = [theirs / mine for theirs, mine in zip(times[peer], times[ours])]
                    median, spread = statistics.median(ratios), f"{min(ratios):.0f}–{max(ratios):.0f}"
                    row = [f"`{kind}`", ours, f"{1e3 * statistics.median(times[ours]):.1f} ms", peer, f"{statistics.median(times[peer]):.2f} s", f"{median:.0f} ({spread})"]
                    print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
