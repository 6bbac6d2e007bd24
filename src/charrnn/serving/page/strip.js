// The strip at the foot of the page: one character, and its alternatives.

const which = document.getElementById("which");
const bars = document.getElementById("bars");
const whom = document.getElementById("whom");
const said = document.getElementById("said");
const strip = document.getElementById("strip");
const WELCOME = "Point at a character, or move through the text with the arrow keys, to see its alternatives.";
let shown = null; // the text whose character is shown

export function hint() {
  shown = null;
  which.replaceChildren(paragraph("note hint", WELCOME));
  bars.replaceChildren();
  bars.hidden = whom.hidden = true;
  strip.hidden = false;
}

// A text has been cleared: do not show its character any more.
export function gone(text) {
  if (shown === text) hint();
}

// Hides the strip until a character is pointed at again, and returns the focus to the text.
export function close() {
  if (!shown || strip.hidden) return;
  if (strip.contains(document.activeElement)) shown.refocus();
  strip.hidden = true;
}

export function named(character) {
  return { "\n": "line end", " ": "space", "\t": "tab", "\u00a0": "no-break space" }[character] ?? `“${character}”`;
}

export function percent(p) {
  if (p >= 0.9995) return "100 %";
  if (p >= 0.0995) return `${(100 * p).toFixed(0)} %`;
  if (p >= 0.001) return `${(100 * p).toFixed(1)} %`;
  return "< 0.1 %";
}

const ORDINAL = ["", "the likeliest", "second", "third", "fourth", "fifth"];

function place(rank) {
  if (rank === null) return "not among the five likeliest";
  return ORDINAL[rank] ? (rank > 1 ? `${ORDINAL[rank]} likeliest` : ORDINAL[rank]) : `${rank}th likeliest`;
}

// `vocabulary` is the number of characters that the model knows.
export function show(text, index, vocabulary, aloud) {
  shown = text;
  strip.hidden = false;
  const record = text.records[index];
  const value = text.value(index);
  const facts = describe(record, value, vocabulary);
  which.replaceChildren(context(text, index), ...facts.map((words) => paragraph("note", words)));
  bars.replaceChildren(...rows(record));
  bars.hidden = record.alternatives.length === 0;
  whom.hidden = !record.trust;
  const each = record.trust ? voices(record.trust) : [];
  whom.tBodies[0].replaceChildren(...each.map(voice));
  const heard = text.mode === "trust" ? each.map(([name, share, gate]) => `${name} ${share}${gate && `, gate ${gate}`}`) : [];
  if (aloud) said.textContent = [named(record.character), ...facts, ...heard, spoken(record)].join(". ");
}

function describe(record, value, vocabulary) {
  const facts = [];
  if (record.nats === null) facts.push("It is the first character, so nothing predicts it");
  else {
    const nats = record.nats.toFixed(2);
    const bits = (record.nats / Math.LN2).toFixed(2);
    facts.push(`${percent(Math.exp(-record.nats))}, ${place(record.rank)}; surprise ${nats} nats (${bits} bits)`);
  }
  if (record.kept) {
    const some = record.kept === 1 ? "Only the likeliest was left to draw" : `Drawn from the ${record.kept} likeliest of ${vocabulary}`;
    facts.push(record.kept >= vocabulary ? `Drawn from all ${vocabulary} characters` : some);
  }
  if (value !== null) facts.push(`The unit is at ${value.toFixed(2)} once it is read`.replace("-", "−"));
  return facts;
}

// Who gave a character which probability, and the gates of those that have one.
function voices({ experts, together, whole }) {
  const each = experts.map(({ name, probability, gate }) => [name, probability, gate.toFixed(2).replace("-", "−")]);
  const both = experts.length > 1 ? [["together, as trusted", together, ""]] : [];
  return [...each, ...both, ["with the network", whole, ""]].map(([name, p, gate]) => [name, percent(p), gate]);
}

function voice([name, share, gate]) {
  const row = document.createElement("tr");
  const head = document.createElement("th");
  head.scope = "row";
  head.textContent = name;
  const cells = [share, gate].map((words) => Object.assign(document.createElement("td"), { textContent: words }));
  row.append(head, ...cells);
  return row;
}

function spoken(record) {
  return record.alternatives.map(([c, p]) => `${named(c)} ${percent(p)}`).join(", ");
}

function paragraph(name, words) {
  const p = document.createElement("p");
  p.className = name;
  p.textContent = words;
  return p;
}

function context(text, index) {
  const p = paragraph("context", "");
  const before = text.records.slice(Math.max(0, index - 12), index).map((r) => r.character);
  const after = text.records.slice(index + 1, index + 8).map((r) => r.character);
  const visible = (characters) => characters.join("").replaceAll("\n", "↵");
  const mark = document.createElement("mark");
  const own = text.records[index].character;
  mark.textContent = { "\n": "↵", " ": "␣", "\t": "⇥" }[own] ?? own;
  p.append(visible(before), mark, visible(after));
  return p;
}

function rows(record) {
  const { alternatives, kept, character, nats } = record;
  const made = alternatives.map(([c, p], i) => {
    const row = bar(c, p, c === character);
    if (kept && i >= kept) row.classList.add("cut");
    if (kept && i === kept) row.classList.add("first-cut");
    return row;
  });
  if (nats !== null && !alternatives.some(([c]) => c === character)) {
    const row = bar(character, Math.exp(-nats), true);
    row.classList.add("beyond");
    made.push(row);
  }
  return made;
}

function bar(character, share, own) {
  const row = document.createElement("p");
  row.className = own ? "bar own" : "bar";
  const [name, line, number] = ["span", "i", "span"].map((tag) => document.createElement(tag));
  name.className = "name";
  name.textContent = { "\n": "↵", " ": "␣", "\t": "⇥" }[character] ?? character;
  line.style.setProperty("--share", share.toFixed(4));
  number.className = "number";
  number.textContent = percent(share);
  row.append(name, line, number);
  return row;
}

document.getElementById("strip-close").addEventListener("click", close);
