// The protocol of a migration with everything left out that does not decide whether rows survive: two rows with a
// unique value each, a few transactions, a log, chunks, lanes, a fence, crashes, and a second runner.
// Shares no code with the product: it says what the product must do.

import type { Model, Step } from './explorer.ts';
import {
  type Bounds,
  clashes,
  FRESH,
  type Mutant,
  put,
  type Runner,
  rowsAfter,
  type State,
  TRANSACTIONS,
} from './migration-state.ts';

export class MigrationModel implements Model<State> {
  readonly initial: State;
  readonly #bounds: Bounds;
  readonly #mutant: Mutant | undefined;

  constructor(bounds: Bounds, mutant?: Mutant) {
    this.#bounds = bounds;
    this.#mutant = mutant;
    this.initial = {
      app: Object.fromEntries(bounds.transactions.map((transaction) => [transaction, '-'])),
      log: '',
      acked: 0,
      start: -1,
      fence: 'open',
      epoch: 1,
      rows: ['', ''],
      at: [-1, -1],
      settled: 0,
      checkpoints: [],
      half: false,
      constraint: bounds.unique && mutant === 'unique constraint during the overlap',
      targetOpen: false,
      runners: [{ ...FRESH, epoch: 1 }],
      crashes: 0,
    };
  }

  key(state: State): string {
    const runners = state.runners.map(({ epoch, step, pair, bound, settled, batch, marker, half }) => {
      const held = pair === null ? `${bound ?? ''}` : `${pair.at}${pair.rows.join('/')}`;
      return `${epoch}${step}${held},${batch === null ? '' : `${batch.lane}${batch.from}${batch.to}`},${marker}${half}${settled}`;
    });
    const { app, log, acked, start, fence, epoch, rows, at, checkpoints, half, constraint, targetOpen, crashes } =
      state;
    const flags = `${half ? 1 : 0}${constraint ? 1 : 0}${targetOpen ? 1 : 0}${crashes}${epoch}${fence}`;
    return [
      Object.values(app).join(''),
      log,
      acked,
      start,
      state.settled,
      flags,
      ...rows,
      ...at,
      ...checkpoints,
      ...runners,
    ].join(';');
  }

  goal(state: State): boolean {
    return state.targetOpen;
  }

  steps(state: State): readonly Step<State>[] {
    const steps: Step<State>[] = [];
    this.#application(state, steps);
    this.#accidents(state, steps);
    state.runners.forEach((runner, index) => {
      const name = state.runners.length > 1 ? `runner ${index + 1}: ` : '';
      const collect = (what: string, change: Partial<State>, self: Partial<Runner> = {}): void => {
        const runners = state.runners.map((other, at) => (at === index ? { ...runner, ...self } : other));
        steps.push({ name: name + what, state: { ...state, ...change, runners } });
      };
      const fail = (what: string, violation: string): void => {
        steps.push({ name: name + what, violation });
      };
      if (runner.step === 'recover') this.#recover(state, runner, collect);
      else {
        this.#copy(state, runner, collect, fail);
        this.#apply(state, runner, collect, fail);
        this.#cutover(state, runner, collect);
      }
    });
    return steps;
  }

