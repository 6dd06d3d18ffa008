"""Snellen's transport solvers beside POT and scipy: `python3 benches/peers/transport.py SNELLEN [PROBLEMS] [--costs FILE.npy ...]`.

Problems are random, from 1 x 1 to 300 x 200, with uniform and random masses; --costs adds matrices from files (token costs). For each solver the largest differences are printed, and
any that is beyond what is promised ends the program with status 1. Needs POT and scipy (see requirements.txt)."""

import argparse
import json
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import ot
from scipy.optimize import linear_sum_assignment

# What is promised: costs of exact solvers relative, plans of entropic ones absolute relative to the largest entry a plan can have (the mass, 1).
EXACT, PLAN = 1e-12, 1e-9


class Solver:
    """The program, asked once a problem."""

    def __init__(self, program: str, folder: Path):
        self.program, self.folder = program, folder

    def __call__(self, cost, rows, columns, solver, *options):
        given = {"cost": cost, "rows": rows, "columns": columns}
        if solver in ("hungarian", "greedy"):
            # A matching has no use for masses.
            given = {"cost": cost}
        files = {name: self.folder / f"{name}.npy" for name in (*given, "plan")}
        for name, array in given.items():
            np.save(files[name], array)
        command = [self.program, "transport", "--solver", solver, "--format", "json", "--output", files["plan"], *options]
        command += [word for name in given for word in (f"--{name}", files[name])]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
        if done.returncode > 1:
            raise SystemExit(done.stderr)
        return np.load(files["plan"]), json.loads(done.stdout)


