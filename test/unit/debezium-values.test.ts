import { describe, expect, it } from 'vitest';
import { mysqlConfig, mysqlOffset } from '../../src/databases/mysql/debezium/connector.ts';
import { MysqlDialect } from '../../src/databases/mysql/debezium/dialect.ts';
import { serverJson } from '../../src/databases/mysql/debezium/json-form.ts';
import { readerOfColumn, whyNotWhole } from '../../src/databases/mysql/debezium/values.ts';
import { LoggedTables } from '../../src/databases/mysql/log/tables.ts';
import { PostgresDialect } from '../../src/databases/postgres/debezium/dialect.ts';
import { arrayText, intervalText } from '../../src/databases/postgres/debezium/forms.ts';
import { dateText, timestampText, timestamptzText } from '../../src/databases/postgres/debezium/moments.ts';
import type { Position } from '../../src/model/position.ts';
import type { JsonObject } from '../../src/stream/kafka/json.ts';

const place = (text: string): Position => text as Position;

/** Members as the scanner gives them: numbers are texts. */
function object(members: Readonly<Record<string, string | null>>): JsonObject {
  return { text: (name) => members[name], object: () => undefined };
}

describe('the dialect of PostgreSQL', () => {
  const dialect = new PostgresDialect({ types: new Map(), placeholder: 'none' });
  const change = (before: string | null, lsn: string) =>
    dialect.placeOf(object({ lsn, sequence: JSON.stringify([before, lsn]) }));

  it('places a transaction behind the one that ended before it, wherever its changes stand', () => {
    const end = dialect.endOf('7:299485256', () => change('1', '2'));
    expect(end.position).toBe('0/11D9C848');
    expect(dialect.isAfter(change('299485256', '299480000'), end)).toBe(true);
    expect(dialect.isAfter(change('299485255', '299490000'), end)).toBe(false);
    expect(dialect.isAfter(change(null, '299490000'), end)).toBe(false);
    expect(dialect.isAfter(change('299485256', '1'), dialect.placeAt(place('0/11D9C848')))).toBe(true);
    expect(dialect.endsAt('7:299485256', place('0/11D9C848'))).toBe(true);
    expect(dialect.endsAt('7:299485257', place('0/11D9C848'))).toBe(false);
  });

  it('stops where a change does not say what ended before it', () => {
    for (const sequence of [null, '[]', '["x","7"]'])
      expect(() => dialect.placeOf(object({ lsn: '7', sequence }))).toThrow(
        expect.objectContaining({ code: 'STREAM.UNKNOWN' }),
      );
  });

  it('prints moments of all times', () => {
    expect([-2_440_550, 0, 19_782, -719_163].map(dateText)).toEqual([
      '4713-01-01 BC',
      '1970-01-01',
      '2024-02-29',
      '0001-12-31 BC',
    ]);
    expect(timestampText('-1')).toBe('1969-12-31 23:59:59.999999');
    // The last one that a number holds, the first one that it does not, and the one before all that it holds.
    expect(['9007199254740991', '9007199254740993', '-9007199254740993'].map(timestampText)).toEqual([
      '2255-06-05 23:47:34.740991',
      '2255-06-05 23:47:34.740993',
      '1684-07-28 00:12:25.259007',
    ]);
    expect(timestampText('9223372036854775807')).toBe('infinity');
    expect(() => timestampText(String(-(2n ** 63n) + 5n))).toThrow(expect.objectContaining({ code: 'STREAM.FORMAT' }));
    expect(timestamptzText('-4712-01-01T00:00:00.000000Z')).toBe('4713-01-01 00:00:00+00 BC');
    expect(timestamptzText('+294276-12-31T23:59:59.100000Z')).toBe('294276-12-31 23:59:59.1+00');
  });

  it.each([
    ['P0Y0M0DT0H0M0S', '00:00:00'],
    ['P1Y2M0DT0H0M0S', '1 year 2 mons'],
    ['P0Y-1M2DT-3H-4M-5.600001S', '-1 mons +2 days -03:04:05.600001'],
    ['P0Y0M-3DT0H0M0.01S', '-3 days +00:00:00.01'],
  ])('prints the interval %s', (written, printed) => {
    expect(intervalText(written)).toBe(printed);
  });

  // A target that keeps arrays as texts would differ from the source by a quotation mark.
  it('quotes the elements of arrays that the server quotes, and no others', () => {
    const elements = 'a\u2028|\u3000|\u00a0|\ufeff| |\t|\v|\r||Null|null |a,b|{|"|\\|é'.split('|');
    const printed = '{a\u2028,\u3000,\u00a0,\ufeff," ","\t","\v","\r","","Null","null ","a,b","{","\\"","\\\\",é,NULL}';
    const json = JSON.stringify([...elements, null]);
    expect(arrayText(json, (element) => (element === null ? null : JSON.parse(element)))).toBe(printed);
  });
});

