// SHA-256, also where the browser has none: crypto.subtle is there on https and on localhost alone.

const k_primes = [];
for (let n = 2; k_primes.length < 64; n += 1) if (k_primes.every((prime) => n % prime !== 0)) k_primes.push(n);

/** The first 32 bits of the fractional part. */
const fraction = (x) => ((x - Math.floor(x)) * 2 ** 32) | 0;
const k_start = k_primes.slice(0, 8).map((prime) => fraction(Math.sqrt(prime)));
const k_rounds = Int32Array.from(k_primes, (prime) => fraction(Math.cbrt(prime)));

const turn = (x, by) => (x >>> by) | (x << (32 - by));

/** One block of 64 bytes (FIPS 180-4, section 6.2.2). */
function compress(state, words) {
  for (let t = 16; t < 64; t += 1) {
    const [x, y] = [words[t - 15], words[t - 2]];
    words[t] = (turn(y, 17) ^ turn(y, 19) ^ (y >>> 10)) + words[t - 7] + (turn(x, 7) ^ turn(x, 18) ^ (x >>> 3)) + words[t - 16];
  }
  let [a, b, c, d, e, f, g, h] = state;
  for (let t = 0; t < 64; t += 1) {
    const one = (h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + k_rounds[t] + words[t]) | 0;
    const two = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + one) | 0, c, b, a, (one + two) | 0];
  }
  [a, b, c, d, e, f, g, h].forEach((value, at) => { state[at] = (state[at] + value) | 0; });
}

/** The bytes with their padding: a one bit, zeros, and the length in bits. */
function padded(bytes) {
  const length = Math.ceil((bytes.length + 9) / 64) * 64;
  const block = new Uint8Array(length);
  block.set(bytes);
  block[bytes.length] = 0x80;
  const view = new DataView(block.buffer);
  view.setUint32(length - 8, Math.floor(bytes.length / 2 ** 29));
  view.setUint32(length - 4, (bytes.length << 3) >>> 0);
  return view;
}

const k_slice = 8192; // blocks between two pauses, so that the page stays awake

/** The digest in plain JavaScript; as hexadecimal digits. */
export async function sha256InScript(bytes) {
  const state = Int32Array.from(k_start);
  const words = new Int32Array(64);
  const view = padded(bytes);
  for (let block = 0; block < view.byteLength / 64; block += 1) {
    if (block % k_slice === k_slice - 1) await new Promise((resume) => { setTimeout(resume); });
    for (let t = 0; t < 16; t += 1) words[t] = view.getInt32(block * 64 + t * 4);
    compress(state, words);
  }
  return Array.from(state, (word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
}

/** The SHA-256 of `bytes` as 64 hexadecimal digits. */
export async function sha256(bytes) {
  if (!globalThis.crypto?.subtle) return sha256InScript(bytes);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
