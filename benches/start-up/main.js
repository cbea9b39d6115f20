// Measures how long it takes from the link to the first picture: each round, with each delay, every system in turn, so that
// other load on the machine affects all of them.

import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { about } from './about.js';
import { report, section } from './report.js';
import { Results } from './results.js';
import { Running } from './running.js';
import { SYSTEMS, installed } from './systems.js';

const USAGE = `benches/start: from the link to the first picture

  --rounds N           how many times everything is measured (7)
  --delays MS,...      round trips to the server (0,50,200)
  --systems NAME,...   of ${SYSTEMS.map(({ name }) => name).join(', ')} (all)
  --smoke              only checks that everything runs: one round of two people, no report
  --render             measures nothing, and reports the last run's measurements

MEET_SERVER names another server than target/release/meet-axum or target/debug/meet-axum, CHROMIUM another browser.`;

/** The systems of `--smoke`. */
const SMOKE = ['meet-signal', 'peerjs'];

const RAW = fileURLToPath(new URL('../../target/bench-start.json', import.meta.url));
const REPORT = fileURLToPath(new URL('../RESULTS.md', import.meta.url));

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string' },
    delays: { type: 'string' },
    systems: { type: 'string' },
    smoke: { type: 'boolean', default: false },
    render: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (options.help) console.log(USAGE);
else if (options.render) report(Results.read(RAW), REPORT);
else await run();

async function run() {
  const { smoke } = options;
  const rounds = Number(options.rounds ?? (smoke ? 1 : 7));
  const delays = (options.delays ?? (smoke ? '0,50' : '0,50,200')).split(',').map(Number);
  const trials = delays.flatMap((delay) => (smoke ? [2] : [2, 4]).flatMap((people) => ofRoom({ delay, people })));
  const running = await Running.start(selected());
  try {
    const results = new Results(await about(running.browser));
    for (let round = 0; round < rounds; round++) {
      for (const trial of trials) await play(running, results, { round, ...trial });
    }
    console.log(section(results));
    if (smoke) return;
    results.write(RAW);
    report(results, REPORT);
  } finally {
    await running.stop();
  }
}

/** A failure does not discard what was measured; without a browser, nothing more can be. */
async function play(running, results, { system, round, ...trial }) {
  const name = `${system.name}, ${trial.delay} ms, ${trial.people} people${trial.prepares ? ', prepared' : ''}`;
  console.error(`round ${round + 1}, ${name}`);
  try {
    for (const visit of await running.measure({ system, ...trial })) {
      results.add({ round, system: system.name, ...trial, ...visit });
    }
  } catch (error) {
    if (!running.isAlive) throw error;
    console.error(`${name}: ${error.stack}`);
    process.exitCode = 1;
  }
}

function selected() {
  const names = options.systems?.split(',') ?? (options.smoke ? SMOKE : SYSTEMS.map(({ name }) => name));
  return SYSTEMS.filter(({ name, isOwn }) => names.includes(name) && (isOwn || installed(name) !== undefined));
}

/** Every system in turn. */
function ofRoom(room) {
  return [false, true].flatMap((prepares) => selected()
    .filter(({ isOwn }) => isOwn || !prepares)
    .map((system) => ({ system, prepares, ...room })));
}
