"""A player's side of the conversation: a request a line on standard input, an answer in JSON a line on standard output."""

import json
import re
import statistics
import sys
import time


def serve(requests: dict) -> None:
    """Answers until the input ends. `requests` maps a request's first word to a function of the others."""
    print("ready", flush=True)
    for line in sys.stdin:
        word, *arguments = line.split()
        print(json.dumps(requests[word](*arguments)), flush=True)


def seconds(work) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def peak_memory() -> int:
    """The most memory that the process ever held, in bytes."""
    with open("/proc/self/status", encoding="ascii") as status:
        return 1024 * int(re.search(r"VmHWM:\s*(\d+) kB", status.read())[1])


def encoder_requests(texts, forward) -> dict:
    """The requests that every encoder answers."""

    def embeddings(order, file):
        texts.embed(order, forward).tofile(file)

    def latency(count):
        from encoding import padded

        def one(line):
            forward(*padded(texts.ids([line])))

        return statistics.median(seconds(lambda line=line: one(line)) for line in texts.lines[: int(count)])

    return {
        "encode": lambda order: seconds(lambda: texts.embed(order, forward)),
        "embeddings": embeddings,
        "latency": latency,
        "memory": peak_memory,
    }
