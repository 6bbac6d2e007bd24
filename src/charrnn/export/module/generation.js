// How a character is drawn: generation/filters.py, sample.py and stop.py of charrnn, under the same names.

// The default, the least and the largest value of each setting.
const FILTERS = { temperature: [1, 0, 1e6], top_k: [0, 0, 2 ** 31], top_p: [1, 0, 1], min_p: [0, 0, 1] };

export function refuse(message) {
  throw new Error(`charrnn: ${message}`);
}

// Refuses what is not a whole number, of any size.
export function check_whole(name, value) {
  if (!/^\d+$/.test(value)) refuse(`${name} must be a whole number of at least 0, not ${value}`);
}

const largest = (x) => x.reduce((most, each) => Math.max(most, each), -Infinity);

export function log_softmax(logits) {
  const most = largest(logits);
  const sum = logits.reduce((total, each) => total + Math.exp(each - most), 0);
  return logits.map((each) => each - most - Math.log(sum));
}

// The ids, the likeliest first; of equals, the lower one.
export const by_likelihood = (logits) => [...logits.keys()].sort((a, b) => logits[b] - logits[a] || a - b);

// The settings that were given, checked, and the defaults of the others.
export function make_sampling({ greedy = false, ...given }) {
  const config = { greedy };
  for (const name of Object.keys(given)) if (!Object.hasOwn(FILTERS, name)) refuse(`no setting is called '${name}'`);
  for (const [name, [usual, least, most]] of Object.entries(FILTERS)) {
    const value = (config[name] = given[name] ?? usual);
    if (!(value >= least && value <= most)) refuse(`${name} ${value} is out of range: from ${least} to ${most}`);
  }
  return config;
}

// The logits after all filters; −Infinity where a character cannot be drawn.
export function apply_filters(logits, { temperature, top_k, top_p, min_p, greedy }) {
  const filtered = logits.slice();
  const keep = (order, wanted) => order.forEach((id, place) => wanted(place) || (filtered[id] = -Infinity));
  if (greedy || temperature === 0) keep(by_likelihood(filtered), (place) => place < 1);
  else if (temperature !== 1) {
    const most = largest(filtered);
    filtered.forEach((each, id) => (filtered[id] = (each - most) / temperature));
  }
  if (top_k > 0) keep(by_likelihood(filtered), (place) => place < top_k);
  if (top_p < 1) {
    const [order, probs] = [by_likelihood(filtered), log_softmax(filtered).map(Math.exp)];
    let before = 0; // the share of those that are likelier
    const outside = order.map((id, place) => [place > 0 && before >= top_p, (before += probs[id])][0]);
    keep(order, (place) => !outside[place]);
  }
  const least = largest(filtered) + Math.log(min_p);
  if (min_p > 0) filtered.forEach((each, id) => each < least && (filtered[id] = -Infinity));
  return filtered;
}

// The id at which the cumulative share of filtered logits exceeds u.
export function pick(filtered, u) {
  const most = largest(filtered);
  let sum = 0;
  const cumulative = filtered.map((each) => (sum += Math.exp(each - most)));
  return cumulative.findIndex((share) => share > u * sum);
}

// Lets characters pass until a stop string is complete, and holds back those that one may begin with.
export class StopMatcher {
  constructor(stops) {
    Object.assign(this, { stops, pending: "", reached: false });
  }

  // Returns those characters that no stop string can begin with any more.
  add(character) {
    this.pending += character;
    const ends = (n, stop) => n <= stop.length && this.pending.endsWith(stop.slice(0, n));
    const complete = this.stops.filter((stop) => ends(stop.length, stop)).map((stop) => stop.length);
    let held = Math.max(0, ...complete);
    this.reached = held > 0;
    if (!this.reached)
      for (let n = 1; n <= this.pending.length; n += 1) if (this.stops.some((stop) => ends(n, stop))) held = n;
    const certain = this.pending.slice(0, this.pending.length - held);
    this.pending = this.pending.slice(certain.length);
    return certain;
  }
}
