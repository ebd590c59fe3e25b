"""Writes a made-up data set of three kinds of flowers, four lengths each, as CSV.

The kinds are clouds around three centers; two of them overlap, so that no
classifier gets all of it right. Usage: mkdata.py SEED ROWS
"""
import random
import sys

CENTERS = {"pale": (5.0, 3.4, 1.5, 0.3), "spotted": (5.9, 2.8, 4.3, 1.3), "tall": (6.5, 3.0, 5.4, 1.9)}
WIDTHS = (0.5, 0.4, 0.5, 0.3)

seed, rows = int(sys.argv[1]), int(sys.argv[2])
rng = random.Random(seed)
print("sepal_length,sepal_width,petal_length,petal_width,kind")
for i in range(rows):
    kind = list(CENTERS)[i % len(CENTERS)]
    lengths = [max(0.1, rng.gauss(c, w)) for c, w in zip(CENTERS[kind], WIDTHS)]
    print(",".join("%.1f" % x for x in lengths) + "," + kind)
