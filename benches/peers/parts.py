"""What is measured, a function a part; each returns lines of the table: what, who, figure, ratio."""

import contextlib
import itertools
import os
import pathlib
import random
import statistics
import subprocess
import time

import numpy

import synthetic
from players import Contest, Player

MODELS = ["all-MiniLM-L6-v2", "multilingual-e5-small-q4"]
SHAPES = [(512, 384, 1536), (512, 1536, 384), (128, 768, 3072)]
# The absolute difference of two libraries' embeddings above which they do not compute the same thing.
AGREEMENT = 1e-4


def seconds(value: float) -> str:
    return f"{value:.2f} s"


def milliseconds(value: float) -> str:
    return f"{1e3 * value:.2f} ms"


def mebibytes(value: float) -> str:
    return f"{value / 2**20:.0f} MiB"


class Setting:
    """What every part needs: options, programs, folders."""

    def __init__(self, options, root: pathlib.Path, work: pathlib.Path, python: pathlib.Path):
        self.options, self.root, self.work, self.python = options, root, work, python
        self.here = pathlib.Path(__file__).parent
        self.snellen = root / "target" / "release" / "snellen"
        self.built = work / "release"

    def data(self, name: str) -> pathlib.Path:
        """Where a set of data or a checkpoint is, fetched if it is not there yet."""
        # What is already there is neither fetched nor hashed again.
        subprocess.run([self.snellen, "data", "fetch", name, "--quiet"], check=True, stdout=subprocess.DEVNULL)
        found = subprocess.run([self.snellen, "data", "path", name], capture_output=True, text=True, check=True)
        return pathlib.Path(found.stdout.strip())

    def texts(self) -> pathlib.Path:
        """1,000 English sentences and their German translations, in the order given."""
        tatoeba, file = self.data("tatoeba"), self.work / "texts.txt"
        sides = [(tatoeba / f"tatoeba.deu-eng.{side}").read_text(encoding="utf-8").splitlines() for side in ("eng", "deu")]
        texts = [text for side in sides for text in side[: self.options.texts // 2]]
        file.write_text("".join(text + "\n" for text in texts), encoding="utf-8")
        return file

    def rust(self, name: str, *arguments, threads: int) -> Player:
        return Player([self.built / name, *arguments], threads)

    def script(self, name: str, *arguments, threads: int) -> Player:
        return Player([self.python, self.here / f"{name}.py", *arguments], threads)

    def encoders(self, model: str, stack: contextlib.ExitStack) -> dict:
        """Every library with the same checkpoint and texts, loaded."""
        folder, texts, threads = self.data(model), self.texts(), self.options.threads
        graph = self.work / f"{model}.onnx"
        players = {
            "snellen": self.rust("snellen-encoder", folder, texts, threads, self.options.isa, threads=threads),
            "PyTorch": self.script("torch_encoder", folder, texts, threads, threads=threads),
            "ONNX Runtime": self.script("onnx_encoder", folder, texts, threads, graph, threads=threads),
            "candle": self.rust("candle-encoder", folder, texts, threads=threads),
        }
        for player in players.values():
            stack.enter_context(player)
        return players


def encode(setting: Setting) -> list:
    """Texts to embeddings, tokenisation included, models loaded; and one sentence at a time."""
    rows = []
    for model in setting.options.models:
        with contextlib.ExitStack() as stack:
            players = setting.encoders(model, stack)
            agree(setting, model, players)
            contest = Contest(
                setting.options.rounds,
                [
                    ("snellen", players["snellen"], ["encode", "given"]),
                    ("PyTorch, sorted batches of 32", players["PyTorch"], ["encode", "sorted"]),
                    ("PyTorch, unsorted batches of 32", players["PyTorch"], ["encode", "given"]),
                    ("ONNX Runtime, sorted batches of 32", players["ONNX Runtime"], ["encode", "sorted"]),
                    ("candle, unsorted batches of 32", players["candle"], ["encode", "given"]),
                ],
            )
            rows += contest.rows(f"encode {setting.options.texts} sentences, {model}", seconds)
            count = min(200, setting.options.texts // 2)
            single = Contest(
                setting.options.rounds,
                [(name, players[name], ["latency", count]) for name in ("snellen", "PyTorch", "ONNX Runtime")],
            )
            rows += single.rows(f"one sentence, median of {count}, {model}", milliseconds)
    return rows


def agree(setting: Setting, model: str, players: dict) -> None:
    """Refuses to time libraries that do not give the same embeddings."""
    file = setting.work / "embeddings.f32"
    found = {}
    for name, player in players.items():
        order = "given" if name in ("snellen", "candle") else "sorted"
        player.ask("embeddings", order, file)
        found[name] = numpy.fromfile(file, numpy.float32)
    ours = found.pop("snellen")
    for name, embeddings in found.items():
        difference = float(abs(embeddings - ours).max())
        print(f"{model}: {name}, largest difference from Snellen {difference:.1e}", flush=True)
        if difference > AGREEMENT:
            raise SystemExit(f"{name} computes something else")


# The relative difference of the sums of gradients' magnitudes above which two libraries do not compute the same thing.
SAME_MAGNITUDE = 1e-4


def gradients(setting: Setting) -> list:
    """Forward and backward: gradients at the word embeddings of every token, and at all weights for batches of 32."""
    rows, count, isa = [], setting.options.threads, setting.options.isa
    for model in setting.options.models:
        folder, texts = setting.data(model), setting.texts()
        with contextlib.ExitStack() as stack:
            ours = stack.enter_context(setting.rust("snellen-encoder", folder, texts, count, isa, threads=count))
            torch = stack.enter_context(setting.script("torch_encoder", folder, texts, count, threads=count))
            for at in ("words", "weights"):
                found = [player.ask(*words)["magnitude"] for player, words in ((ours, ["gradients", at]), (torch, ["gradients", "sorted", at]))]
                print(f"{model}, gradients at {at}: magnitudes differ by {abs(found[1] / found[0] - 1):.1e}", flush=True)
                if abs(found[1] / found[0] - 1) > SAME_MAGNITUDE:
                    raise SystemExit("PyTorch finds something else")
                contest = Contest(
                    setting.options.slow_rounds,
                    [
                        ("snellen", Timed(ours), ["gradients", at]),
                        ("PyTorch, sorted batches of 32", Timed(torch), ["gradients", "sorted", at]),
                        ("PyTorch, unsorted batches of 32", Timed(torch), ["gradients", "given", at]),
                    ],
                )
                rows += contest.rows(f"forward and backward to {at}, {setting.options.texts} sentences, {model}", seconds)
    return rows


def threads(setting: Setting) -> list:
    """Snellen with one thread and with two."""
    rows = []
    for model in setting.options.models:
        folder, texts, isa = setting.data(model), setting.texts(), setting.options.isa
        with contextlib.ExitStack() as stack:
            two, one = (
                stack.enter_context(setting.rust("snellen-encoder", folder, texts, count, isa, threads=count))
                for count in (2, 1)
            )
            contenders = [("snellen, 2 threads", two, ["encode", "given"]), ("snellen, 1 thread", one, ["encode", "given"])]
            rows += Contest(setting.options.rounds, contenders).rows(f"encode, {model}", seconds)
    return rows


def product(setting: Setting) -> list:
    """Products on one thread; and the peaks of the same run, measured between the rounds."""
    rows = []
    with (
        setting.rust("products", setting.options.isa, threads=1) as rust,
        setting.script("torch_product", threads=1) as torch,
    ):
        libraries = ["snellen", "matrixmultiply-f32", "matrixmultiply-f64", "faer-f32", "faer-f64"]
        all_peaks = []
        for shape in SHAPES:
            all_peaks.append(rust.ask("peaks"))
            contenders = [(library, rust, [library, *shape]) for library in libraries]
            contest = Contest(setting.options.rounds, [*contenders, ("PyTorch f32", torch, ["product", *shape])])
            operations = 2 * numpy.prod(shape)
            speed = lambda value, operations=operations: f"{operations / value / 1e9:.1f} Gflop/s"
            lines = contest.rows(f"product {shape}, 1 thread", speed)
            share = operations / contest.median("snellen") / 1e9 / max(peaks["f32"] for peaks in all_peaks)
            rows += [(*lines[0][:3], f"{share:.2f} × the f32 peak"), *lines[1:]]
        all_peaks.append(rust.ask("peaks"))
    for unit in ("f32", "f64", "int16", "int8"):
        found = [peaks[unit] for peaks in all_peaks if peaks[unit]]
        if found:
            rows.append(("peak of one core", f"{all_peaks[0]['isa']} {unit}", f"{max(found):.1f} Gop/s", ""))
    return rows


def retrieval_players(setting: Setting, stack: contextlib.ExitStack) -> list:
    count, folder = setting.options.threads, setting.work
    ours = setting.rust("snellen-retrieval", folder, count, setting.options.isa, threads=count)
    return [stack.enter_context(ours), stack.enter_context(setting.script("torch_retrieval", folder, count, threads=count))]


def same_scores(setting: Setting, asked: list) -> None:
    """Refuses to time searches whose best scores are not the same but for rounding."""
    found = []
    for player, words in asked:
        file = setting.work / "scores.f32"
        player.ask(*words, file)
        found.append(numpy.fromfile(file, numpy.float32))
    difference = float(abs(found[0] - found[1]).max())
    print(f"{asked[0][1][0]}: largest difference of a score {difference:.1e}", flush=True)
    if difference > AGREEMENT:
        raise SystemExit("the searches find something else")


def maxsim(setting: Setting) -> list:
    """Late interaction against the fastest of PyTorch's formulations, found on a part of the data."""
    queries, passages = (100, 1000) if setting.options.quick else (1000, 10_000)
    synthetic.write(setting.work / "queries.f32", queries * synthetic.QUERY, synthetic.WIDTH, 1)
    synthetic.write(setting.work / "passages.f32", passages * synthetic.PASSAGE, synthetic.WIDTH, 2)
    with contextlib.ExitStack() as stack:
        ours, torch = retrieval_players(setting, stack)
        part = (100, 1000)
        trials = {name: min(torch.ask("maxsim", name, *part) for _ in range(2)) for name in torch.ask("formulations")}
        best = min(trials, key=trials.get)
        for name, taken in trials.items():
            print(f"PyTorch's MaxSim {name}: {taken:.3f} s for {part[0]} × {part[1]}", flush=True)
        same_scores(setting, [(ours, ["maxsim", *part]), (torch, ["maxsim", best, *part])])
        contenders = [
            ("snellen", ours, ["maxsim", queries, passages]),
            (f"PyTorch, {best}", torch, ["maxsim", best, queries, passages]),
        ]
        what = f"MaxSim, {queries} × {synthetic.QUERY} against {passages} × {synthetic.PASSAGE} tokens, d = {synthetic.WIDTH}"
        return Contest(setting.options.slow_rounds, contenders).rows(what, seconds)


def dense(setting: Setting) -> list:
    """Exhaustive dense search through a corpus that streams from a file, beside the product alone."""
    queries, documents = (100, 100_000) if setting.options.quick else (1000, 1_000_000)
    synthetic.write(setting.work / "dense-queries.f32", queries, synthetic.DENSE, 3)
    synthetic.write(setting.work / "corpus.f32", documents, synthetic.DENSE, 4)
    with contextlib.ExitStack() as stack:
        ours, torch = retrieval_players(setting, stack)
        same_scores(setting, [(player, ["dense", min(queries, 100), 50_000]) for player in (ours, torch)])
        products = stack.enter_context(setting.rust("products", setting.options.isa, threads=1))
        words = ["dense", queries, documents]
        contest = Contest(setting.options.slow_rounds, [("snellen", ours, words), ("PyTorch", torch, words)])
        shape = (queries, synthetic.DENSE, 8192)
        alone = statistics.median(products.ask("snellen", *shape) for _ in range(5))
        what = f"dense top-{synthetic.BEST}, {queries} × {documents} × {synthetic.DENSE}"
        rows = contest.rows(what, seconds)
        speed = 2 * queries * documents * synthetic.DENSE / contest.median("snellen") / 1e9
        product = 2 * numpy.prod(shape) / alone / 1e9
        rows.append((what, "snellen, each thread", f"{speed / setting.options.threads:.1f} Gflop/s", ""))
        share = f"the search does {speed / setting.options.threads / product:.2f} of it"
        rows.append((what, f"snellen's product {shape}, 1 thread", f"{product:.1f} Gflop/s", share))
        rows += [(what, f"peak memory, {name}", mebibytes(player.ask("memory")), "") for name, player in (("snellen", ours), ("PyTorch", torch))]
        return rows


# Problems, rows and columns; ε and tolerance of the entropic ones.
TRANSPORT = {"small": (10_000, 32, 32), "large": (1, 2000, 2000), "exact": (1, 1000, 1000)}
EPSILON, TOLERANCE = 0.05, 1e-9
# Costs of plans, relative, beyond which two solvers do not solve the same thing.
SAME_COST = 1e-6


def transport(setting: Setting) -> list:
    """Transport solvers beside POT: random costs, uniform masses, the same ε and tolerance."""
    files = {name: setting.work / f"costs-{name}.npy" for name in TRANSPORT}
    for seed, (name, file) in enumerate(files.items()):
        if not file.exists():
            numpy.save(file, numpy.random.default_rng(seed).random(TRANSPORT[name]))
    small, large = ([file, EPSILON, TOLERANCE] for file in (files["small"], files["large"]))
    asked = [
        ("sinkhorn, 10,000 problems of 32 × 32", ["sinkhorn", *small], {"POT in a loop": ["loop", *small], "POT's batch": ["batch", *small]}),
        ("sinkhorn, 2,000 × 2,000", ["sinkhorn", *large], {"POT": ["sinkhorn", *large]}),
        ("exact, 1,000 × 1,000", ["exact", files["exact"]], {"POT": ["exact", files["exact"]]}),
    ]
    rows, count = [], setting.options.threads
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(setting.rust("snellen-transport", count, setting.options.isa, threads=count))
        pot = stack.enter_context(setting.script("pot_transport", threads=count))
        for what, words, others in asked:
            found = ours.ask(*words)
            if not found["reached"]:
                raise SystemExit(f"{what}: not solved")
            for name, theirs in others.items():
                difference = abs(pot.ask(*theirs)["cost"] / found["cost"] - 1)
                print(f"{what}: cost of {name} differs by {difference:.1e}", flush=True)
                if difference > SAME_COST:
                    raise SystemExit("the solvers find something else")
            timed = [("snellen", Timed(ours), words), *((name, Timed(pot), theirs) for name, theirs in others.items())]
            rows += Contest(setting.options.slow_rounds, timed).rows(f"{what}, ε = {EPSILON}" if "exact" not in what else what, seconds)
    return rows


class Timed:
    """A player whose answers are more than seconds."""

    def __init__(self, player: Player):
        self.player = player

    def ask(self, *words) -> float:
        return self.player.ask(*words)["seconds"]


def run(command: list) -> tuple[float, int]:
    """A program's wall time in seconds and the most memory that it held, in bytes."""
    start = time.perf_counter()
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    taken = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{command}: status {process.returncode}")
    return taken, 1024 * usage.ru_maxrss


def program(setting: Setting, model: str, texts: pathlib.Path) -> list:
    options = ["--quiet", "--threads", setting.options.threads, "--isa", setting.options.isa]
    out = setting.work / "embeddings.safetensors"
    return [setting.snellen, *options, "encode", "--no-cache", "--model", model, "--input", texts, "--output", out]


def memory(setting: Setting) -> list:
    """The program's peak memory while it encodes, beside its checkpoint."""
    rows = []
    for model in setting.options.models:
        checkpoint = (setting.data(model) / "model.safetensors").stat().st_size
        _, peak = run(program(setting, model, setting.texts()))
        rows.append((f"peak memory of encoding, {model}", "snellen", mebibytes(peak), f"checkpoint {mebibytes(checkpoint)}"))
    return rows


def start(setting: Setting) -> list:
    """The program's start, and from start to the first embedding with the files in the page cache."""
    times = [run([setting.snellen, "--help"])[0] for _ in range(50)]
    rows = [("start", "snellen --help, median of 50", milliseconds(statistics.median(times)), "")]
    one = setting.work / "one.txt"
    one.write_text("The eye chart.\n")
    for model in setting.options.models:
        setting.data(model)
        times = [run(program(setting, model, one))[0] for _ in range(6)][1:]
        rows.append(("start", f"to the first embedding, {model}", seconds(statistics.median(times)), ""))
    return rows


def growth(setting: Setting) -> list:
    """The program's time and peak memory as the sentences become ten and a hundred times as many."""
    tatoeba, rows = setting.data("tatoeba"), []
    lines = [line for file in sorted(tatoeba.glob("tatoeba.*-eng.eng")) for line in file.read_text(encoding="utf-8").splitlines()]
    # Neighbours are of one translator and alike; mixed, every part of the list is as long as any other.
    random.Random(5).shuffle(lines)
    for model in setting.options.models:
        for count in (1000, 10_000, 100_000):
            texts = setting.work / "growth.txt"
            texts.write_text("".join(line + "\n" for line in itertools.islice(itertools.cycle(lines), count)), encoding="utf-8")
            taken, peak = run(program(setting, model, texts))
            figure = f"{taken:.1f} s, {1e3 * taken / count:.2f} ms a sentence"
            rows.append((f"encode {count} sentences, {model}", "snellen", figure, f"peak memory {mebibytes(peak)}"))
    return rows


PARTS = {part.__name__: part for part in (product, encode, gradients, threads, maxsim, dense, transport, memory, start, growth)}
