"""Trains a small neural network on a CSV of numbers with a label in the last column.

Every fifth row is kept for validation. DEPTH hidden layers of six units,
tanh, softmax at the end; stochastic gradient descent.
Usage: train.py DATA --rate R --depth D --seed S --epochs N --model FILE --metrics FILE
"""
import argparse
import csv
import json
import math
import random

UNITS = 6


def read(path):
    rows = list(csv.reader(open(path)))[1:]
    labels = sorted({row[-1] for row in rows})
    points = [[float(x) for x in row[:-1]] for row in rows]
    means = [sum(column) / len(column) for column in zip(*points)]
    points = [[x - m for x, m in zip(point, means)] for point in points]
    data = list(zip(points, [labels.index(row[-1]) for row in rows]))
    return labels, [d for i, d in enumerate(data) if i % 5], data[::5]


def layers(rng, sizes):
    return [[[rng.gauss(0, 1 / math.sqrt(n)) for _ in range(n)] + [0.0] for _ in range(m)] for n, m in zip(sizes, sizes[1:])]


def forward(net, x):
    values = [x]
    for i, layer in enumerate(net):
        x = [sum(w * v for w, v in zip(unit, values[-1] + [1.0])) for unit in layer]
        values.append([math.tanh(v) for v in x] if i < len(net) - 1 else softmax(x))
    return values


def softmax(x):
    top = max(x)
    powers = [math.exp(v - top) for v in x]
    return [p / sum(powers) for p in powers]


def step(net, x, label, rate):
    values = forward(net, x)
    slopes = [p - (i == label) for i, p in enumerate(values[-1])]
    for i in reversed(range(len(net))):
        below = [sum(s * unit[j] for s, unit in zip(slopes, net[i])) * (1 - v * v) for j, v in enumerate(values[i])]
        for s, unit in zip(slopes, net[i]):
            for j, v in enumerate(values[i] + [1.0]):
                unit[j] -= rate * s * v
        slopes = below
    return -math.log(values[-1][label])


def accuracy(net, data):
    right = 0
    for x, label in data:
        out = forward(net, x)[-1]
        right += out.index(max(out)) == label
    return right / len(data)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("data")
    p.add_argument("--rate", type=float)
    for name in "--depth", "--seed", "--epochs":
        p.add_argument(name, type=int)
    p.add_argument("--model")
    p.add_argument("--metrics")
    args = p.parse_args()

    labels, train, validation = read(args.data)
    rng = random.Random(args.seed)
    net = layers(rng, [len(train[0][0])] + [UNITS] * args.depth + [len(labels)])
    for epoch in range(1, args.epochs + 1):
        rng.shuffle(train)
        loss = sum(step(net, x, label, args.rate) for x, label in train) / len(train)
        print(f"epoch {epoch} of {args.epochs}: loss {loss:.3f}", flush=True)
    json.dump({"labels": labels, "net": net}, open(args.model, "w"))
    metrics = {"rate": args.rate, "depth": args.depth, "seed": args.seed,
               "train": accuracy(net, train), "validation": accuracy(net, validation)}
    json.dump(metrics, open(args.metrics, "w"))


main()
