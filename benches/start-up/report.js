// The part of RESULTS.md.

import { readFileSync, writeFileSync } from 'node:fs';

import { SYSTEMS } from './systems.js';

/** @typedef {import('./results.js').Results} Results */
/** @typedef {import('./results.js').Filter} Filter */
/** @typedef {import('./results.js').Metric} Metric */

/** What a page does before it joins, in which visit, and how many are in the room then. */
const SETUPS = {
  first: { people: 2, prepares: false, visit: 'first' },
  later: { people: 2, prepares: false, visit: 'later' },
  preparedFirst: { people: 2, prepares: true, visit: 'first' },
  preparedLater: { people: 2, prepares: true, visit: 'later' },
  four: { people: 4, prepares: false, visit: 'later' },
  preparedFour: { people: 4, prepares: true, visit: 'later' },
};

/** @type {[string, Metric, Filter][]} */
const ROWS = [
  ['load the client, first visit', 'load', SETUPS.first],
  ['load the client, later visit', 'load', SETUPS.later],
  ['joined, first visit', 'joined', SETUPS.first],
  ['joined, later visit', 'joined', SETUPS.later],
  ['joined after `prepare()`, first visit', 'joined', SETUPS.preparedFirst],
  ['joined after `prepare()`, later visit', 'joined', SETUPS.preparedLater],
  ['two: first picture, first visit', 'firstPicture', SETUPS.first],
  ['two: first picture, later visit', 'firstPicture', SETUPS.later],
  ['two: first picture after `prepare()`, first visit', 'firstPicture', SETUPS.preparedFirst],
  ['two: first picture after `prepare()`, later visit', 'firstPicture', SETUPS.preparedLater],
  ['four: first picture', 'firstPicture', SETUPS.four],
  ['four: last picture', 'lastPicture', SETUPS.four],
  ['four: first picture after `prepare()`', 'firstPicture', SETUPS.preparedFour],
  ['four: last picture after `prepare()`', 'lastPicture', SETUPS.preparedFour],
];

/** Of meet-signal, in round trips of 200 ms. @type {[string, number, Metric, Filter][]} */
const TARGETS = [
  ['load the client, first visit', 1.2, 'load', SETUPS.first],
  ['load the client, later visit', 0.1, 'load', SETUPS.later],
  ['joined', 2.1, 'joined', SETUPS.later],
  ['joined after `prepare()`', 1.1, 'joined', SETUPS.preparedLater],
  ['two: first picture', 3.4, 'firstPicture', SETUPS.later],
  ['two: first picture after `prepare()`', 2.4, 'firstPicture', SETUPS.preparedLater],
];
const TARGET_DELAY = 200;
/** Of meet-signal × PeerJS, two, at 0 ms: what it was before offers went with the join, by this benchmark. */
const TARGET_RATIO = 0.9;

/** `benches/run` writes all that is before it. */
const BEGIN = '<!-- benches/start -->';
const END = '<!-- end of benches/start -->';

/** Writes the part of the file, or appends it, and leaves the rest as it is. @param {Results} results */
export function report(results, path) {
  const text = readFileSync(path, 'utf8');
  const part = `${BEGIN}\n\n${section(results)}\n${END}\n`;
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  writeFileSync(path, begin === -1 ? `${text}\n${part}` : text.slice(0, begin) + part + text.slice(end + END.length + 1));
}

/** @param {Results} results */
export function section(results) {
  const { machine, build, versions, command } = results.about;
  return `## From the link to the first picture

Written by \`${command}\`. ${results.rounds} rounds, medians, in ms; after the dot, in round trips. A proxy delays what the \
pages and the servers send each other; media go directly. A later visit is by a browser that has the client in its cache, and \
has called before.

Machine: ${machine}. Versions: ${versions}. The server of meet-signal is on axum (build: ${build}).

${targets(results)}
${table(results)}`;
}

/** @param {Results} results */
function table(results) {
  const columns = SYSTEMS.flatMap(({ name, title }) => results.delays.map((delay) => ({ system: name, title, delay })))
    .filter(({ system, delay }) => results.median('load', { system, delay }) !== undefined);
  const rows = ROWS.map(([title, metric, filter]) => [
    title,
    ...columns.map(({ system, delay }) => cell(results.median(metric, { ...filter, system, delay }), delay)),
  ]);
  return markdown(['', ...columns.map(({ title, delay }) => `${title}, ${delay} ms`)], rows);
}

function cell(milliseconds, delay) {
  if (milliseconds === undefined) return '–';
  const rounded = milliseconds.toFixed(milliseconds < 10 ? 1 : 0);
  return delay === 0 ? rounded : `${rounded} · ${(milliseconds / delay).toFixed(2)}`;
}

/** @param {Results} results */
function targets(results) {
  const system = 'meet-signal';
  const rows = TARGETS.map(([title, bound, metric, filter]) => {
    const milliseconds = results.median(metric, { ...filter, system, delay: TARGET_DELAY });
    return target(`${title}, at ${TARGET_DELAY} ms: round trips`, bound, milliseconds / TARGET_DELAY);
  });
  const nearby = { ...SETUPS.later, delay: 0 };
  const ratio = results.ratio('firstPicture', { ...nearby, system }, { ...nearby, system: 'peerjs' });
  return markdown(
    ['target', 'bound', 'measured', ''],
    [...rows, target('two: first picture, at 0 ms: meet-signal × PeerJS', TARGET_RATIO, ratio)],
  );
}

function target(title, bound, measured = NaN) {
  const isMet = measured <= bound;
  const verdict = isMet ? 'met' : `**missed by ${Math.round((measured / bound - 1) * 100)} %**`;
  return Number.isNaN(measured)
    ? [title, `≤ ${bound}`, '–', '']
    : [title, `≤ ${bound}`, measured.toFixed(2), verdict];
}

function markdown(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |\n`;
  return line(head) + `|${'---|'.repeat(head.length)}\n` + rows.map(line).join('');
}
