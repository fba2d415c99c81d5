// A run of twenty tables that is made up, for what is shown of one: it goes on as its clock does, and takes commands.

import type { Controls, Effect, ThrottleRequest } from '../../src/control/controls.ts';
import { STAGES, type StageName } from '../../src/journal/journal.ts';
import type { Pausable } from '../../src/model/pause.ts';
import { RunStatus, type StatusSnapshot } from '../../src/observe/status.ts';

/** Name, and rows in thousands; copied in this order. */
const TABLES: readonly (readonly [string, number])[] = [
  ['shop.order_lines', 48_210],
  ['shop.orders', 12_480],
  ['shop.events', 31_900],
  ['shop.customers', 3_120],
  ['shop.payments', 11_730],
  ['shop.shipments', 9_860],
  ['shop.products', 412],
  ['shop.prices', 2_260],
  ['shop.stock_movements', 18_400],
  ['shop.baskets', 5_510],
  ['billing.invoices', 7_940],
  ['billing.invoice_lines', 22_610],
  ['billing.refunds', 318],
  ['billing.ledger', 16_020],
  ['auth.users', 3_240],
  ['auth.sessions', 8_700],
  ['auth.grants', 96],
  ['crm.contacts', 1_870],
  ['crm.notes', 4_030],
  ['crm.campaigns', 12],
];
const PROBES: StatusSnapshot['health']['probes'] = [
  ...(['source', 'target'] as const).flatMap((side) => [
    { side, name: 'connections', unit: '%', value: side === 'source' ? 61 : 12, limit: 95 },
    { side, name: 'replica lag', unit: 's', value: side === 'source' ? 0.4 : 0, limit: 30 },
    { side, name: 'lock waits', unit: '', value: side === 'source' ? 2 : 0, limit: 20 },
  ]),
].map((probe) => ({ ...probe, state: 'well', reason: `${probe.side}: ${probe.name} ${probe.value}`, holds: [] }));
const HOUR_MS = 3_600_000;

export interface Moment {
  readonly stage: StatusSnapshot['stage'];
  /** How much of the rows was copied when it began, from 0 to 1. */
  readonly copied: number;
  /** Rows a second; 0 when nothing is copied. */
  readonly rate: number;
}

export class MadeUpRun implements Controls {
  /** What was asked for, by whom. */
  readonly asked: string[] = [];
  readonly shown = new RunStatus('orders-to-pg18');
  readonly #began = Date.now();
  readonly #moment: Moment;
  #granted = false;
  #paused = false;
  #pausedAt = 0;

  constructor(moment: Moment) {
    this.#moment = moment;
    this.shown.showStages(stagesBefore(moment.stage));
    this.shown.enter(moment.stage);
    this.shown.update((value) => {
      value.writable = moment.stage === 'complete' ? 'target' : 'source';
    });
  }

