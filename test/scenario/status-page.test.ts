// The status page in a real browser: on a run that is made up, whose state a test chooses, and on one that migrates.

import axe from 'axe-core';
import { expect, onTestFinished, test } from 'vitest';
import { type Chromium, type Look, startChromium } from '../fleet/chromium.ts';
import { MadeUpRun, type Moment } from '../fleet/made-up-run.ts';
import { MANUAL, openScene } from './scene.ts';

/** As it is built: the page's scripts are compiled. */
const built = (await import(new URL('../../dist/control/http.js', import.meta.url).href)) as {
  readonly serveHttp: typeof import('../../src/control/http.ts').serveHttp;
};

const COPYING: Moment = { stage: 'snapshot', copied: 0.55, rate: 184_000 };
const READY: Moment = { stage: 'cutover', copied: 1, rate: 0 };
const DESKTOP: Look = { width: 1280, height: 900 };

async function openBrowser(look: Look): Promise<Chromium> {
  const browser = await startChromium();
  onTestFinished(() => browser.close());
  await browser.look(look);
  return browser;
}

async function serve(moment: Moment) {
  const run = new MadeUpRun(moment);
  const server = await built.serveHttp({ controls: run, scrub: (text) => text, port: 0, former: undefined });
  onTestFinished(() => server.close());
  const { port, token } = server.access;
  return { run, server, url: `http://127.0.0.1:${port}/#${token}` };
}

const isLive = 'document.body.dataset.link === "live" && document.querySelectorAll("#rows tr").length > 0';
const click = (id: string): string => `document.getElementById('${id}').click()`;

/** What people who use it in another way than by looking at it would trip over, in the page, best practices included. */
async function faults(browser: Chromium): Promise<readonly string[]> {
  if (!(await browser.evaluate('"axe" in window'))) await browser.evaluate(`${axe.source}; true`);
  return browser.evaluate(`axe.run(document).then(({ violations }) =>
    violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => id + ': ' + html.slice(0, 200) + ' ' + failureSummary)))`);
}

const LOOKS: readonly (readonly [string, Moment, Look])[] = [
  ['light', COPYING, DESKTOP],
  ['dark', READY, { ...DESKTOP, scheme: 'dark' }],
  ['light, 360 px wide', READY, { width: 360, height: 740 }],
  ['dark, 360 px wide', COPYING, { width: 360, height: 740, scheme: 'dark' }],
];

/** What each part of the page has to show, letters and the audit trail included. */
async function everythingShown(run: MadeUpRun): Promise<void> {
  run.refuseChanges(3);
  await run.throttle({ apply: { rowsPerSecond: 5_000 } }, 'Ada');
}

test('in light and dark, wide and narrow, everything has a name, is readable and fits', async () => {
  const browser = await openBrowser(DESKTOP);
  for (const [name, moment, look] of LOOKS) {
    const { url, server, run } = await serve(moment);
    await everythingShown(run);
    await browser.look(look);
    await browser.open('about:blank');
    await browser.open(url);
    await browser.until(`${isLive} && document.querySelectorAll('#letter-list li, #trail-list li').length === 4`);
    expect(await faults(browser), name).toEqual([]);
    expect(await browser.evaluate('document.documentElement.scrollWidth'), name).toBe(look.width);
    const ground = await browser.evaluate<string>('getComputedStyle(document.body).backgroundColor');
    expect(ground, name).toBe(look.scheme === 'dark' ? 'rgb(14, 17, 21)' : 'rgb(245, 246, 248)');
    await browser.evaluate(click('pause'));
    await browser.until('document.getElementById("confirm").open');
    expect(await faults(browser), `${name}, asking`).toEqual([]);
    await browser.open('about:blank');
    await server.close();
  }
  expect(browser.complaints).toEqual([]);
});

