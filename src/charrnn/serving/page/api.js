// All requests to the server.

// The key comes with the address that `charrnn serve` prints. It moves to the storage of this tab, out of sight.
const KEY = "charrnn-key";
let key = null;
const address = new URL(location.href);
try {
  key = address.searchParams.get("token") ?? sessionStorage.getItem(KEY);
  if (key) sessionStorage.setItem(KEY, key);
} catch {
  // Nothing can be stored here: the key holds until the page is loaded again.
}
if (address.searchParams.has("token")) {
  address.searchParams.delete("token");
  history.replaceState(null, "", address);
}

// A header holds bytes: those of the key in UTF-8.
const authorization = () => `Bearer ${String.fromCharCode(...new TextEncoder().encode(key))}`;

export class Refused extends Error {
  constructor(status, error, retryAfter) {
    super(error.message || `the server answered ${status}`);
    this.status = status;
    this.param = error.param;
    this.code = error.code;
    this.retryAfter = retryAfter;
  }
}

export class Unreachable extends Error {}

// A failed network throws a TypeError, as a bug in a script does, so only calls that use the network are wrapped.
async function reached(promise) {
  try {
    return await promise;
  } catch (error) {
    throw error instanceof TypeError ? new Unreachable(error.message) : error;
  }
}

async function ask(path, body, signal) {
  const options = { signal, headers: key ? { Authorization: authorization() } : {} };
  if (body !== undefined) {
    options.method = "POST";
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  const response = await reached(fetch(path, options));
  if (response.ok) return response;
  let error = {};
  try {
    error = (await response.json()).error ?? {};
  } catch {
    // The answer is not from this server: only its status is known.
  }
  throw new Refused(response.status, error, response.headers.get("Retry-After"));
}

const json = async (path, body, signal) => reached((await ask(path, body, signal)).json());
const ofRun = (id, what) => `api/runs/${encodeURIComponent(id)}/${what}`;

export const settings = async () => (await json("api/settings")).settings;
export const runs = async () => (await json("api/runs")).runs;
export const metrics = (id) => json(ofRun(id, "metrics"));
export const samples = async (id) => (await json(ofRun(id, "samples"))).samples;
export const score = (body, signal) => json("v1/score", body, signal);
export const whole = (body, signal) => json("v1/completions", body, signal);
export const inspect = (body, signal) => json("api/inspect", body, signal);
export const units = (body, signal) => json("api/units", body, signal);
export const activations = (body, signal) => json("api/activations", body, signal);

// The characters of a completion as they arrive, each with its likeliest alternatives.
export async function* complete(body, signal) {
  const response = await ask("v1/completions", { ...body, stream: true, logprobs: 5 }, signal);
  for await (const event of events(response.body)) {
    if (event.error) throw new Refused(500, event.error);
    for (const choice of event.choices ?? []) yield* characters(choice);
  }
}

async function* events(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  try {
    for (;;) {
      const { value, done } = await reached(reader.read());
      if (done) return;
      held += value;
      const parts = held.split("\n\n");
      held = parts.pop();
      for (const part of parts) {
        const data = part.replace(/^data: ?/, "");
        if (data === "[DONE]") return;
        if (data && !part.startsWith(":")) yield JSON.parse(data);
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

function* characters(choice) {
  const logprobs = choice.logprobs;
  if (!logprobs) return;
  for (let i = 0; i < logprobs.tokens.length; i += 1) {
    yield record(
      logprobs.tokens[i],
      -logprobs.token_logprobs[i],
      Object.entries(logprobs.top_logprobs[i] ?? {}).map(([c, logprob]) => [c, Math.exp(logprob)]),
      choice.kept?.[i],
    );
  }
}

// One character with its surprise and the five likeliest characters, best first.
export function record(character, nats, alternatives, kept, rank) {
  const five = [...alternatives].sort((a, b) => b[1] - a[1]).slice(0, 5);
  const place = five.findIndex(([c]) => c === character);
  return { character, nats, alternatives: five, kept, rank: rank ?? (place < 0 ? null : place + 1) };
}
