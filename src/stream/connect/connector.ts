// The connector of a run: made stopped, given its place in the log, set to work and removed. Each step may be repeated.

import { setTimeout as sleep } from 'node:timers/promises';
import { MigrateError } from '../../lib/errors.ts';
import type { ConnectorOptions } from '../../plan/stream.ts';
import { type AllowedOptions, allowedOptions } from './options.ts';
import type { ConnectorStatus, ConnectRest } from './rest.ts';
import { failureOf, refusalOf } from './trace.ts';

/** A place in the source's log, as the connector for that kind of source writes it. */
export type ConnectorOffset = Readonly<Record<string, string | number>>;

export interface ConnectorDefinition {
  /** Also the name by which its offsets are kept. */
  readonly name: string;
  /** As they would be best: what the Connect cluster does not allow is left out. */
  readonly options: ConnectorOptions;
  /** The begin of the transaction that a place of the connector stands in, or just that place. Default: any place is good. */
  readonly beginOf?: (offset: Readonly<Record<string, unknown>>) => ConnectorOffset;
  /** How long a change of its state may take. */
  readonly timeoutMs: number;
}

const LOOK_MS = 100;
/** A failure of before is told for a while after a restart. */
const STALE_MS = 2_000;

export class Connector {
  readonly #rest: ConnectRest;
  readonly #definition: ConnectorDefinition;
  #allowed: AllowedOptions | undefined;

  constructor(rest: ConnectRest, definition: ConnectorDefinition) {
    this.#rest = rest;
    this.#definition = definition;
  }

  get name(): string {
    return this.#definition.name;
  }

  /** Makes it, stopped; one that is there is stopped and gets the options. Rejects with CONNECT.*. */
  async create(): Promise<void> {
    const found = await this.#rest.options(this.name);
    if (found === undefined) await this.#rest.create(this.name, await this.#acceptedOptions());
    await this.#update();
    await this.#stop();
  }

  /**
   * Has it work with these options from the next start on: when this resolves nothing is written with others any more. Does nothing
   * when it has them. Rejects with CONNECT.*.
   */
  async change(): Promise<void> {
    if ((await this.#rest.options(this.name)) === undefined) await this.create();
    else await this.#update();
  }

  /** Of a stopped one: its place in the log, whatever it was before. Undefined: none, where the source itself knows it. */
  async setOffset(offset: ConnectorOffset | undefined): Promise<void> {
    await this.#rest.deleteOffsets(this.name);
    if (offset !== undefined) await this.#rest.setOffset(this.name, { server: this.name }, offset);
  }

  /** Where it stands; undefined when it has no place. Follows what is in the topic. */
  async offset(): Promise<Readonly<Record<string, unknown>> | undefined> {
    return (await this.#rest.offsets(this.name))[0];
  }

  /**
   * Has it work: with the options of the definition, wherever it was. One that was deleted is made again; `lost` gives its place
   * when that is lost too. Resolves when it runs. Rejects with CONNECT.*, or STREAM.GONE when the source no longer has its log.
   */
  async start(lost?: () => Promise<ConnectorOffset | undefined>): Promise<void> {
    await this.change();
    if (lost !== undefined && (await this.offset()) === undefined) {
      await this.#stop();
      const offset = await lost();
      if (offset !== undefined) await this.setOffset(offset);
    }
    await this.#rest.turn(this.name, 'resume');
    const status = await this.#rest.status(this.name);
    const failed = status !== undefined && failedIn(status) !== undefined;
    if (failed) await this.#rest.restart(this.name);
    await this.#running(failed ? STALE_MS : 0);
  }

  /** What has failed is tried again. */
  async restart(): Promise<void> {
    await this.#rest.restart(this.name);
  }

  /** Removes it with its place. Resolves also when there is none. */
  async remove(): Promise<void> {
    if (!(await this.#rest.turn(this.name, 'stop'))) return;
    await this.#stop();
    await this.#rest.deleteOffsets(this.name);
    await this.#rest.remove(this.name);
  }

  /** What Connect says of it; undefined when nothing is known of it. */
  async status(): Promise<ConnectorStatus | undefined> {
    return this.#rest.status(this.name);
  }

  /** Which options are not as they were posted; undefined when there is no such connector. No values: some are secret. */
  async changedOptions(): Promise<readonly string[] | undefined> {
    const { options } = await this.#allowedOptions();
    const found = await this.#rest.options(this.name);
    if (found === undefined) return undefined;
    // A password that Connect gives back in another form is none that was changed.
    return differences(found, options).filter((name) => !SECRET.test(name));
  }

  async #allowedOptions(): Promise<AllowedOptions> {
    this.#allowed ??= await allowedOptions(this.#rest, this.#definition.options, this.name);
    return this.#allowed;
  }

  /** To be posted: Connect takes no options that it finds a fault in. */
  async #acceptedOptions(): Promise<ConnectorOptions> {
    const { options, faults } = await this.#allowedOptions();
    const [fault] = faults;
    if (fault === undefined) return options;
    this.#allowed = undefined;
    throw refusalOf(this.name, fault);
  }

  async #update(): Promise<void> {
    const [found, { options }] = [await this.#rest.options(this.name), await this.#allowedOptions()];
    if (found !== undefined && differences(found, options).length === 0) return;
    const accepted = await this.#acceptedOptions();
    await this.#stop();
    // Before it has them: whoever dies in between does both again.
    await this.#rewind();
    await this.#rest.update(this.name, accepted);
  }

  /** With other tables the changes of a transaction have other numbers: one that was written in part is written again as a whole. */
  async #rewind(): Promise<void> {
    const { beginOf } = this.#definition;
    const offset = beginOf === undefined ? undefined : await this.offset();
    if (beginOf !== undefined && offset !== undefined) await this.setOffset(beginOf(offset));
  }

  async #stop(): Promise<void> {
    await this.#rest.turn(this.name, 'stop');
    await this.#until('stopped', (status) => status?.connector.state === 'STOPPED' && status.tasks.length === 0);
  }

  async #running(staleMs: number): Promise<void> {
    const since = Date.now();
    await this.#until('running', (status) => {
      if (status === undefined) return false;
      const failed = failedIn(status);
      if (failed !== undefined && Date.now() - since >= staleMs) throw failureOf(this.name, failed);
      return isRunning(status);
    });
  }

  async #until(what: string, done: (status: ConnectorStatus | undefined) => boolean): Promise<void> {
    const deadline = Date.now() + this.#definition.timeoutMs;
    while (!done(await this.#rest.status(this.name))) {
      if (Date.now() > deadline)
        throw new MigrateError('CONNECT.STUCK', `connector ${this.name} is not ${what} in time`);
      await sleep(LOOK_MS);
    }
  }
}

/** True while it has its task at work. */
export function isRunning({ connector, tasks }: ConnectorStatus): boolean {
  return connector.state === 'RUNNING' && tasks.length > 0 && tasks.every(({ state }) => state === 'RUNNING');
}

/** The trace of what has failed, '' without one; undefined when nothing has. */
export function failedIn({ connector, tasks }: ConnectorStatus): string | undefined {
  const failed = [connector, ...tasks].find(({ state }) => state === 'FAILED');
  return failed === undefined ? undefined : (failed.trace ?? '');
}

const SECRET = /pass|secret/i;

function differences(found: ConnectorOptions, own: ConnectorOptions): readonly string[] {
  const names = new Set([...Object.keys(found), ...Object.keys(own)]);
  // Connect adds the name.
  return [...names].filter((name) => name !== 'name' && found[name] !== own[name]).toSorted();
}
