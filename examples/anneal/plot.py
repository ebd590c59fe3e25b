"""Draw annealing runs as SVG: how they got better, and where they walked."""

import csv
import json
import math
import sys

from function import function

WIDTH, HEIGHT = 960, 504  # without the legend
LEFT = (76, 50, 380, 380)  # a panel: x, y, width and height of its frame
RIGHT = (546, 50, 380, 380)
WINDOW = 5.0  # the map shows -WINDOW to WINDOW both ways
PHASES = 4  # a walk is drawn in so many parts, faint while hot
PER_ROW = 5  # runs in a row of the legend
CELLS = 90  # the map's level lines are made on CELLS x CELLS squares
LEVELS = [2, 6, 12, 20, 30, 45, 65, 90, 125, 170, 230, 300, 380]  # above the minimum
COLOURS = [  # told apart by colour-blind eyes too (Okabe and Ito)
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f6a00", "#5b4b8a",
    "#444444", "#a32638",
]


def read(path):
    """Return the rows of a trace, as dicts of numbers."""
    with open(path, newline="") as f:
        return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(f)]


def text(x, y, words, anchor="middle", style="", extra=""):
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text class="{style}" {place} {extra}>{words}</text>'


def number(n):
    return str(n).replace("-", "&#8722;")  # a minus, not a hyphen


def line(points, style, extra=""):
    return f'<path class="{style}" {extra} d="M{"L".join(f"{x:.1f} {y:.1f}" for x, y in points)}"/>'


class Panel:
    """A framed part of the picture, with the scales of its two axes."""

    def __init__(self, frame, xrange, yrange):
        self.left, self.top, self.width, self.height = frame
        self.xrange, self.yrange = xrange, yrange

    def at(self, x, y):
        (x0, x1), (y0, y1) = self.xrange, self.yrange
        return (
            self.left + self.width * (x - x0) / (x1 - x0),
            self.top + self.height * (y1 - y) / (y1 - y0),
        )

    def frame(self, title, xlabel, ylabel, xticks, yticks, grid, gap):
        """Draw title, labels and ticks, which are pairs of place and label.

        Gap is how far left of the frame the label of the y axis stands.
        """
        style = "grid" if grid else "tick"
        bottom, right = self.top + self.height, self.left + self.width
        middle = self.top + self.height / 2
        yield text(self.left, self.top - 16, title, "start", "title")
        yield text(self.left + self.width / 2, bottom + 44, xlabel)
        turn = f'transform="translate({self.left - gap} {middle}) rotate(-90)"'
        yield text(0, 0, ylabel, extra=turn)
        for place, label in xticks:
            x, _ = self.at(place, 0)
            yield line([(x, self.top if grid else bottom), (x, bottom + 5)], style)
            yield text(x, bottom + 20, label, style="small")
        for place, label in yticks:
            _, y = self.at(0, place)
            yield line([(self.left - 5, y), (right if grid else self.left, y)], style)
            yield text(self.left - 9, y + 4, label, "end", "small")

    def border(self):
        place = f'x="{self.left}" y="{self.top}"'
        return f'<rect class="border" {place} width="{self.width}" height="{self.height}"/>'

    def clip(self, marks):
        yield f'<clipPath id="frame">{self.border()}</clipPath>'
        yield '<g clip-path="url(#frame)">'
        yield from marks
        yield "</g>"


def power(n):
    return f'10<tspan dy="-5" font-size="9">{number(n)}</tspan>' if n not in (0, 1) else str(10**n)


def round_step(span):
    """Return a step of 1, 2 or 5 times a power of ten that cuts span in about five."""
    unit = 10 ** math.floor(math.log10(span / 5))
    return next(m * unit for m in (1, 2, 5, 10) if span / (m * unit) <= 6)


def progress(traces, minimum):
    """Draw by how much the best value so far exceeds the known minimum."""
    curves = [[(r["iteration"], max(r["best"] - minimum, 1e-9)) for r in rows] for rows in traces]
    low = math.floor(math.log10(min(curve[-1][1] for curve in curves)))
    high = math.ceil(math.log10(max(curve[0][1] for curve in curves)))
    last = max(1, *(curve[-1][0] for curve in curves))
    panel = Panel(LEFT, (0, last), (low, high))
    step = round_step(last)
    xticks = [(n * step, f"{n * step:g}") for n in range(int(last / step) + 1)]
    yticks = [(n, power(n)) for n in range(low, high + 1)]
    ylabel = "best so far, above the known minimum"
    yield from panel.frame("How they got better", "iteration", ylabel, xticks, yticks, True, 52)
    for n, curve in reversed(list(enumerate(curves))):
        stairs = [(0, math.log10(curve[0][1]))]
        for i, value in curve:
            if math.log10(value) != stairs[-1][1] or i == last:
                stairs += [(i, stairs[-1][1]), (i, math.log10(value))]
        colour = COLOURS[n % len(COLOURS)]
        yield line([panel.at(*p) for p in stairs], "run", f'stroke="{colour}"')
        x, y = panel.at(*stairs[-1])
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>'
    yield panel.border()


