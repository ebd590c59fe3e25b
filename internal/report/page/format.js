// Values as people read them.

export function number(x) {
  if (typeof x !== "number") return text(x);
  if (Number.isInteger(x)) return Math.abs(x) < 1e15 ? String(x) : x.toExponential(6);
  const a = Math.abs(x);
  if (a !== 0 && (a < 1e-4 || a >= 1e9)) return trimmed(x.toExponential(5));
  return trimmed(x.toPrecision(7));
}

// trimmed drops zeros at the end of a fraction.
function trimmed(digits) {
  return digits.includes(".") ? digits.replace(/\.?0+($|e)/, "$1") : digits;
}

// text writes any value.
export function text(v) {
  if (v === undefined || v === null) return "";
  if (typeof v === "string") return v;
  if (typeof v === "number") return number(v);
  return JSON.stringify(v);
}

export function bytes(n) {
  if (n < 1024) return `${n} B`;
  let i = -1;
  do {
    n /= 1024;
    i++;
  } while (n >= 1024 && i < 4);
  return `${n.toFixed(1)} ${"KMGTP"[i]}iB`;
}

export function seconds(s) {
  if (s < 0.001) return "0 s";
  if (s < 10) return `${Number(s.toPrecision(2))} s`;
  if (s < 100) return `${Math.round(s)} s`;
  const whole = Math.round(s), hours = Math.floor(whole / 3600), minutes = Math.floor(whole / 60) % 60;
  const two = (n) => String(n).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)} h` : `${minutes}:${two(whole % 60)} min`;
}

// time writes a time of day in UTC, as the records have it.
export function time(ms) {
  return ms > 0 ? new Date(ms).toISOString().slice(0, 19).replace("T", " ") : "";
}

export function count(n, what) {
  return `${n.toLocaleString("en")} ${what}${n === 1 ? "" : "s"}`;
}

// short is the beginning of a reference, enough to tell it from others.
export function short(ref) {
  return ref.replace(/^(rref|dref):([0-9a-v]{8})[0-9a-v]*.*$/, "$1:$2…");
}

const states = { done: "done", part: "not all there", open: "to be made", failed: "failed", running: "running" };
export const marks = { done: "✓", part: "◐", open: "○", failed: "✗", running: "▶" };

export function state(name) {
  return states[name] || name;
}