  check(before: State, after: State): string | undefined {
    if (after.epoch < before.epoch) return 'the epoch went back';
    if (after.checkpoints.some((checkpoint, lane) => checkpoint < (before.checkpoints[lane] ?? 0))) {
      return 'a checkpoint went back';
    }
    if (after.acked > Math.min(...after.checkpoints, after.log.length)) return 'acknowledged ahead of a checkpoint';
    if (before.targetOpen && after.rows.join() !== before.rows.join()) return 'a row changed after the commit point';
    if (after.constraint && clashes(after.rows)) return 'two rows with one unique value';
    if (after.fence === 'closed' && this.#endsByItself(after) === undefined) return 'the freeze needs a runner to end';
    if (after.targetOpen) {
      if (after.fence !== 'permanent') return 'both sides accept writes';
      if (Object.values(after.app).some((at) => at === 'w' || at === 'l'))
        return 'a source transaction can still commit';
      if (after.rows.join() !== rowsAfter(after.log).join()) return 'an acknowledged write is not on the target';
    }
    return this.#compare(after);
  }

  /** What a verification would say: past the overlap the target is a past state of the source, lane by lane. */
  #compare(state: State): string | undefined {
    const isEarly = this.#mutant === 'verification before reads are settled';
    const ready =
      this.#mutant === 'verification during the overlap'
        ? copied(state)
        : pastOverlap(isEarly ? { ...state, settled: 0 } : state);
    if (!ready) return undefined;
    for (const key of [0, 1] as const) {
      const applied = state.checkpoints[this.#lane(key)]! + (state.half && key === 0 ? 1 : 0);
      if (state.rows[key] !== rowsAfter(state.log.slice(0, applied))[key]) return 'verification finds a difference';
    }
    return undefined;
  }

  /** Transactions of applications: a write passes the fence or not; a commit is in the log before it can be read. */
  #application(state: State, steps: Step<State>[]): void {
    const move = (what: string, transaction: string, to: 'w' | 'l' | 'v', change: Partial<State> = {}): void => {
      steps.push({
        name: `transaction ${transaction} ${what}`,
        state: { ...state, app: { ...state.app, [transaction]: to }, ...change },
      });
    };
    const entries = Object.entries(state.app);
    const locked = entries.filter(([, at]) => at === 'w' || at === 'l').flatMap(([name]) => TRANSACTIONS[name]!);
    for (const [name, at] of entries) {
      const writes = TRANSACTIONS[name]!;
      if (at === '-' && state.fence === 'open') {
        const blocked = writes.some((write) => locked.some((other) => other.key === write.key));
        const taken = writes.some(({ key, unique }) => rowsAfter(state.log)[key === 0 ? 1 : 0][0] === unique);
        // The value is free once its former owner has committed visibly.
        const leaving = writes.some(({ unique }) => unique !== undefined && locked.length > 0);
        if (!blocked && !taken && !leaving) move('writes', name, 'w');
      } else if (at === 'w') move('is logged', name, 'l', { log: state.log + name });
      else if (at === 'l') move('is visible', name, 'v');
    }
  }