def crossings(corners, level):
    """Return where the level cuts the sides of a square: 0, 2 or 4 points."""
    points = []
    for (x0, y0, v0), (x1, y1, v1) in zip(corners, corners[1:] + corners[:1]):
        if (v0 < level) != (v1 < level):
            t = (level - v0) / (v1 - v0)
            points.append((x0 + t * (x1 - x0), y0 + t * (y1 - y0)))
    return points


def level_lines(panel, fun, minimum):
    ticks = [WINDOW * (2 * n / CELLS - 1) for n in range(CELLS + 1)]
    heights = [[fun(x, y) - minimum for y in ticks] for x in ticks]
    for n, level in enumerate(LEVELS):
        pieces = []
        for i in range(CELLS):
            for j in range(CELLS):
                around = [(i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1)]
                points = crossings([(ticks[p], ticks[q], heights[p][q]) for p, q in around], level)
                for a, b in zip(points[::2], points[1::2]):
                    (x0, y0), (x1, y1) = panel.at(*a), panel.at(*b)
                    pieces.append(f"M{x0:.1f} {y0:.1f}L{x1:.1f} {y1:.1f}")
        shade = 0.75 - 0.5 * n / len(LEVELS)
        yield f'<path class="level" stroke-opacity="{shade:.2f}" d="{"".join(pieces)}"/>'


def walk(panel, rows, colour):
    points = [panel.at(r["x"], r["y"]) for r in rows]
    for n in range(PHASES):
        part = points[n * len(points) // PHASES : (n + 1) * len(points) // PHASES + 1]
        moves = [p for p, before in zip(part, [None] + part) if p != before]
        opacity = 0.15 + 0.85 * (n / (PHASES - 1)) ** 2
        yield line(moves, "walk", f'stroke="{colour}" stroke-opacity="{opacity:.2f}"')


def walks(traces, problem):
    """Draw the walks on a map of the function."""
    panel = Panel(RIGHT, (-WINDOW, WINDOW), (-WINDOW, WINDOW))
    ticks = [(n, number(n)) for n in range(-4, 5, 2)]
    yield from panel.frame("Where they walked", "x", "y", ticks, ticks, False, 36)
    marks = list(level_lines(panel, function(**problem["coefficients"]), problem["minimum"]["fun"]))
    for n, rows in reversed(list(enumerate(traces))):
        marks.extend(walk(panel, rows, COLOURS[n % len(COLOURS)]))
    yield from panel.clip(marks)
    for (x, y), label, style in [
        (panel.at(*problem["start"]), "start", "start"),
        (panel.at(*problem["minimum"]["x"]), "minimum", "minimum"),
    ]:
        yield f'<circle class="{style}" cx="{x:.1f}" cy="{y:.1f}" r="5"/>'
        yield text(x, y - 11, label, style="halo")
    yield panel.border()


def legend(traces):
    """Name the runs by rank and found value, PER_ROW of them in a row."""
    for n, rows in enumerate(traces):
        x, y = LEFT[0] + n % PER_ROW * 172, HEIGHT + n // PER_ROW * 20
        yield line([(x, y), (x + 22, y)], "run", f'stroke="{COLOURS[n % len(COLOURS)]}"')
        found = number(f"{rows[-1]['best']:.5f}")
        yield text(x + 30, y + 4, f"no. {n + 1}: {found}", "start", "small")


STYLE = """
text { font: 13px "DejaVu Sans", Helvetica, Arial, sans-serif; fill: #333 }
.title { font-size: 15px; font-weight: bold }
.small { font-size: 11px; fill: #555 }
.halo { font-size: 12px; paint-order: stroke; stroke: #fff; stroke-width: 4px }
path { fill: none; stroke-linejoin: round }
.grid { stroke: #e4e4e4 } .tick { stroke: #888 }
.level { stroke: #8a93a6 }
.run { stroke-width: 2 } .walk { stroke-width: 1.3 }
.border { fill: none; stroke: #888 }
.start { fill: #fff; stroke: #222; stroke-width: 2 }
.minimum { fill: #222; stroke: #fff; stroke-width: 2 }
"""


def main():
    with open(sys.argv[1]) as f:
        problem = json.load(f)
    traces = [read(path) for path in sys.argv[2:]]
    height = HEIGHT + 24 + (len(traces) - 1) // PER_ROW * 20
    size = f'width="{WIDTH}" height="{height}"'
    print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" {size}>')
    print(f"<style>{STYLE}</style>")
    print(f'<rect {size} fill="#fdfdfc"/>')
    for part in (
        progress(traces, problem["minimum"]["fun"]),
        walks(traces, problem),
        legend(traces),
    ):
        print(*part, sep="\n")
    print("</svg>")


main()
