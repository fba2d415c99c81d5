// Whole runs between engines in which only the seed decides what the tables are, what is written and what goes wrong. Those that
// were red once are always carried out; STORM_SEED=7 adds one for a pair that the seed chooses, or for STORM_PAIRS=mysql-mysql,…
// with STORM_COUNT=20 the seeds 7 to 26.

import { afterAll, expect, test } from 'vitest';
import type { Pair } from './engines/schema.ts';
import { type EngineServer, startEngine } from './engines/servers.ts';
import { carryOut, PAIRS } from './engines/storm.ts';
import { RED_ENGINE_SEEDS } from './seeds.ts';

// Without one, some storm all the same.
const first = Number(process.env.STORM_SEED ?? 1);
const count = Number(process.env.STORM_COUNT ?? 1);
const named = process.env.STORM_PAIRS?.split(',');
const nameOf = ({ from, to }: Pair): string => `${from}-${to}`;

function pairsOf(seed: number): readonly Pair[] {
  if (named !== undefined) return PAIRS.filter((pair) => named.includes(nameOf(pair)));
  return PAIRS.filter((_, index) => index === seed % PAIRS.length);
}

const given = Number.isInteger(first) ? Array.from({ length: count }, (_, index) => first + index) : [];
const storms = given.flatMap((seed) => pairsOf(seed).map((pair) => ({ seed, pair })));

const started = new Map<string, Promise<EngineServer>>();

/** Each kind once for each side. */
function server(side: 'source' | 'target', kind: Pair['from']): Promise<EngineServer> {
  const name = `${side} ${kind}`;
  const found = started.get(name) ?? startEngine(kind);
  started.set(name, found);
  return found;
}

afterAll(() => Promise.all([...started.values()].map(async (starting) => (await starting).close())));

async function expectCalm(seed: number, pair: Pair): Promise<void> {
  const servers = { source: await server('source', pair.from), target: await server('target', pair.to) };
  const { faults, log, rows } = await carryOut(seed, pair, servers);
  expect(faults, `STORM_SEED=${seed} STORM_PAIRS=${nameOf(pair)}\n${log.join('\n')}`).toEqual([]);
  expect(rows).toBeGreaterThan(0);
  if (process.env.STORM_LOG !== undefined) console.log(`seed ${seed}: ${rows} rows\n${log.join('\n')}`);
}

for (const { seed, from, to, found } of RED_ENGINE_SEEDS)
  test(`seed ${seed} from ${from} to ${to}, red once: ${found}`, () => expectCalm(seed, { from, to }), 300_000);
for (const { seed, pair } of storms)
  test(`seed ${seed} from ${pair.from} to ${pair.to}`, () => expectCalm(seed, pair), 300_000);
