// What counts say about the next character: ngrams/packing.py, distributions.py and reader.py of charrnn in JavaScript.
// Sums are float64, and rounded to float32 where NumPy's are.

import { CHAINS, REACH } from "./chains.js";
import { refuse } from "./generation.js";
import { BOUNDARY_ID } from "./network.js";

const KEY_BITS = 43; // so that a key is a number that JavaScript holds exactly
const KEYS = 2 ** KEY_BITS;
const [LEAST_DISCOUNT, MOST_STEPS] = [0.05, 1000]; // steps to a row
const { fround } = Math;

const require_ = (holds) => holds || refuse("the counts of the model are damaged");

// Counts of contexts. A row is a context, of any chain and level; its pairs stand side by side, in the file's order.
class Tables {
  constructor(arrays, vocab_size, levels) {
    const [rows, pairs] = Array.from(arrays.row("counts.sizes"), Number);
    // Numbers that stand as all their first bytes, then all their second ones.
    const unpacked = (name, size, count) => {
      const planes = arrays.row(`counts.${name}`);
      require_(planes.length === size * count);
      const found = new Float64Array(count);
      for (let k = size - 1; k >= 0; k -= 1)
        for (let i = 0; i < count; i += 1) found[i] = found[i] * 256 + planes[k * count + i];
      return found;
    };
    const symbol_size = vocab_size <= 2 ** 8 ? 1 : vocab_size <= 2 ** 16 ? 2 : 4;
    const [keys, more] = [unpacked("keys", 8, rows), unpacked("lengths", symbol_size, rows)];
    for (let row = 1; row < rows; row += 1) keys[row] = (keys[row] + keys[row - 1]) % KEYS;
    Object.assign(this, { vocab_size, keys, level: unpacked("levels", 1, rows), first: new Int32Array(rows + 1) });
    this.index_keys();
    more.forEach((each, row) => (this.first[row + 1] = this.first[row] + each + 1)); // the first pair of each row
    require_(this.first[rows] === pairs);
    this.symbols = Int32Array.from(unpacked("symbols", symbol_size, pairs)); // how many each leaves out, at first
    const discounts = arrays.row("counts.discounts");
    // Every character stays possible.
    require_(discounts.length === 4 * levels);
    require_(discounts.every((lost, k) => lost >= (rows && k % 4 ? LEAST_DISCOUNT : 0) && lost <= k % 4));
    this.share(unpacked("counts", 4, pairs).map((each) => each + 1), discounts);
  }

  // A hash table of rows + 1.
  index_keys() {
    const bits = Math.max(1, Math.ceil(Math.log2(2 * this.keys.length + 1)));
    [this.slots, this.in_slot] = [new Int32Array(2 ** bits), 2 ** (KEY_BITS - bits)];
    this.keys.forEach((key, row) => {
      const slot = this.slot_of(key);
      require_(!this.slots[slot]); // two rows have one key
      this.slots[slot] = row + 1;
    });
  }

  // The slot of a key's row, or where it would be.
  slot_of(key) {
    let slot = Math.floor(key / this.in_slot);
    for (let steps = 0; this.slots[slot] && this.keys[this.slots[slot] - 1] !== key; steps += 1) {
      require_(steps < MOST_STEPS);
      slot = (slot + 1) % this.slots.length;
    }
    return slot;
  }

  // Counts become shares of [src.1]: (a − D(a)) / A of each pair, M / A of each row.
  share(counts, discounts) {
    [this.discounted, this.passed_on] = [new Float32Array(counts.length), new Float32Array(this.level.length)];
    for (let row = 0; row < this.level.length; row += 1) {
      const [from, to] = [this.first[row], this.first[row + 1]];
      let [total, left] = [0, 0];
      for (let k = from; k < to; k += 1) {
        if (k > from) this.symbols[k] += this.symbols[k - 1] + 1;
        total += counts[k];
        left += counts[k] - discounts[4 * this.level[row] + Math.min(counts[k], 3)];
      }
      require_(this.symbols[to - 1] < this.vocab_size);
      for (let k = from; k < to; k += 1)
        this.discounted[k] = (counts[k] - discounts[4 * this.level[row] + Math.min(counts[k], 3)]) / total;
      this.passed_on[row] = (total - left) / total;
    }
  }

  // Adds the pairs of a row to probabilities, as far as the contexts above it leave room.
  add(row, above, probs) {
    for (let k = this.first[row]; k < this.first[row + 1]; k += 1)
      probs[this.symbols[k]] += fround(this.discounted[k] * above);
  }

  // P_1 of a chain, whose shortest context is on this level.
  shortest(level) {
    const row = this.level.indexOf(level);
    const probs = new Float64Array(this.vocab_size).fill((row < 0 ? 1 : this.passed_on[row]) / this.vocab_size);
    if (row >= 0) this.add(row, 1, probs);
    return probs;
  }
}

export class Experts {
  constructor(arrays, names, { vocab_size, documents = false }) {
    const unknown = names.find((name) => !Object.hasOwn(CHAINS, name));
    if (unknown !== undefined) refuse(`the chain '${unknown}' is not known to this module`);
    let levels = 0;
    const lowest = names.map((name) => [levels, (levels += CHAINS[name].levels)][0]); // of each chain
    [this.documents, this.tables] = [documents, new Tables(arrays, vocab_size, levels)];
    this.shortest = lowest.map((level) => this.tables.shortest(level));
    this.keys_of = names.map((name) => CHAINS[name].keys_of(arrays));
  }
}

// What the experts say along a text that grows by a character at a time.
export class Reader {
  constructor(experts, codes = []) {
    const log_q = experts.shortest.map((probs) => probs.slice());
    Object.assign(this, { experts, codes, log_q }); // the last codes are replaced and never written to
  }

  copy() {
    return new Reader(this.experts, this.codes);
  }

  // The log-probabilities of what follows, after one more character, by each expert; they hold until the next call.
  read(id) {
    const { documents, tables, shortest, keys_of } = this.experts;
    this.codes = [...(documents && id === BOUNDARY_ID ? [] : this.codes.slice(1 - REACH)), id + 1];
    this.log_q.forEach((probs, s) => {
      probs.fill(0);
      let above = 1; // Π M / A of the contexts that are longer
      for (const key of keys_of[s](this.codes).reverse()) {
        const row = tables.slots[tables.slot_of(Number(key >> BigInt(64 - KEY_BITS)))] - 1;
        if (row < 0) continue;
        tables.add(row, above, probs);
        above = fround(above * tables.passed_on[row]);
      }
      for (let c = 0; c < probs.length; c += 1) probs[c] = fround(Math.log(fround(probs[c] + above * shortest[s][c])));
    });
    return this.log_q;
  }
}
