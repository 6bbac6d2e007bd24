// From what was exported to arrays: a safetensors file, compressed with zlib, perhaps in base 85.

import { refuse } from "./generation.js";

const [FEW_BYTES, MOST_TIMES] = [2 ** 20, 64]; // that a model can unpack to, and times the bytes that it is packed in
const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%.()*+-;,=:?@^_`{|}~";
const TYPES = { F32: Float32Array, F64: Float64Array, I8: Int8Array, U8: Uint8Array, I64: BigInt64Array };

// The arrays of a safetensors file, each asked for by its name and shape.
class Arrays {
  constructor(bytes) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const size = Number(view.getBigUint64(0, true));
    this.table = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + size)));
    this.data = bytes.subarray(8 + size);
    this.header = JSON.parse(this.table.__metadata__.charrnn);
  }

  // An array of any length and type.
  row(name) {
    const { dtype, data_offsets } = this.table[name] ?? refuse(`the model lacks the array '${name}'`);
    return new TYPES[dtype](this.data.slice(...data_offsets).buffer);
  }

  // A vector, or the columns of a matrix: of Q and s, where it is quantised.
  get(name, rows, columns) {
    const data = this.row(name);
    const shape = columns ? [rows, columns] : [rows];
    if (String(this.table[name].shape) !== String(shape) || data.length !== rows * (columns ?? 1))
      refuse(`the array '${name}' of the model has another shape than ${shape}`);
    if (!columns) return Float64Array.from(data);
    const scale = data instanceof Int8Array ? this.get(`${name}.scale`, rows) : null;
    const weight = (k) => (scale ? Math.fround(scale[Math.floor(k / columns)] * data[k]) : data[k]);
    const column = (j) => new Float64Array(rows).map((_, i) => weight(i * columns + j));
    return Array.from({ length: columns }, (_, j) => column(j));
  }
}

// The bytes that a text of base-85 digits stands for: each five are four bytes. A wrong digit spoils the checksum.
function from_base85(text) {
  const view = new DataView(new ArrayBuffer(4 * Math.ceil(text.length / 5)));
  const value = new Map(Array.from(DIGITS, (digit, k) => [digit.charCodeAt(0), k]));
  for (let k = 0, at = 0; k < text.length; k += 5, at += 4) {
    let number = 0;
    for (let j = k; j < k + 5; j += 1) number = 85 * number + (j < text.length ? value.get(text.charCodeAt(j)) : 84);
    view.setUint32(at, number);
  }
  return new Uint8Array(view.buffer, 0, Math.floor((4 * text.length) / 5));
}

// The bytes that were packed with zlib. (In Node, the stream of a Blob would detach buffers, and V8 would from then on
// look at every access to an array whether its buffer is still there: a fifth of all speed.)
async function inflate(bytes) {
  const { readable, writable } = new DecompressionStream("deflate");
  const [reader, writer] = [readable.getReader(), writable.getWriter()];
  for (const done of [writer.write(bytes), writer.close()]) done.catch(() => {}); // the reader meets the same error
  const parts = [];
  let size = 0;
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    parts.push([size, part.value]);
    size += part.value.length;
    if (size > FEW_BYTES + MOST_TIMES * bytes.length) throw new Error("it is made to fill the memory");
  }
  const unpacked = new Uint8Array(size);
  for (const [place, part] of parts) unpacked.set(part, place);
  return unpacked;
}

// The arrays of bytes, or of the same in base 85.
export async function unpack(source) {
  try {
    return new Arrays(await inflate(typeof source === "string" ? from_base85(source) : source));
  } catch (error) {
    return refuse(`this is not a whole model of charrnn (${error.message})`);
  }
}
