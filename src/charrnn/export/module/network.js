// One time step of one text through the network: nn/cells, nn/layers, nn/mixture.py and nn/readout.py of charrnn, under
// the same names, with the labels of their equations. V vocab_size, H hidden_size. Numbers are float64.

import { refuse } from "./generation.js";

export const BOUNDARY_ID = 0; // stands between documents
const EPS = 1e-6;

const sigmoid = (x) => 1 / (1 + Math.exp(-x));
const numbers = (length) => new Float64Array(length);

// out += W x. A matrix is a list of its columns; four of them share each access to out.
function add_product(columns, x, out) {
  let j = 0;
  for (; j + 3 < columns.length; j += 4) {
    const [a, b, c, d] = [columns[j], columns[j + 1], columns[j + 2], columns[j + 3]];
    const [p, q, r, s] = [x[j], x[j + 1], x[j + 2], x[j + 3]];
    for (let i = 0; i < out.length; i += 1) out[i] += a[i] * p + b[i] * q + c[i] * r + d[i] * s;
  }
  for (; j < columns.length; j += 1) add(columns[j], x[j], out);
}

// out += c x, of a vector and a number.
function add(column, x, out) {
  for (let i = 0; i < out.length; i += 1) out[i] += column[i] * x;
}

// W x + b, of a vector or of the one-hot vector of an id. What it returns holds until its next use.
class Affine {
  constructor(columns, bias) {
    Object.assign(this, { columns, bias, out: bias.slice() });
  }

  of(x) {
    this.out.set(this.bias);
    if (typeof x === "number") add(this.columns[x], 1, this.out);
    else add_product(this.columns, x, this.out);
    return this.out;
  }
}

function rms_norm(x, n, out) {
  let sum = 0;
  for (let j = 0; j < x.length; j += 1) sum += x[j] * x[j];
  const r = 1 / Math.sqrt(sum / x.length + EPS); // [rmsnorm.1]
  for (let j = 0; j < x.length; j += 1) out[j] = x[j] * r * n[j]; // [rmsnorm.2]
  return out;
}

// The elementwise maths of a time step: gates hold the input projections, k · H + j is unit j of gate k.
const CELLS = {
  rnn: { gates: 1, states: 1, forward(gates, hidden_proj, [h]) {
    for (let j = 0; j < h.length; j += 1) h[j] = Math.tanh(gates[j] + hidden_proj[j]); // [rnn.1], [rnn.2]
  } },
  lstm: { gates: 4, states: 2, forward(gates, hidden_proj, [h, c]) {
    for (let j = 0, H = h.length; j < H; j += 1) {
      const i = sigmoid(gates[j] + hidden_proj[j]); // [lstm.1]
      const f = sigmoid(gates[j + H] + hidden_proj[j + H]);
      const g = Math.tanh(gates[j + 2 * H] + hidden_proj[j + 2 * H]);
      const o = sigmoid(gates[j + 3 * H] + hidden_proj[j + 3 * H]);
      c[j] = f * c[j] + i * g; // [lstm.2]
      h[j] = o * Math.tanh(c[j]); // [lstm.3]
    }
  } },
  gru: { gates: 3, states: 1, gates_the_hidden_projection: true, forward(gates, hidden_proj, [h]) {
    for (let j = 0, H = h.length; j < H; j += 1) {
      const r = sigmoid(gates[j] + hidden_proj[j]); // [gru.1]
      const z = sigmoid(gates[j + H] + hidden_proj[j + H]);
      const n = Math.tanh(gates[j + 2 * H] + r * hidden_proj[j + 2 * H]); // [gru.2]
      h[j] = (1 - z) * n + z * h[j]; // [gru.3]
    }
  } },
};

class RecurrentLayer {
  constructor(arrays, index, { cell, hidden_size: H, vocab_size }) {
    this.cell = CELLS[cell];
    const rows = this.cell.gates * H;
    const get = (name, ...shape) => arrays.get(`recurrent.${name}_l${index}`, ...shape);
    this.input_proj = new Affine(get("weight_ih", rows, index ? H : vocab_size), get("bias_ih", rows));
    const bias_hh = this.cell.gates_the_hidden_projection ? get("bias_hh", rows) : numbers(rows);
    this.hidden_proj = new Affine(get("weight_hh", rows, H), bias_hh);
    this.sizes = new Array(this.cell.states).fill(H);
  }

