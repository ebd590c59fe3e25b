"""Minimise a function of two variables by simulated annealing, once."""

import argparse
import csv
import json
import math
import random

from function import function

HOT = 50.0  # temperature at the start: steps uphill by so much are common
STRIDE = 1.0  # typical length of a step at the start


def jump(rng, width):
    """Draw from a Cauchy distribution: mostly short steps, some very long."""
    return width * math.tan(math.pi * (rng.random() - 0.5))


def anneal(fun, start, box, maxiter, cooling, rng):
    """Yield (temperature, x, y, value, best value so far, was it a step) of each iteration."""
    low, high = box
    x, y = start
    value = best = fun(x, y)
    temperature = HOT
    yield temperature, x, y, value, best, False
    for _ in range(maxiter):
        width = STRIDE * math.sqrt(temperature / HOT)
        u = min(max(x + jump(rng, width), low), high)
        v = min(max(y + jump(rng, width), low), high)
        new = fun(u, v)
        step = new <= value or rng.random() < math.exp((value - new) / temperature)
        if step:
            x, y, value = u, v, new
            best = min(best, value)
        yield temperature, x, y, value, best, step
        temperature *= cooling


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--params", required=True, help="the problem (JSON)")
    parser.add_argument("--seed", required=True, type=int)
    parser.add_argument("--maxiter", required=True, type=int)
    parser.add_argument("--cooling", required=True, type=float)
    parser.add_argument("--result", required=True, help="file to write (JSON)")
    parser.add_argument("--trace", required=True, help="file to write (CSV)")
    args = parser.parse_args()

    with open(args.params) as f:
        problem = json.load(f)
    walk = list(
        anneal(
            function(**problem["coefficients"]),
            problem["start"],
            problem["box"],
            args.maxiter,
            args.cooling,
            random.Random(args.seed),
        )
    )

    _, x, y, fun, _, _ = min(walk, key=lambda point: point[3])
    result = {
        "fun": round(fun, 10),
        "x": [round(x, 7), round(y, 7)],
        "seed": args.seed,
        "steps": sum(point[5] for point in walk),
    }
    with open(args.result, "w") as f:
        f.write(json.dumps(result, indent=2) + "\n")

    with open(args.trace, "w", newline="") as f:
        rows = csv.writer(f, lineterminator="\n")
        rows.writerow(["iteration", "temperature", "x", "y", "fun", "best"])
        for i, point in enumerate(walk):
            rows.writerow([i, *(f"{number:.8g}" for number in point[:5])])


main()
