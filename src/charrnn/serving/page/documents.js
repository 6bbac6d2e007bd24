// What the page does for a model of documents: it writes many as cards, and ranks those of a pasted list.

import * as api from "./api.js";
import { asRead, forget, most, on, onUnknown, report, state } from "./store.js";

const CARDS = 20; // documents that are written at once
const SHOWN = 500; // rows of a ranked list

const at = (id) => document.getElementById(id);
let writing = null;

// The label that was chosen, as a field of a request; nothing where it is left to the model.
export const label = () => (at("label").value ? { label: at("label").value } : {});

// The documents of a pasted list: its lines, or the parts between empty lines where documents may have line ends. Null
// where the text is not a list.
export function listOf(text) {
  const { documents, vocabulary } = state.run ?? {};
  if (!documents || !vocabulary) return null;
  const parts = text.split(vocabulary.includes("\n") ? /\n[ \t]*\n/ : "\n").filter((part) => part.trim());
  return parts.length > 1 || (parts.length && text.includes("\n") && !vocabulary.includes("\n")) ? parts : null;
}

// Shows the documents of a list, the most surprising first. Returns a sentence on the whole list.
export async function rank(documents, signal) {
  const { data } = await api.score({ model: state.run.id, text: documents, on_unknown: onUnknown() }, signal);
  const rows = [...data].sort((a, b) => b.nats_per_char - a.nats_per_char).slice(0, SHOWN);
  at("ranked").hidden = false;
  at("ranked").querySelector("tbody").replaceChildren(...rows.map((score) => row(score, documents[score.index])));
  const [nats, symbols] = ["nats", "characters"].map((key) => data.reduce((sum, each) => sum + each[key], 0));
  const cut = data.length > SHOWN ? `; the ${SHOWN} most surprising ones are shown` : "";
  return `${data.length.toLocaleString("en")} documents, ${(nats / symbols).toFixed(3)} nats per symbol, ends included${cut}.`;
}

export const unrank = () => (at("ranked").hidden = true);

function row(score, text) {
  const [line, nats, percentile, document_] = ["tr", "td", "td", "td"].map((tag) => document.createElement(tag));
  nats.textContent = score.nats_per_char.toFixed(3);
  percentile.textContent = score.percentile === null ? "–" : score.percentile.toFixed(1);
  document_.textContent = asRead(text);
  line.append(nats, percentile, document_);
  return line;
}

async function writeCards(settings) {
  writing?.abort();
  forget();
  writing = new AbortController();
  at("cards").setAttribute("aria-busy", "true");
  const [prompt, n] = [at("prompt").value, most("max_choices", CARDS)];
  try {
    const body = { model: state.run.id, prompt, n, on_unknown: onUnknown(), ...settings, ...label() };
    const { choices } = await api.whole(body, writing.signal);
    at("cards").replaceChildren(...choices.map((choice) => card(asRead(prompt) + choice.text, choice.finish_reason)));
    at("cards").hidden = false;
  } catch (error) {
    report(error, () => writeCards(settings));
  }
  at("cards").removeAttribute("aria-busy");
}

function card(text, finish) {
  const item = document.createElement("li");
  item.textContent = text;
  if (finish === "length") {
    const cut = document.createElement("small");
    cut.textContent = " cut at the length";
    item.append(cut);
  }
  return item;
}

// `settings` gives those of the sliders.
export function start(settings) {
  on("run", () => {
    const { documents, labels } = state.run ?? {};
    writing?.abort();
    at("cards").hidden = true;
    at("cards").replaceChildren();
    at("many").hidden = !documents;
    at("labels").hidden = !labels?.length;
    at("label").replaceChildren(new Option("any", ""), ...(labels ?? []).map((name) => new Option(name, name)));
    unrank();
  });
  at("many").addEventListener("click", () => state.run && writeCards(settings()));
}
