// Maps numbers to the colours in colours.css, and offers the choice of what to colour by.

import { legend as trustLegend } from "./trust.js";

export const STEPS = 8; // shades of a scale
const LARGEST = 6; // nats: any larger surprise has the same colour

export function level(mode, value) {
  if (mode !== "unit") return `s${Math.min(STEPS, Math.round((value / LARGEST) * STEPS))}`;
  const shade = Math.min(STEPS, Math.round(Math.abs(value) * STEPS));
  return value < 0 ? `n${shade}` : `p${shade}`;
}

const MODES = [
  ["none", "nothing"],
  ["surprise", "surprise"],
  ["unit", "one hidden unit"],
  ["trust", "who was trusted"],
];

// Makes radio buttons and a legend of the shades, and places `unitSelect`, if given, beside them.
export function colourChoice(container, name, mode, changed, unitSelect) {
  const field = document.createElement("fieldset");
  const legend = document.createElement("legend");
  legend.textContent = "Colour by";
  field.append(legend);
  for (const [value, words] of MODES) {
    const label = document.createElement("label");
    const input = document.createElement("input");
    Object.assign(input, { type: "radio", name, value, checked: value === mode });
    input.addEventListener("change", () => changed(value));
    label.append(input, words);
    field.append(label);
  }
  const scale = document.createElement("p");
  scale.className = "scale";
  container.replaceChildren(field, ...(unitSelect ? [unitSelect] : []), scale);
  return (now, unit, experts = []) => {
    for (const input of field.querySelectorAll("input")) {
      input.checked = input.value === now;
      if (input.value === "trust") input.parentElement.hidden = !experts.length;
    }
    if (unitSelect) unitSelect.hidden = now !== "unit";
    scale.replaceChildren(...(now === "trust" ? trustLegend(experts) : swatches(now)));
    scale.classList.toggle("words", now === "trust");
    scale.hidden = now === "none";
    container.dataset.unit = now === "unit" && unit ? `${unit.layer}.${unit.unit}` : "";
  };
}

function swatches(mode) {
  if (mode === "none") return [];
  const names =
    mode === "surprise"
      ? [0, 1, 2, 3, 4, 5, 6, 7, 8].map((k) => `s${k}`)
      : ["n8", "n6", "n4", "n2", "p0", "p2", "p4", "p6", "p8"];
  const [from, to] = mode === "surprise" ? ["0", `${LARGEST} nats`] : ["−1", "1"];
  const boxes = names.map((name) => {
    const box = document.createElement("i");
    box.className = name;
    return box;
  });
  return [from, ...boxes, to];
}
