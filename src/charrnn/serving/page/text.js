// A text whose characters can be pointed at, or reached with the arrow keys.

import { level } from "./colour.js";
import { bands, room } from "./trust.js";

export class CharacterText {
  constructor(element, label, inspect) {
    this.element = element;
    this.inspect = inspect; // called with (text, index, byKeyboard)
    this.records = [];
    this.spans = [];
    this.values = null; // of a hidden unit, one for each character
    this.mode = "surprise";
    this.current = 0;
    this.quiet = false;
    this.over = null; // the character under the pointer
    element.classList.add("text");
    element.setAttribute("role", "group");
    element.setAttribute("aria-label", label);
    // Not "pointerover", which also fires when text moves under a resting pointer. A moving finger scrolls.
    element.addEventListener("pointermove", (event) => event.pointerType !== "touch" && this.point(event.target));
    element.addEventListener("pointerleave", () => (this.over = null));
    element.addEventListener("click", (event) => event.target.index !== undefined && event.target.focus({ preventScroll: true }));
    element.addEventListener("focusin", (event) => this.focused(event.target));
    element.addEventListener("keydown", (event) => this.move(event));
  }

  clear(prefix = "") {
    this.element.replaceChildren();
    this.records = [];
    this.spans = [];
    this.values = null;
    this.current = 0;
    if (prefix) {
      const span = document.createElement("span");
      span.className = "prefix";
      span.textContent = prefix;
      this.element.append(span);
    }
  }

  get string() {
    return this.records.map((record) => record.character).join("");
  }

  append(records) {
    const fragment = document.createDocumentFragment();
    for (const record of records) {
      const span = document.createElement("span");
      span.textContent = record.character;
      span.tabIndex = this.spans.length === 0 ? 0 : -1;
      span.index = this.spans.length;
      if (record.trust) span.style.setProperty("--bands", bands(record.trust));
      this.records.push(record);
      this.spans.push(span);
      this.paint(span.index);
      fragment.append(span);
    }
    this.element.append(fragment);
  }

  // Colours by "none", "surprise", "unit" or "trust". `values` are the unit's, one for each character; null until they arrive.
  colour(mode, values = null) {
    this.mode = mode;
    this.values = values;
    const trust = mode === "trust" ? this.records.at(-1)?.trust : null;
    this.element.classList.toggle("trusted", Boolean(trust));
    if (trust) this.element.style.setProperty("--room", room(trust.experts.length));
    this.spans.forEach((_, i) => this.paint(i));
  }

  paint(i) {
    const { character, nats } = this.records[i];
    let name = character === "\n" ? "c end" : "c";
    const value = this.mode === "unit" ? this.values?.[i] : nats;
    if (this.mode !== "none" && value !== undefined && value !== null) name += ` ${level(this.mode, value)}`;
    if (this.spans[i].className !== name) this.spans[i].className = name;
  }

  // The unit's value at a character, while the text is coloured by one.
  value(i) {
    return this.mode === "unit" ? (this.values?.[i] ?? null) : null;
  }

  point(target) {
    if (target.index === undefined || target === this.over) return;
    this.over = target;
    this.inspect(this, target.index, false);
  }

  focused(target) {
    if (target.index === undefined) return;
    this.spans[this.current].tabIndex = -1;
    this.current = target.index;
    target.tabIndex = 0;
    if (!this.quiet) this.inspect(this, target.index, true);
  }

  // Returns the focus to the current character, without showing it.
  refocus() {
    this.quiet = true;
    this.spans[this.current]?.focus({ preventScroll: true });
    this.quiet = false;
  }

  move(event) {
    if (event.ctrlKey && !["Home", "End"].includes(event.key)) return;
    if (event.altKey || event.metaKey || event.target.index === undefined) return;
    const last = this.spans.length - 1;
    const i = this.current;
    const to = {
      ArrowLeft: () => i - 1,
      ArrowRight: () => i + 1,
      ArrowUp: () => this.otherLine(i, -1),
      ArrowDown: () => this.otherLine(i, 1),
      Home: () => (event.ctrlKey ? 0 : this.lineEnd(i, -1)),
      End: () => (event.ctrlKey ? last : this.lineEnd(i, 1)),
    }[event.key];
    if (!to) return;
    event.preventDefault();
    this.spans[Math.max(0, Math.min(last, to()))].focus();
  }

  rect(i) {
    const rects = this.spans[i].getClientRects();
    return rects[0] ?? this.spans[i].getBoundingClientRect();
  }

  // The character above or below, as the lines are broken now.
  otherLine(i, direction) {
    const from = this.rect(i);
    const middle = (from.left + from.right) / 2;
    let best = i;
    let distance = Infinity;
    let line = null;
    for (let j = i + direction; this.spans[j]; j += direction) {
      const rect = this.rect(j);
      const row = Math.round(rect.top - from.top);
      if (Math.abs(row) < from.height / 2) continue;
      line ??= row;
      if (Math.abs(row - line) > from.height / 2) break;
      const away = Math.abs((rect.left + rect.right) / 2 - middle);
      if (away < distance) [best, distance] = [j, away];
    }
    return best;
  }

  lineEnd(i, direction) {
    const { top, height } = this.rect(i);
    let j = i;
    while (this.spans[j + direction] && Math.abs(this.rect(j + direction).top - top) < height / 2) j += direction;
    return j;
  }
}
