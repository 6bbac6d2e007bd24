// One time step of one text through the network: nn/cells, nn/layers, nn/mixture.py and nn/readout.py of charrnn, under
// the same names, with the labels of their equations. V vocab_size, H hidden_size. Numbers are float64.

export const BOUNDARY_ID = 0; // stands between documents
const EPS = 1e-6;

const sigmoid = (x) => (Math.tanh(x / 2) + 1) / 2;
const numbers = (length) => new Float64Array(length);

// out += W x. Four rows share each number of x, and their sums do not wait for one another.
function add_product({ data, rows, columns: n }, x, out) {
  let i = 0;
  for (; i + 3 < rows; i += 4) {
    let [a, b, c, d] = [0, 0, 0, 0];
    for (let j = 0, k = i * n; j < n; j += 1, k += 1) {
      a += data[k] * x[j];
      b += data[k + n] * x[j];
      c += data[k + 2 * n] * x[j];
      d += data[k + 3 * n] * x[j];
    }
    out[i] += a;
    out[i + 1] += b;
    out[i + 2] += c;
    out[i + 3] += d;
  }
  for (; i < rows; i += 1) for (let j = 0; j < n; j += 1) out[i] += data[i * n + j] * x[j];
}

const column = ({ data, rows, columns }, j) => numbers(rows).map((_, i) => data[i * columns + j]);

// Columns from … to of a matrix as a matrix of their own.
function part({ data, rows, columns }, from, to) {
  const found = new data.constructor(rows * (to - from));
  for (let i = 0; i < rows; i += 1) found.set(data.subarray(i * columns + from, i * columns + to), i * (to - from));
  return { data: found, rows, columns: to - from };
}

function rms_norm(x, n) {
  const r = 1 / Math.sqrt(x.reduce((sum, each) => sum + each * each, 0) / x.length + EPS); // [rmsnorm.1]
  return x.map((each, j) => each * r * n[j]); // [rmsnorm.2]
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
    this.weight_ih = arrays.get(`recurrent.weight_ih_l${index}`, rows, index ? H : vocab_size);
    this.weight_hh = arrays.get(`recurrent.weight_hh_l${index}`, rows, H);
    this.bias_ih = arrays.get(`recurrent.bias_ih_l${index}`, rows);
    const own_bias = this.cell.gates_the_hidden_projection;
    this.bias_hh = own_bias ? arrays.get(`recurrent.bias_hh_l${index}`, rows) : numbers(rows);
    this.sizes = new Array(this.cell.states).fill(H);
  }

  // Reads an id, or the outputs of the layer below; changes the state; returns the outputs.
  forward(input, state) {
    const [gates, hidden_proj] = [new Float64Array(this.bias_ih), new Float64Array(this.bias_hh)];
    if (typeof input === "number") column(this.weight_ih, input).forEach((each, i) => (gates[i] += each));
    else add_product(this.weight_ih, input, gates);
    add_product(this.weight_hh, state[0], hidden_proj);
    this.cell.forward(gates, hidden_proj, state);
    return state[0];
  }
}

class QuasiRecurrentLayer {
  constructor(arrays, index, { hidden_size: H, vocab_size }) {
    const weight = arrays.get(`recurrent.weight_l${index}`, 3 * H, 2 * H);
    [this.left, this.right] = [part(weight, 0, H), part(weight, H, 2 * H)]; // of u of the step before, and of this step
    this.bias = arrays.get(`recurrent.bias_l${index}`, 3 * H);
    this.norm = arrays.get(`recurrent.norm_l${index}`, H);
    this.embedding = index ? null : arrays.get("recurrent.embedding", H, vocab_size);
    this.table = []; // by id: what the lowest layer computes from a character alone
    this.sizes = [H, 3 * H]; // c, and what u adds to the gates of the next step
  }

  source(x) {
    const u = rms_norm(x, this.norm); // [qrnn.1]
    const [now, next] = [new Float64Array(this.bias), numbers(this.bias.length)];
    add_product(this.right, u, now);
    add_product(this.left, u, next);
    return { x, now, next };
  }

  forward(input, [c, before]) {
    const of_character = (id) => (this.table[id] ??= this.source(column(this.embedding, id))); // [qrnn.12]
    const { x, now, next } = typeof input === "number" ? of_character(input) : this.source(input);
    const y = numbers(c.length);
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
    if (!Object.hasOwn(LAYERS, cell)) throw new Error(`charrnn: the cell '${cell}' is not known to this module`);
    this.documents = config.documents ?? false;
    this.layers = Array.from({ length: num_layers }, (_, k) => new LAYERS[cell](arrays, k, config));
    this.norm = cell === "qrnn" ? arrays.get("readout.norm", H) : null;
    [this.weight, this.bias] = [arrays.get("readout.weight", V, H), arrays.get("readout.bias", V)];
    this.num_experts = S;
    this.gate_weight = S ? arrays.get("mixture.gate_weight", S, H) : null;
    this.gate_bias = S ? arrays.get("mixture.gate_bias", S) : null;
    const between = S && (num_layers > 1 || cell === "qrnn"); // a single layer that is no stream has no such place
    this.input_weight = between ? arrays.get("mixture.input_weight", H, S * V) : null;
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
      x = x.slice();
      const phi = numbers(this.input_weight.columns);
      log_q.forEach((q, s) => q.forEach((each, c) => (phi[s * q.length + c] = Math.exp(each / 2))));
      add_product(this.input_weight, phi, x); // [src.4]
    });
    const [h, logits] = [this.norm ? rms_norm(x, this.norm) : x, new Float64Array(this.bias)];
    add_product(this.weight, h, logits); // [readout.1]
    if (!this.num_experts) return logits;
    const gates = new Float64Array(this.gate_bias);
    add_product(this.gate_weight, h, gates); // [src.5]
    log_q.forEach((q, s) => q.forEach((each, c) => (logits[c] += gates[s] * each))); // [src.6]
    return logits;
  }
}
