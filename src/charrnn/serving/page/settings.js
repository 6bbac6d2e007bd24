// What can be set before a character is drawn, with what it does in a phrase.

export const SETTINGS = [
  { key: "temperature", name: "Temperature", min: 0, max: 2, step: 0.05, start: 0.8,
    phrase: "below 1 safer, above 1 wilder" },
  { key: "top_p", name: "Top-p", min: 0.05, max: 1, step: 0.05, start: 0.95, off: 1,
    phrase: "draws from the nucleus of this share" },
  { key: "top_k", name: "Top-k", min: 0, max: 40, step: 1, start: 0, off: 0,
    phrase: "draws from so many of the likeliest" },
  { key: "min_p", name: "Min-p", min: 0, max: 0.5, step: 0.01, start: 0, off: 0,
    phrase: "drops all below this × the likeliest" },
  { key: "max_tokens", name: "Length", min: 50, max: 2000, step: 50, start: 400,
    phrase: "characters to write" },
  { key: "seed", name: "Seed", min: 0, max: 100, step: 1, start: 1,
    phrase: "equal seeds write equal texts" },
];

export const defaults = () => Object.fromEntries(SETTINGS.map(({ key, start }) => [key, start]));

const shown = (setting, value) => (value === setting.off ? "off" : String(value));

// "temperature 0.8, top-p 0.95, seed 1": what is off goes without saying.
export function summary(values) {
  return SETTINGS.filter(({ key, off }) => key !== "max_tokens" && values[key] !== off)
    .map(({ key, name }) => `${name.toLowerCase()} ${values[key]}`)
    .join(", ");
}

const TEMPERATURES = [0.4, 0.8, 1.2, 1.6];

// Settings that differ from all `others` in the temperature, or in the seed alone.
export function otherTemperature(values, others) {
  const choices = TEMPERATURES.map((temperature) => ({ ...values, temperature }));
  return choices.find((choice) => isNew(choice, others)) ?? choices[0];
}

export function nextSeed(values, others) {
  let choice = values;
  do choice = { ...choice, seed: choice.seed + 1 };
  while (!isNew(choice, others));
  return choice;
}

// Whatever its length: of two texts alike the longer begins with the shorter.
const isNew = (values, others) => others.every((other) => summary(other) !== summary(values));

// Makes the sliders; returns a function that shows other values in them, and the greatest length there may be.
export function sliders(container, changed) {
  const made = SETTINGS.map((setting) => {
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
      const { key, min, max } = SETTINGS[i];
      if (key === "max_tokens") {
        input.max = Math.min(max, longest);
        input.min = Math.min(min, input.max);
      }
      show(values[key]);
    });
}
