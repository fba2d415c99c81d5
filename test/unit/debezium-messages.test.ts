// Messages as connectors wrote them, shortened, and what they mean to a run.

import { expect, test } from 'vitest';
import type { Change } from '../../src/model/change.ts';
import type { Table } from '../../src/model/table.ts';
import type { Dialect } from '../../src/stream/kafka/dialect.ts';
import { Message } from '../../src/stream/kafka/envelope.ts';
import type { CapturedTable } from '../../src/stream/kafka/rows.ts';
import { dialectOf, lines, shop, UNAVAILABLE } from './debezium-log.ts';

const MYSQL_SOURCE = `"source":{"version":"3.6.1.Final","connector":"mysql","name":"y763662","ts_ms":1795288771136,"snapshot":"false","db":"shop","sequence":null,"ts_us":1795288771136522,"ts_ns":1795288771136522000,"table":"orders","server_id":1,"gtid":"ba4fe385-e5dd-11f1-ba2a-02fc00000001:8683","file":"binlog.000003","pos":8350897,"row":0,"thread":33,"query":null}`;
const MYSQL_TRANSACTION = `"transaction":{"id":"ba4fe385-e5dd-11f1-ba2a-02fc00000001:8683","total_order":3,"data_collection_order":1}`;
const POSTGRES_SOURCE = `"source":{"version":"3.7.0.Final","connector":"postgresql","name":"x757046","ts_ms":1795288758529,"snapshot":"false","db":"postgres","sequence":"[null,\\"299462888\\"]","ts_us":1795288758529562,"ts_ns":1795288758529562000,"schema":"shop","table":"orders","txId":68535,"lsn":299462888,"xmin":null,"origin":null,"origin_lsn":null}`;
const POSTGRES_TRANSACTION = `"transaction":{"id":"68535:299462888","total_order":1,"data_collection_order":1}`;
const TIMES = `"ts_ms":1795288771476,"ts_us":1795288771476392,"ts_ns":1795288771476393000`;

const followed: Table = {
  ...shop,
  columns: [...shop.columns, { name: 'zz', type: 'int', castType: 'int' }],
  followed: 1,
};

function reader(
  table: Table | CapturedTable = shop,
  more: Partial<Dialect> = {},
  manner: 'mysql' | 'postgres' = 'mysql',
) {
  const captured = 'table' in table ? table : { table, computed: [] };
  return new Message(dialectOf(manner, more), [captured]);
}

/** One change as MySQL's connector writes it. */
const change = (op: string, before: string, after: string, table = 'orders') =>
  Buffer.from(
    `{"before":${before},"after":${after},${MYSQL_SOURCE.replace('orders', table)},${MYSQL_TRANSACTION},"op":"${op}",${TIMES}}`,
  );

function meaning(message: Message, value: Buffer): Change | undefined {
  expect(message.read(value)).toBe('change');
  return message.toChange();
}

test('begin and end of a transaction', () => {
  const message = reader();
  const begin =
    '{"status":"BEGIN","id":"68535:299462888","event_count":null,"data_collections":null,"ts_ms":1795288758529}';
  const end = `{"status":"END","id":"68535:299485256","event_count":4,"data_collections":[{"data_collection":"x757046.t","event_count":3},{"data_collection":"x757046.u","event_count":1}],"ts_ms":1795288758529}`;
  const ofPostgres = reader(shop, {}, 'postgres');
  expect(ofPostgres.read(Buffer.from(begin))).toBe('begin');
  expect(ofPostgres.number).toBe('68535');
  expect(ofPostgres.read(Buffer.from(end))).toBe('end');
  expect([ofPostgres.number, ofPostgres.id, ofPostgres.changes]).toEqual(['68535', '68535:299485256', 4]);
  expect(message.read(Buffer.from(end))).toBe('end');
  expect(message.number).toBe('68535:299485256');
});

