import { describe, expect, test } from "vitest";
import { RealFFT } from "./fft";
import { cases, resampled, speech } from "./fixtures/load";
import { invert } from "./invert";
import { logMel, SoundError } from "./spectrogram";
import { encodeWav, resample, toMono } from "./wav";

function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  let largest = 0;
  for (let i = 0; i < a.length; i++) largest = Math.max(largest, Math.abs(a[i] - b[i]));
  return largest;
}

function correlation(a: Float32Array, b: Float32Array): number {
  const mean = (x: Float32Array) => x.reduce((sum, value) => sum + value, 0) / x.length;
  const [meanA, meanB] = [mean(a), mean(b)];
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    ab += (a[i] - meanA) * (b[i] - meanB);
    aa += (a[i] - meanA) ** 2;
    bb += (b[i] - meanB) ** 2;
  }
  return ab / Math.sqrt(aa * bb);
}

describe("RealFFT", () => {
  test.each([2, 4, 16, 512])("equals the definition and inverts itself, size %i", (size) => {
    const signal = Float64Array.from({ length: size }, (_, i) => Math.sin(i * i) + 0.3);
    const fft = new RealFFT(size);
    fft.forward(signal);
    for (let k = 0; k <= size / 2; k++) {
      let [re, im] = [0, 0];
      for (let i = 0; i < size; i++) {
        re += signal[i] * Math.cos((2 * Math.PI * k * i) / size);
        im -= signal[i] * Math.sin((2 * Math.PI * k * i) / size);
      }
      expect(fft.re[k]).toBeCloseTo(re, 9);
      expect(fft.im[k]).toBeCloseTo(im, 9);
    }
    const again = new Float64Array(size);
    fft.inverse(again);
    expect(largestDifference(again, signal)).toBeLessThan(1e-12);
  });

  test("refuses other sizes", () => {
    for (const size of [0, 1, 3, 12]) expect(() => new RealFFT(size)).toThrow(RangeError);
  });
});

describe("logMel", () => {
  test.each(cases)("equals Python's at $sound.rate Hz", ({ sound, filters, wave, expected }) => {
    const x = logMel(wave, sound, filters);
    expect(largestDifference(x, expected)).toBeLessThan(1e-3);
    expect(Math.max(...x)).toBe(1);
  });

  test("does not depend on loudness, offset and silence around the sound", () => {
    const { sound, filters, wave, expected } = cases[0];
    const louder = wave.map((sample) => 3 * sample + 0.2);
    expect(largestDifference(logMel(louder, sound, filters), expected)).toBeLessThan(1e-3);
    const tone = Float32Array.from({ length: 1600 }, (_, i) => Math.sin((2 * Math.PI * i) / 20));
    const [short, long] = [new Float32Array(3200), new Float32Array(9600)];
    short.set(tone, 800);
    long.set(tone, 800 + 25 * sound.hop);
    const x = logMel(short, sound, filters);
    expect(largestDifference(logMel(long, sound, filters), x)).toBeLessThan(1e-3);
  });

  test.each([
    ["empty", new Float32Array(0)],
    ["silent", new Float32Array(4000).fill(0.5)],
    ["not finite", Float32Array.of(0, NaN, 1)],
  ])("says why a sound is unusable: %s", (reason, wave) => {
    const { sound, filters } = cases[0];
    const compute = () => logMel(wave, sound, filters);
    expect(compute).toThrow(SoundError);
    expect(compute).toThrow(reason);
  });
});

describe("invert", () => {
  const { sound, filters, spectrograms, correlations } = speech;

  test.each([0, 1])("recording %i sounds like its spectrogram, as Python's inversion", (i) => {
    const wave = invert(spectrograms[i], sound, filters);
    expect(wave.length).toBe(sound.rate * sound.seconds);
    expect(Math.max(...wave.map(Math.abs))).toBeCloseTo(1, 6);
    const found = correlation(logMel(wave, sound, filters), spectrograms[i]);
    expect(found).toBeGreaterThan(0.9);
    expect(found).toBeGreaterThan(correlations[i] - 0.02);
    // Control: another recording's spectrogram.
    expect(correlation(logMel(wave, sound, filters), spectrograms[1 - i])).toBeLessThan(0.8);
  });

  test("always gives the same wave, and clips its input", () => {
    const wave = invert(spectrograms[0], sound, filters, 3);
    expect(invert(spectrograms[0], sound, filters, 3)).toEqual(wave);
    const loud = spectrograms[0].map((value) => (value === 1 ? 7 : value));
    expect(invert(loud, sound, filters, 3)).toEqual(wave);
  });

  test("silence gives silence", () => {
    expect(invert(new Float32Array(64 * 64), sound, filters, 2).every((v) => v === 0)).toBe(true);
  });
});

describe("wav", () => {
  test("a file has a header and 16-bit samples", () => {
    const bytes = encodeWav(Float32Array.of(0, 1, -1, 2, 0.5), 8000);
    const view = new DataView(bytes.buffer);
    const text = (at: number) => String.fromCharCode(...bytes.subarray(at, at + 4));
    expect([text(0), text(8), text(36)]).toEqual(["RIFF", "WAVE", "data"]);
    expect([view.getUint32(24, true), view.getUint32(40, true)]).toEqual([8000, 10]);
    expect(view.getUint32(4, true)).toBe(bytes.length - 8);
    expect([...new Int16Array(bytes.buffer, 44)]).toEqual([0, 32767, -32767, 32767, 16384]);
  });

  test.each(resampled)("resampling from $from to $to Hz equals SciPy's", (one) => {
    const wave = resample(one.wave, one.from, one.to);
    expect(largestDifference(wave, one.expected)).toBeLessThan(1e-5);
  });

  test("channels are averaged", () => {
    expect([...toMono([Float32Array.of(1, 0), Float32Array.of(0, 0.5)])]).toEqual([0.5, 0.25]);
  });
});
