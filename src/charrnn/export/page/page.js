// The page: writes in slices of a few milliseconds, so that it stays alive, and shows what the model said. A long text
// takes long to be shown: then a slice is as long as that.

const [SLICE, LONGEST_SLICE] = [12, 120]; // milliseconds of writing between two pictures
const LARGEST = 6; // nats: any larger surprise has the same colour
const at = (id) => document.getElementById(id);
const [text, message, status] = ["text", "message", "status"].map(at);
let model = null;
let records = []; // of each character: its surprise in nats, and the five likeliest with their probabilities
let chosen = -1;
let writing = null;
const hint = at("which").textContent;

const name_of = (id) => model.characters[id] || model.labels[model.label_ids.indexOf(id)] || ""; // "" is the end
const visible = (character) => ({ "": "∎", " ": "␣", "\n": "↵", "\t": "⇥" })[character] ?? character;

function record({ id, character, logits, filtered }) {
  const logs = log_softmax(logits);
  const five = by_likelihood(logits).slice(0, 5);
  if (!five.includes(id)) five.push(id);
  const alternatives = five.map((k) => ({ id: k, probability: Math.exp(logs[k]), cut: filtered[k] === -Infinity }));
  const is_label = model.label_ids.includes(id);
  return { id, character: character || name_of(id), is_label, nats: -logs[id], alternatives };
}

function show(index) {
  if (!records[index]) return;
  text.children[chosen + 1]?.classList.remove("chosen");
  chosen = index;
  text.children[chosen + 1].classList.add("chosen");
  const { id, character, nats, alternatives } = records[index];
  at("which").textContent = `“${visible(character)}”, character ${index + 1}: surprise ${nats.toFixed(2)} nats`;
  at("bars").replaceChildren(
    ...alternatives.map((each) => {
      const [line, name, bar, share] = ["li", "b", "i", "span"].map((tag) => document.createElement(tag));
      line.className = `${each.id === id ? "own" : ""} ${each.cut ? "cut" : ""}`.trim();
      name.textContent = visible(name_of(each.id));
      bar.style.setProperty("--share", each.probability.toFixed(4));
      share.textContent = `${(100 * each.probability).toFixed(1)} %`;
      line.append(name, bar, share);
      return line;
    }),
  );
}

function append(found) {
  text.append(
    ...found.map(({ character, is_label, nats }) => {
      const span = document.createElement("span");
      span.className = is_label ? "c label" : character ? "c" : "c end";
      span.textContent = character;
      span.style.setProperty("--share", Math.min(1, nats / LARGEST).toFixed(3));
      return span;
    }),
  );
  records.push(...found);
}

// The number in a field; a whole one where its steps are whole.
function number(name) {
  const { value, min, max, step } = at(name);
  const whole = step === "1";
  if (!value || !(Number(value) >= min && Number(value) <= (max || Infinity)) || (whole && !/^\d+$/.test(value)))
    refuse(`${name} must be a ${whole ? "whole " : ""}number ${max ? `from ${min} to ${max}` : `of at least ${min}`}`);
  return Number(value);
}

// The seed in its field or, if that is empty, another one each time.
function seed_of_text() {
  const { value, validity } = at("seed");
  if (!value && !validity.badInput) return crypto.getRandomValues(new Uint32Array(1))[0];
  number("seed");
  return BigInt(value); // of more digits than a number has
}

async function write() {
  const mine = (writing = {});
  const prompt = at("prompt").value;
  [records, chosen, message.hidden] = [[], -1, true];
  const before = document.createElement("span");
  before.className = "prompt";
  before.textContent = prompt;
  text.replaceChildren(before);
  at("bars").replaceChildren();
  at("which").textContent = hint;
  [at("stop").disabled, status.textContent] = [false, "Writing"];
  let seed = null;
  try {
    seed = seed_of_text();
    const [temperature, top_p, length] = ["temperature", "top_p", "length"].map(number);
    const written = model.write(prompt, { seed, temperature, top_p, label: at("label").value || undefined });
    let [next, slice] = [written.next(), SLICE];
    while (writing === mine && !next.done && records.length < length) {
      const [found, end] = [[], performance.now() + slice];
      do {
        found.push(record(next.value));
        next = written.next(); // none after the end of a document
      } while (!next.done && records.length + found.length < length && performance.now() < end);
      append(found);
      const written_at = performance.now();
      await new Promise(requestAnimationFrame);
      slice = Math.min(LONGEST_SLICE, Math.max(SLICE, performance.now() - written_at));
    }
  } catch (error) {
    [message.textContent, message.hidden] = [error.message, false];
  }
  if (writing !== mine && writing) return; // another text has begun
  const mean = records.reduce((sum, { nats }) => sum + nats, 0) / records.length;
  const unit = model.documents ? "symbols" : "characters";
  const summary = `${records.length} ${unit}, mean surprise ${mean.toFixed(2)} nats, seed ${seed}`;
  status.textContent = records.length ? summary : "";
  [writing, at("stop").disabled] = [null, true];
}

function facts() {
  const { text: name, characters, splits, val_nats_per_char, export: made = {}, charrnn, text_sha256 } = model.provenance;
  const { cell, num_layers, hidden_size } = model.config;
  const unit = model.documents ? "symbol (a character, or the end of a document)" : "character";
  const loss = (nats) => typeof nats === "number" && `${nats.toFixed(4)} nats per ${unit}, validation split`;
  const known = {
    Text: name, Characters: characters?.toLocaleString("en"), Network: `${num_layers} × ${hidden_size} ${cell}`,
    Vocabulary: `${model.id_of.size} characters`, Labels: model.labels.join(", "),
    Splits: splits && Object.entries(splits).map((s) => s.join(" ")).join(", "),
    "Loss as trained": loss(val_nats_per_char), "Loss of this page": loss(made.val_nats_per_char),
    Quantised: made.quantise, "Made with": charrnn && `charrnn ${charrnn}`, "SHA-256 of the text": text_sha256,
  };
  for (const [term, value] of Object.entries(known).filter((pair) => pair[1])) {
    const [dt, dd] = ["dt", "dd"].map((tag) => document.createElement(tag));
    [dt.textContent, dd.textContent] = [term, value];
    at("facts").append(dt, dd);
  }
}

text.addEventListener("pointerover", (event) => event.target.matches(".c") && show([...text.children].indexOf(event.target) - 1));
text.addEventListener("click", (event) => event.target.matches(".c") && show([...text.children].indexOf(event.target) - 1));
text.addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 10, ArrowUp: -10 }[event.key];
  if (!step) return;
  event.preventDefault();
  show(Math.max(0, Math.min(records.length - 1, chosen + step)));
});
at("go").addEventListener("click", write);
at("prompt").addEventListener("keydown", (event) => event.key === "Enter" && (event.ctrlKey || event.metaKey) && at("go").click());
at("stop").addEventListener("click", () => (writing = null));
document.addEventListener("keydown", (event) => event.key === "Escape" && (writing = null));
at("colour").addEventListener("change", (event) => text.classList.toggle("coloured", event.target.checked));
try {
  model = await load(at("model").textContent.trim());
  facts();
  at("label").append(...model.labels.map((label) => new Option(label)));
  at("label").parentElement.hidden = !model.labels.length;
  at("go").disabled = false;
} catch (error) {
  [message.textContent, message.hidden] = [error.message, false];
}
document.documentElement.dataset.ready = "";