test('a change says where it stands and which of its transaction it is', () => {
  const message = reader();
  meaning(message, change('c', 'null', '{"id":1,"note":"a"}'));
  expect([message.order, message.number]).toEqual([3, 'ba4fe385-e5dd-11f1-ba2a-02fc00000001:8683']);
  expect(message.place()).toEqual({ position: '8350897' });
  const { origin } = message;
  message.read(Buffer.from('{"ts_ms":1}'));
  expect(message.placeAt(origin)).toEqual({ position: '8350897' });
});

test('inserts, updates, deletes and truncates are what they are called', () => {
  const message = reader();
  const [one, two] = ['{"id":1,"note":"a"}', '{"id":1,"note":"größer \\"x\\""}'];
  expect(meaning(message, change('c', 'null', one))).toEqual({ op: 'insert', table: shop, row: ['1', 'a'] });
  expect(meaning(message, change('u', one, two))).toEqual({
    op: 'update',
    table: shop,
    key: ['1'],
    row: ['1', 'größer "x"'],
  });
  // PostgreSQL's default: the row before is not there.
  expect(meaning(message, change('u', 'null', two))).toMatchObject({ op: 'update', key: ['1'] });
  expect(meaning(message, change('d', '{"id":1,"note":null}', 'null'))).toEqual({
    op: 'delete',
    table: shop,
    key: ['1'],
  });
  expect(meaning(message, change('t', 'null', 'null'))).toEqual({ op: 'truncate', tables: [shop] });
});

test('members may come in another order than the columns', () => {
  const message = reader();
  meaning(message, change('c', 'null', '{"id":1,"note":"a"}'));
  expect(meaning(message, change('c', 'null', '{"note":null,"id":2}'))).toMatchObject({ row: ['2', null] });
  expect(meaning(message, change('c', 'null', '{ "note" : "b", "id" : 3 }'))).toMatchObject({ row: ['3', 'b'] });
  expect(meaning(message, change('c', 'null', '{"id":4,"note":"c"}'))).toMatchObject({ row: ['4', 'c'] });
});

test('a row without a key is found by all its values', () => {
  const message = reader(lines);
  expect(meaning(message, change('d', '{"id":1,"note":null}', 'null', 'lines'))).toMatchObject({ key: ['1', null] });
  expect(meaning(message, change('u', '{"id":1,"note":"a"}', '{"id":2,"note":"b"}', 'lines'))).toMatchObject({
    key: ['1', 'a'],
    row: ['2', 'b'],
  });
});

test('a value that was left out stays so, unless the row before has it', () => {
  const message = reader();
  const left = `{"id":1,"note":"${UNAVAILABLE}"}`;
  expect(meaning(message, change('u', 'null', left))).toMatchObject({ row: ['1', undefined] });
  // With another identity than all columns null stands for what is not of it.
  expect(meaning(message, change('u', '{"id":1,"note":null}', left))).toMatchObject({ row: ['1', undefined] });
  expect(meaning(message, change('u', '{"id":1,"note":"a"}', left))).toMatchObject({ key: ['1'], row: ['1', 'a'] });
  expect(meaning(message, change('u', '{"id":1,"note":"a"}', '{"id":1,"note":null}'))).toMatchObject({
    row: ['1', null],
  });
});

test('what is there of a row is never taken from the row before', () => {
  const partial = change('u', '{"id":1,"note":"a"}', `{"id":2,"note":"${UNAVAILABLE}"}`);
  expect(meaning(reader(), partial)).toMatchObject({ key: ['1'], row: ['2', 'a'] });
});

test('changes of several tables are of the table that they name', () => {
  const message = new Message(
    dialectOf('mysql'),
    [shop, lines].map((table) => ({ table, computed: [] })),
  );
  const row = '{"id":1,"note":"a"}';
  for (const table of [shop, lines, shop, lines])
    expect(meaning(message, change('c', 'null', row, table.name))).toMatchObject({ table });
});

