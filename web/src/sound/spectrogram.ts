/** Log-mel spectrograms, computed as `wvae.datasets.audio.log_mel` computes them in Python. */

import type { Sound } from "../contract";
import { RealFFT } from "./fft";

const SILENCE = 1e-5; // a peak below this, less than the last bit of a 16-bit sample, is silence

/** A sound that has no spectrogram, and why. */
export class SoundError extends Error {
  constructor(readonly reason: "empty" | "silent" | "not finite") {
    super(`the sound is ${reason}`);
    this.name = "SoundError";
  }
}

/** The bands (mels, bins) without the zeros around each; a band spans few frequencies. */
export interface Bands {
  mels: number;
  bins: number;
  filters: Float32Array;
  /** First bin of each band, and the bin after its last, (mels) each. */
  first: Uint32Array;
  stop: Uint32Array;
}

/** Find where each band of `filters` (mels × (n_fft / 2 + 1)) starts and ends. */
export function bandsOf(sound: Sound, filters: Float32Array): Bands {
  const { mels } = sound;
  const bins = sound.n_fft / 2 + 1;
  if (filters.length !== mels * bins) {
    throw new RangeError(`filters hold ${filters.length} numbers, expected ${mels} × ${bins}`);
  }
  const first = new Uint32Array(mels);
  const stop = new Uint32Array(mels);
  for (let m = 0; m < mels; m++) {
    const band = filters.subarray(m * bins, (m + 1) * bins);
    while (first[m] < bins && band[first[m]] === 0) first[m]++;
    stop[m] = bins;
    while (stop[m] > first[m] && band[stop[m] - 1] === 0) stop[m]--;
  }
  return { mels, bins, filters, first, stop };
}

/** Return the periodic Hann window, (length). */
export function hann(length: number): Float64Array {
  return Float64Array.from({ length }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / length));
}

/**
 * Return the log-mel spectrogram of a sound of any length, (mels × frames) in [0, 1], row by row,
 * low frequencies first.
 *
 * @param wave - (samples), mono, `sound.rate` samples per second
 * @param filters - (mels × (n_fft / 2 + 1)), the numbers in `sound.filters`
 * @throws SoundError if the sound is empty, silent or not finite
 */
export function logMel(wave: Float32Array, sound: Sound, filters: Float32Array): Float32Array {
  const bands = bandsOf(sound, filters);
  const { energy, power, n } = bandPowers(centred(wave), sound, bands);
  const [start, stop] = loudPart(energy, n, sound.trim_db);
  const parts = averages(power, start, stop, sound.mels, sound.frames);
  let loudest = 0;
  for (const value of parts) loudest = Math.max(loudest, value);
  const out = new Float32Array(sound.mels * sound.frames);
  for (let i = 0; i < out.length; i++) {
    const decibels = 10 * Math.log10(Math.max(parts[i] / loudest, 1e-30));
    out[i] = 1 + Math.max(decibels, -sound.range_db) / sound.range_db;
  }
  return out;
}

/** Return the wave without its mean. */
function centred(wave: Float32Array): Float32Array {
  if (wave.length === 0) throw new SoundError("empty");
  let sum = 0;
  for (const sample of wave) sum += sample;
  if (!Number.isFinite(sum)) throw new SoundError("not finite");
  const mean = sum / wave.length;
  const out = new Float32Array(wave.length);
  let peak = 0;
  for (let i = 0; i < wave.length; i++) {
    out[i] = wave[i] - mean;
    peak = Math.max(peak, Math.abs(out[i]));
  }
  if (peak < SILENCE) throw new SoundError("silent");
  return out;
}

/** Return the energy of each frame (n) and its power in each band (n × mels). */
function bandPowers(wave: Float32Array, sound: Sound, bands: Bands) {
  const { window, hop } = sound;
  const margin = Math.floor(window / 2); // the time of a frame is its middle
  const n = Math.floor((wave.length + 2 * margin + hop - window) / hop) + 1;
  const taper = hann(window);
  const fft = new RealFFT(sound.n_fft);
  const frame = new Float64Array(sound.n_fft);
  const spectrum = new Float64Array(bands.bins);
  const energy = new Float64Array(n);
  const power = new Float64Array(n * bands.mels);
  for (let t = 0; t < n; t++) {
    for (let i = 0; i < window; i++) {
      const at = t * hop + i - margin;
      frame[i] = at >= 0 && at < wave.length ? wave[at] * taper[i] : 0;
    }
    fft.forward(frame);
    for (let k = 0; k < bands.bins; k++) {
      spectrum[k] = fft.re[k] * fft.re[k] + fft.im[k] * fft.im[k];
      energy[t] += spectrum[k];
    }
    for (let m = 0; m < bands.mels; m++) {
      let sum = 0;
      const row = m * bands.bins;
      for (let k = bands.first[m]; k < bands.stop[m]; k++)
        sum += bands.filters[row + k] * spectrum[k];
      power[t * bands.mels + m] = sum;
    }
  }
  return { energy, power, n };
}

/** Return the first frame that is loud enough, and the frame after the last one. */
function loudPart(energy: Float64Array, n: number, trimDb: number): [number, number] {
  let loudest = 0;
  for (const value of energy) loudest = Math.max(loudest, value);
  const least = loudest * 10 ** (-trimDb / 10);
  let start = 0;
  let stop = n;
  while (energy[start] < least) start++;
  while (energy[stop - 1] < least) stop--;
  return [start, stop];
}

/** Return averages (mels × parts) of the rows from `start` to `stop` over equal parts of time. */
function averages(
  power: Float64Array,
  start: number,
  stop: number,
  mels: number,
  parts: number,
): Float64Array {
  const n = stop - start;
  const out = new Float64Array(mels * parts);
  const total = new Float64Array(n + 1); // of the rows before each
  for (let m = 0; m < mels; m++) {
    for (let t = 0; t < n; t++) total[t + 1] = total[t] + power[(start + t) * mels + m];
    let before = 0;
    for (let p = 0; p < parts; p++) {
      const edge = p === parts - 1 ? n : ((p + 1) * n) / parts;
      const whole = Math.min(Math.floor(edge), n - 1);
      const upToEdge = total[whole] + (edge - whole) * power[(start + whole) * mels + m];
      out[m * parts + p] = (Math.max(0, upToEdge - before) * parts) / n;
      before = upToEdge;
    }
  }
  return out;
}
