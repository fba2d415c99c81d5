// The section `stream` of a plan: where Kafka and Connect are, and what a connector may be told.

import { describe, expect, it } from 'vitest';
import { optionFault } from '../../src/plan/connector-options.ts';
import { planFields, planHash } from '../../src/plan/hash.ts';
import type { Plan } from '../../src/plan/plan.ts';
import { readPlan } from '../../src/plan/read.ts';

const HEAD = `version: 1
source: {kind: mysql, url: 'mysql://u:secret@localhost:3306'}
target: {kind: postgres, url: 'postgres://u@localhost:5433/shop'}
cutover: {reverse: off}
`;
const SMALL = "brokers: ['k:9092'], connect: 'http://c:8083'";

const reading = (stream: string, env = {}) => readPlan(`${HEAD}${stream}`, 'orders.yaml', env);

function planOf(stream: string): Plan {
  const read = reading(stream);
  if ('faults' in read) throw new Error(JSON.stringify(read.faults));
  return read.plan;
}

function faultsOf(stream: string): readonly string[] {
  const read = reading(stream);
  return 'faults' in read ? read.faults.map(({ line, column, message }) => `${line}:${column} ${message}`) : [];
}

describe('the stream', () => {
  it('is native by default, and a run of before keeps its hash', () => {
    expect(planOf('').stream).toEqual({ via: 'native' });
    expect(planFields(planOf(''))['stream.via']).toBe('native');
    expect(Object.keys(planFields(planOf(''))).filter((field) => field.startsWith('stream'))).toEqual(['stream.via']);
  });

  it('cannot become another while a run is on, but Kafka and Connect may move', () => {
    const one = planHash(planOf(`stream: {via: debezium, debezium: {${SMALL}}}`));
    expect(one).not.toBe(planHash(planOf('')));
    expect(planHash(planOf("stream: {via: debezium, debezium: {brokers: ['l:9092'], connect: 'http://d:8083'}}"))).toBe(
      one,
    );
  });

  it('has the defaults of Debezium filled in, and its options as text', () => {
    const { debezium } = planOf(
      `stream: {via: debezium, debezium: {${SMALL}, connectorOptions: {max.queue.size: 4096, connect.keep.alive: true}}}`,
    ).stream;
    expect(debezium).toEqual({
      brokers: ['k:9092'],
      connect: 'http://c:8083',
      replicationFactor: 3,
      converter: 'json',
      source: {},
      connectorOptions: { 'max.queue.size': '4096', 'connect.keep.alive': 'true' },
    });
  });

  it('needs its section with via: debezium, and has none without', () => {
    expect(faultsOf('stream: {via: debezium}')).toEqual([
      '5:1 stream.debezium is missing; via: debezium needs at least `brokers` and `connect`',
    ]);
    expect(faultsOf(`stream:\n  debezium: {${SMALL}}`)).toEqual(['6:13 stream.debezium is only for via: debezium']);
  });

  it('is refused with the place of each fault', () => {
    const text = `stream:
  via: debezium
  debezium:
    brokers: [kafka, 'k:9092']
    connect: https://u:a/b@c:8083
    ssl: maybe
    sasl: {mechanism: gssapi, username: u, password: p}
    kafka: x
    connectorOptions:
      snapshot.mode: never
      max.queue.size: 10`;
    expect(faultsOf(text)).toEqual([
      '8:15 stream.debezium.brokers[0] must be host:port, the host a name or an IPv4 address',
      '9:14 stream.debezium.connect must be http://host:port or https://user:password@host:port, with special characters percent-encoded',
      '10:10 stream.debezium.ssl must be true, false or a section with `ca`',
      '11:23 stream.debezium.sasl.mechanism must be plain or scram-sha-256 or scram-sha-512',
      '12:5 stream.debezium.kafka is not known; known here: brokers, ssl, sasl, connect, replicationFactor, converter, source, connectorOptions',
      '14:22 stream.debezium.connectorOptions.snapshot.mode cannot be set: the run copies the rows itself, and the connector has to begin where the copy ends',
    ]);
  });

  it('gives away no password', () => {
    const { secrets } = reading(
      `stream: {via: debezium, debezium: {brokers: ['k:9092'], connect: 'https://u:hush@c', sasl: {mechanism: plain, username: u, password: pa}, source: {password: 12}, connectorOptions: {database.ssl.truststore.password: store}}}`,
    );
    for (const text of ['hush', 'pa', '12', 'store']) expect(secrets).toContainEqual({ text, password: true });
  });
});

describe('an option of the connector', () => {
  it.each([
    'snapshot.mode',
    'time.precision.mode',
    'bigint.unsigned.handling.mode',
    'binary.handling.mode',
    'decimal.handling.mode',
    'event.processing.failure.handling.mode',
    'inconsistent.schema.handling.mode',
    'schema.name.adjustment.mode',
    'topic.prefix',
    'topic.creation.default.partitions',
    'transforms',
    'transforms.x.type',
    'predicates',
    'skipped.operations',
    'provide.transaction.metadata',
    'column.exclude.list',
    'table.include.list',
    'database.include.list',
    'database.hostname',
    'database.server.id',
    'errors.tolerance',
    'producer.override.acks',
    'producer.override.compression.type',
    'producer.override.max.request.size',
    'gtid.source.excludes',
    'slot.name',
    'lsn.flush.mode',
    'key.converter',
    'value.converter.schemas.enable',
    'internal.log.position.check.enable',
    'Snapshot.mode',
  ])('%s is refused, as rows could be lost or misread', (name) => {
    expect(optionFault(name)).toBeDefined();
  });

  it.each([
    'max.queue.size',
    'max.batch.size',
    'poll.interval.ms',
    'database.ssl.mode',
    'database.ssl.truststore',
    'producer.override.linger.ms',
    'errors.max.retries',
    'slot.max.retries',
    'connect.timeout.ms',
  ])('%s may be set', (name) => {
    expect(optionFault(name)).toBeUndefined();
  });
});
