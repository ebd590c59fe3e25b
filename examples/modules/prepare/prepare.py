"""prepare.py clean CSV COLUMN: the numbers of a column. prepare.py summary FILE DIGITS: their mean and extremes."""
import csv
import sys


def clean(path, column):
    for row in csv.DictReader(open(path)):
        if row[column].strip():
            print(float(row[column]))


def summary(path, digits):
    numbers = [float(line) for line in open(path)]
    parts = ("mean", sum(numbers) / len(numbers)), ("least", min(numbers)), ("most", max(numbers))
    print(", ".join("%s %.*f" % (name, int(digits), number) for name, number in parts))


{"clean": clean, "summary": summary}[sys.argv[1]](*sys.argv[2:])
