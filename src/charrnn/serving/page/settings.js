// What can be set before a character is drawn, with what it does in a phrase.

export const SETTINGS = [
  { key: "temperature", name: "Temperature", min: 0, max: 2, step: 0.05, start: 0.8,
    phrase: "below 1 bolder, above 1 wilder" },
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

// Makes the sliders; returns a function that shows other values in them.
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
      input.style.setProperty("--share", (value - setting.min) / (setting.max - setting.min));
    };
    input.addEventListener("input", () => {
      show(Number(input.value));
      changed(setting.key, Number(input.value));
    });
    row.append(label, output, input, small);
    container.append(row);
    return show;
  });
  return (values) => made.forEach((show, i) => show(values[SETTINGS[i].key]));
}
