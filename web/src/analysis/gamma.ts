/** Logarithms of factorials. */

const TABLE = new Float64Array(1024);
for (let n = 2; n < TABLE.length; n++) TABLE[n] = TABLE[n - 1] + Math.log(n);

/** Return the logarithm of n!, by Stirling's series for large n. */
export function logFactorial(n: number): number {
  if (n < TABLE.length) return TABLE[n];
  const correction = 1 / (12 * n) - 1 / (360 * n ** 3);
  return n * Math.log(n) - n + 0.5 * Math.log(2 * Math.PI * n) + correction;
}

/** Return the logarithm of the probability of k marked examples among `draws` of `total`. */
export function logHypergeometric(k: number, total: number, marked: number, draws: number): number {
  const choose = (n: number, m: number) => logFactorial(n) - logFactorial(m) - logFactorial(n - m);
  return choose(marked, k) + choose(total - marked, draws - k) - choose(total, draws);
}
