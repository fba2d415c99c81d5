// A run of twenty tables that is made up, for what is shown of one: it goes on as its clock does, and takes commands.

import type { Controls, Effect, LetterRequest, TableRequest } from '../../src/control/controls.ts';
import type { LettersView } from '../../src/control/letter-view.ts';
import type { AuditRecord } from '../../src/journal/audit.ts';
import type { DeadLetter } from '../../src/journal/dead-letters.ts';
import { STAGES, type StageName } from '../../src/journal/journal.ts';
import { type Pausable, pauseCommandText, pauseReason, pausing, resuming } from '../../src/model/pause.ts';
import type { Position } from '../../src/model/position.ts';
import { tableId } from '../../src/model/table.ts';
import type { ThrottleRequest } from '../../src/model/throttle.ts';
import { nextSteps } from '../../src/observe/next.ts';
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
].map((probe) => ({
  ...probe,
  state: 'well',
  reason: `${probe.side}: ${probe.name} ${probe.value}`,
  cure: '',
  holds: [],
}));
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
  readonly #letters: DeadLetter[] = [];
  readonly #trail: AuditRecord[] = [];
  #granted = false;
  #paused: readonly Pausable[] = [];
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
    const now = this.#paused.length > 0 ? this.#pausedAt : Date.now();
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
        value.verify = {
          chunksDone: 1_042,
          chunks: 1_042,
          rowsCompared: all,
          differences: 0,
          pendingKeys: 318,
          emptyValues: [],
        };
        value.waiting = 'ready: waiting for `migrate cutover`';
      }
    });
    const [held] = this.#paused;
    const open = this.#letters.filter(({ state }) => state === 'open').length;
    const waived = this.#letters.filter(({ state }) => state === 'waived').length;
    const ready = stage === 'cutover' && held === undefined && open === 0;
    const shown: StatusSnapshot = {
      ...this.shown.snapshot(),
      paused: this.#paused,
      waiting: held === undefined ? this.shown.snapshot().waiting : pauseReason(held),
      deadLetters: { open, waived, total: this.#letters.length },
      permission: { when: 'manual', granted: this.#granted, ready, budgetMs: 10_000 },
    };
    return { ...shown, next: nextSteps(shown) };
  }

  /** Changes that the target refused, as a run has some. */
  refuseChanges(count: number): void {
    for (let id = 1; id <= count; id++) {
      const refusal = { sqlState: '23514', constraint: 'orders_total_check', column: null };
      this.#letters.push({
        ...{ id, table: tableId('shop', 'orders'), position: '0/0' as Position, op: 'update' as const, refusal },
        ...{ key: [String(id)], newKey: null, state: 'open' as const, by: null, reason: null },
        ...{ createdAt: '2030-01-01T00:00:00.000Z', settledAt: null },
      });
    }
  }

  #note(command: string, by: string, result: string): Effect {
    this.asked.push(`${command} by ${by}`);
    this.#trail.unshift({ at: new Date().toISOString(), by, command, result });
    return { changed: true, said: result };
  }

  async audit(most: number): Promise<readonly AuditRecord[]> {
    return this.#trail.slice(0, most);
  }

  async readLetters(ids: readonly number[], by: string): Promise<LettersView> {
    if (ids.length > 0) this.#note(`dead-letters show ${ids.join(' ')}`, by, 'their values were read');
    return { letters: this.#letters, rows: new Map(ids.map((id) => [id, [String(id), 'secret value']])), tables: [] };
  }

  async pause(part: Pausable, by: string): Promise<Effect> {
    this.#paused = pausing(this.#paused, part);
    this.#pausedAt = Date.now();
    return this.#note(
      pauseCommandText({ verb: 'pause', part }),
      by,
      'paused: copy and apply hold after the work in hand',
    );
  }

  async resume(part: Pausable, by: string): Promise<Effect> {
    this.#paused = resuming(this.#paused, part);
    return this.#note(pauseCommandText({ verb: 'resume', part }), by, 'resumed');
  }

  async throttle({ apply, snapshot }: ThrottleRequest, by: string): Promise<Effect> {
    this.shown.update((value) => {
      Object.assign(value.throttle.apply, apply);
      Object.assign(value.throttle.snapshot, snapshot);
    });
    return this.#note(`throttle ${JSON.stringify({ apply, snapshot })}`, by, 'as fast as now allowed');
  }

  async cutover(by: string): Promise<Effect> {
    this.#granted = true;
    return this.#note('cutover', by, 'the cutover begins as soon as it can');
  }

  async cancelCutover(by: string): Promise<Effect> {
    this.#granted = false;
    return this.#note('cutover --cancel', by, 'the permission to cut over is taken back');
  }

  async table(request: TableRequest): Promise<{ changed: boolean; findings: [] }> {
    const { by, table, verb } = request;
    this.#note(`table ${verb} ${table}`, by, verb === 'skip' ? `recorded, because: ${request.reason}` : 'recorded');
    return { changed: true, findings: [] };
  }

  async letters(request: LetterRequest): Promise<Readonly<Record<string, unknown>>> {
    const { by, ids, verb } = request;
    const chosen = this.#letters.filter(({ id, state }) => state === 'open' && (ids?.includes(id) ?? true));
    for (const letter of chosen) {
      const settled = { ...letter, state: verb === 'waive' ? ('waived' as const) : ('replayed' as const), by };
      this.#letters.splice(this.#letters.indexOf(letter), 1, settled);
    }
    const done = chosen.map(({ id }) => id);
    this.#note(`dead-letters ${verb} ${ids?.join(' ') ?? '--all'}`, by, `${done.length} are settled`);
    return { replayed: verb === 'retry' ? done : [], refused: [], waived: verb === 'waive' ? done : [] };
  }

  async stop(by: string): Promise<Effect> {
    return this.#note('stop', by, 'the process ends; the run can go on later');
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
