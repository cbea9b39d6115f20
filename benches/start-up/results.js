// What was measured.

import { readFileSync, writeFileSync } from 'node:fs';

/**
 * @typedef {{ round: number, system: string, delay: number, people: number, prepares: boolean }
 *   & import('./trial.js').Visit} Measurement
 * @typedef {Partial<Measurement>} Filter
 * @typedef {'load' | 'joined' | 'firstPicture' | 'lastPicture'} Metric
 */

export class Results {
  /** The versions and the machine. @type {Record<string, string>} */
  about;
  /** @type {Measurement[]} */
  #all;

  constructor(about, all = []) {
    this.about = about;
    this.#all = all;
  }

  static read(path) {
    const { about, all } = JSON.parse(readFileSync(path, 'utf8'));
    return new Results(about, all);
  }

  write(path) {
    writeFileSync(path, `${JSON.stringify({ about: this.about, all: this.#all })}\n`);
  }

  /** @param {Measurement} measurement */
  add(measurement) {
    this.#all.push(measurement);
  }

  get rounds() {
    return new Set(this.#all.map(({ round }) => round)).size;
  }

  get delays() {
    return [...new Set(this.#all.map(({ delay }) => delay))].sort((a, b) => a - b);
  }

  /** The median; undefined if nothing of it was measured. @param {Metric} metric @param {Filter} filter */
  median(metric, filter) {
    return median([...this.#byRound(metric, filter).values()]);
  }

  /** The median of the ratios within the rounds. @param {Metric} metric @param {Filter} of @param {Filter} to */
  ratio(metric, of, to) {
    const bases = this.#byRound(metric, to);
    const ratios = [...this.#byRound(metric, of)].map(([round, value]) => value / bases.get(round));
    return median(ratios.filter(Number.isFinite));
  }

  /** @returns {Map<number, number>} */
  #byRound(metric, filter) {
    const wanted = Object.entries(filter);
    const found = this.#all.filter((one) => wanted.every(([name, value]) => one[name] === value));
    return new Map(found.map((one) => [one.round, one[metric]]));
  }
}

/** @param {number[]} values */
function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 === 0 && sorted.length > 0
    ? (sorted[middle - 1] + sorted[middle]) / 2
    : sorted[Math.floor(middle)];
}
