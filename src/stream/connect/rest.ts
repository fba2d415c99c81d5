// Kafka Connect's REST interface, as far as a run needs it. A connector's options hold passwords: nothing that is sent, and nothing
// of an answer that quotes it, gets into an error.

import { setTimeout as sleep } from 'node:timers/promises';
import { MigrateError } from '../../lib/errors.ts';
import type { ConnectorOptions } from '../../plan/stream.ts';

export interface ConnectAccess {
  /** With user and password where Connect wants them. */
  readonly url: string;
  /** How long an answer may take, and how long a cluster that is rebalancing is waited for. */
  readonly timeoutMs: number;
}

export interface TaskState {
  /** RUNNING, FAILED, PAUSED, STOPPED, UNASSIGNED or RESTARTING. */
  readonly state: string;
  /** Java's, of a failure. Holds whatever the failure was about, also values. */
  readonly trace?: string;
}

export interface ConnectorStatus {
  readonly connector: TaskState;
  readonly tasks: readonly TaskState[];
}

/** An option that a connector refuses. */
export interface OptionFault {
  readonly option: string;
  readonly message: string;
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

const BUSY_PAUSE_MS = 250;
const COMING_UP_MS = 15_000;
const SECRET_OPTION = /pass|secret|token|credential|private|key\.pem|jaas/i;

export class ConnectRest {
  readonly #base: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #timeoutMs: number;

  constructor({ url, timeoutMs }: ConnectAccess) {
    const { origin, pathname, username, password } = new URL(url);
    this.#base = `${origin}${pathname.replace(/\/+$/, '')}`;
    const login = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64');
    this.#headers = {
      'content-type': 'application/json',
      accept: 'application/json',
      ...(username === '' ? {} : { authorization: `Basic ${login}` }),
    };
    this.#timeoutMs = timeoutMs;
  }

  /** Without user and password, for messages. */
  get url(): string {
    return this.#base;
  }

