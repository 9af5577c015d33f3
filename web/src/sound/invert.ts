/** Turn a log-mel spectrogram into a wave to listen to. */

import type { Sound } from "../contract";
import { seeded } from "../analysis/random";
import { RealFFT } from "./fft";
import { type Bands, bandsOf, hann } from "./spectrogram";

const OVERLAP = 4; // frames that overlap at each moment; Griffin-Lim needs several
const GRIFFIN_LIM_ITERATIONS = 40;
const MOMENTUM = 0.99;
const SEED = 0;
const BAND_ITERATIONS = 60; // multiplicative updates of the frequencies of the bands

/**
 * Return a wave (seconds × rate) with peak 1 whose log-mel spectrogram is about `x`.
 *
 * A spectrogram keeps neither the loudness nor the length of a sound. The seed is fixed, so that a
 * spectrogram always gives the same wave.
 *
 * @param x - (mels × frames), row by row; values outside [0, 1] are clipped
 * @param filters - (mels × (n_fft / 2 + 1)), the numbers in `sound.filters`
 */
export function invert(
  x: Float32Array,
  sound: Sound,
  filters: Float32Array,
  iterations = GRIFFIN_LIM_ITERATIONS,
): Float32Array {
  if (x.length !== sound.mels * sound.frames) {
    throw new RangeError(
      `the spectrogram holds ${x.length} numbers, expected ${sound.mels} × ${sound.frames}`,
    );
  }
  const hop = Math.ceil(sound.window / OVERLAP);
  const samples = Math.max(Math.round(sound.seconds * sound.rate), 1);
  const length = Math.max(samples, sound.n_fft);
  const steps = Math.floor(length / hop) + 1;
  const amplitude = amplitudes(x, sound, steps, (hop * sound.frames) / samples);
  const magnitude = frequenciesOf(amplitude, steps, bandsOf(sound, filters));
  const transform = new ShortTimeFourier(sound, hop, steps, length);
  const wave = griffinLim(magnitude, transform, iterations).subarray(0, samples);
  let peak = 1e-9;
  for (const sample of wave) peak = Math.max(peak, Math.abs(sample));
  return Float32Array.from(wave, (sample) => sample / peak);
}

/** Return amplitudes (steps × mels), interpolated between the middles of the given frames. */
function amplitudes(x: Float32Array, sound: Sound, steps: number, stride: number): Float64Array {
  const { mels, frames } = sound;
  const out = new Float64Array(steps * mels);
  for (let t = 0; t < steps; t++) {
    const at = Math.min(Math.max(t * stride - 0.5, 0), frames - 1);
    const left = Math.min(Math.floor(at), Math.max(frames - 2, 0));
    const right = Math.min(left + 1, frames - 1);
    for (let m = 0; m < mels; m++) {
      const a = Math.min(Math.max(x[m * frames + left], 0), 1);
      const b = Math.min(Math.max(x[m * frames + right], 0), 1);
      const value = a + (b - a) * (at - left);
      // 0 means silence.
      out[t * mels + m] = value > 0 ? 10 ** (((value - 1) * sound.range_db) / 20) : 0;
    }
  }
  return out;
}

/**
 * Return magnitudes (steps × bins) whose bands have the given amplitudes (steps × mels).
 *
 * Multiplicative updates solve the non-negative least squares (Lee & Seung, 2001). They begin with
 * the same value at all frequencies of a band, so that a wide band stays filled.
 */
function frequenciesOf(amplitude: Float64Array, steps: number, bands: Bands): Float64Array {
  const { mels, bins, first, stop, filters } = bands;
  const out = new Float64Array(steps * bins);
  const band = new Float64Array(mels);
  const wanted = new Float64Array(bins);
  const given = new Float64Array(bins);
  const collect = (values: Float64Array, to: Float64Array) => {
    to.fill(0);
    for (let m = 0; m < mels; m++) {
      const row = m * bins;
      for (let k = first[m]; k < stop[m]; k++) to[k] += filters[row + k] * values[m];
    }
  };
  for (let t = 0; t < steps; t++) {
    const spectrum = out.subarray(t * bins, (t + 1) * bins);
    collect(amplitude.subarray(t * mels, (t + 1) * mels), wanted);
    spectrum.set(wanted);
    for (let i = 0; i < BAND_ITERATIONS; i++) {
      for (let m = 0; m < mels; m++) {
        let sum = 0;
        const row = m * bins;
        for (let k = first[m]; k < stop[m]; k++) sum += filters[row + k] * spectrum[k];
        band[m] = sum;
      }
      collect(band, given);
      for (let k = 0; k < bins; k++) spectrum[k] *= given[k] > 0 ? wanted[k] / given[k] : 0;
    }
  }
  return out;
}

