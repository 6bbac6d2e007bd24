// Whom a network with experts trusted at each character: bands below the lines of a text, their legend, and a summary.

const HEIGHT = 0.55; // of an expert's band, in em
const HALF = 0.4; // em of the network's band, above its middle and below it
const GAP = 0.2; // em above each band
const LARGEST = Math.LN2; // a correction of the network that fills its half of the band: twice as likely, or half
const HUES = 3; // for experts, in style.css

// What is known of one character of an inspected text; null where the model has no experts, and at the first character.
export function trustOf(seen, i) {
  const gates = seen.gates[i];
  if (!gates?.length) return null;
  const experts = seen.experts.map((name, s) => ({ name, gate: gates[s], probability: seen.expert_probabilities[i][s] }));
  const [together, whole] = [seen.counts_probabilities[i], seen.probabilities[i]];
  return { experts, together, whole, nats: seen.nats[i], correction: -seen.nats[i] - Math.log(together) };
}

const hue = (s) => `var(--expert-${s % HUES})`;
const within = (value, most) => Math.max(0, Math.min(1, value / most));

// The bands below one character as one picture, from the bottom up: the network's correction, then the gates.
export function bands({ experts, correction }) {
  const stops = [];
  let at = 0;
  const paint = (colour, height) => stops.push(`${colour} ${at.toFixed(3)}em ${(at += height).toFixed(3)}em`);
  const [up, down] = [within(correction, LARGEST) * HALF, within(-correction, LARGEST) * HALF];
  paint("var(--track)", HALF - down);
  paint("rgb(var(--cold))", down);
  paint("rgb(var(--hot))", up);
  paint("var(--track)", HALF - up);
  [...experts].reverse().forEach(({ gate }, k) => {
    const height = within(gate, 1) * HEIGHT;
    paint("var(--paper)", GAP);
    paint(hue(experts.length - 1 - k), height);
    paint("var(--track)", HEIGHT - height);
  });
  paint("var(--paper)", GAP);
  return `linear-gradient(to top, ${stops.join(", ")}, transparent 0)`;
}

// The room that the bands of this many experts take below a line, in em.
export const room = (experts) => experts * (HEIGHT + GAP) + 2 * HALF + GAP;

export function legend(experts) {
  const swatch = (colour) => {
    const box = document.createElement("i");
    box.style.background = colour;
    return box;
  };
  const line = (...parts) => {
    const made = document.createElement("span");
    made.append(...parts);
    return made;
  };
  return [
    line("Behind the letters: surprise. Below them, from the top:"),
    ...experts.map((name, s) =>
      line(swatch(hue(s)), `${name}: how far these counts are trusted, up to a gate of 1`)),
    line(swatch("rgb(var(--hot))"), "up, ", swatch("rgb(var(--cold))"),
      "down: the network’s own correction, up to twice as likely or half as likely"),
  ];
}

export function summary(trusts) {
  if (!trusts.length) return "";
  const mean = (of) => trusts.reduce((sum, trust) => sum + of(trust), 0) / trusts.length;
  const names = trusts[0].experts.map(({ name }) => name);
  const alone = names.map((name, s) => `${name} alone ${mean((t) => -Math.log(t.experts[s].probability)).toFixed(2)}`);
  const gates = names.map((name, s) => `${name} ${mean((t) => t.experts[s].gate).toFixed(2)}`);
  const together = names.length > 1 ? [`together, as trusted, ${mean((t) => -Math.log(t.together)).toFixed(2)}`] : [];
  const all = [...alone, ...together, `with the network ${mean((t) => t.nats).toFixed(2)}`].join("; ");
  return `Mean surprise in nats: ${all}. Mean gate: ${gates.join(", ")}.`.replaceAll("-", "−");
}