test('a key that is missing stops the stream', () => {
  const message = reader();
  expect(() => meaning(message, change('d', '{"id":null,"note":"a"}', 'null'))).toThrow(/does not carry the whole key/);
  expect(() => meaning(message, change('d', 'null', 'null'))).toThrow(/without its before/);
});

test.each([
  ['{"id":1}', 'column note was dropped'],
  ['{"id":1,"note":"a","zz":3}', 'column zz was added'],
  ['{"id":1,"remark":"a"}', 'column note is gone, remark is new'],
])('a table of another shape stops the stream: %s', (after, what) => {
  const message = reader();
  meaning(message, change('c', 'null', '{"id":1,"note":"a"}'));
  const error = (() => {
    try {
      return meaning(message, change('c', 'null', after));
    } catch (thrown) {
      return thrown;
    }
  })();
  expect(error).toMatchObject({ code: 'SCHEMA.CHANGED', message: `shop.orders was changed during the run: ${what}` });
});

test('columns that are followed were NULL before, and may not go again', () => {
  const message = reader(followed);
  expect(meaning(message, change('c', 'null', '{"id":1,"note":"a"}'))).toMatchObject({ row: ['1', 'a', null] });
  expect(meaning(message, change('c', 'null', '{"id":1,"note":"a","zz":3}'))).toMatchObject({ row: ['1', 'a', '3'] });
  expect(() => meaning(message, change('c', 'null', '{"id":1,"note":"a"}'))).toThrow(/column zz was dropped/);
});

test('columns that the server computes are passed over', () => {
  const message = reader({ table: shop, computed: ['sum'] });
  for (const id of ['1', '2'])
    expect(meaning(message, change('c', 'null', `{"id":${id},"sum":"${id}","note":"a"}`))).toMatchObject({
      row: [id, 'a'],
    });
});

test('markers and tables of others', () => {
  const message = reader(shop, {
    markerOf: (value) => value.object('after')?.text('content') ?? undefined,
    foreign: (schema, name) => (name === 'secret' ? new RangeError(`${schema}.${name}`) : undefined) as never,
  });
  expect(meaning(message, change('u', 'null', '{"run":"r","content":"m1"}', 'marker'))).toEqual({
    op: 'marker',
    content: 'm1',
  });
  expect(meaning(message, change('c', 'null', '{"x":1}', 'marker'))).toBeUndefined();
  expect(() => meaning(message, change('c', 'null', '{"x":1}', 'secret'))).toThrow('shop.secret');
});

test('messages of PostgreSQL, those without a transaction left out', () => {
  const message = reader(shop, {}, 'postgres');
  const insert = `{"before":null,"after":{"id":1,"note":"a"},${POSTGRES_SOURCE},${POSTGRES_TRANSACTION},"op":"c",${TIMES}}`;
  expect(meaning(message, Buffer.from(insert))).toEqual({ op: 'insert', table: shop, row: ['1', 'a'] });
  expect(message.number).toBe('68535');
  const logical = (transaction: string) =>
    Buffer.from(
      `{"op":"m","ts_ms":1,${POSTGRES_SOURCE.replace('orders', '')},${transaction},"message":{"prefix":"migrate","content":"bTE="}}`,
    );
  expect(meaning(message, logical(POSTGRES_TRANSACTION))).toEqual({ op: 'marker', content: 'bTE=' });
  expect(message.read(logical('"transaction":null'))).toBe('nothing');
});

test('with its schema a message is the same', () => {
  const message = reader();
  const withSchema = (payload: string) => Buffer.from(`{"schema":{"type":"struct","fields":[]},"payload":${payload}}`);
  const plain = change('c', 'null', '{"id":1,"note":"a"}');
  expect(meaning(message, withSchema(plain.toString()))).toEqual(meaning(message, plain));
  message.read(withSchema(plain.toString()));
  expect(message.bytes).toBe(plain.length);
  expect(message.read(withSchema('null'))).toBe('nothing');
});