  // Reads an id, or the outputs of the layer below; changes the state; returns the outputs.
  forward(input, state) {
    this.cell.forward(this.input_proj.of(input), this.hidden_proj.of(state[0]), state);
    return state[0];
  }
}

class QuasiRecurrentLayer {
  constructor(arrays, index, { hidden_size: H, vocab_size }) {
    const weight = arrays.get(`recurrent.weight_l${index}`, 3 * H, 2 * H);
    this.now = new Affine(weight.slice(H), arrays.get(`recurrent.bias_l${index}`, 3 * H)); // of u of this step
    this.next = new Affine(weight.slice(0, H), numbers(3 * H)); // of the same u, for the gates of the next step
    this.norm = arrays.get(`recurrent.norm_l${index}`, H);
    this.embedding = index ? null : arrays.get("recurrent.embedding", H, vocab_size);
    this.table = []; // by id: what the lowest layer computes from a character alone
    [this.u, this.y, this.sizes] = [numbers(H), numbers(H), [H, 3 * H]]; // of c, and of what u adds to the next gates
  }

  source(x) {
    const u = rms_norm(x, this.norm, this.u); // [qrnn.1]
    return [x, this.now.of(u), this.next.of(u)];
  }

  forward(input, [c, before]) {
    const of_id = (id) => (this.table[id] ??= this.source(this.embedding[id]).map((each) => each.slice())); // [qrnn.12]
    const [x, now, next] = typeof input === "number" ? of_id(input) : this.source(input);
    const { y } = this;
    for (let j = 0, H = c.length; j < H; j += 1) {
      const z = Math.tanh(now[j] + before[j]); // [qrnn.2], [qrnn.3]
      const f = sigmoid(now[j + H] + before[j + H]);
      const o = sigmoid(now[j + 2 * H] + before[j + 2 * H]);
      c[j] = f * c[j] + (1 - f) * z; // [qrnn.4]
      y[j] = x[j] + o * c[j]; // [qrnn.5]
    }
    before.set(next);
    return y;
  }
}

const LAYERS = { rnn: RecurrentLayer, lstm: RecurrentLayer, gru: RecurrentLayer, qrnn: QuasiRecurrentLayer };

export class CharModel {
  constructor(arrays, config) {
    const { cell, num_layers, hidden_size: H, vocab_size: V, num_experts: S = 0 } = config;
    if (!Object.hasOwn(LAYERS, cell)) refuse(`the cell '${cell}' is not known to this module`);
    this.documents = config.documents ?? false;
    this.layers = Array.from({ length: num_layers }, (_, k) => new LAYERS[cell](arrays, k, config));
    [this.norm, this.h] = [cell === "qrnn" ? arrays.get("readout.norm", H) : null, numbers(H)];
    this.readout = new Affine(arrays.get("readout.weight", V, H), arrays.get("readout.bias", V));
    this.num_experts = S;
    this.gates = S ? new Affine(arrays.get("mixture.gate_weight", S, H), arrays.get("mixture.gate_bias", S)) : null;
    const between = S && (num_layers > 1 || cell === "qrnn"); // a single layer that is no stream has no such place
    this.input_weight = between ? arrays.get("mixture.input_weight", H, S * V) : null;
    [this.phi, this.x] = [numbers(S * V), numbers(H)];
  }

  zero_state() {
    return this.layers.map((layer) => layer.sizes.map(numbers));
  }

  // The logits (V,) after one more character, of which S experts say log_q (S, V). A network of documents forgets what
  // was before a boundary.
  forward(id, state, log_q = []) {
    if (this.documents && id === BOUNDARY_ID) state.flat().forEach((x) => x.fill(0));
    let x = id;
    this.layers.forEach((layer, k) => {
      x = layer.forward(x, state[k]);
      if (k > 0 || !this.input_weight) return;
      this.x.set(x);
      x = this.x;
      log_q.forEach((q, s) => q.forEach((each, c) => (this.phi[s * q.length + c] = Math.exp(each / 2))));
      add_product(this.input_weight, this.phi, x); // [src.4]
    });
    const h = this.norm ? rms_norm(x, this.norm, this.h) : x;
    const logits = this.readout.of(h).slice(); // [readout.1]
    const gates = this.gates?.of(h); // [src.5]
    log_q.forEach((q, s) => q.forEach((each, c) => (logits[c] += gates[s] * each))); // [src.6]
    return logits;
  }
}
