#!/bin/sh
# Makes the pictures of README.md and docs/, from examples/ and from the pipelines
# of docs/cases.md, so that they show what plx does: run it after a change of the
# page, of the drawing or of what is drawn on a terminal. It needs Go, python3, Node.js,
# Chromium, tmux, and `npm ci` in internal/report/browsertest; for graph.svg bwa,
# samtools and bcftools.
set -eu
cd "$(dirname "$0")/../.."
top=$PWD
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
go build -o "$work/plx" ./cmd/plx
export PLX_STORE="$work/store"

# The page of the two examples.
for example in anneal sweep; do
	cp -R "examples/$example" "$work/$example"
	(cd "$work/$example" && "$work/plx" realize -q stage.toml >/dev/null && "$work/plx" report -o "$work/$example.html" >/dev/null)
done
cd "$top/internal/report/browsertest"
CHROMIUM=$(command -v chromium) node "$top/docs/pictures/shoot.js" "$work" "$top/docs/pictures"

# A terminal while plx is at work on the second example. What it is expected to
# take is known from an earlier run.
cp -R "$top/examples/sweep" "$work/live"
(cd "$work/live" && PLX_STORE="$work/live-store" "$work/plx" realize -q stage.toml -p epochs=110 >/dev/null)
PLX_STORE="$work/live-store" sh "$top/docs/pictures/live.sh" "$work/plx" "$work/live" >"$work/live.txt"
python3 "$top/docs/pictures/terminal.py" "plx realize, half-way" <"$work/live.txt" >"$top/docs/pictures/live.svg"

# The graph of the second case.
mkdir "$work/case"
cd "$work/case"
awk '/^## A bioinformatics/ { on = 1 } /^## Repro/ { on = 0 } on && /^```$/ { block = 0 } block { print } on && /^```toml stage.toml/ { block = 1 }' \
	"$top/docs/cases.md" >stage.toml
"$work/plx" realize -q >/dev/null
"$work/plx" graph --svg >"$top/docs/pictures/graph.svg"
