// Begins: the runs there are, and which view is shown.

import * as api from "./api.js";
import * as read from "./read.js";
import { chooseRun, forget, on, report, runBegan, state } from "./store.js";
import { hint } from "./strip.js";
import * as training from "./training.js";
import * as write from "./write.js";

const EVERY = 3000; // milliseconds between looks at the runs, while one of them trains
const VIEWS = { write, read, training };
const WELCOME = "Point at a character, or move through the text with the arrow keys, to see what else could have stood there.";

const at = (id) => document.getElementById(id);
let shown = null;
let away = false; // whether the server was not to be reached

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
  at("strip").hidden = name === "training";
  hint(WELCOME);
  VIEWS[name].enter?.();
}

function facts() {
  const run = state.run;
  if (!run) return;
  const parts = [];
  if (run.cell) parts.push(`${run.text ? `learnt from ${run.text}` : ""}`, `${run.num_layers} × ${run.hidden_size} ${run.cell}`);
  if (run.parameters) parts.push(`${run.parameters.toLocaleString("en")} parameters`);
  if (run.nats_per_char !== null)
    parts.push(`${run.nats_per_char.toFixed(3)} nats (${run.bits_per_char.toFixed(3)} bits) per character of its validation split`);
  if (run.training) parts.push("training now");
  at("facts").textContent = parts.filter(Boolean).join(" · ");
}

async function runs() {
  try {
    state.runs = await api.runs();
    if (away) forget();
    away = false;
  } catch (error) {
    away = true;
    report(error);
    setTimeout(runs, 3 * EVERY);
    return;
  }
  const select = at("model");
  const ids = state.runs.map((run) => run.id);
  if (ids.join("\n") !== [...select.options].map((option) => option.value).join("\n"))
    select.replaceChildren(...ids.map((id) => new Option(id, id)));
  const now = state.runs.find((run) => run.id === state.run?.id);
  if (now) {
    const begun = !state.run.cell && now.cell; // a run that trains has saved its first model
    Object.assign(state.run, now);
    if (begun) runBegan();
  } else chooseRun(new URLSearchParams(location.search).get("model") ?? ids[0]);
  select.value = state.run?.id;
  facts();
  if (state.runs.some((run) => run.training)) setTimeout(runs, EVERY);
}

at("model").addEventListener("change", (event) => chooseRun(event.target.value));
on("run", () => {
  facts();
  hint(WELCOME);
});
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address names the view
  at("main").focus();
});
addEventListener("hashchange", view);
at("settings").open = matchMedia("(min-width: 56rem)").matches;
Object.values(VIEWS).forEach((each) => each.start());
view();
await runs();
document.documentElement.dataset.ready = "";