/** Short-time Fourier transform with a Hann window, centred frames and its inverse. */
class ShortTimeFourier {
  readonly bins: number;
  readonly steps: number;
  private readonly hop: number;
  private readonly fft: RealFFT;
  private readonly taper: Float64Array;
  private readonly frame: Float64Array;
  private readonly margin: number;
  private readonly padded: Float64Array;
  private readonly weight: Float64Array; // sum of squared windows at each sample
  private readonly length: number;

  constructor(sound: Sound, hop: number, steps: number, length: number) {
    this.hop = hop;
    this.steps = steps;
    this.length = length;
    this.bins = sound.n_fft / 2 + 1;
    this.margin = sound.n_fft / 2;
    this.fft = new RealFFT(sound.n_fft);
    this.frame = new Float64Array(sound.n_fft);
    this.taper = new Float64Array(sound.n_fft);
    this.taper.set(hann(sound.window), Math.floor((sound.n_fft - sound.window) / 2));
    this.padded = new Float64Array(length + 2 * this.margin + hop);
    this.weight = new Float64Array(this.padded.length);
    for (let t = 0; t < steps; t++) {
      for (let i = 0; i < sound.n_fft; i++) this.weight[t * hop + i] += this.taper[i] ** 2;
    }
  }

  /** Write the spectrum (steps × bins) of `wave` (length) to `re` and `im`. */
  forward(wave: Float64Array, re: Float64Array, im: Float64Array): void {
    const { hop, steps, bins, fft, frame, taper, padded, margin } = this;
    padded.fill(0);
    padded.set(wave, margin);
    for (let t = 0; t < steps; t++) {
      for (let i = 0; i < frame.length; i++) frame[i] = padded[t * hop + i] * taper[i];
      fft.forward(frame);
      re.set(fft.re, t * bins);
      im.set(fft.im, t * bins);
    }
  }

  /** Return the wave (length) whose spectrum is nearest to `re`, `im` (steps × bins). */
  inverse(re: Float64Array, im: Float64Array): Float64Array {
    const { hop, steps, bins, fft, frame, taper, padded, margin, weight } = this;
    padded.fill(0);
    for (let t = 0; t < steps; t++) {
      fft.re.set(re.subarray(t * bins, (t + 1) * bins));
      fft.im.set(im.subarray(t * bins, (t + 1) * bins));
      fft.inverse(frame);
      for (let i = 0; i < frame.length; i++) padded[t * hop + i] += frame[i] * taper[i];
    }
    const out = padded.slice(margin, margin + this.length);
    for (let i = 0; i < out.length; i++) {
      if (weight[margin + i] > 1e-8) out[i] /= weight[margin + i];
    }
    return out;
  }
}

/**
 * Return the wave whose spectrum has about the given magnitudes (steps × bins).
 *
 * The fast Griffin-Lim algorithm (Perraudin, Balazs & Søndergaard, 2013) estimates the phases.
 */
function griffinLim(
  magnitude: Float64Array,
  transform: ShortTimeFourier,
  iterations: number,
): Float64Array {
  const size = magnitude.length;
  const re = new Float64Array(size);
  const im = new Float64Array(size);
  let newRe = new Float64Array(size);
  let newIm = new Float64Array(size);
  let oldRe = new Float64Array(size);
  let oldIm = new Float64Array(size);
  const random = seeded(SEED);
  for (let i = 0; i < size; i++) {
    const phase = 2 * Math.PI * random();
    re[i] = magnitude[i] * Math.cos(phase);
    im[i] = magnitude[i] * Math.sin(phase);
  }
  const back = MOMENTUM / (1 + MOMENTUM);
  for (let iteration = 0; iteration < iterations; iteration++) {
    transform.forward(transform.inverse(re, im), newRe, newIm);
    for (let i = 0; i < size; i++) {
      const a = newRe[i] - back * oldRe[i];
      const b = newIm[i] - back * oldIm[i];
      const scale = magnitude[i] / (Math.sqrt(a * a + b * b) + 1e-16);
      re[i] = a * scale;
      im[i] = b * scale;
    }
    [oldRe, newRe] = [newRe, oldRe];
    [oldIm, newIm] = [newIm, oldIm];
  }
  return transform.inverse(re, im);
}
