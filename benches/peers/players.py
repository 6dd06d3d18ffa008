"""The conductor's side: players are processes that have loaded what they need and wait; they are asked in turn, A B A B."""

import json
import os
import statistics
import subprocess
import time


class Player:
    """A process that answers requests (see protocol.py and src/lib.rs), held to a number of threads."""

    def __init__(self, command: list, threads: int):
        count = str(threads)
        environment = {**os.environ, "OMP_NUM_THREADS": count, "MKL_NUM_THREADS": count, "RAYON_NUM_THREADS": count}
        environment |= {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "true", "TRANSFORMERS_VERBOSITY": "error"}
        self.command = [str(word) for word in command]
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        while self._line() != "ready":
            pass

    def _line(self) -> str:
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{' '.join(self.command)}: ended with status {self.process.wait()}")
        return line.strip()

    def ask(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        return json.loads(self._line())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()


class Contest:
    """Times of contenders that were asked in turn; the first is Snellen."""

    def __init__(self, rounds: int, contenders: list):
        """`contenders`: (label, player, request's words). A first round to warm up is not counted."""
        self.times = {label: [] for label, _, _ in contenders}
        for counted in [False] + [True] * rounds:
            for label, player, words in contenders:
                # What still spins after its work has ended gets time to fall asleep.
                time.sleep(0.1)
                taken = player.ask(*words)
                if counted:
                    self.times[label].append(taken)

    def median(self, label: str) -> float:
        return statistics.median(self.times[label])

    def rows(self, what: str, show) -> list:
        """Lines of the table: what was measured, by whom, the median as `show` prints it, and how many times faster Snellen was in the same
        round: median, least and most."""
        ours, *_ = self.times
        rows = []
        for label, times in self.times.items():
            ratios = [peer / own for peer, own in zip(times, self.times[ours])]
            ratio = f"{statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})" if label != ours else ""
            rows.append((what, label, show(self.median(label)), ratio))
        return rows