  #accidents(state: State, steps: Step<State>[]): void {
    const thawed = this.#endsByItself(state);
    if (thawed !== undefined) steps.push({ name: 'the deadline passes', state: thawed });
    const epoch = state.epoch + 1;
    if (state.crashes < this.#bounds.crashes) {
      const crashes = state.crashes + 1;
      state.runners.forEach((runner, index) => {
        const others = state.runners.filter((_, at) => at !== index);
        const current = runner.epoch === state.epoch;
        const name = state.runners.length > 1 ? `runner ${index + 1}` : 'the runner';
        // A crashed runner starts again under a new epoch; one that was taken over stays away.
        const after = current ? { runners: [...others, { ...FRESH, epoch }], epoch } : { runners: others };
        steps.push({ name: `${name} crashes`, state: { ...state, ...after, crashes } });
      });
    }
    if (this.#bounds.takeover && state.runners.length === 1 && state.epoch === state.crashes + 1) {
      const runners = [...state.runners, { ...FRESH, epoch }];
      steps.push({ name: 'runner 2 takes over', state: { ...state, epoch, runners } });
    }
  }

  /** The fence carries its deadline: no runner is needed to open it. */
  #endsByItself(state: State): State | undefined {
    if (state.fence !== 'closed' || this.#mutant === 'fence without a deadline') return undefined;
    return { ...state, fence: 'open' };
  }

  #recover(state: State, runner: Runner, collect: Collect): void {
    if (!this.#holds(state, runner)) return;
    if (state.targetOpen) collect('finds it complete', {}, { step: 'done' });
    else if (state.fence === 'permanent') collect('goes forward', {}, { step: 'permanent' });
    else collect('starts', { fence: 'open' }, { step: 'idle' });
  }

  #copy(state: State, runner: Runner, collect: Collect, fail: Fail): void {
    if (copied(state)) return;
    if (runner.pair === null && this.#bounds.unlocked === true) {
      if (this.#holds(state, runner)) this.#bound(state, runner, collect);
      return;
    }
    if (runner.pair === null) {
      const loose = this.#mutant === 'snapshot beside its position';
      // An exact pair waits for every transaction that is in the log but not visible yet.
      if (!loose && Object.values(state.app).includes('l')) return;
      const visible = [...state.log].filter((transaction) => state.app[transaction] === 'v').join('');
      const at = state.log.length;
      if (this.#holds(state, runner))
        collect(`takes a snapshot at ${at}`, this.#pinned(state, at), { pair: { at, rows: rowsAfter(visible) } });
      return;
    }
    const { pair } = runner;
    for (const key of [0, 1] as const) {
      if (state.at[key] !== -1 || !this.#holds(state, runner)) continue;
      const rows = put(state.rows, key, pair.rows[key]);
      const what = `copies chunk ${key}`;
      if (state.constraint && clashes(rows)) fail(what, 'a copy breaks a unique constraint');
      else {
        const at = put(state.at, key, pair.at);
        collect(what, { rows, at }, copied({ at }) ? { pair: null } : {});
      }
    }
  }

  /** Without a lock: a position up to which all is visible, then a snapshot, then where the log ends, journalled before a copy. */
  #bound(state: State, { bound }: Runner, collect: Collect): void {
    if (bound === null) {
      const visible = [...state.log].findIndex((transaction) => state.app[transaction] !== 'v');
      const isLoose = visible === -1 || this.#mutant === 'lower bound that is not visible';
      const at = isLoose ? state.log.length : visible;
      collect(`reads the position ${at}`, {}, { bound: at });
      return;
    }
    const visible = [...state.log].filter((transaction) => state.app[transaction] === 'v').join('');
    const settled = state.log.length;
    collect(
      `takes a snapshot between ${bound} and ${settled}`,
      { ...this.#pinned(state, bound), settled },
      { pair: { at: bound, rows: rowsAfter(visible) }, bound: null, settled },
    );
  }

  /** The first position is where the log is read from. */
  #pinned(state: State, at: number): Partial<State> {
    if (state.start !== -1) return {};
    return { start: at, acked: at, checkpoints: Array(this.#bounds.lanes).fill(at) };
  }

  #apply(state: State, runner: Runner, collect: Collect, fail: Fail): void {
    if (state.start === -1) return;
    const early = this.#mutant === 'log discarded because the copier will read it';
    const { batch } = runner;
    if (batch !== null) this.#commit(state, runner, batch, collect, fail);
    else if (copied(state) || early) {
      state.checkpoints.forEach((from, lane) => {
        for (let to = from + 1; to <= state.log.length; to++) {
          const acked = this.#mutant === 'ack before commit' ? { acked: to } : {};
          collect(`lane ${lane} takes the log to ${to}`, acked, { batch: { lane, from, to } });
        }
      });
    }
    const durable = Math.min(...state.checkpoints);
    if (durable > state.acked) collect(`acknowledges ${durable}`, { acked: durable });
    const complete = this.#bounds.unique && !state.constraint && pastOverlap(state) && this.#holds(state, runner);
    if (complete) {
      if (clashes(state.rows)) fail('builds the unique constraint', 'the constraint cannot be built');
      else collect('builds the unique constraint', { constraint: true });
    }
  }

  /** Rows and checkpoint in one step, refused when the checkpoint has moved or the runner was taken over. */
  #commit(state: State, runner: Runner, batch: NonNullable<Runner['batch']>, collect: Collect, fail: Fail): void {
    const { lane, from, to } = batch;
    const what = `lane ${lane} commits ${from}..${to}`;
    const fenced = this.#mutant !== 'no fencing of lanes';
    if (fenced && (state.checkpoints[lane] !== from || !this.#holds(state, runner))) return;
    let rows = state.rows;
    for (let index = from; index < to; index++) {
      for (const { key } of TRANSACTIONS[state.log[index]!]!) {
        // The copy of the chunk has it already.
        if (this.#lane(key) !== lane || index < state.at[key] || state.at[key] === -1) continue;
        // The mutant knows it as long as it lives; the checkpoint knows it for good.
        const half = this.#mutant === 'resume at a row' ? runner.half : state.half;
        if (half && index === from && key === 0) continue;
        const isTolerant = index < (this.#mutant === 'settled forgotten in a crash' ? runner.settled : state.settled);
        if (!isTolerant && rows[key] !== rowsAfter(state.log.slice(0, index))[key]) {
          fail(what, 'a change is applied twice, or one before it was lost');
          return;
        }
        rows = put(rows, key, rowsAfter(state.log.slice(0, index + 1))[key]);
      }
      if (state.constraint && clashes(rows)) {
        fail(what, 'a batch breaks a unique constraint');
        return;
      }
    }
    const checkpoints = state.checkpoints.map((at, other) => (other === lane ? to : at));
    collect(what, { rows, checkpoints, half: false }, { batch: null, half: false });
    this.#commitHalf(state, batch, collect);
  }

  /** Commits one row of two. The stream sends the whole transaction again, whatever the checkpoint says. */
  #commitHalf(state: State, { from }: { readonly from: number }, collect: Collect): void {
    if (this.#bounds.parts !== true || state.half || !pastOverlap(state) || state.log[from] !== '3') return;
    const rows = put(state.rows, 0, rowsAfter(state.log.slice(0, from + 1))[0]);
    const acked = this.#mutant === 'part of a transaction acknowledged' ? { acked: from + 1 } : {};
    collect(`commits one row of ${from + 1}`, { rows, half: true, ...acked }, { batch: null, half: true });
  }

  #cutover(state: State, runner: Runner, collect: Collect): void {
    if (!this.#holds(state, runner)) return;
    const before = ['closed', 'waited', 'marked', 'drained'].includes(runner.step);
    if (before) collect('undoes the cutover', { fence: 'open' }, { step: 'idle', marker: -1 });
    const open = Object.values(state.app).some((at) => at === 'w' || at === 'l');
    const ready = pastOverlap(state) && (state.constraint || !this.#bounds.unique);
    if (runner.step === 'idle' && ready && state.fence === 'open' && !state.targetOpen) {
      collect('closes the fence', { fence: 'closed' }, { step: 'closed' });
    } else if (runner.step === 'closed' && (!open || this.#mutant === 'open writers not waited out')) {
      collect('has waited for open transactions', {}, { step: 'waited' });
    } else if (runner.step === 'waited') {
      collect(`writes the marker at ${state.log.length}`, {}, { step: 'marked', marker: state.log.length });
    } else if (runner.step === 'marked' && state.checkpoints.every((checkpoint) => checkpoint >= runner.marker)) {
      collect('has drained', {}, { step: 'drained' });
    } else if (runner.step === 'drained') {
      const late = this.#mutant === 'permanent after the deadline';
      if (state.fence === 'closed' || late)
        collect('makes the fence permanent', { fence: 'permanent' }, { step: 'permanent' });
    } else if (runner.step === 'permanent') collect('opens the target', { targetOpen: true }, { step: 'done' });
  }

  /** The lease, checked with a lock in the transaction that acts. A plain read may be as old as the runner. */
  #holds(state: State, runner: Runner): boolean {
    return runner.epoch === state.epoch || this.#mutant === 'epoch read without a lock';
  }

  #lane(key: 0 | 1): number {
    return this.#bounds.lanes === 1 ? 0 : key;
  }
}

type Collect = (what: string, change: Partial<State>, self?: Partial<Runner>) => void;
type Fail = (what: string, violation: string) => void;

function copied(state: Pick<State, 'at'>): boolean {
  return state.at[0] !== -1 && state.at[1] !== -1;
}

function pastOverlap(state: State): boolean {
  const newest = Math.max(...state.at, state.settled);
  return copied(state) && state.checkpoints.every((checkpoint) => checkpoint >= newest);
}
