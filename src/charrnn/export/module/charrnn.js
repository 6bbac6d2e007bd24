// A character model that writes and scores text: language_model.py of the Python package charrnn in JavaScript, under
// the same names. The NumPy code is the definition.

import { apply_filters, by_likelihood, log_softmax, make_sampling, pick } from "./generation.js";
import { check_whole, refuse, StopMatcher } from "./generation.js";
import { BOUNDARY_ID, CharModel } from "./network.js";
import { Experts, Reader } from "./ngrams.js";
import { stream as random_stream } from "./randomness.js";
import { unpack } from "./unpacking.js";

const FIRST_LABEL = "\u{100000}"; // the characters from here on stand for labels of documents, and are never shown

// A text that grows: what may follow it, and how it continues.
class State {
  constructor(model, layers = model.network.zero_state(), logits = null, reader = model.reader()) {
    Object.assign(this, { model, layers, logits, reader });
  }

  // The probability of each character, and of the end of a document under the name "", the likeliest first.
  next_probs() {
    const probs = log_softmax(this.logits).map(Math.exp);
    const ids = by_likelihood(this.logits).filter((id) => !this.model.label_ids.includes(id)); // labels are never typed
    return new Map(ids.map((id) => [this.model.characters[id], probs[id]]));
  }

  feed(text, on_unknown = "error") {
    return this.feed_ids(this.model.encode(text, on_unknown));
  }

  feed_ids(ids) {
    for (const id of ids) {
      this.log_q = this.reader?.read(id);
      this.logits = this.model.network.forward(id, this.layers, this.log_q);
    }
    return this;
  }

  copy() {
    const layers = this.layers.map((arrays) => arrays.map((x) => x.slice()));
    return new State(this.model, layers, this.logits, this.reader?.copy());
  }
}

export class LanguageModel {
  constructor(arrays, { model, vocabulary, provenance, experts = [] }) {
    [this.config, this.characters, this.provenance] = [model, Array.from(vocabulary), provenance];
    this.id_of = new Map(this.characters.map((character, id) => [character, id]));
    if (this.id_of.size !== model.vocab_size) refuse("its sizes do not fit");
    this.documents = model.documents ?? false;
    if (this.documents) {
      if (this.id_of.get("\0") !== BOUNDARY_ID) refuse("its vocabulary lacks the boundary between documents");
    }
    this.labels = (this.documents && provenance.labels) || [];
    this.label_ids = this.labels.map((_, k) => this.characters.length - this.labels.length + k); // the last symbols
    if (this.label_ids.some((id) => !(this.characters[id] >= FIRST_LABEL))) refuse("its labels do not fit");
    for (const id of this.documents ? [BOUNDARY_ID, ...this.label_ids] : []) {
      this.id_of.delete(this.characters[id]); // which no text holds
      this.characters[id] = "";
    }
    this.network = new CharModel(arrays, model);
    if (experts.length !== this.network.num_experts) refuse("its experts do not fit");
    this.expert_names = experts;
    this.experts = experts.length ? new Experts(arrays, experts, model) : null;
  }

  // What the network's experts say along a text that grows, if it has any.
  reader() {
    return this.experts ? new Reader(this.experts) : undefined;
  }

  // A text with its line ends and its beginning as those of files are read.
  mend(text) {
    if (!this.id_of.has("\ufeff")) text = text.replace(/^\ufeff/, "");
    return this.id_of.has("\r") ? text : text.replace(/\r\n?/g, "\n");
  }

  encode(text, on_unknown = "error") {
    const known = (character, position) => {
      if (this.id_of.has(character) || on_unknown === "skip") return this.id_of.has(character);
      const code = character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
      return refuse(`character '${character}' (U+${code}) at position ${position} is not in the model's vocabulary`);
    };
    return Array.from(this.mend(text)).filter(known).map((character) => this.id_of.get(character));
  }

  // The state after a prompt; without one, after a line end, a space, or the first character. A document begins after a
  // boundary and, in a model of labelled documents, its label: the one that is named, or the likeliest of the prompt.
  start(prompt = "", on_unknown = "error", label = undefined) {
    const ids = this.encode(prompt, on_unknown);
    if (label === undefined && this.labels.length && ids.length) {
      [[label]] = by_label(this, nats_by_label(this, ids).map(total));
    }
    const known = this.labels.indexOf(label);
    if (label !== undefined && known < 0)
      refuse(`label '${label}' is not known: the model has ${this.labels.join(", ") || "none"}`);
    const first = known < 0 ? [] : [this.label_ids[known]];
    if (this.documents) return new State(this).feed_ids([BOUNDARY_ID, ...first, ...ids]);
    const usual = this.id_of.get("\n") ?? this.id_of.get(" ") ?? 0;
    return new State(this).feed_ids(ids.length ? ids : [usual]);
  }

