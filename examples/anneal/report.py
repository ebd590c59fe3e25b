"""Print a table of results as Markdown, in the order in which they are given."""

import json
import math
import sys


def load(path):
    with open(path) as f:
        return json.load(f)


def row(rank, result, minimum):
    x, y = result["x"]
    return (
        f"| {rank:4} | {result['seed']:4} | {result['fun']:13.8f} | {x:10.6f} | {y:10.6f} "
        f"| {result['fun'] - minimum['fun']:8.2e} | {math.dist(result['x'], minimum['x']):8.2e} |"
    )


def main():
    problem, *results = map(load, sys.argv[1:])
    minimum = problem["minimum"]
    x, y = minimum["x"]
    print(
        "# Simulated annealing: the best runs",
        "",
        f"Known minimum: f({x:.6f}, {y:.6f}) = {minimum['fun']:.8f}",
        "",
        "| rank | seed |         found |          x |          y | too high | distance |",
        "| ---: | ---: | ------------: | ---------: | ---------: | -------: | -------: |",
        *(row(rank, result, minimum) for rank, result in enumerate(results, 1)),
        "",
        "![the walks of these runs](anneal.svg)",
        sep="\n",
    )


main()
