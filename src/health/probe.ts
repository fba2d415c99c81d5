// One thing that tells how a side is: a number, its limit, and in words what is wrong with it.

import type { ServerHealth, Vital } from '../databases/health.ts';
import type { Side } from '../model/side.ts';
import { VITALS, type VitalForm } from '../model/vital.ts';
import type { Plan } from '../plan/plan.ts';
import type { Level } from './condition.ts';
import { SCOPES, type Scope } from './run-gate.ts';

export interface Reading {
  readonly value: number;
  readonly level: Level;
  /** In words, the same in status and log: `target: connections in use 97 %, limit 95 %`. */
  readonly reason: string;
}

export interface Probe {
  readonly side: Side;
  /** Unique on its side. */
  readonly name: string;
  readonly unit: VitalForm['unit'];
  readonly limit: number;
  /** What is held while it is unwell; nothing where that would make it worse. */
  readonly holds: readonly Scope[];
  /** False when a first reading that the server refuses only means that it cannot be had here: then it is left out. */
  readonly isAsked: boolean;
  /** Rejects when there is no reading: what is unknown is not well. */
  read(): Promise<Reading>;
}

/** Reading the source loads it; writing to the target, or comparing it, loads that. */
const HOLDS: Readonly<Record<Side, readonly Scope[]>> = { source: ['snapshot', 'verify'], target: SCOPES };

/** These are helped by going on, or at least not by waiting. */
const TOLD_ONLY: Readonly<Record<Side, readonly string[]>> = { source: ['historyLength', 'retainedLog'], target: [] };

/** The probes of both servers that the plan has limits for, and its own. */
export function probesOf(plan: Plan['health'], servers: Readonly<Record<Side, ServerHealth>>): readonly Probe[] {
  const vital = (side: Side) => (each: Vital) => {
    const limits: Readonly<Record<string, number | 'off'>> = { ...plan[side], answer: answerMs(plan) };
    const limit = limits[each.name] ?? 'off';
    return limit === 'off' ? [] : [vitalProbe({ side, vital: each, limit, server: servers[side] })];
  };
  return [
    ...servers.source.vitals.flatMap(vital('source')),
    ...servers.target.vitals.flatMap(vital('target')),
    ...plan.probes.map((own) => ownProbe(own, plan, servers[own.side])),
  ];
}

/** How long a reading may take, in ms. */
export function answerMs({ interval }: Pick<Plan['health'], 'interval'>): number {
  return interval * 1.5;
}

interface VitalParts {
  readonly side: Side;
  readonly vital: Vital;
  readonly limit: number;
  readonly server: ServerHealth;
}

function vitalProbe({ side, vital: { name, sql }, limit, server }: VitalParts): Probe {
  const { unit, label } = VITALS[name];
  const value = async (): Promise<number> => {
    const began = performance.now();
    const answer = numberOf(await server.ask(sql));
    return name === 'answer' ? Math.round(performance.now() - began) : answer;
  };
  return {
    ...{ side, name, unit, limit },
    holds: TOLD_ONLY[side].includes(name) ? [] : HOLDS[side],
    isAsked: name === 'answer',
    read: async () => judged(`${side}: ${label}`, await value(), { unit, max: limit }),
  };
}

type OwnProbe = Plan['health']['probes'][number];

function ownProbe(own: OwnProbe, plan: Plan['health'], server: ServerHealth): Probe {
  const { side, name, max } = own;
  const value = (): Promise<string | null> =>
    own.kind === 'sql' ? server.ask(own.sql) : fetched(own.url, answerMs(plan));
  const limits = { unit: '', max, ...(own.critical === undefined ? {} : { critical: own.critical }) } as const;
  return {
    ...{ side, name, unit: '', limit: max },
    holds: HOLDS[side],
    isAsked: true,
    read: async () => judged(`${side}: ${name}`, numberOf(await value()), limits),
  };
}

interface Limits {
  readonly unit: VitalForm['unit'];
  readonly max: number;
  readonly critical?: number;
}

function judged(what: string, value: number, { unit, max, critical }: Limits): Reading {
  const shown = (number: number): string => `${number}${unit === '' ? '' : ` ${unit}`}`;
  const level = critical !== undefined && value > critical ? 'critical' : value > max ? 'warn' : 'ok';
  return { value, level, reason: `${what} ${shown(value)}, limit ${shown(max)}` };
}

/** An answer that is no reading. */
export class NoNumber extends Error {}

function numberOf(text: string | null): number {
  const value = text === null || text.trim() === '' ? Number.NaN : Number(text);
  if (!Number.isFinite(value)) throw new NoNumber(text === null ? 'it has no value' : 'it is no number');
  return value;
}

async function fetched(url: string, timeoutMs: number): Promise<string> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(timeoutMs), redirect: 'error' }).catch(() => undefined);
  // The url may hold a secret.
  if (answer === undefined) throw new Error('nobody answers');
  if (answer.status !== 200) throw new Error(`it answers ${answer.status}`);
  const reader = answer.body?.getReader();
  // A number is short; whatever else it is, is not read to its end.
  const first = await reader?.read();
  await reader?.cancel();
  return Buffer.from(first?.value ?? []).toString('utf8');
}
