/** Sound files, sample rates and channels. */

const HEADER = 44; // bytes
const REACH = 10; // half the resampling filter, in periods of the lower of both rates
const KAISER = 5; // shape of its window; both as in `scipy.signal.resample_poly`

/** Return a WAV file of 16 bits per sample; samples outside [-1, 1] are clipped. */
export function encodeWav(wave: Float32Array, rate: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(HEADER + 2 * wave.length);
  const view = new DataView(bytes.buffer);
  const text = (at: number, letters: string) => {
    for (let i = 0; i < letters.length; i++) bytes[at + i] = letters.charCodeAt(i);
  };
  text(0, "RIFF");
  view.setUint32(4, HEADER - 8 + 2 * wave.length, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true); // bytes of this part
  view.setUint16(20, 1, true); // PCM
  view.setUint16(22, 1, true); // channels
  view.setUint32(24, rate, true);
  view.setUint32(28, 2 * rate, true); // bytes per second
  view.setUint16(32, 2, true); // bytes per moment
  view.setUint16(34, 16, true); // bits per sample
  text(36, "data");
  view.setUint32(40, 2 * wave.length, true);
  for (let i = 0; i < wave.length; i++) {
    const sample = Math.min(Math.max(wave[i], -1), 1);
    view.setInt16(HEADER + 2 * i, Math.round(sample * 32767), true);
  }
  return bytes;
}

/** Return the average of channels of equal length, (samples). */
export function toMono(channels: readonly Float32Array[]): Float32Array {
  if (channels.length === 1) return channels[0];
  const out = new Float32Array(channels[0]?.length ?? 0);
  for (const channel of channels) {
    for (let i = 0; i < out.length; i++) out[i] += channel[i] / channels.length;
  }
  return out;
}

/**
 * Return a wave (samples) at another rate, (⌈samples × to / from⌉), without aliases.
 *
 * The filter is that of `scipy.signal.resample_poly`, which Python uses: a sinc at half the lower
 * rate in a Kaiser window.
 */
export function resample(wave: Float32Array, from: number, to: number): Float32Array {
  if (from === to) return wave;
  const divisor = greatestCommonDivisor(from, to);
  const [up, down] = [to / divisor, from / divisor];
  const slower = Math.max(up, down);
  const reach = REACH * slower; // of the filter, at a rate of from × up
  const taps = kaiserSinc(reach, slower, up);
  const out = new Float32Array(Math.ceil((wave.length * up) / down));
  for (let i = 0; i < out.length; i++) {
    const at = i * down; // in samples of from × up
    const first = Math.max(0, Math.ceil((at - reach) / up));
    const last = Math.min(wave.length - 1, Math.floor((at + reach) / up));
    let sum = 0;
    for (let j = first; j <= last; j++) sum += wave[j] * taps[at - j * up + reach];
    out[i] = sum;
  }
  return out;
}

/** Return the coefficients of a low-pass filter, (2 × reach + 1), whose sum is `gain`. */
function kaiserSinc(reach: number, slower: number, gain: number): Float64Array {
  const taps = new Float64Array(2 * reach + 1);
  let sum = 0;
  for (let i = 0; i < taps.length; i++) {
    const x = (i - reach) / slower;
    const sinc = x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
    const place = (i - reach) / reach;
    taps[i] = sinc * bessel0(KAISER * Math.sqrt(Math.max(0, 1 - place * place)));
    sum += taps[i];
  }
  return taps.map((tap) => (tap * gain) / sum);
}

/** Modified Bessel function of order 0. */
function bessel0(x: number): number {
  let term = 1;
  let sum = 1;
  for (let k = 1; term > 1e-12 * sum; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