test('by keyboard alone a run is paused and resumed, and a cutover is confirmed with the name of the run', async () => {
  const browser = await openBrowser(DESKTOP);
  const { url, run } = await serve(READY);
  await browser.open(url);
  await browser.until(isLive);
  expect(await browser.evaluate('[location.hash, document.getElementById("wait").textContent]')).toEqual([
    '',
    'ready: waiting for `migrate cutover`',
  ]);
  const reach = async (id: string): Promise<void> => {
    for (let presses = 0; presses < 40; presses++) {
      if ((await browser.evaluate('document.activeElement.id')) === id) return;
      await browser.press('Tab');
    }
    throw new Error(`${id} cannot be reached by Tab`);
  };
  await reach('pause');
  await browser.press('Enter');
  await browser.until('document.getElementById("confirm").open');
  await reach('confirm-name');
  await browser.send('Input.insertText', { text: 'Ada' });
  await browser.press('Enter');
  await browser.until('document.getElementById("wait").textContent.includes("paused by the operator")');
  await browser.until('document.getElementById("toast").textContent.startsWith("paused")');
  await reach('resume');
  await browser.press('Enter');
  await browser.until('document.getElementById("confirm").open');
  await browser.press('Enter');
  await browser.until('document.getElementById("resume").hidden');

  await reach('cutover');
  await browser.press('Enter');
  await browser.until('document.getElementById("confirm").open');
  expect(await browser.evaluate('document.getElementById("confirm-yes").disabled')).toBe(true);
  await browser.press('Escape');
  await browser.until('!document.getElementById("confirm").open');
  await reach('cutover');
  await browser.press('Enter');
  await browser.until('document.getElementById("confirm").open');
  await browser.send('Input.insertText', { text: 'orders-to-pg18' });
  await reach('confirm-yes');
  await browser.press('Enter');
  await browser.until('document.getElementById("cutover").textContent.startsWith("Cancel")');
  expect(run.asked).toEqual([
    'pause by Ada (status page)',
    'resume by Ada (status page)',
    'cutover by Ada (status page)',
  ]);
});

test('speed, parts, single tables and dead letters are commanded on the page, and it shows who did what', async () => {
  const browser = await openBrowser(DESKTOP);
  const { url, run } = await serve(COPYING);
  run.refuseChanges(2);
  await browser.open(url);
  await browser.until(`${isLive} && document.querySelectorAll('#letter-list li').length === 2`);
  expect(await browser.evaluate('document.body.innerText.includes("secret value")')).toBe(false);
  const ask = async (opened: string, values: Readonly<Record<string, string>> = {}): Promise<void> => {
    await browser.evaluate(`${opened}.click()`);
    await browser.until('document.getElementById("confirm").open');
    for (const [id, value] of Object.entries(values)) {
      const set = `document.getElementById("field-${id}").value = ${JSON.stringify(value)}`;
      await browser.evaluate(`${set}; document.getElementById("confirm").dispatchEvent(new Event("input"))`);
    }
    await browser.evaluate(click('confirm-yes'));
    await browser.until('!document.getElementById("confirm").open');
  };
  const button = (id: string): string => `document.getElementById('${id}')`;
  const letter = (text: string): string => `document.querySelector('[aria-label="${text} dead letter 1"]')`;
  await ask(button('throttle'), { 'apply-rowsPerSecond': '500', 'snapshot-bytesPerSecond': '2' });
  await browser.until('document.getElementById("speeds").textContent.includes("500 rows/s at most")');
  await ask(button('throttle'), { 'apply-rowsPerSecond': '' });
  await ask(button('pause'), { only: 'snapshot' });
  await browser.until('document.getElementById("next").textContent.includes("migrate resume")');
  await ask(`document.querySelector('[data-table="crm.notes"] button')`, { verb: 'skip', reason: 'kept there' });
  await ask(letter('Values…'));
  await browser.until('document.querySelector("#letter-list pre").textContent.includes("secret value")');
  await ask(letter('Waive…'), { reason: 'a test order' });
  await ask(button('retry-all'));
  await browser.until('document.querySelector("#trail-list b")?.textContent === "dead-letters retry --all"');
  expect(run.asked).toEqual(
    [
      'throttle {"apply":{"rowsPerSecond":500},"snapshot":{"bytesPerSecond":2097152}}',
      'throttle {"apply":{"rowsPerSecond":null},"snapshot":{}}',
      'pause --only snapshot',
      'table skip crm.notes',
      'dead-letters show 1',
      'dead-letters waive 1',
      'dead-letters retry --all',
    ].map((command) => `${command} by status page`),
  );
  expect(browser.complaints).toEqual([]);
});