describe('the dialect of MySQL', () => {
  const dialect = new MysqlDialect({
    run: 'r',
    tables: new LoggedTables({ captured: [], charsetOf: () => undefined, isMariadb: false, caseSensitive: true }),
    charsetOf: () => undefined,
    files: () =>
      new Map([
        ['binlog.000009', 1_000],
        ['binlog.000010', 500],
      ]),
  });

  it('places changes by file and place, files by their numbers', () => {
    const at = (file: string, pos: string) => dialect.placeOf(object({ file, pos }));
    expect(dialect.isAfter(at('binlog.1000000', '4'), at('binlog.999999', '900'))).toBe(true);
    expect(dialect.isAfter(at('binlog.000009', '4'), at('binlog.000009', '4'))).toBe(false);
    expect(dialect.distance(place('binlog.000009:400'), place('binlog.000010:100'))).toBe(700);
  });

  it('prints JSON as the server does', () => {
    expect(serverJson('{"a":[1,-0.0,"x\\u0001"],"b":{}}')).toBe('{"a": [1, -0.0, "x\\u0001"], "b": {}}');
    expect(
      serverJson(
        '10000000000000000159028911097599180468360808563945281389781327557747838772170381060813469985856815104',
      ),
    ).toBe('1e100');
    expect(serverJson('12345678.09999999962747097015380859375')).toBe('12345678.1');
    expect(serverJson('-123456789012345678901234567890.0123456789')).toBe('-123456789012345678901234567890.0123456789');
    expect(() => serverJson('"01:0-1:0-1"')).toThrow(expect.objectContaining({ code: 'STREAM.FORMAT' }));
  });

  it('knows labels as definitions write them', () => {
    const read = readerOfColumn({ type: "enum('a,b','it''s','c\\\\d')", charset: 'utf8mb4' });
    const value = (text: string) => read(Buffer.from(JSON.stringify(text)), 0, JSON.stringify(text).length);
    expect(['a\\,b', "it's", 'c\\\\d', ''].map(value)).toEqual(['a,b', "it's", 'c\\d', '']);
    expect(() => value('other')).toThrow(expect.objectContaining({ code: 'STREAM.FORMAT' }));
  });

  it('refuses character sets that Java reads otherwise', () => {
    expect(whyNotWhole({ type: 'text', charset: 'sjis' })).toBeDefined();
    expect(whyNotWhole({ type: 'text', charset: 'utf8mb4' })).toBeUndefined();
  });

  it('names tables so that nothing else matches, and begins where a snapshot is', () => {
    const config = mysqlConfig({ serverId: 7, tables: [{ schema: 'a.b', name: 'x,y(ä)' }] });
    const [first = ''] = (config['table.include.list'] ?? '').split(',');
    expect(first).toBe('a\\x{2e}b\\.x\\x{2c}y\\x{28}\\x{e4}\\x{29}');
    expect(mysqlOffset(place('binlog.000012@6561f0a3-1:3456 uuid:1-77'))).toEqual({
      file: 'binlog.000012',
      pos: 3_456,
      gtids: 'uuid:1-77',
    });
  });
});
