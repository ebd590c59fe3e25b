#!/bin/sh
# Gets the files of uPlot that are embedded, by what package-lock.json pins.
set -eu
cd "$(dirname "$0")"
npm ci --ignore-scripts --no-audit --no-fund
cp node_modules/uplot/dist/uPlot.iife.min.js node_modules/uplot/dist/uPlot.min.css node_modules/uplot/LICENSE .
rm -r node_modules
