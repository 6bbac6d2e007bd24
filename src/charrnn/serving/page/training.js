// The view Training: the learning curve of a run and its samples, updated while it trains.

import * as api from "./api.js";
import { Curve } from "./curve.js";
import { on, report, state } from "./store.js";

const EVERY = 2000; // milliseconds between looks at a run that trains

const at = (id) => document.getElementById(id);
const scrub = at("scrub");
const curve = new Curve(at("curve"));
let samples = [];
let seen = null;
let timer = null;
let visible = false;

const inBits = (nats) => `${nats.toFixed(3)} nats (${(nats / Math.LN2).toFixed(3)} bits) per ${state.run.unit ?? "character"}`;
const count = (n) => n.toLocaleString("en");

async function look() {
  clearTimeout(timer);
  const run = state.run;
  if (!run) return;
  try {
    const [found, texts] = await Promise.all([api.metrics(run.id), api.samples(run.id)]);
    if (run !== state.run && run.id !== state.run.id) return;
    const following = !seen || Number(scrub.value) >= samples.length - 1;
    [seen, samples] = [found, texts];
    at("training-state").textContent = words(found);
    curve.draw(found.train, found.val, run.unit ?? "character");
    at("scrubber").hidden = samples.length === 0;
    scrub.max = Math.max(0, samples.length - 1);
    if (following) scrub.value = scrub.max;
    stage();
    if (found.training && visible) timer = setTimeout(look, EVERY);
  } catch (error) {
    report(error);
    if (visible) timer = setTimeout(look, 3 * EVERY);
  }
}

function words(found) {
  if (!found.train.length) {
    if (found.training) return "Training now: no figures yet.";
    return state.run.has_folder
      ? "No learning curve: no figures have been written in the folder of this run."
      : "This is a model file alone: the curve and the samples are kept in the folder of a run.";
  }
  const where = `step ${count(found.step)}, epoch ${found.epoch.toFixed(1)}, ${found.seconds.toFixed(0)} s`;
  const best = found.val.length ? `; best validation loss ${inBits(Math.min(...found.val.map((p) => p[2])))}` : "";
  return `${found.training ? "Training now: " : "Trained: "}${where}${best}.`;
}

function stage() {
  const sample = samples[Number(scrub.value)];
  if (!sample) return;
  const near = (points) => points.reduce((a, b) => (Math.abs(b[0] - sample.step) < Math.abs(a[0] - sample.step) ? b : a));
  const parts = [`${count(sample.step)}`];
  if (seen.val.length) parts.push(`validation ${near(seen.val)[2].toFixed(3)} nats`);
  at("scrub-at").textContent = parts.join(", ");
  scrub.setAttribute("aria-valuetext", `step ${parts.join(", ")}`);
  scrub.style.setProperty("--share", samples.length > 1 ? scrub.value / (samples.length - 1) : 0);
  at("sample").textContent = sample.text;
  curve.mark(sample.step);
}

export function start() {
  scrub.addEventListener("input", stage);
  on("training", () => visible && look());
  on("run", () => {
    [seen, samples] = [null, []];
    at("sample").textContent = "";
    if (visible) look();
  });
}

export function enter() {
  visible = true;
  look();
}

export function leave() {
  visible = false;
  clearTimeout(timer);
}
