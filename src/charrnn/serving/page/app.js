// Starts the page: loads settings and runs, and switches between the views.

import * as api from "./api.js";
import { start as startDocuments } from "./documents.js";
import * as read from "./read.js";
import { load } from "./settings.js";
import { chooseRun, forget, on, report, runBegan, state, trainingBegan } from "./store.js";
import { close, hint } from "./strip.js";
import * as training from "./training.js";
import * as write from "./write.js";

const EVERY = 3000; // milliseconds between looks at the runs, while one of them trains
const SELDOM = 30000; // milliseconds between looks while no run trains, to notice one that begins
const VIEWS = { write, read, training };

const at = (id) => document.getElementById(id);
let shown = null;
let away = false; // the server could not be reached
let timer = null;
let looking = false;

function view() {
  const name = location.hash.slice(1) in VIEWS ? location.hash.slice(1) : "write";
  if (name === shown) return;
  if (shown) VIEWS[shown].leave?.();
  shown = name;
  for (const other of Object.keys(VIEWS)) at(`view-${other}`).hidden = other !== name;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  hint();
  at("strip").hidden = name === "training";
  at("skipping").hidden = !state.skip || name === "training";
  VIEWS[name].enter?.();
  if (name === "training" && state.run) runs(); // training may have begun
}

function facts() {
  const run = state.run;
  if (!run) return;
  const parts = [];
  if (run.cell) parts.push(`${run.text ? `learnt from ${run.text}` : ""}`, `${run.num_layers} × ${run.hidden_size} ${run.cell}`);
  if (run.parameters) parts.push(`${run.parameters.toLocaleString("en")} parameters`);
  if (run.nats_per_char !== null)
    parts.push(`${run.nats_per_char.toFixed(3)} nats (${run.bits_per_char.toFixed(3)} bits) per ${run.unit}, validation split`);
  if (run.experts?.length) parts.push(`knows counts of ${run.experts.join(" and ")}, which hold nearly all of its training text`);
  if (run.training) parts.push("training now");
  at("facts").textContent = parts.filter(Boolean).join(" · ");
}

// Lists the runs, and repeats this from time to time.
async function runs() {
  if (looking) return;
  looking = true;
  clearTimeout(timer);
  let wait = 3 * EVERY;
  try {
    state.runs = await api.runs();
    if (away) forget();
    away = false;
    listRuns();
    wait = state.runs.some((run) => run.training) ? EVERY : SELDOM;
  } catch (error) {
    away = true;
    report(error);
  }
  looking = false;
  timer = setTimeout(() => document.hidden || runs(), wait);
}

function listRuns() {
  const select = at("model");
  const ids = state.runs.map((run) => run.id);
  if (ids.join("\n") !== [...select.options].map((option) => option.value).join("\n"))
    select.replaceChildren(...ids.map((id) => new Option(id, id)));
  const now = state.runs.find((run) => run.id === state.run?.id);
  if (now) {
    const begun = !state.run.cell && now.cell; // a run in training has saved its first model
    const training = !state.run.training && now.training;
    Object.assign(state.run, now);
    if (begun) runBegan();
    if (training) trainingBegan();
  } else chooseRun(new URLSearchParams(location.search).get("model") ?? ids[0]);
  select.value = state.run?.id;
  facts();
}

at("model").addEventListener("change", (event) => chooseRun(event.target.value));
on("run", () => {
  facts();
  if (shown !== "training") hint();
});
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address names the view
  at("main").focus();
});
addEventListener("hashchange", view);
document.addEventListener("visibilitychange", () => document.hidden || runs());
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !write.stopAll()) close();
});
at("settings").open = matchMedia("(min-width: 56rem)").matches;
await load().catch(report);
Object.values(VIEWS).forEach((each) => each.start());
startDocuments(write.settings);
view();
await runs();
document.documentElement.dataset.ready = "";
