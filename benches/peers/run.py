#!/usr/bin/env python3
"""Snellen beside its peers on this machine: builds all, makes the Python environment, runs the parts, prints a table in Markdown.

Everybody gets the same checkpoint, texts and threads and is asked in turn, A B A B. Times are medians; ratios are of the same round, above 1 where
Snellen is faster, with the least and the most in brackets.
"""

import argparse
import os
import pathlib
import platform
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WORK = ROOT / "target" / "peers"
VENV = ROOT / "target" / "peers-venv"


def environment() -> pathlib.Path:
    """The Python of an environment that has exactly requirements.txt."""
    python, stamp, wanted = VENV / "bin" / "python", VENV / "requirements.txt", (HERE / "requirements.txt").read_text()
    if not stamp.exists() or stamp.read_text() != wanted:
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-deps", "-r", HERE / "requirements.txt"], check=True)
        stamp.write_text(wanted)
    return python


def build() -> None:
    subprocess.run(["cargo", "build", "--release", "--locked"], cwd=ROOT, check=True)
    folder = {**os.environ, "CARGO_TARGET_DIR": str(WORK)}
    subprocess.run(["cargo", "build", "--release", "--locked"], cwd=HERE, env=folder, check=True)


def output(*command) -> str:
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT).stdout.strip()


def machine() -> list[str]:
    """What the figures depend on."""
    cpu = pathlib.Path("/proc/cpuinfo").read_text()
    name = re.search(r"model name\s*: (.*)", cpu)
    flags = re.search(r"flags\s*: (.*)", cpu)
    known = ("avx2", "fma", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8")
    has = [flag for flag in known if flags and flag in flags[1].split()]
    memory = int(re.search(r"MemTotal:\s*(\d+)", pathlib.Path("/proc/meminfo").read_text())[1]) / 2**20
    locked = (HERE / "Cargo.lock").read_text()
    crates = [f"{crate} {version(locked, crate)}" for crate in ("candle-core", "faer", "matrixmultiply")]
    wheels = re.findall(r"^(torch|onnxruntime|transformers|numpy|POT)==(\S+)", (HERE / "requirements.txt").read_text(), re.M)
    changed = " with changes" if output("git", "status", "--porcelain", "--untracked-files=no") else ""
    return [
        f"machine: {name[1] if name else platform.machine()}, {os.cpu_count()} processors ({' '.join(has)}), {memory:.0f} GiB, "
        f"load {os.getloadavg()[0]:.1f} at the start",
        f"system: {platform.system()} {platform.release()}, {output('rustc', '--version')}, Python {platform.python_version()}",
        f"snellen: {output('git', 'rev-parse', '--short', 'HEAD')}{changed}",
        f"peers: {', '.join([*crates, *(f'{wheel} {version}' for wheel, version in sorted(wheels))])}",
    ]


def version(locked: str, crate: str) -> str:
    return re.search(rf'name = "{crate}"\nversion = "(.*)"', locked)[1]


def options(known: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(known)}; default: all")
    parser.add_argument("--rounds", type=int, default=5, help="rounds that count (5)")
    parser.add_argument("--slow-rounds", type=int, default=3, help="the same for maxsim and dense (3)")
    parser.add_argument("--threads", type=int, default=2, help="threads of every library, where not said otherwise (2)")
    parser.add_argument("--isa", default="auto", help="Snellen's instruction set (auto)")
    parser.add_argument("--texts", type=int, default=2000, help="sentences, half of them English (2000)")
    parser.add_argument("--model", action="append", dest="models", help="a model, more than once for more (both)")
    parser.add_argument("--quick", action="store_true", help="a tenth of the queries and of the corpus for maxsim and dense")
    chosen = parser.parse_args()
    for part in chosen.parts:
        if part not in known:
            parser.error(f"no part {part}: {', '.join(known)}")
    return chosen


def main() -> None:
    if pathlib.Path(sys.prefix) != VENV:
        python = environment()
        os.execv(python, [python, __file__, *sys.argv[1:]])
    import parts

    chosen = options(list(parts.PARTS))
    chosen.models = chosen.models or parts.MODELS
    WORK.mkdir(parents=True, exist_ok=True)
    build()
    for line in machine():
        print(f"- {line}", flush=True)
    print(f"- command: just bench-peers {' '.join(sys.argv[1:])}", flush=True)
    setting = parts.Setting(chosen, ROOT, WORK, VENV / "bin" / "python")
    rows = []
    for name in chosen.parts or parts.PARTS:
        rows += parts.PARTS[name](setting)
    print("\n| what | who | figure | Snellen is faster by |\n|---|---|---|---|")
    for row in rows:
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()
