// The view Read: any text, scored and coloured, and the hidden units with the features that they follow.

import * as api from "./api.js";
import { colourChoice } from "./colour.js";
import { listOf, rank, unrank } from "./documents.js";
import { chooseUnit, findUnits, forget, most, on, onUnknown, UserError, report, sameUnit, state, unitsOnce } from "./store.js";
import { gone, show } from "./strip.js";
import { CharacterText } from "./text.js";
import { summary, trustOf } from "./trust.js";

const PAUSE = 300; // milliseconds without a key before the text is read
const LONG_PAUSE = 1000; // milliseconds without a key before units are searched in it again
const LONGEST = 20000; // characters
const LISTED = 60; // units
const FEWEST = 200; // characters that a search for units needs

const at = (id) => document.getElementById(id);
const entry = at("text");
const text = new CharacterText(document.createElement("div"), "The text as it was read: arrow keys move by a character", (t, i, aloud) =>
  show(t, i, state.run.vocabulary.length, aloud),
);
let mode = "surprise";
let showColours = null;
let reading = null;
let colouring = null;
let timer = null;
let searchTimer = null;
let looks = 0;

async function read() {
  clearTimeout(timer);
  reading?.abort();
  if (!state.run) return;
  const documents = listOf(entry.value);
  if (!entry.value || documents) empty();
  if (!documents) unrank();
  if (!entry.value) {
    forget();
    return;
  }
  reading = new AbortController();
  try {
    if (documents) {
      at("score").textContent = await rank(documents, reading.signal);
      forget();
      return;
    }
    const body = { model: state.run.id, text: entry.value, on_unknown: onUnknown() };
    const seen = await api.inspect(body, reading.signal);
    forget();
    empty();
    const characters = Array.from(seen.text);
    text.append(
      characters.map((c, i) => ({
        ...api.record(c, seen.nats[i], seen.alternatives[i], undefined, seen.ranks[i]),
        trust: trustOf(seen, i),
      })),
    );
    at("score").textContent = scored(seen, Array.from(body.text).length - characters.length);
    await colour();
  } catch (error) {
    if (error?.name !== "AbortError") empty(); // what was read before is not what stands here now
    report(error, read);
  }
}

function empty() {
  gone(text);
  text.clear();
  at("score").textContent = "";
}

function scored(seen, left) {
  if (!seen.characters) return "One character alone has nothing to predict it from.";
  const { documents } = state.run;
  const [unit, after] = documents ? ["character, end not included", ""] : ["character", " after the first"];
  const words =
    `${seen.nats_per_char.toFixed(3)} nats (${seen.bits_per_char.toFixed(3)} bits) per ${unit}, ` +
    `perplexity ${seen.perplexity.toFixed(2)}, over ${seen.characters.toLocaleString("en")} characters${after}`;
  return left ? `${words}; ${left} unknown left out.` : `${words}.`;
}

async function colour() {
  colouring?.abort();
  const { unit, run } = state;
  at("trust").textContent = mode === "trust" ? summary(text.records.flatMap(({ trust }) => trust ?? [])) : "";
  if (mode !== "unit" || !unit || !text.records.length) {
    text.colour(mode);
    return;
  }
  const written = text.string;
  colouring = new AbortController();
  try {
    const asked = { model: run.id, text: written, layer: unit.layer, unit: unit.unit };
    const { values } = await api.activations(asked, colouring.signal);
    if (mode === "unit" && sameUnit(unit, state.unit) && text.string === written) text.colour(mode, values);
  } catch (error) {
    report(error);
  }
}

function setMode(value) {
  mode = value;
  showChoice();
  colour();
}

// The choice of colours: a model without experts trusts nobody.
function showChoice() {
  const experts = state.run?.experts ?? [];
  if (mode === "trust" && !experts.length) {
    mode = "surprise";
    colour();
  }
  showColours(mode, state.unit, experts);
}

function listUnits() {
  const units = state.units?.units ?? [];
  const wanted = at("units-feature").value;
  const listed = units.filter((unit) => !wanted || unit.feature === wanted).slice(0, LISTED);
  const list = at("units-list");
  list.replaceChildren(list.firstElementChild, ...listed.map(choice));
}

