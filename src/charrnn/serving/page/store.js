// What the views share: the run that is looked at, its hidden units, and a place for what went wrong.

import * as api from "./api.js";

export const state = { runs: [], run: null, units: null, unit: null, skip: false };

const listeners = { run: [], unit: [] };
export const on = (event, listener) => listeners[event].push(listener);
const tell = (event) => listeners[event].forEach((listener) => listener());

export function chooseRun(id) {
  const before = state.run?.id;
  state.run = state.runs.find((run) => run.id === id) ?? state.runs[0] ?? null;
  if (state.run?.id === before) return;
  Object.assign(state, { units: null, unit: null, skip: false });
  tell("run");
}

export const runBegan = () => tell("run");

export function chooseUnit(unit) {
  state.unit = unit;
  tell("unit");
}

export const sameUnit = (a, b) => Boolean(a && b && a.layer === b.layer && a.unit === b.unit);
export const unitName = ({ layer, unit }) => `layer ${layer + 1}, unit ${unit}`;

// The units of the run, sorted; found in a text, or without one in what the model writes itself.
export async function findUnits(text = "") {
  const run = state.run;
  const found = await api.units({ model: run.id, text, on_unknown: state.skip ? "skip" : "error" });
  if (state.run !== run) return;
  state.units = found;
  const kept = state.unit && found.units.find((unit) => sameUnit(unit, state.unit));
  chooseUnit(kept ?? found.units[0] ?? null);
}

let searching = null;
export function unitsOnce() {
  if (state.units) return Promise.resolve();
  const run = state.run;
  if (searching?.run !== run) searching = { run, promise: findUnits().finally(() => (searching = null)) };
  return searching.promise;
}

const message = document.getElementById("message");

// Says what went wrong. `again` is called with unknown characters left out, where that is the remedy.
export function report(error, again) {
  if (error?.name === "AbortError") return;
  message.hidden = false;
  message.replaceChildren(sentence(error));
  if (again && error.status === 400 && /vocabulary/.test(error.message)) {
    message.append(" ", button("Leave unknown characters out", () => {
      state.skip = true;
      forget();
      again();
    }));
  }
}

function sentence(error) {
  if (error instanceof TypeError) return "The server cannot be reached: is it still running?";
  const words = error.message.replace(/, or choose to skip unknown characters \(.*?\)/, "");
  const wait = error.retryAfter ? ` Try again in ${error.retryAfter} s.` : "";
  return words.charAt(0).toUpperCase() + words.slice(1).replace(/\.?$/, ".") + wait;
}

function button(words, act) {
  const made = document.createElement("button");
  Object.assign(made, { type: "button", textContent: words });
  made.addEventListener("click", act);
  return made;
}

export function forget() {
  message.hidden = true;
  message.replaceChildren();
}
