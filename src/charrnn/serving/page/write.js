// The view Write: a prompt, and columns of text, each with its own settings.

import * as api from "./api.js";
import { colourChoice } from "./colour.js";
import { label } from "./documents.js";
import { defaults, nextSeed, otherSettings, sliders, summary } from "./settings.js";
import { asRead, chooseUnit, forget, most, on, onUnknown, report, sameUnit, state, unitName, unitsOnce } from "./store.js";
import { gone, show } from "./strip.js";
import { CharacterText } from "./text.js";

const MOST = 4; // columns
const LONGEST_PROMPT = 8000; // characters
const MEMORY = 4000; // characters sent as the prompt to continue from
const LONGEST = 20000; // characters that are coloured by a unit
const LISTED = 40; // units to choose from

const at = (id) => document.getElementById(id);
const [prompt, go, stop, goOn] = ["prompt", "go", "stop", "continue"].map(at);
const columns = [];
let chosen = null;
let mode = "surprise";
let showSettings = null;

class Column {
  constructor(settings) {
    this.settings = settings;
    this.element = document.createElement("section");
    this.head = document.createElement("p");
    this.pick = document.createElement("button");
    this.remove = document.createElement("button");
    this.foot = document.createElement("p");
    this.foot.className = "note";
    this.head.className = "head";
    this.pick.type = this.remove.type = "button";
    this.pick.className = "pick";
    this.remove.className = "quiet";
    this.remove.textContent = "Remove";
    this.pick.addEventListener("click", () => choose(this));
    this.remove.addEventListener("click", () => removeColumn(this));
    const text = document.createElement("div");
    this.text = new CharacterText(text, "Text", (t, i, aloud) => show(t, i, state.run.vocabulary.length, aloud));
    this.head.append(this.pick, this.remove);
    this.element.append(this.head, text, this.foot);
    this.prompt = "";
    this.writing = null;
    this.colouring = null;
    this.rounds = 0; // how often it has been continued
  }

  name(number, alone) {
    this.element.setAttribute("aria-label", `Column ${number}`);
    this.text.element.setAttribute("aria-label", `Text of column ${number}: arrow keys move by a character`);
    this.pick.textContent = summary(this.settings);
    this.pick.setAttribute("aria-pressed", String(this === chosen));
    this.remove.setAttribute("aria-label", `Remove column ${number}`);
    this.element.classList.toggle("chosen", this === chosen && !alone);
    this.head.hidden = alone;
  }

  // Shows only the prompt.
  clear(before = "") {
    this.halt();
    gone(this.text);
    this.prompt = before;
    this.rounds = 0;
    this.text.clear(before);
    this.foot.textContent = "";
  }

  begin(clicked) {
    this.clear(asRead(prompt.value));
    return this.run(prompt.value, 0, clicked);
  }

  // Continues the text with the next seed: the same seed would draw the same random numbers.
  more(clicked) {
    const from = Array.from(this.prompt + this.text.string).slice(-most("max_prompt", MEMORY));
    return this.run(from.join(""), this.rounds + 1, clicked);
  }

  async run(from, round, clicked) {
    this.halt();
    const writing = new AbortController();
    this.writing = writing;
    this.text.element.setAttribute("aria-busy", "true");
    buttons();
    const { seed, ...rest } = this.settings;
    const body = { model: state.run.id, prompt: from, seed: seed + round, on_unknown: onUnknown(), ...rest, ...label() };
    let waiting = [];
    let frame = 0;
    let first = null;
    const flush = () => {
      frame = 0;
      if (this.writing !== writing) return; // a newer text has begun
      this.text.append(waiting);
      waiting = [];
      if (first === null) {
        first = performance.now() - clicked;
        this.rounds = round;
        this.element.dataset.firstCharacter = first.toFixed(1);
      }
      this.soon();
    };
    try {
      for await (const character of api.complete(body, writing.signal)) {
        waiting.push(character);
        frame ||= requestAnimationFrame(flush);
      }
    } finally {
      cancelAnimationFrame(frame);
      if (waiting.length) flush();
      if (this.writing === writing) this.ended(first);
    }
  }

  ended(first) {
    this.writing = null;
    this.text.element.removeAttribute("aria-busy");
    const { records } = this.text;
    if (records.length) {
      const nats = records.reduce((sum, record) => sum + record.nats, 0) / records.length;
      this.foot.textContent =
        `${records.length.toLocaleString("en")} characters, mean surprise ${nats.toFixed(2)} nats ` +
        `(${(nats / Math.LN2).toFixed(2)} bits)` + (first === null ? "" : `; the first after ${first.toFixed(0)} ms`);
    }
    buttons();
    this.colour();
  }

  // Stops writing, and keeps the characters that have arrived.
  stop() {
    this.writing?.abort();
  }

  // Stops writing, and ignores characters that still arrive.
  halt() {
    this.writing?.abort();
    this.colouring?.abort();
    this.writing = null;
  }

  // While text streams in, updates the unit's colours from time to time.
  soon() {
    if (mode !== "unit" || this.timer || this.colouring) return;
    this.timer = setTimeout(() => {
      this.timer = null;
      this.colour();
    }, 500);
  }

