// The state that the views share: the chosen run, its hidden units, and the last error.

import * as api from "./api.js";

export const state = { runs: [], run: null, units: null, unit: null, skip: false };

const listeners = { run: [], skip: [], training: [], unit: [] };
export const on = (event, listener) => listeners[event].push(listener);
const tell = (event) => listeners[event].forEach((listener) => listener());

export function chooseRun(id) {
  const before = state.run?.id;
  state.run = state.runs.find((run) => run.id === id) ?? state.runs[0] ?? null;
  if (state.run?.id === before) return;
  Object.assign(state, { units: null, unit: null });
  if (state.skip) leaveOut(false);
  tell("run");
}

export const runBegan = () => tell("run");
export const trainingBegan = () => tell("training");

// Leaves unknown characters out of requests, or stops doing so. The page shows a note while it does.
export function leaveOut(skip) {
  state.skip = skip;
  skipping.hidden = !skip;
  tell("skip");
}

export const onUnknown = () => (state.skip ? "skip" : "error");

// The text as the server will read it.
export function asRead(text) {
  if (!state.skip || !state.run?.vocabulary) return text;
  const known = new Set(state.run.vocabulary);
  return Array.from(text).filter((character) => known.has(character)).join("");
}

// The server's limit of this kind, but at most `suits`.
export const most = (kind, suits) => Math.min(suits, state.run?.limits?.[kind] ?? suits);

export function chooseUnit(unit) {
  state.unit = unit;
  tell("unit");
}

export const sameUnit = (a, b) => Boolean(a && b && a.layer === b.layer && a.unit === b.unit);
export const unitName = ({ layer, unit }) => `layer ${layer + 1}, unit ${unit}`;

// Finds the units of the run in a text, or without one in a text that the model writes. Only the latest search counts.
let searching = null;
export function findUnits(text = "") {
  searching?.stop.abort();
  const search = { run: state.run, stop: new AbortController() };
  searching = search;
  const body = { model: search.run.id, text, on_unknown: onUnknown() };
  search.found = api.units(body, search.stop.signal).then((found) => {
    if (searching !== search || state.run !== search.run) return;
    state.units = { ...found, text };
    const kept = state.unit && found.units.find((unit) => sameUnit(unit, state.unit));
    chooseUnit(kept ?? found.units[0] ?? null);
  }).finally(() => {
    if (searching === search) searching = null;
  });
  return search.found;
}

export function unitsOnce() {
  if (state.units) return Promise.resolve();
  return searching?.run === state.run ? searching.found : findUnits();
}

const message = document.getElementById("message");
const skipping = document.getElementById("skipping");

// A problem that the user can fix.
export class UserError extends Error {}

// Shows an error. `again` retries without unknown characters, if that is the remedy.
export function report(error, again) {
  if (error?.name === "AbortError") return;
  message.hidden = false;
  message.replaceChildren(sentence(error));
  if (again && error.code === "unknown_character") {
    message.append(" ", button("Leave unknown characters out", () => {
      forget();
      leaveOut(true);
      skipping.querySelector("button").focus();
      again();
    }));
  }
}

function sentence(error) {
  if (error instanceof api.Unreachable) return "The server cannot be reached: is it still running?";
  if (error.code === "invalid_api_key") return "The server asks for a key: open the address that charrnn serve printed.";
  if (!(error instanceof api.Refused || error instanceof UserError)) {
    console.error(error);
    return `This page has an error: ${error.message}. Please reload it.`;
  }
  // The remedy after the last colon is for programs: here it is a button.
  const words = error.code === "unknown_character" ? error.message.replace(/: [^:]*$/, "") : error.message;
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

skipping.querySelector("button").addEventListener("click", () => {
  leaveOut(false);
  document.getElementById("main").focus();
});
