"""Writes a table of all experiments, the best first. Usage: report.py BEST METRICS..."""
import json
import sys

best, *rest = [json.load(open(path)) for path in sys.argv[1:]]
print("# The best: depth %d, rate %g, seed %d\n" % (best["depth"], best["rate"], best["seed"]))
print("| depth | rate | seed | train | validation |")
print("|---|---|---|---|---|")
for m in sorted(rest, key=lambda m: (-m["validation"], m["depth"], m["rate"], m["seed"])):
    print("| %d | %g | %d | %.3f | %.3f |" % (m["depth"], m["rate"], m["seed"], m["train"], m["validation"]))