  // The next character, the logits before it, and those that the filters have left: without end, or to the end of a
  // document, whose character is "".
  *write(prompt = "", { seed, sample = 0, on_unknown = "error", label, ...given } = {}) {
    const config = make_sampling(given);
    for (const [name, value] of Object.entries({ seed: seed ?? 0, sample })) check_whole(name, value);
    const random = random_stream(seed ?? crypto.getRandomValues(new Uint32Array(1))[0], "sampling", sample);
    for (const state = this.start(prompt, on_unknown, label); ; ) {
      const { logits } = state;
      const filtered = apply_filters(logits, config);
      const id = pick(filtered, random());
      yield { id, character: this.characters[id], logits, filtered };
      if (this.documents && id === BOUNDARY_ID) return;
      state.feed_ids([id]);
    }
  }

  *stream(prompt = "", { length = 500, stop = [], ...options } = {}) {
    check_whole("length", length);
    const stops = [stop].flat();
    if (stops.includes("")) refuse("a stop string must not be empty");
    const matcher = new StopMatcher(stops.map((each) => this.mend(each)).filter((each) => each));
    const written = this.write(prompt, options);
    for (let n = 0; n < length && !matcher.reached; n += 1) {
      const { value, done } = written.next();
      if (done) break;
      yield* matcher.add(value.character);
    }
    if (!matcher.reached) yield* matcher.pending;
  }

  generate(prompt = "", options = {}) {
    return [...this.stream(prompt, options)].join("");
  }

  // The surprise at each symbol (ids) but the first, in nats.
  nats([first, ...ids]) {
    const state = new State(this).feed_ids([first]);
    return ids.map((id) => [-log_softmax(state.logits)[id], state.feed_ids([id])][0]);
  }

  // The probability of each label of a document, by its name, the likeliest first.
  classify(text, on_unknown = "error") {
    if (!this.labels.length) refuse("this model knows no labels");
    return new Map(by_label(this, by_both(this, [...this.encode(text, on_unknown), BOUNDARY_ID])));
  }

  // The surprise at each character of a text after the first, or at each of a document and at its end, in nats. Labels
  // are weighed by what came before.
  score(text, on_unknown = "error") {
    const known = this.encode(text, on_unknown);
    const ids = this.documents ? [BOUNDARY_ID, ...known, BOUNDARY_ID] : known;
    if (ids.length < 2) refuse("a text of fewer than 2 known characters cannot be scored");
    const per_char = this.labels.length ? without_label(nats_by_label(this, ids.slice(1))) : this.nats(ids);
    const nats_per_char = per_char.reduce((sum, nats) => sum + nats, 0) / per_char.length;
    return { per_char, nats_per_char, bits_per_char: nats_per_char / Math.LN2, perplexity: Math.exp(nats_per_char) };
  }
}

// The surprise (L, n) at the label, and at each symbol (ids) of a document, under each label: scoring/labels.py.
const nats_by_label = (model, ids) => model.label_ids.map((label) => model.nats([BOUNDARY_ID, label, ...ids]));
const total = (row) => row.reduce((sum, nats) => sum + nats, 0);

// The totals (L) by which a document is classified: the mean of the network's surprise and that of the label counts.
function by_both(model, ids) {
  const counts = model.expert_names.indexOf("labels");
  return model.label_ids.map((label) => {
    const state = new State(model).feed_ids([BOUNDARY_ID]);
    const nats = (id, t) => {
      const own = -log_softmax(state.logits)[id];
      const mean = counts < 0 || t === 0 ? own : (own - state.log_q[counts][id]) / 2;
      state.feed_ids([id]);
      return mean;
    };
    return total([label, ...ids].map(nats));
  });
}

// Pairs of a label and its probability, the likeliest first.
function by_label(model, totals) {
  const logs = log_softmax(totals.map((each) => -each));
  return by_likelihood(logs).map((k) => [model.labels[k], Math.exp(logs[k])]);
}

// The surprise at each symbol after the label, if that is not known: the sum is −log Σ P(label) P(text | label).
function without_label(nats) {
  const log_p = nats.map(() => 0);
  const sums = nats[0].map((_, t) => {
    nats.forEach((row, k) => (log_p[k] -= row[t]));
    const most = Math.max(...log_p);
    return most + Math.log(total(log_p.map((each) => Math.exp(each - most))));
  });
  return sums.slice(1).map((each, t) => sums[t] - each);
}

// The model from what was exported: bytes, or the same in base 85.
export async function load(source) {
  const arrays = await unpack(source);
  return new LanguageModel(arrays, arrays.header);
}
