// One thing that tells how a side is: a number, its limit, and in words what is wrong with it.

import { statfs } from 'node:fs/promises';
import type { Measured, Replica, ServerHealth, Vital } from '../databases/health.ts';
import type { Side } from '../model/side.ts';
import { VITALS, type VitalForm, type VitalName } from '../model/vital.ts';
import { healthSchema } from '../plan/health.ts';
import type { Plan } from '../plan/plan.ts';
import type { Level } from './condition.ts';
import { fetched, NoNumber, numberOf } from './number.ts';
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
  /** In the middle of a sentence. */
  readonly label: string;
  /** What a person can do who does not want to wait. */
  readonly cure: string;
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

const SIDES = ['source', 'target'] as const;
const NAMES = Object.keys(VITALS) as readonly VitalName[];
const DEFAULTS = healthSchema.parse({});

type NumericLimits = Readonly<Partial<Record<VitalName, number | 'off'>>>;

/** What the plan asks for, and no server of this kind tells. */
interface Missing {
  readonly name: VitalName;
}

/** Limits that somebody has set are not dropped in silence. */
function missing(
  side: Side,
  limits: NumericLimits,
  { vitals, measured = [], replicas }: ServerHealth,
): readonly Missing[] {
  const { replicas: _, critical: __, ...usual } = DEFAULTS[side];
  const told = new Set<string>([...vitals, ...measured].map(({ name }) => name));
  if (replicas.length > 0) told.add('replicaLag');
  return NAMES.filter(
    (name) => !told.has(name) && name !== 'answer' && limits[name] !== (usual as NumericLimits)[name],
  ).map((name) => ({
    name,
  }));
}

/** The probes of both servers that the plan has limits for, of the replicas it names, and its own. */
export function probesOf(plan: Plan['health'], servers: Readonly<Record<Side, ServerHealth>>): readonly Probe[] {
  const vitals = (side: Side): readonly Probe[] => {
    const { replicas: _, critical, ...own } = plan[side];
    const limits: NumericLimits = { ...own, answer: answerMs(plan) };
    const criticals: NumericLimits = critical;
    const server = servers[side];
    return [...server.vitals, ...(server.measured ?? []), ...missing(side, own, server)].flatMap((vital) => {
      const limit = limits[vital.name] ?? 'off';
      return limit === 'off'
        ? []
        : [vitalProbe({ side, vital, limits: limitsOf(limit, criticals[vital.name]), server })];
    });
  };
  const replicas = (side: Side): readonly Probe[] => {
    const { replicaLag, critical } = plan[side];
    if (replicaLag === 'off') return [];
    const limits = limitsOf(replicaLag, critical.replicaLag);
    return servers[side].replicas.map((each) => replicaProbe(side, each, limits));
  };
  return [
    ...SIDES.flatMap(vitals),
    ...SIDES.flatMap(replicas),
    ...plan.probes.map((own) => ownProbe(own, plan, servers[own.side])),
  ];
}

/** How long a reading may take, in ms. */
export function answerMs({ interval }: Pick<Plan['health'], 'interval'>): number {
  return interval * 1.5;
}

interface VitalParts {
  readonly side: Side;
  readonly vital: Vital | Measured | Missing;
  readonly limits: Limits;
  readonly server: ServerHealth;
}

function vitalProbe({ side, vital, limits, server }: VitalParts): Probe {
  const { name } = vital;
  const { unit, label, cure } = VITALS[name];
  const value = async (): Promise<number> => {
    if ('read' in vital) return vital.read();
    const began = performance.now();
    if (!('sql' in vital)) throw new NoNumber('no server of this kind tells it');
    const answer = numberOf(await server.ask(vital.sql));
    return name === 'answer' ? Math.round(performance.now() - began) : answer;
  };
  const behind = async (): Promise<string> => {
    if (!('sql' in vital) || vital.behind === undefined) return '';
    // The number counts without it: another account may be allowed less.
    const words = await server.ask(vital.behind).catch(() => null);
    return words === null ? '' : `: ${words}`;
  };
  return {
    ...{ side, name, label, cure, unit, limit: limits.max },
    holds: TOLD_ONLY[side].includes(name) ? [] : HOLDS[side],
    isAsked: name === 'answer',
    read: async () => {
      const reading = judged(`${side}: ${label}`, await value(), { unit, ...limits });
      return reading.level === 'ok' ? reading : { ...reading, reason: `${reading.reason}${await behind()}` };
    },
  };
}

function replicaProbe(side: Side, replica: Replica, limits: Limits): Probe {
  const { unit, cure } = VITALS.replicaLag;
  const label = `lag of replica ${replica.name}`;
  return {
    ...{ side, name: `replicaLag ${replica.name}`, label, cure, unit, limit: limits.max },
    ...{ holds: HOLDS[side], isAsked: true },
    read: async () => {
      const lag = await replica.lag();
      if (typeof lag === 'string') throw new NoNumber(lag);
      return judged(`${side}: ${label}`, lag, { unit, ...limits });
    },
  };
}

type OwnProbe = Plan['health']['probes'][number];

/** Who wrote the probe knows more. */
const OWN_CURE = 'It is a probe of the plan: `health.probes`.';

function ownProbe(own: OwnProbe, plan: Plan['health'], server: ServerHealth): Probe {
  const { side, name, max } = own;
  const unit = own.kind === 'disk' ? '%' : '';
  const value = async (): Promise<number> => {
    if (own.kind === 'disk') return usedPercent(own.path);
    return numberOf(await (own.kind === 'sql' ? server.askOwn(own.sql) : fetched(own.url, answerMs(plan))));
  };
  const limits = limitsOf(max, own.critical);
  return {
    ...{ side, name, label: name, cure: OWN_CURE, unit, limit: max },
    holds: HOLDS[side],
    isAsked: true,
    read: async () => judged(`${side}: ${name}`, await value(), { unit, ...limits }),
  };
}

interface Limits {
  readonly max: number;
  readonly critical?: number;
}

function limitsOf(max: number, critical: number | 'off' = 'off'): Limits {
  return critical === 'off' ? { max } : { max, critical };
}

function judged(
  what: string,
  value: number,
  { unit, max, critical }: Limits & { readonly unit: VitalForm['unit'] },
): Reading {
  const shown = (number: number): string => amountText(number, unit);
  const level = critical !== undefined && value > critical ? 'critical' : value > max ? 'warn' : 'ok';
  const limit = level === 'critical' ? `critical above ${shown(critical ?? max)}` : `limit ${shown(max)}`;
  return { value, level, reason: `${what} ${shown(value)}, ${limit}` };
}

const UNITS = [
  ['GB', 1_073_741_824],
  ['MB', 1_048_576],
] as const;

function amountText(number: number, unit: VitalForm['unit']): string {
  if (unit !== 'bytes') return `${number}${unit === '' ? '' : ` ${unit}`}`;
  const [name, size] = UNITS.find(([, least]) => number >= least) ?? ['MB', 1_048_576];
  return `${Number((number / size).toFixed(1))} ${name}`;
}

/** As `df` counts: of what others than root may use. */
async function usedPercent(path: string): Promise<number> {
  const { blocks, bfree, bavail } = await statfs(path).catch((error: NodeJS.ErrnoException) => {
    throw new Error(`${path}: ${error.code}`);
  });
  const used = blocks - bfree;
  return Math.round((1_000 * used) / Math.max(1, used + bavail)) / 10;
}