def problems(count: int, files: list):
    """Name, costs, masses."""
    random = np.random.default_rng(7)
    for k in range(count):
        m, n = (1 + int(size * random.random() ** 2) for size in (300, 200))
        kind = k % 4
        if kind == 0:
            cost = random.random((m, n))
        elif kind == 1:
            cost = ot.dist(random.normal(size=(m, 3)), random.normal(size=(n, 3)))
            cost /= cost.max() or 1.0
        elif kind == 2:
            # Ties everywhere.
            cost = random.integers(0, 4, (m, n)) / 4.0
        else:
            cost = 1.0 - random.random((m, n)) ** 4
        uniform = (k // 4) % 2 == 0
        masses = [np.full(size, 1.0 / size) if uniform else random.dirichlet(np.ones(size)) for size in (m, n)]
        yield f"random {k}", cost, *masses
    for file in files:
        cost = np.load(file)
        yield file, cost, *(np.full(size, 1.0 / size) for size in cost.shape)


def relative(ours: float, theirs: float) -> float:
    return abs(ours - theirs) / max(abs(theirs), 1e-300) if ours != theirs else 0.0


def greedy(cost):
    """The cheapest pair of what is left, in plain loops."""
    cost, pairs = cost.copy(), []
    for _ in range(min(cost.shape)):
        i, j = np.unravel_index(np.argmin(cost), cost.shape)
        pairs.append((int(i), int(j)))
        cost[i, :] = cost[:, j] = np.inf
    return pairs


def ipot(cost, rows, columns, beta, steps):
    """Algorithm 1 of Xie et al. (UAI 2019) as it stands there, L = 1."""
    kernel, plan, b = np.exp(-cost / beta), np.ones(cost.shape), np.full(cost.shape[1], 1.0 / cost.shape[1])
    for _ in range(steps):
        q = kernel * plan
        a = rows / (q @ b)
        b = columns / (q.T @ a)
        plan = a[:, None] * q * b
    return plan


class Differences:
    """The largest difference of each kind, how many there were, and how many beyond what is promised."""

    def __init__(self):
        self.kinds = {}

    def add(self, kind: str, difference: float, bound: float, name: str):
        largest, count, beyond = self.kinds.get(kind, (0.0, 0, []))
        if not difference <= bound:
            beyond.append(f"{name}: {difference:.3g}")
        self.kinds[kind] = (max(largest, difference), count + 1, beyond)

    def report(self) -> bool:
        for kind, (largest, count, beyond) in self.kinds.items():
            print(f"{kind:42} {count:4} problems, largest {largest:.2e}", *beyond[:3], sep="  ")
        return not any(beyond for _, _, beyond in self.kinds.values())


def compare(solve: Solver, found: Differences, name: str, cost, rows, columns):
    scale = cost.max() or 1.0

    theirs = ot.emd2(rows, columns, cost, numItermax=10**7)
    plan, facts = solve(cost, rows, columns, "exact")
    found.add("exact cost beside POT, relative", relative(facts["cost"], theirs), EXACT, name)
    found.add("exact: duality gap / largest cost", abs(facts["duality_gap"]) / scale, 1e-14, name)
    found.add("exact: marginal error", facts["marginal_error"], 1e-13, name)
    found.add("exact: not proved optimal", float(facts["status"] != "optimal"), 0.0, name)
    exact = facts["cost"]

    for epsilon in (0.02 * scale, 0.1 * scale, 1.0 * scale):
        theirs = ot.sinkhorn(rows, columns, cost, epsilon, method="sinkhorn_log", stopThr=1e-13, numItermax=50_000)
        plan, facts = solve(cost, rows, columns, "sinkhorn", "--epsilon", epsilon, "--tolerance", 1e-12, "--iterations", 200_000)
        if np.abs(theirs.sum(0) - columns).sum() + np.abs(theirs.sum(1) - rows).sum() < 1e-11:
            found.add("sinkhorn plan beside POT", np.abs(plan - theirs).max(), PLAN, name)
        else:
            found.add("sinkhorn, where POT has not converged: error", facts["marginal_error"], 1e-11, name)
        found.add("sinkhorn: not converged", float(facts["status"] != "converged"), 0.0, name)
        found.add("sinkhorn: duality gap / largest cost", facts["duality_gap"] / scale, 1e-10, name)

    for epsilon, rho in ((0.05 * scale, 0.5 * scale), (0.1 * scale, 2.0 * scale)):
        theirs = ot.unbalanced.sinkhorn_unbalanced(
            rows, columns, cost, epsilon, rho, method="sinkhorn", reg_type="kl", stopThr=1e-14, numItermax=50_000
        )
        plan, facts = solve(cost, rows, columns, "unbalanced", "--epsilon", epsilon, "--rho", rho, "--tolerance", 1e-13, "--iterations", 200_000)
        found.add("unbalanced plan beside POT", np.abs(plan - theirs).max(), PLAN, name)
        found.add("unbalanced: duality gap / largest cost", facts["duality_gap"] / scale, 1e-10, name)

    theirs = np.sum(ot.partial.partial_wasserstein(rows, columns, cost, m=0.7) * cost)
    plan, facts = solve(cost, rows, columns, "partial", "--share", 0.7)
    found.add("partial cost beside POT / largest cost", abs(facts["cost"] - theirs) / scale, EXACT, name)

    side = min(cost.shape)
    theirs = cost[linear_sum_assignment(cost)].sum() / side
    plan, facts = solve(cost, rows, columns, "hungarian")
    found.add("hungarian cost beside scipy, relative", relative(facts["cost"], theirs), EXACT, name)
    plan, facts = solve(cost, rows, columns, "greedy")
    pairs = {(int(i), int(j)) for i, j in zip(*np.nonzero(plan))}
    found.add("greedy pairs that differ from plain loops", float(len(pairs ^ set(greedy(cost)))), 0.0, name)

    beta = 0.5 * scale
    theirs = ipot(cost, rows, columns, beta, 50)
    plan, _ = solve(cost, rows, columns, "ipot", "--beta", beta, "--iterations", 50, "--tolerance", 1e-300)
    found.add("ipot plan after 50 steps beside algorithm 1", np.abs(plan - theirs).max(), PLAN, name)
    plan, facts = solve(cost, rows, columns, "ipot", "--beta", beta, "--iterations", 20_000, "--tolerance", 1e-4)
    found.add("ipot cost less exact / largest cost", abs(facts["cost"] - exact) / scale, 3e-4, name)


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("snellen")
    arguments.add_argument("problems", nargs="?", type=int, default=500)
    arguments.add_argument("--costs", nargs="*", default=[])
    arguments = arguments.parse_args()
    warnings.simplefilter("ignore")
    found = Differences()
    with tempfile.TemporaryDirectory() as folder:
        solve = Solver(arguments.snellen, Path(folder))
        for problem in problems(arguments.problems, arguments.costs):
            compare(solve, found, *problem)
    if not found.report():
        sys.exit("beyond what is promised")


if __name__ == "__main__":
    main()
