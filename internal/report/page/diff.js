// The lines in which two texts differ, after Myers.

// diffLines returns [kind, line] for each line: kind is " ", "-" or "+".
export function diffLines(before, after) {
  const a = before.split("\n"), b = after.split("\n");
  let start = 0, endA = a.length, endB = b.length;
  while (start < endA && start < endB && a[start] === b[start]) start++;
  while (endA > start && endB > start && a[endA - 1] === b[endB - 1]) {
    endA--;
    endB--;
  }
  const same = (lines) => lines.map((line) => [" ", line]);
  return [...same(a.slice(0, start)), ...middle(a.slice(start, endA), b.slice(start, endB)), ...same(a.slice(endA))];
}

const maxSteps = 2000; // differences beyond which all of both is shown

function middle(a, b) {
  const whole = [...a.map((line) => ["-", line]), ...b.map((line) => ["+", line])];
  if (!a.length || !b.length) return whole;
  const trace = [];
  let reach = new Map([[1, 0]]);
  for (let d = 0; d <= Math.min(maxSteps, a.length + b.length); d++) {
    trace.push(new Map(reach));
    for (let k = -d; k <= d; k += 2) {
      let x = k === -d || (k !== d && (reach.get(k - 1) ?? -1) < (reach.get(k + 1) ?? -1)) ? reach.get(k + 1) : reach.get(k - 1) + 1;
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) x++;
      reach.set(k, x);
      if (x >= a.length && x - k >= b.length) return back(trace, a, b);
    }
  }
  return whole;
}

function back(trace, a, b) {
  const lines = [];
  let x = a.length, y = b.length;
  for (let d = trace.length - 1; d >= 0; d--) {
    const reach = trace[d], k = x - y;
    const down = k === -d || (k !== d && (reach.get(k - 1) ?? -1) < (reach.get(k + 1) ?? -1));
    const from = d === 0 ? 0 : down ? reach.get(k + 1) : reach.get(k - 1);
    const fromY = d === 0 ? 0 : from - (down ? k + 1 : k - 1);
    while (x > from && y > fromY) {
      lines.push([" ", a[--x]]);
      y--;
    }
    if (d === 0) break;
    if (down) lines.push(["+", b[--y]]);
    else lines.push(["-", a[--x]]);
  }
  return lines.reverse();
}

// around keeps the lines that differ, with some before and after each; what is
// left out is one ["…", n].
export function around(lines, context = 3) {
  const keep = lines.map(() => false);
  lines.forEach(([kind], i) => {
    if (kind !== " ") for (let j = Math.max(0, i - context); j <= Math.min(lines.length - 1, i + context); j++) keep[j] = true;
  });
  const result = [];
  let left = 0;
  lines.forEach((line, i) => {
    if (keep[i]) {
      if (left) result.push(["…", left]);
      left = 0;
      result.push(line);
    } else left++;
  });
  if (left && result.length) result.push(["…", left]);
  return result;
}