function choice(unit) {
  const label = document.createElement("label");
  const input = document.createElement("input");
  const [feature, line, number, place] = ["span", "i", "span", "small"].map((tag) => document.createElement(tag));
  Object.assign(input, { type: "radio", name: "unit", checked: sameUnit(unit, state.unit) });
  input.addEventListener("click", () => { // not "change": the first one is already chosen, but can still be pressed
    chooseUnit(unit);
    setMode("unit");
  });
  feature.className = "feature";
  feature.textContent = unit.feature;
  line.className = unit.correlation < 0 ? "minus" : "plus";
  line.style.setProperty("--share", Math.abs(unit.correlation));
  number.className = "number";
  number.textContent = unit.correlation.toFixed(2).replace("-", "−");
  place.textContent = `layer ${unit.layer + 1}, unit ${unit.unit}`;
  label.append(input, feature, number, place, line);
  return label;
}

function listFeatures() {
  const found = state.units;
  const select = at("units-feature");
  const before = select.value;
  const features = [...new Set((found?.units ?? []).filter((u) => u.correlation).map((u) => u.feature))];
  select.replaceChildren(new Option("every unit", ""), ...features.map((name) => new Option(name, name)));
  select.value = features.includes(before) ? before : "";
  noteUnits();
}

function noteUnits() {
  const found = state.units;
  at("units-on").value = found && !found.own ? "text" : "own";
  const text = found?.text === entry.value ? "of the text" : "of the earlier text";
  at("units-note").textContent = found
    ? "Correlation with simple features: the best one in the first half " +
      `of ${found.characters.toLocaleString("en")} characters ${found.own ? "of the model’s own writing" : text}, measured in the second.`
    : "";
}

// Shows that a search runs, until it ends.
async function look(find, again) {
  const mine = (looks += 1);
  at("units-note").textContent = "Searching …";
  try {
    await find();
  } catch (error) {
    report(error, again);
  }
  if (mine === looks) noteUnits();
}

function search() {
  const own = at("units-on").value === "own";
  if (!own && !enough()) {
    noteUnits();
    report(new UserError(`A search for units needs a text of at least ${FEWEST} characters.`));
    return;
  }
  look(() => findUnits(own ? "" : entry.value), search);
}

const enough = () => Array.from(entry.value).length >= FEWEST;

// The units were found in the text of this view, and it has changed.
function searchAgain() {
  if (!state.units || state.units.own || state.units.text === entry.value) return;
  if (enough()) look(() => findUnits(entry.value), searchAgain);
  else noteUnits();
}

// Fills in the last sample of the run, unless the user is already typing.
async function firstText() {
  const run = state.run;
  const samples = await api.samples(run.id).catch(() => []);
  if (entry.value || entry === document.activeElement || run !== state.run) return;
  entry.value = samples.length ? samples.at(-1).text.trim() : "";
  await read();
}

export function start() {
  at("reading").append(text.element);
  showColours = colourChoice(at("read-colours"), "read-colour", mode, setMode);
  showChoice();
  entry.addEventListener("input", () => {
    clearTimeout(timer);
    clearTimeout(searchTimer);
    timer = setTimeout(read, PAUSE);
    searchTimer = setTimeout(searchAgain, LONG_PAUSE);
  });
  at("units-feature").addEventListener("change", listUnits);
  at("units-on").addEventListener("change", search);
  let filled = null;
  on("unit", () => {
    if (filled !== state.units) {
      filled = state.units;
      listFeatures();
      listUnits();
    }
    showChoice();
    if (mode === "unit") colour();
  });
  on("skip", () => visible && read());
  on("run", () => {
    entry.maxLength = most("max_text", LONGEST);
    showChoice();
    listFeatures();
    listUnits();
    if (visible) enter();
  });
}

let visible = false;

export function enter() {
  visible = true;
  if (!state.run) return;
  if (!state.units) look(unitsOnce);
  if (entry.value) read();
  else firstText();
}

export function leave() {
  visible = false;
}