/** Events as a run of hours would send them, from the page itself: there is no waiting for hours. */
const MANY_EVENTS = `(() => {
  const real = window.fetch;
  let push;
  window.fetch = async (path, options) => {
    if (!String(path).endsWith('/events')) return real(path, options);
    const response = await real('/api/status', options);
    const status = await response.json();
    const encoder = new TextEncoder();
    let at = Date.now();
    const stream = new ReadableStream({ start(controller) {
      push = (name, change) => {
        at += 30_000;
        controller.enqueue(encoder.encode('event: ' + name + '\\ndata: ' + JSON.stringify({ ...status, ...change, at }) + '\\n\\n'));
      };
      push('status', { history: [] });
    } });
    window.live = async (events) => {
      for (let i = 0; i < events; i++) {
        const rows = i * 1000;
        push('change', { stream: { ...status.stream, lagSeconds: i % 7, changes: rows }, snapshot: { ...status.snapshot, rows } });
        if (i % 20 === 19) await new Promise((resolve) => setTimeout(resolve));
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    };
    return new Response(stream, { status: 200 });
  };
})()`;

test('a page that is left open for hours keeps no more than one that was just opened', async () => {
  const browser = await openBrowser(DESKTOP);
  const { url, run } = await serve(COPYING);
  await everythingShown(run);
  await browser.send('Page.addScriptToEvaluateOnNewDocument', { source: MANY_EVENTS });
  await browser.open(url);
  await browser.until(`${isLive} && window.live !== undefined`);
  const weight = async () => {
    await browser.send('HeapProfiler.collectGarbage');
    const { usedSize } = await browser.send('Runtime.getHeapUsage');
    const nodes = await browser.evaluate<number>('document.querySelectorAll("*").length');
    const points = await browser.evaluate<number>(
      'document.querySelector("#lag .line").getAttribute("d").split("L").length',
    );
    return { bytes: Number(usedSize), nodes, points };
  };
  await browser.evaluate('live(100)');
  const before = await weight();
  await browser.evaluate('live(600)');
  const after = await weight();
  expect(before.points).toBeGreaterThan(20);
  expect(after.points).toBeLessThanOrEqual(before.points + 5);
  expect(after.nodes).toBeLessThan(before.nodes + 20);
  expect(after.bytes).toBeLessThan(before.bytes + 2_000_000);
  expect(browser.complaints).toEqual([]);
});

test('a page of another origin can neither read nor command, even with the token', async () => {
  const browser = await openBrowser(DESKTOP);
  const [victim, other] = [await serve(READY), await serve(READY)];
  await browser.open(other.url);
  const { port, token } = victim.server.access;
  const tried = await browser.evaluate<string[]>(`(async () => {
    const base = 'http://127.0.0.1:${port}/api';
    const headers = { authorization: 'Bearer ${token}', 'content-type': 'application/json' };
    const attempts = [
      fetch(base + '/status', { headers }),
      fetch(base + '/pause', { method: 'POST', headers, body: '{}' }),
      fetch(base + '/pause', { method: 'POST', mode: 'no-cors', body: '{}' }),
    ];
    return (await Promise.allSettled(attempts)).map(({ status }) => status);
  })()`);
  expect(tried).toEqual(['rejected', 'rejected', 'rejected']);
  expect(victim.run.asked).toEqual([]);
});

test('a page follows a run through a restart of its process, pauses it, and learns how it ended', async () => {
  const scene = await openScene({ sections: { cutover: MANUAL } });
  const first = scene.start();
  await scene.ready(first);
  const { stdout } = await scene.run(['status']);
  const url = /^page +(\S+)$/m.exec(stdout)?.[1] ?? '';
  const browser = await openBrowser(DESKTOP);
  await browser.open(url);
  await browser.until(isLive);
  await browser.until('document.querySelector("#stages .now b").textContent === "Cutover"');

  first.kill('SIGKILL');
  await first.exited;
  await browser.until('document.getElementById("lost").textContent.startsWith("Disconnected since")');
  const second = scene.start();
  await browser.until(`${isLive} && document.getElementById("lost").hidden`);
  await scene.ready(second);
  await browser.until('!document.getElementById("pause").disabled');
  await browser.evaluate(click('pause'));
  await browser.until('document.getElementById("confirm").open');
  await browser.press('Enter');
  expect(await scene.until(second, ({ paused }) => paused.length > 0)).toMatchObject({
    waiting: 'paused by the operator',
  });
  expect((await scene.run(['resume'])).code).toBe(0);
  expect((await scene.run(['cutover'])).code).toBe(0);
  expect((await second.exited).code).toBe(0);
  await browser.until('document.getElementById("wait").textContent.startsWith("Complete")');
  expect(await browser.evaluate('document.getElementById("lost").hidden')).toBe(true);
});
