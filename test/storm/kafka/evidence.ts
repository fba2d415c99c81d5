// What explains a storm that went wrong, kept in a folder before everything is closed: the topic record by record, where the
// connector stands, both banks and the journal, and what each process said.

import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { topicOf } from '../../../src/stream/connect/options.ts';
import { openKafka, withAdmin } from '../../../src/stream/kafka/client.ts';
import { BANK } from '../../fleet/bank.ts';
import { openClient } from '../../fleet/text-client.ts';
import type { Crossing } from '../../scenario/mysql/crossing.ts';

export interface Scene {
  readonly seed: number;
  readonly crossing: Crossing;
  readonly broker: string;
  readonly connect: string;
}

const JOURNAL = ['run', 'stage', 'chunk', 'key_chunk', 'checkpoint', 'cutover', 'worker'];
const READING_MS = 60_000;

/** Says where everything is. What cannot be had is told in its place. */
export async function keepEvidence({ seed, crossing, broker, connect }: Scene): Promise<string> {
  const folder = join(tmpdir(), `migrate-storm-kafka-${seed}-${randomBytes(3).toString('hex')}`);
  await mkdir(folder);
  const keep = async (name: string, read: () => Promise<string>): Promise<void> => {
    const text = await read().catch((error: unknown) => `cannot be had: ${error}`);
    await writeFile(join(folder, name), text);
  };
  await Promise.all([
    ...crossing.logs().map((log, index) => keep(`process-${index}.log`, async () => log)),
    keep('source.txt', () => rowsIn(crossing.source, Object.keys(BANK), 'work')),
    keep('target.txt', () => rowsIn(crossing.readAt, Object.keys(BANK), 'work')),
    keep('journal.txt', () => rowsIn(crossing.target, JOURNAL, 'migrate')),
    keep('topics.jsonl', () => topics(broker)),
    keep('connect.json', () => connectors(connect)),
  ]);
  return folder;
}

/** A line for each row. PostgreSQL says which transaction wrote it. */
async function rowsIn(url: string, tables: readonly string[], schema: string): Promise<string> {
  const client = await openClient(url);
  const lines: string[] = [];
  try {
    for (const table of tables) {
      const hidden = client.kind === 'postgres' ? 'xmin::text, ' : '';
      const { rows } = await client
        .query(`SELECT ${hidden}t.* FROM ${schema}.${table} t`)
        .catch((error: unknown) => ({ rows: [[String(error)]] }));
      lines.push(...rows.map((row) => `${table} ${JSON.stringify(row)}`));
    }
  } finally {
    await client.close();
  }
  return `${lines.join('\n')}\n`;
}

async function connectors(url: string): Promise<string> {
  const ask = async (path: string): Promise<unknown> => (await fetch(`${url}/connectors${path}`)).json();
  const names = (await ask('')) as readonly string[];
  const all = names.map(async (name) => ({ status: await ask(`/${name}/status`), at: await ask(`/${name}/offsets`) }));
  return JSON.stringify(await Promise.all(all), null, 2);
}

/** Every record of the runs' topics. */
async function topics(broker: string): Promise<string> {
  const kafka = await openKafka({ brokers: [broker], clientId: 'evidence', networkTimeoutMs: 30_000 });
  const names = await withAdmin(kafka, 'listing topics', (admin) => admin.listTopics());
  const ours = names.filter((name) => name.startsWith('migrate-') && name.endsWith(topicOf('')));
  const lines: string[] = [];
  for (const topic of ours) {
    const [bounds] = await withAdmin(kafka, 'looking', (admin) => admin.fetchTopicOffsets(topic));
    const end = Number(bounds?.high ?? 0);
    if (end <= Number(bounds?.low ?? 0)) continue;
    const consumer = kafka.consumer({ groupId: `${topic}.evidence` });
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error('the topic was not read in time')), READING_MS);
      const eachBatch = async ({ batch }: { batch: Batch }): Promise<void> => {
        for (const { offset, timestamp, headers, key, value } of batch.messages) {
          const names = Object.keys(headers ?? {});
          lines.push(JSON.stringify({ topic, offset, timestamp, headers: names, key: text(key), value: text(value) }));
        }
        if (Number(batch.lastOffset()) < end - 2) return;
        clearTimeout(late);
        resolve();
      };
      consumer.run({ autoCommit: false, eachBatch }).catch(reject);
    });
    await consumer.disconnect();
  }
  return `${lines.join('\n')}\n`;
}

type Batch = import('kafkajs').Batch;

function text(bytes: Buffer | null): unknown {
  if (bytes === null) return null;
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return bytes.toString('base64');
  }
}
