// Makes the pictures of the status page in docs/images, of a run that is made up: `npm run build && npx tsx scripts/pictures.ts`.
// It takes two minutes, in which the charts fill.

import { mkdirSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Look, startChromium } from '../test/fleet/chromium.ts';
import { MadeUpRun, type Moment } from '../test/fleet/made-up-run.ts';

const FOLDER = new URL('../docs/images/', import.meta.url);
const FILL_MS = 100_000;

/** What is asked of the run before, and of the page when it is drawn. */
interface Prepared {
  readonly ask?: (run: MadeUpRun) => Promise<unknown>;
  readonly show?: string;
}

const PICTURES: readonly (readonly [string, Moment, Look, Prepared?])[] = [
  ['status-copy', { stage: 'snapshot', copied: 0.4, rate: 184_000 }, { width: 1_280, height: 960 }],
  ['status-ready-dark', { stage: 'cutover', copied: 1, rate: 0 }, { width: 1_280, height: 960, scheme: 'dark' }],
  ['status-phone', { stage: 'snapshot', copied: 0.4, rate: 184_000 }, { width: 390, height: 844 }],
  [
    'status-letters',
    { stage: 'cutover', copied: 1, rate: 0 },
    { width: 1_280, height: 960 },
    {
      ask: async (run) => {
        run.refuseChanges(3);
        await run.throttle({ apply: { rowsPerSecond: 5_000 } }, 'grace (status page)');
        await run.letters({ verb: 'waive', ids: [3], reason: 'a test order', by: 'ada@db-admin' });
        await run.pause('apply', 'ada@db-admin');
      },
      show: "document.getElementById('letters').scrollIntoView()",
    },
  ],
  [
    'status-speed',
    { stage: 'snapshot', copied: 0.4, rate: 184_000 },
    { width: 1_280, height: 960, scheme: 'dark' },
    {
      ask: (run) => run.throttle({ snapshot: { bytesPerSecond: 20_971_520 } }, 'grace (status page)'),
      show: "document.getElementById('throttle').click()",
    },
  ],
];

async function take([name, moment, look, { ask, show } = {}]: (typeof PICTURES)[number]): Promise<void> {
  const { serveHttp } = (await import(new URL('../dist/control/http.js', import.meta.url).href)) as {
    readonly serveHttp: typeof import('../src/control/http.ts').serveHttp;
  };
  const controls = new MadeUpRun(moment);
  const server = await serveHttp({ controls, scrub: (text) => text, port: 0, former: undefined });
  const browser = await startChromium();
  try {
    await browser.look(look);
    await browser.open(`http://127.0.0.1:${server.access.port}/#${server.access.token}`);
    await ask?.(controls);
    await sleep(FILL_MS);
    if (show !== undefined) await browser.evaluate(show);
    await sleep(500);
    writeFileSync(new URL(`${name}.png`, FOLDER), await browser.picture());
  } finally {
    await browser.close();
    await server.close();
  }
}

async function main(): Promise<void> {
  mkdirSync(fileURLToPath(FOLDER), { recursive: true });
  await Promise.all(PICTURES.map(take));
}

void main();