  async info(): Promise<{ readonly version: string; readonly clusterId: string }> {
    const { version, kafka_cluster_id: clusterId } = record((await this.#done('GET', '/')).body);
    return { version: String(version), clusterId: String(clusterId) };
  }

  /** Of the worker that answers. */
  async plugins(): Promise<readonly { readonly className: string; readonly version: string }[]> {
    const { body } = await this.#done('GET', '/connector-plugins');
    return list(body).map((plugin) => ({ className: String(plugin.class), version: String(plugin.version) }));
  }

  /** What the connector itself has against its options; it also tries to reach its database. Makes nothing. */
  async validate(className: string, options: ConnectorOptions): Promise<readonly OptionFault[]> {
    const path = `/connector-plugins/${encodeURIComponent(className)}/config/validate`;
    const { configs } = record((await this.#done('PUT', path, options)).body);
    return list(configs).flatMap(({ value }) => {
      const { name, errors } = record(value);
      if (!Array.isArray(errors)) return [];
      return errors.map((error) => ({ option: String(name), message: shown(String(error), options) }));
    });
  }

  /** Undefined when there is no such connector, or nothing is known of it yet. */
  async status(name: string): Promise<ConnectorStatus | undefined> {
    const answer = await this.#send('GET', `${path(name)}/status`);
    if (isMissing(answer)) return undefined;
    const { connector, tasks } = record(this.#accepted(answer, 'GET status').body);
    return { connector: stateOf(connector), tasks: list(tasks).map(stateOf) };
  }

  /** The options as they were posted; undefined when there is no such connector. */
  async options(name: string): Promise<ConnectorOptions | undefined> {
    const answer = await this.#send('GET', `${path(name)}/config`);
    if (isMissing(answer)) return undefined;
    const options = record(this.#accepted(answer, 'GET config').body);
    return Object.fromEntries(Object.entries(options).map(([option, value]) => [option, String(value)]));
  }

  /** Makes a connector that is stopped; one that is there stays as it is. */
  async create(name: string, config: ConnectorOptions): Promise<void> {
    const sent = { name, initial_state: 'STOPPED', config };
    const answer = await this.#send('POST', '/connectors', sent);
    if (!isThere(answer)) this.#accepted(answer, 'POST /connectors', sent);
  }

  async update(name: string, options: ConnectorOptions): Promise<void> {
    await this.#done('PUT', `${path(name)}/config`, options);
  }

  /** `stop` ends the tasks; `resume` undoes it. False when there is no such connector. */
  async turn(name: string, to: 'stop' | 'resume'): Promise<boolean> {
    return this.#known('PUT', `${path(name)}/${to}`);
  }

  /** What has failed starts again. */
  async restart(name: string): Promise<void> {
    await this.#done('POST', `${path(name)}/restart?includeTasks=true&onlyFailed=true`);
  }

  /** Its offsets stay. False when there is no such connector. */
  async remove(name: string): Promise<boolean> {
    return this.#known('DELETE', path(name));
  }

  /** Where the connector stands, one for each partition of its source. */
  async offsets(name: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const { offsets } = record((await this.#done('GET', `${path(name)}/offsets`)).body);
    return list(offsets).map(({ offset }) => record(offset));
  }

  /** Of a stopped connector. */
  async setOffset(name: string, partition: ConnectorOptions, offset: Readonly<Record<string, unknown>>): Promise<void> {
    await this.#done('PATCH', `${path(name)}/offsets`, { offsets: [{ partition, offset }] });
  }

  /** Of a stopped connector. False when there is no such connector. */
  async deleteOffsets(name: string): Promise<boolean> {
    return this.#known('DELETE', `${path(name)}/offsets`);
  }

  async #known(method: string, where: string): Promise<boolean> {
    const answer = await this.#send(method, where);
    if (isMissing(answer)) return false;
    this.#accepted(answer, `${method} ${where}`);
    return true;
  }

  async #done(method: string, where: string, body?: Readonly<Record<string, unknown>>): Promise<Answer> {
    return this.#accepted(await this.#send(method, where, body), `${method} ${where}`, body);
  }

  /** Waits while the cluster rebalances. Rejects with CONNECT.UNREACHABLE. */
  async #send(method: string, where: string, body?: Readonly<Record<string, unknown>>): Promise<Answer> {
    const begun = Date.now();
    for (;;) {
      const answer = await this.#once(method, where, body);
      // What has no such page for long is perhaps not Connect.
      const patienceMs = isComingUp(answer) ? Math.min(this.#timeoutMs, COMING_UP_MS) : this.#timeoutMs;
      if (!isBusy(answer) || Date.now() - begun > patienceMs) return answer;
      await sleep(BUSY_PAUSE_MS);
    }
  }

  async #once(method: string, where: string, body?: Readonly<Record<string, unknown>>): Promise<Answer> {
    try {
      const response = await fetch(`${this.#base}${where}`, {
        method,
        headers: this.#headers,
        redirect: 'error',
        signal: AbortSignal.timeout(this.#timeoutMs),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return { status: response.status, body: parsed(await response.text()) };
    } catch (cause) {
      throw new MigrateError('CONNECT.UNREACHABLE', `Kafka Connect at ${this.#base}: ${reasonOf(cause)}`, { cause });
    }
  }

  #accepted(answer: Answer, doing: string, sent: unknown = {}): Answer {
    const { status, body } = answer;
    if (status < 300) return answer;
    const said = shown(String(record(body).message ?? ''), { ...record(sent), ...record(record(sent).config) });
    const message = `Kafka Connect at ${this.#base} answered ${status} to ${doing}${said === '' ? '' : `: ${said}`}`;
    if (status === 401 || status === 403) throw new MigrateError('CONNECT.AUTHENTICATION', message);
    // A worker that lost its group, or whose answer came from another one that is not up yet, says 500.
    const isPassing = status === 409 || status >= 500 || isComingUp(answer);
    throw new MigrateError(isPassing ? 'CONNECT.UNREACHABLE' : 'CONNECT.REFUSED', message);
  }
}

function isThere({ status, body }: Answer): boolean {
  return status === 409 && /already exists/.test(String(record(body).message));
}

/** There is no such connector. */
function isMissing({ status, body }: Answer): boolean {
  return status === 404 && record(body).error_code === 404;
}

/** A worker that is coming up has no page at all yet, and no words of Connect's own to say so. */
function isComingUp(answer: Answer): boolean {
  return answer.status === 404 && !isMissing(answer);
}

/** True of what can be asked again in a moment. */
function isBusy(answer: Answer): boolean {
  const { status, body } = answer;
  if (status === 409) return !isThere(answer);
  if (isComingUp(answer)) return true;
  return status === 503 || (status === 500 && /rebalance|timed out/i.test(String(record(body).message)));
}

function path(name: string): string {
  return `/connectors/${encodeURIComponent(name)}`;
}

function stateOf(value: unknown): TaskState {
  const { state, trace } = record(value);
  return { state: String(state), ...(typeof trace === 'string' ? { trace } : {}) };
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

function list(value: unknown): readonly Readonly<Record<string, unknown>>[] {
  return Array.isArray(value) ? value.map(record) : [];
}

function parsed(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    // Something that stands before Connect, or is not Connect.
    return undefined;
  }
}

/** The first line of what Connect said of options, with the next one where that has the reason, without what is secret. */
function shown(text: string, options: Readonly<Record<string, unknown>>): string {
  const secrets = Object.entries(options).flatMap(([name, value]) =>
    SECRET_OPTION.test(name) && typeof value === 'string' && value !== '' ? [value] : [],
  );
  const clean = secrets.reduce((rest, secret) => rest.replaceAll(secret, '***'), text);
  const [first = '', next = ''] = clean.split('\n').map((line) => line.trim());
  return (first.endsWith(':') ? `${first} ${next}` : first).slice(0, 400);
}

function reasonOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return 'no answer';
  if (thrown.name === 'TimeoutError') return 'no answer in time';
  const { cause } = thrown;
  return cause instanceof Error && cause.message !== '' ? cause.message : thrown.message;
}