test('a schema that was met before is not read again, and what follows it is read as strictly', () => {
  const message = reader();
  const schemas = ['{"type":"struct","fields":[]}', '{"type":"struct","fields":[{"field":"payload"}]}', 'null'];
  const written = (schema: string, payload: string) => Buffer.from(`{"schema":${schema},"payload":${payload}}`);
  const ids = [...Array(20).keys()];
  const rows = ids.map((id) => {
    const plain = change('c', 'null', `{"id":${id},"note":"a"}`);
    const found = meaning(message, written(schemas[id % schemas.length] ?? '', plain.toString()));
    expect(message.bytes).toBe(plain.length);
    return found;
  });
  expect(rows).toEqual(ids.map((id) => ({ op: 'insert', table: shop, row: [String(id), 'a'] })));
  for (const schema of schemas) {
    expect(message.read(written(schema, 'null'))).toBe('nothing');
    expect(message.read(written(schema, '{"ts_ms":1}'))).toBe('nothing');
    for (const wrong of ['', '1', '{"ts_ms":1', '{"ts_ms":1}}', '{"ts_ms":1},"more":1'])
      expect(() => message.read(written(schema, wrong))).toThrow();
  }
  // What begins like one of them is another.
  const longer = Buffer.from(`{"schema":{"type":"struct","fields":[]},"payload":{"ts_ms":1},"more":1}`);
  expect(() => message.read(longer)).toThrow();
  // Never more of them than there is room for.
  for (let fields = 0; fields < 200; fields++)
    expect(message.read(written(`{"fields":${fields}}`, '{"ts_ms":1}'))).toBe('nothing');
  expect(message.read(written(schemas[0] ?? '', '{"ts_ms":1}'))).toBe('nothing');
});

test('a change whose source or transaction is no object is refused', () => {
  const message = reader();
  const plain = change('c', 'null', '{"id":1,"note":"a"}').toString();
  for (const member of ['source', 'transaction']) {
    const without = plain.replace(new RegExp(`"${member}":\\{[^}]*\\}`), `"${member}":"x"`);
    expect(without).not.toBe(plain);
    expect(() => message.read(Buffer.from(without))).toThrow(`without its ${member}`);
  }
});

test('definitions count once the connector reads the log, and heartbeats and tombstones never', () => {
  const message = reader(shop, {
    defined: (definition, schema) => ({ op: 'truncate', tables: [], definition, schema }) as never,
  });
  const ddl = (snapshot: string) =>
    Buffer.from(
      `{"source":{"snapshot":"${snapshot}","db":"shop","table":"t","file":"binlog.000003","pos":8353205},"ts_ms":1795288771887,"databaseName":"shop","schemaName":null,"ddl":"alter table t add column \\"zz\\" int","tableChanges":[]}`,
    );
  expect([ddl('true'), ddl('last')].map((value) => message.read(value))).toEqual(['nothing', 'nothing']);
  expect(message.read(ddl('false'))).toBe('definition');
  expect(message.toDefinition()).toMatchObject({ definition: 'alter table t add column "zz" int', schema: 'shop' });
  expect(message.read(Buffer.from('{"ts_ms":1795288759392}'))).toBe('nothing');
  expect(message.read(null)).toBe('nothing');
});

test.each([
  '{"before":null,"after":{"id":1,"note":"secret"},"source":{},"op":"r"}',
  '{"a":"secret"}',
  '{"op":"c","after":{"note":"secret"}}',
  '{"status":"BEGIN"}',
  '{"status":"HALF","id":"secret"}',
])('what is not known stops the stream, without its values: %s', (value) => {
  const error = (() => {
    try {
      return reader().read(Buffer.from(value));
    } catch (thrown) {
      return thrown;
    }
  })();
  expect(error).toMatchObject({ code: 'STREAM.UNKNOWN' });
  expect(String(error)).not.toContain('secret');
});