  status(): StatusSnapshot {
    const now = this.#paused ? this.#pausedAt : Date.now();
    const { copied, rate, stage } = this.#moment;
    const seconds = (now - this.#began) / 1_000;
    const all = TABLES.reduce((sum, [, rows]) => sum + rows * 1_000, 0);
    // Never backwards, and faster at times.
    const worked = seconds + 0.9 * (1 - Math.cos(seconds / 7)) + 0.14 * (1 - Math.cos(seconds / 1.7));
    const rows = Math.min(all, Math.round(all * copied + rate * worked));
    this.shown.update((value) => {
      let left = rows;
      for (const [name, thousands] of TABLES) {
        const expected = thousands * 1_000;
        const done = Math.max(0, Math.min(expected, left));
        left -= expected;
        const chunks = Math.ceil(expected / 200_000);
        const chunksDone = Math.floor((done / expected) * chunks);
        value.tables[name] = {
          rowsExpected: expected,
          rowsCopied: Math.round(done),
          bytesCopied: done * 180,
          chunks,
          chunksDone,
        };
        value.conditions[name] = stage === 'snapshot' ? (done >= expected ? 'copied' : 'copying') : 'following';
      }
      value.snapshot = {
        rows,
        rowsExpected: all,
        rowsBefore: Math.round(all * copied),
        bytes: rows * 180,
        seconds: Math.max(seconds, 2),
      };
      value.stream.changes = Math.round(412_000 + worked * 1_450);
      value.stream.batches = Math.round(930 + seconds * 4);
      const lag =
        stage === 'snapshot'
          ? null
          : 0.42 + 0.25 * Math.abs(Math.sin(seconds / 5)) + 2.4 * Math.exp(-(((seconds % 47) - 30) ** 2) / 12);
      value.stream.lagSeconds = lag;
      value.stream.lagBytes = lag === null ? null : Math.round(lag * 1_900_000);
      value.stream.retainedBytes = stage === 'snapshot' ? 6_310_000_000 : 48_000_000;
      value.health = { probes: PROBES, leftOut: [] };
      if (stage === 'cutover') {
        value.verify = { chunksDone: 1_042, chunks: 1_042, rowsCompared: all, differences: 0, pendingKeys: 318 };
        value.waiting = 'ready: waiting for `migrate cutover`';
      }
    });
    const ready = stage === 'cutover' && !this.#paused;
    return {
      ...this.shown.snapshot(),
      paused: this.#paused ? ['run'] : [],
      waiting: this.#paused ? 'paused by the operator' : this.shown.snapshot().waiting,
      permission: { when: 'manual', granted: this.#granted, ready, budgetMs: 10_000 },
    };
  }

  async pause(part: Pausable, by: string): Promise<Effect> {
    this.asked.push(`pause ${part} by ${by}`);
    [this.#paused, this.#pausedAt] = [true, Date.now()];
    return { changed: true, said: 'paused: copy and apply hold after the work in hand' };
  }

  async throttle(_request: ThrottleRequest, by: string): Promise<Effect> {
    this.asked.push(`throttle by ${by}`);
    return { changed: true, said: 'as fast as now allowed' };
  }

  async resume(part: Pausable, by: string): Promise<Effect> {
    this.asked.push(`resume ${part} by ${by}`);
    this.#paused = false;
    return { changed: true, said: 'resumed' };
  }

  async cutover(by: string): Promise<Effect> {
    this.asked.push(`cutover by ${by}`);
    this.#granted = true;
    return { changed: true, said: 'the cutover begins as soon as it can' };
  }

  async cancelCutover(by: string): Promise<Effect> {
    this.asked.push(`cancel by ${by}`);
    this.#granted = false;
    return { changed: true, said: 'the permission to cut over is taken back' };
  }

  async table(): Promise<never> {
    throw new Error('there are no tables');
  }

  async letters(): Promise<never> {
    throw new Error('there are no letters');
  }

  async stop(by: string): Promise<Effect> {
    this.asked.push(`stop by ${by}`);
    return { changed: true, said: 'the process ends; the run can go on later' };
  }
}

function stagesBefore(
  stage: StatusSnapshot['stage'],
): readonly { stage: StageName; startedAt: string; finishedAt: string }[] {
  const lengths: Partial<Record<StageName, number>> = {
    preflight: 0.003,
    schema: 0.01,
    snapshot: 3.1,
    'catch-up': 0.4,
    verify: 1.3,
  };
  const all = STAGES.filter((each) => each !== 'open');
  const until = (all as readonly string[]).indexOf(stage);
  const before = all.slice(0, until === -1 ? all.length : until);
  let at = Date.now() - before.reduce((sum, each) => sum + (lengths[each] ?? 0.001), 0) * HOUR_MS;
  return before.map((each) => {
    const startedAt = new Date(at).toISOString();
    at += (lengths[each] ?? 0.001) * HOUR_MS;
    return { stage: each, startedAt, finishedAt: new Date(at).toISOString() };
  });
}
