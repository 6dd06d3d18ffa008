"""POT's transport solvers as a player; threads are those of its BLAS.

Requests: `loop|batch|sinkhorn COSTS.npy EPSILON TOLERANCE` and `exact COSTS.npy` give seconds and the costs of the plans; COSTS has the axes [problems, m, n]."""

import warnings

import numpy
import ot
import ot.batch

import protocol

warnings.simplefilter("ignore")
kept = {}


def costs(file: str) -> numpy.ndarray:
    if file not in kept:
        kept.clear()
        kept[file] = numpy.load(file)
    return kept[file]


def one_by_one(solve) -> dict:
    def request(file, *numbers):
        problems, (m, n) = costs(file), costs(file).shape[1:]
        rows, columns, found = numpy.full(m, 1 / m), numpy.full(n, 1 / n), []
        taken = protocol.seconds(lambda: found.extend(solve(rows, columns, cost, *map(float, numbers)) for cost in problems))
        return {"seconds": taken, "cost": float(sum((plan * cost).sum() for plan, cost in zip(found, problems)))}

    return request


def batch(file, epsilon, tolerance):
    problems, found = costs(file), []

    def work():
        found.append(ot.batch.solve_batch(problems, float(epsilon), max_iter=10_000, tol=float(tolerance), method="sinkhorn", grad="detach").plan)

    taken = protocol.seconds(work)
    return {"seconds": taken, "cost": float((found[0] * problems).sum())}


def sinkhorn(rows, columns, cost, epsilon, tolerance):
    return ot.sinkhorn(rows, columns, cost, epsilon, stopThr=tolerance, numItermax=10_000)


protocol.serve(
    {
        "loop": one_by_one(sinkhorn),
        "sinkhorn": one_by_one(sinkhorn),
        "batch": batch,
        "exact": one_by_one(lambda rows, columns, cost: ot.emd(rows, columns, cost, numItermax=10**8)),
        "memory": protocol.peak_memory,
    }
)
