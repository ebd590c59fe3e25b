"""Makes a picture of a terminal: what tmux capture-pane -e prints, as SVG.

Usage: terminal.py TITLE < captured > picture.svg

It knows the few sequences that plx and tmux write: bold, faint and the eight
colours. Each run of characters is stretched to its cells, so that columns stay
columns in whichever monospaced font the reader has.
"""
import re
import sys
import unicodedata
from xml.sax.saxutils import escape

WIDTH, HEIGHT, LEFT, TOP = 8.4, 19, 16, 58  # of a cell, and where the first one is
COLOURS = ["#484f58", "#ff7b72", "#3fb950", "#d29922", "#58a6ff", "#bc8cff", "#39c5cf", "#e6edf3"]


def runs(line, look):
    """Yields (text, bold, faint, colour) for what looks the same in a line.

    look is how the line before has ended, which is how this one begins.
    """
    bold, faint, colour = look
    for text, codes in re.findall(r"([^\x1b]*)(?:\x1b\[([0-9;]*)m|$)", line):
        if text:
            yield text, bold, faint, colour
        for code in (int(c or 0) for c in codes.split(";")):
            if code in (0, 22):
                bold = faint = False
            if code in (0, 39):
                colour = 7
            bold, faint = bold or code == 1, faint or code == 2
            if 30 <= code <= 37:
                colour = code - 30
    look[:] = bold, faint, colour


def cells(text):
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def words(text):
    """Cuts a text where there are two spaces or more: nothing is drawn there."""
    at = 0
    for part in re.split(r"(\s{2,})", text):
        if part.strip():
            yield at, part
        at += cells(part)


def main():
    lines = [line.rstrip() for line in sys.stdin.read().rstrip().split("\n")]
    plain = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines]
    width = LEFT * 2 + max(map(cells, plain)) * WIDTH
    height = TOP + len(lines) * HEIGHT
    print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}" role="img">')
    print(f"<title>{escape(sys.argv[1])}</title>")
    print('<style>text { font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space: pre } .b { font-weight: bold } .f { opacity: .65 }</style>')
    print(f'<rect width="{width:g}" height="{height:g}" rx="8" fill="#0d1117"/>')
    print(f'<path d="M0 32V8a8 8 0 0 1 8-8H{width - 8:g}a8 8 0 0 1 8 8V32z" fill="#21262d"/>')
    for i, fill in enumerate(["#ff5f57", "#febc2e", "#28c840"]):
        print(f'<circle cx="{20 + 20 * i}" cy="16" r="6" fill="{fill}"/>')
    look = [False, False, 7]
    for row, line in enumerate(lines):
        at = 0
        for text, bold, faint, colour in runs(line, look):
            for start, word in words(text):
                kind = " ".join(["b"] * bold + ["f"] * faint)
                shown = f' class="{kind}"' if kind else ""
                x, y = LEFT + (at + start) * WIDTH, TOP + row * HEIGHT
                print(f'<text x="{x:g}" y="{y}" textLength="{cells(word) * WIDTH:g}" lengthAdjust="spacingAndGlyphs" fill="{COLOURS[colour]}"{shown}>{escape(word)}</text>')
            at += cells(text)
    print("</svg>")


main()
