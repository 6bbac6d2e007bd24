// The settings of a text. The server lists how characters may be drawn; length and seed are the page's own.

import * as api from "./api.js";

const OWN = [
  { key: "max_tokens", name: "Length", min: 50, max: 2000, step: 50, start: 400, phrase: "characters to write" },
  { key: "seed", name: "Seed", min: 0, max: 100, step: 1, start: 1, phrase: "equal seeds write equal texts" },
];
const PARTS = 5; // "Add other settings" tries the inner fifths of the first slider

let sampling = [];
let settings = OWN;

// Asks the server for its settings. Call this before anything else.
export async function load() {
  sampling = (await api.settings()).map(({ name, low, high, step, start, off, words }) => ({
    key: name, name: label(name), min: low, max: high, step, start, off, phrase: words,
  }));
  settings = [...sampling, ...OWN];
}

// "top_p" is shown as "Top-p".
const label = (name) => (name.charAt(0).toUpperCase() + name.slice(1)).replaceAll("_", "-");

export const defaults = () => Object.fromEntries(settings.map(({ key, start }) => [key, start]));

const shown = (setting, value) => (value === setting.off ? "off" : String(value));

// "temperature 0.8, top-p 0.95, seed 1", without settings that are off.
export function summary(values) {
  return settings
    .filter(({ key, off }) => key !== "max_tokens" && values[key] !== off)
    .map(({ key, name }) => `${name.toLowerCase()} ${values[key]}`)
    .join(", ");
}

// Settings that differ from all `others` in the first sampling setting, or in the seed alone.
export function otherSettings(values, others) {
  const [first] = sampling;
  if (!first) return nextSeed(values, others);
  const part = (k) => Number((first.min + ((first.max - first.min) * k) / PARTS).toPrecision(6));
  const choices = [1, 2, 3, 4].map((k) => ({ ...values, [first.key]: part(k) }));
  return choices.find((choice) => isNew(choice, others)) ?? choices[0];
}

export function nextSeed(values, others) {
  let choice = values;
  do choice = { ...choice, seed: choice.seed + 1 };
  while (!isNew(choice, others));
  return choice;
}

// Two columns that differ in length only would write the same text.
const isNew = (values, others) => others.every((other) => summary(other) !== summary(values));

// Makes the sliders. Returns a function that shows other values in them, and sets the longest length.
export function sliders(container, changed) {
  const made = settings.map((setting) => {
    const row = document.createElement("p");
    row.className = "slider";
    const id = `set-${setting.key}`;
    const [label, output, input, small] = ["label", "output", "input", "small"].map((t) => document.createElement(t));
    label.htmlFor = id;
    label.textContent = setting.name;
    output.htmlFor = id;
    small.id = `${id}-phrase`;
    small.textContent = setting.phrase;
    Object.assign(input, { id, type: "range", min: setting.min, max: setting.max, step: setting.step });
    input.setAttribute("aria-describedby", small.id);
    const show = (value) => {
      input.value = value;
      output.textContent = shown(setting, value);
      input.setAttribute("aria-valuetext", shown(setting, value));
      input.style.setProperty("--share", (value - input.min) / (input.max - input.min || 1));
    };
    input.addEventListener("input", () => {
      show(Number(input.value));
      changed(setting.key, Number(input.value));
    });
    row.append(label, output, input, small);
    container.append(row);
    return [show, input];
  });
  return (values, longest = Infinity) =>
    made.forEach(([show, input], i) => {
      const { key, min, max } = settings[i];
      if (key === "max_tokens") {
        input.max = Math.min(max, longest);
        input.min = Math.min(min, input.max);
      }
      show(values[key]);
    });
}
