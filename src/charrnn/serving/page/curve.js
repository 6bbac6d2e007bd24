// A learning curve as SVG: training and validation loss by step, nats on the left, bits on the right.

const NS = "http://www.w3.org/2000/svg";
const HEIGHT = 300;
const BEGINNING = 0.04; // the share of a run whose losses may lie above the figure
const MARGIN = { top: 14, right: 64, bottom: 40, left: 56 };

function make(tag, attributes, words) {
  const element = document.createElementNS(NS, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (words !== undefined) element.textContent = words;
  return element;
}

// About `count` round numbers between two values.
function ticks(from, to, count) {
  const rough = (to - from) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((k) => k * power).find((s) => s >= rough);
  const found = [];
  for (let k = Math.ceil(from / step - 1e-9); k * step <= to + 1e-9; k += 1) found.push(Number((k * step).toPrecision(12)));
  return found;
}

export class Curve {
  constructor(figure) {
    this.figure = figure;
    this.points = [[], []];
    this.step = null;
    this.unit = "character";
    new ResizeObserver(() => this.paint()).observe(figure);
  }

  draw(train, val, unit) {
    [this.points, this.unit] = [[train, val], unit];
    this.paint();
  }

  mark(step) {
    this.step = step;
    this.paint();
  }

  paint() {
    const [whole, val] = this.points;
    const all = [...whole, ...val];
    this.figure.hidden = all.length === 0;
    const width = this.figure.clientWidth;
    if (!all.length || !width) return;
    const most = Math.max(...all.map((p) => p[0]), this.step ?? 0);
    const low = Math.min(...all.map((p) => p[2]));
    // The loss falls so far in the first steps that the rest would be flat: cut them off at the top.
    const later = all.filter((p) => p[0] > BEGINNING * most).map((p) => p[2]);
    const high = Math.max(low + 0.1, ...(val.length ? [...later, ...val.map((p) => p[2])] : all.map((p) => p[2])));
    const train = whole.filter((p) => p[2] <= high);
    const bottom = low - 0.06 * (high - low);
    const x = (step) => MARGIN.left + ((width - MARGIN.left - MARGIN.right) * step) / Math.max(1, most);
    const y = (nats) => MARGIN.top + ((HEIGHT - MARGIN.top - MARGIN.bottom) * (high - nats)) / (high - bottom);

    const svg = make("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": this.words() });
    this.axes(svg, { x, y, width, most, bottom, high });
    svg.append(make("path", { class: "train", d: path(train, x, y) }), make("path", { class: "val", d: path(val, x, y) }));
    if (val.length <= 60) {
      for (const [step, , nats] of val) svg.append(make("circle", { class: "val", cx: x(step), cy: y(nats), r: 2.5 }));
    }
    if (this.step !== null) {
      const at = x(this.step);
      svg.append(make("line", { class: "mark", x1: at, x2: at, y1: MARGIN.top, y2: HEIGHT - MARGIN.bottom }));
    }
    this.key(svg, width);
    this.figure.replaceChildren(svg);
  }

  axes(svg, { x, y, width, most, bottom, high }) {
    const right = width - MARGIN.right;
    for (const nats of ticks(bottom, high, 5)) {
      svg.append(make("line", { class: "grid", x1: MARGIN.left, x2: right, y1: y(nats), y2: y(nats) }));
      svg.append(make("text", { x: MARGIN.left - 8, y: y(nats) + 4, "text-anchor": "end" }, String(nats)));
    }
    for (const bits of ticks(bottom / Math.LN2, high / Math.LN2, 5)) {
      svg.append(make("text", { x: right + 8, y: y(bits * Math.LN2) + 4 }, String(bits)));
    }
    for (const step of ticks(0, most, width > 600 ? 8 : 4)) {
      svg.append(make("text", { x: x(step), y: HEIGHT - MARGIN.bottom + 18, "text-anchor": "middle" }, step.toLocaleString("en")));
    }
    const middle = (MARGIN.top + HEIGHT - MARGIN.bottom) / 2;
    const upright = (at, words) =>
      make("text", { class: "axis", "text-anchor": "middle", transform: `translate(${at} ${middle}) rotate(-90)` }, words);
    svg.append(upright(14, `nats per ${this.unit}`), upright(width - 8, `bits per ${this.unit}`));
    svg.append(make("text", { class: "axis", x: right, y: HEIGHT - 4, "text-anchor": "end" }, "step"));
  }

  key(svg, width) {
    const left = width - MARGIN.right - 150;
    ["training", "validation"].forEach((name, i) => {
      if (!this.points[i].length) return;
      const at = MARGIN.top + 14 + 20 * i;
      svg.append(make("line", { class: i ? "val" : "train", x1: left, x2: left + 24, y1: at - 4, y2: at - 4 }));
      svg.append(make("text", { class: "key", x: left + 32, y: at }, name));
    });
  }

  words() {
    return ["Training", "Validation"]
      .map((name, i) => {
        const points = this.points[i];
        if (!points.length) return "";
        const [first, last] = [points[0], points.at(-1)];
        return `${name} loss from ${first[2].toFixed(2)} nats per ${this.unit} at step ${first[0]} to ${last[2].toFixed(2)} at step ${last[0]}`;
      })
      .filter(Boolean)
      .join("; ");
  }
}

const path = (points, x, y) => points.map(([step, , nats], i) => `${i ? "L" : "M"}${x(step).toFixed(1)} ${y(nats).toFixed(1)}`).join("");
