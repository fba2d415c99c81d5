// Opens the client of Kafka that a plan describes. The library is loaded only by a run that needs it.

import { readFileSync } from 'node:fs';
import type { Admin, Kafka, KafkaConfig } from 'kafkajs';
import { MigrateError } from '../../lib/errors.ts';
import { isLoopback } from '../../lib/loopback.ts';
import type { Plan } from '../../plan/plan.ts';
import { kafkaError } from './errors.ts';
import { gzipCodec } from './gzip.ts';

/** What a plan says of Kafka and Connect. */
export type DebeziumPlan = NonNullable<Plan['stream']['debezium']>;

export interface KafkaAccess extends Pick<DebeziumPlan, 'brokers' | 'ssl' | 'sasl'> {
  /** Named in the brokers' logs: `migrate-orders`. */
  readonly clientId: string;
  /** How long an answer may take. */
  readonly networkTimeoutMs: number;
}

const CONNECT_TIMEOUT_MS = 10_000;

/** Connects to nobody yet. Rejects with KAFKA.AUTHENTICATION when the file of authorities cannot be read. */
export async function openKafka(access: KafkaAccess): Promise<Kafka> {
  // By the default export: Node finds only some of the others by their names.
  const { CompressionCodecs, CompressionTypes, Kafka, logLevel } = (await import('kafkajs')).default;
  CompressionCodecs[CompressionTypes.GZIP] = () => gzipCodec;
  const { brokers, clientId, networkTimeoutMs } = access;
  return new Kafka({
    brokers: [...brokers],
    clientId,
    connectionTimeout: Math.min(networkTimeoutMs, CONNECT_TIMEOUT_MS),
    authenticationTimeout: networkTimeoutMs,
    requestTimeout: networkTimeoutMs,
    ...tls(access),
    ...login(access),
    // About six seconds; whoever waits longer tries again.
    retry: { initialRetryTime: 200, retries: 5 },
    // What matters is thrown; the rest is noise about what the library cures by itself.
    logLevel: logLevel.NOTHING,
  });
}

/** An admin of the cluster for as long as `use` takes. `doing` stands in its errors, which are KAFKA.*. */
export async function withAdmin<Result>(
  kafka: Kafka,
  doing: string,
  use: (admin: Admin) => Promise<Result>,
): Promise<Result> {
  const admin = kafka.admin();
  try {
    await admin.connect();
    return await use(admin);
  } catch (error) {
    throw kafkaError(error, doing);
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
}

function tls({ brokers, ssl }: KafkaAccess): Pick<KafkaConfig, 'ssl'> {
  const wanted = ssl ?? !brokers.every((broker) => isLoopback(broker.replace(/:\d+$/, '')));
  return { ssl: typeof wanted === 'boolean' ? wanted : { ca: [authority(wanted.ca)] } };
}

function authority(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    const fix = 'Correct stream.debezium.ssl.ca.';
    throw new MigrateError('KAFKA.AUTHENTICATION', `the file of authorities ${file} cannot be read`, { cause, fix });
  }
}

function login({ sasl }: KafkaAccess): Pick<KafkaConfig, 'sasl'> {
  if (sasl === undefined) return {};
  const { mechanism, username, password } = sasl;
  return { sasl: { mechanism, username, password } as NonNullable<KafkaConfig['sasl']> };
}