  async colour() {
    this.colouring?.abort();
    const { unit, run } = state;
    if (mode !== "unit" || !unit || !this.text.records.length) {
      this.text.colour(mode);
      return;
    }
    const { records } = this.text; // a new text has a new list; the same list may grow while we wait
    const written = records.length;
    const text = Array.from((this.prompt || run.begins_after) + this.text.string).slice(-most("max_text", LONGEST)).join("");
    const colouring = new AbortController();
    this.colouring = colouring;
    try {
      const asked = { model: run.id, text, on_unknown: "skip", layer: unit.layer, unit: unit.unit };
      const { values } = await api.activations(asked, colouring.signal);
      const seen = Math.min(written, values.length);
      if (mode === "unit" && sameUnit(unit, state.unit) && records === this.text.records)
        this.text.colour(mode, [...Array(written - seen).fill(null), ...values.slice(-seen)]);
    } catch (error) {
      report(error);
    } finally {
      if (this.colouring === colouring) this.colouring = null;
    }
  }
}

function names() {
  columns.forEach((column, i) => column.name(i + 1, columns.length === 1));
  at("settings-of").textContent = columns.length > 1 ? ` of column ${columns.indexOf(chosen) + 1}` : "";
}

function choose(column) {
  chosen = column;
  const longest = most("max_length", Infinity);
  columns.forEach(({ settings }) => (settings.max_tokens = Math.min(settings.max_tokens, longest)));
  showSettings(column.settings, longest);
  names();
}

function addColumn(settings) {
  const column = new Column(settings);
  columns.push(column);
  at("columns").append(column.element);
  choose(column);
  buttons();
  return column;
}

function removeColumn(column) {
  column.halt();
  const i = columns.indexOf(column);
  columns.splice(i, 1);
  column.element.remove();
  choose(columns[Math.min(i, columns.length - 1)]);
  (columns.length > 1 ? chosen.pick : at("add-sample")).focus();
  buttons();
}

function another(change) {
  const begun = columns.some((column) => column.text.records.length || column.writing);
  const column = addColumn(change(chosen.settings, columns.map((other) => other.settings)));
  if (begun) together([column], (each, clicked) => each.begin(clicked), performance.now());
}

function buttons() {
  const busy = columns.some((column) => column.writing);
  stop.disabled = !busy;
  goOn.disabled = busy || !columns.some((column) => column.text.records.length);
  at("add-sample").disabled = at("add-setting").disabled = columns.length >= MOST;
  const words = busy ? "Writing" : columns.some((column) => column.text.records.length) ? "Written" : "";
  if (at("status").textContent !== words) at("status").textContent = words;
}

export const settings = () => chosen.settings;
// Returns whether anything was being written.
export function stopAll() {
  columns.forEach((column) => column.stop());
  return columns.some((column) => column.writing);
}

// Runs several columns side by side. An error of one, and its remedy, mostly concerns all.
function together(those, act, clicked) {
  forget();
  if (!state.run) return;
  const again = () => together(those.filter((column) => columns.includes(column)), act, performance.now());
  those.forEach((column) => act(column, clicked).catch((error) => report(error, again)));
}

const writeAll = (event) => together([...columns], (column, clicked) => column.begin(clicked), event.timeStamp);

function goOnAll(event) {
  const those = columns.filter((column) => column.text.records.length);
  together(those, (column, clicked) => column.more(clicked), event.timeStamp);
}

function unitSelect() {
  const box = document.createElement("div");
  const select = document.createElement("select");
  select.setAttribute("aria-label", "Hidden unit");
  box.append(select);
  box.hidden = true;
  select.addEventListener("change", () => chooseUnit(state.units.units[select.value]));
  const fill = () => {
    const units = state.units?.units ?? [];
    const index = units.findIndex((unit) => sameUnit(unit, state.unit));
    const listed = units.map((unit, i) => [unit, i]).filter(([, i]) => i < LISTED || i === index);
    select.replaceChildren(
      ...listed.map(([unit, i]) => new Option(`${unit.feature} (${unitName(unit)})`, i)),
    );
    select.value = index;
  };
  return [box, fill];
}

export function start() {
  const [unitLabel, fillUnits] = unitSelect();
  const showColours = colourChoice(at("write-colours"), "write-colour", mode, setMode, unitLabel);
  async function setMode(value) {
    mode = value;
    showColours(mode, state.unit);
    if (mode === "unit") await unitsOnce().catch(report);
    columns.forEach((column) => column.colour());
  }
  showColours(mode);
  on("unit", () => {
    fillUnits();
    showColours(mode, state.unit);
    if (mode === "unit") columns.forEach((column) => column.colour());
  });
  on("run", () => {
    columns.forEach((column) => column.clear());
    prompt.maxLength = most("max_prompt", LONGEST_PROMPT);
    choose(chosen);
    buttons();
    if (mode === "unit") unitsOnce().catch(report);
  });
  showSettings = sliders(at("sliders"), (key, value) => {
    chosen.settings[key] = value;
    names();
  });
  addColumn(defaults());
  go.addEventListener("click", writeAll);
  prompt.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) writeAll(event);
  });
  stop.addEventListener("click", stopAll);
  goOn.addEventListener("click", goOnAll);
  at("add-sample").addEventListener("click", () => another(nextSeed));
  at("add-setting").addEventListener("click", () => another(otherSettings));
}
