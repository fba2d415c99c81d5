// Reading a plan: complete values from little text, and every fault at its place.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Plan } from '../../src/plan/plan.ts';
import { readPlan } from '../../src/plan/read.ts';

const directory = mkdtempSync(join(tmpdir(), 'plan-'));
afterAll(() => rmSync(directory, { recursive: true }));
const file = join(directory, 'orders.yaml');

const SMALLEST = `version: 1
source: {kind: postgres, url: 'postgres://u:pa55word@localhost:5432/shop'}
target: {kind: postgres, url: 'postgres://u@localhost:5433/shop'}
cutover: {reverse: off}
`;

function good(text: string, env: Record<string, string> = {}): Plan {
  const reading = readPlan(text, file, env);
  if ('faults' in reading) throw new Error(reading.faults.map((fault) => fault.message).join('\n'));
  return reading.plan;
}

function faults(text: string, env: Record<string, string> = {}): string[] {
  const reading = readPlan(text, file, env);
  return 'faults' in reading ? reading.faults.map((fault) => `${fault.line}:${fault.column} ${fault.message}`) : [];
}

const PLANS = new URL('../../plans/', import.meta.url);

it('a column to convert is named with its table, whatever characters are in its names', () => {
  const columns = "'a.b.c': uuid, 'a\\.x.b.c\\\\d': ' text '";
  expect(good(`${SMALLEST}convert: {columns: {${columns}}}\n`).convert.columns).toEqual({
    'a.b.c': 'uuid',
    'a\\.x.b.c\\\\d': 'text',
  });
  expect(faults(`${SMALLEST}convert:\n  columns: {a.b: uuid, a.b.c.d: uuid, a..c: uuid, a.b.e: ''}\n`)).toEqual([
    expect.stringContaining('convert.columns.a.b is not a column: it must be schema.table.column'),
    expect.stringContaining('convert.columns.a.b.c.d is not a column'),
    expect.stringContaining('convert.columns.a..c is not a column'),
    expect.stringContaining('convert.columns.a.b.e'),
  ]);
});

describe('a map of names', () => {
  const mapped = (map: string): string => `${SMALLEST}tables:\n  map:\n${map}`;

  it('has one form, however it is written', () => {
    expect(good(mapped("    'a.*': b.*\n    a.x: {to: 'c.\\*'}\n    a.y: {columns: {m: n}}\n")).tables.map).toEqual({
      'a.*': { to: 'b.*', columns: {} },
      'a.x': { to: 'c.\\*', columns: {} },
      'a.y': { to: null, columns: { m: 'n' } },
    });
  });

  it('is refused with the place of each fault', () => {
    const map = `    a: b.x
    a.b: x
    a.c: {}
    'a.*': b.x
    'b.*': {to: 'c.*', columns: {m: n}}
    a.d: 5
`;
    expect(faults(mapped(map))).toEqual([
      expect.stringMatching(/^7:8 tables\.map\.a is not a name/),
      expect.stringMatching(/^8:10 tables\.map\.a\.b must be schema\.name or schema\.\*/),
      '9:10 tables.map.a.c changes nothing; give it `to` or `columns`',
      '10:12 tables.map.a.* must be given another schema, such as store.*',
      '11:12 tables.map.b.* must name one table to rename columns',
      expect.stringMatching(/^12:10 tables\.map\.a\.d must be a name such as/),
    ]);
  });
});

const UNCAPPED = { maxRowsPerSecond: 'off', maxBytesPerSecond: 'off' };
const QUIET = { connections: 'off', runningStatements: 'off', lockWaits: 'off', logPressure: 'off', replicaLag: 'off' };
const HEALTH = { ...QUIET, connections: 95, replicas: [], critical: QUIET };
const ORACLE_HEALTH = {
  hostLoad: 'off',
  redoWaits: 'off',
  commitTime: 'off',
  bufferWaits: 'off',
  indexWaits: 'off',
  undo: 85,
  tablespace: 97,
  recoveryArea: 90,
};

describe('a good plan', () => {
  it('fills in every default, durations in ms and sizes in bytes', () => {
    expect(good(SMALLEST)).toEqual({
      version: 1,
      name: 'orders',
      source: { kind: 'postgres', url: 'postgres://u:pa55word@localhost:5432/shop' },
      target: { kind: 'postgres', url: 'postgres://u@localhost:5433/shop' },
      tables: { include: ['*.*'], exclude: [], map: {} },
      schema: { target: 'create', changes: 'stop' },
      convert: {
        zeroDates: 'refuse',
        tinyint1: 'smallint',
        json: 'json',
        caseInsensitive: 'distinct',
        emptyText: 'relaxNotNull',
        emptySentinel: ' ',
        emptyColumns: {},
        longestName: 128,
        columns: {},
      },
      stream: { via: 'native' },
      snapshot: {
        directPath: false,
        readers: 2,
        chunkRows: 100_000,
        ...UNCAPPED,
        maxAge: 86_400_000,
      },
      apply: {
        lanes: 2,
        batchRows: 20_000,
        batchBytes: 8_388_608,
        batchWait: 20,
        shareAfter: 5_000,
        ...UNCAPPED,
        batchPause: 0,
        batchGoal: 'off',
        maxTransactionRows: 1_000_000,
        onBadRow: 'stop',
        deadLetterLimit: 100,
      },
      verify: { chunkRows: 100_000, concurrency: 2, rounds: 5 },
      cutover: {
        when: 'manual',
        maxLag: 1_000,
        budget: 10_000,
        openTransactions: 'wait',
        retries: 10,
        sequenceMargin: 1_000,
        switch: [],
        reverse: 'off',
        reverseAccount: 'C##DEBEZIUM',
      },
      health: {
        interval: 2_000,
        after: 2,
        recover: 10_000,
        onCritical: 'hold',
        source: { ...HEALTH, historyLength: 1_000_000, retainedLog: 80 },
        target: { ...HEALTH, ...ORACLE_HEALTH, historyLength: 'off', dataSize: 'off' },
        probes: [],
      },
      limits: { networkTimeout: 30_000, giveUpAfter: 900_000, decodingMemory: 268_435_456 },
      control: { httpPort: 0, metricsPort: 'off' },
      notify: [],
    });
  });

  it('is frozen all the way down', () => {
    const plan = good(SMALLEST);
    expect(Object.isFrozen(plan) && Object.isFrozen(plan.tables) && Object.isFrozen(plan.tables.include)).toBe(true);
  });

  it('takes a section without content for its defaults', () => {
    expect(good(`${SMALLEST}snapshot:\n  # readers: 4\napply:\n  lanes:\n`).apply.lanes).toBe(2);
  });

  it('keeps the switches in order, with their own defaults', () => {
    const plan = good(`${SMALLEST.replace('{reverse: off}', '')}  reverse: off
  switch:
    - {kind: command, run: [a, b]}
    - {kind: operator, message: now}
`);
    expect(plan.cutover.switch).toEqual([
      { kind: 'command', run: ['a', 'b'], timeout: 30_000, idempotent: false },
      { kind: 'operator', message: 'now' },
    ]);
  });

  it.each(readdirSync(PLANS))('has the shipped example %s', (name) => {
    const example = readFileSync(new URL(name, PLANS), 'utf8');
    const { source, target, stream } = good(example, { SOURCE_PASSWORD: 'one', TARGET_PASSWORD: 'two' });
    expect(`${source.kind}-to-${target.kind}${stream.via === 'native' ? '' : `-${stream.via}`}.yaml`).toBe(name);
    expect(source.url).toContain('://migrate:one@localhost:');
  });
});

describe('replicas', () => {
  const health = (side: string, rest = ''): string =>
    `${SMALLEST}health:\n  ${side}: {replicas: [postgres://u:r3plica@h/d]${rest}}\n`;

  it('are urls of the kind of their side, whose passwords are secret, and need a limit', () => {
    const text = health('target', ', replicaLag: 3s');
    expect(good(text).health.target.replicas).toEqual(['postgres://u:r3plica@h/d']);
    expect(readPlan(text, file, {}).secrets.map((secret) => secret.text)).toContain('r3plica');
    expect(faults(health('source'))).toEqual(['6:22 health.source.replicas needs a limit in health.source.replicaLag']);
    expect(faults(text.replace('postgres://u:r3plica', 'mysql://u:r3plica'))).toEqual([
      '6:23 health.target.replicas[0] must be a url of the form of target.url',
    ]);
  });
});

describe('a plan with faults', () => {
  it('names all of them at once, each at its place', () => {
    const text = `version: 1
name: Ärger
source: {kind: oracle, url: 'postgres://u@localhost/shop'}
target:
  kind: postgres
snapshot:
  readers: 0
  reader: 3
  maxAge: 1d
apply:
  batchBytes: 2GB
  lanes: two
cutover:
  switch:
    - kind: webhook
    - kind: command
      run: []
`;
    expect(faults(text)).toEqual([
      '2:7 name must be 1 to 40 of a-z, 0-9, _ and -',
      '3:16 source.kind must be postgres or mysql or mariadb',
      '4:1 target.url is missing; it must be text',
      '7:12 snapshot.readers must be at least 1',
      '8:3 snapshot.reader is not known; known here: readers, chunkRows, maxRowsPerSecond, maxBytesPerSecond, maxAge, directPath',
      '9:11 snapshot.maxAge must be a duration such as 500ms, 30s, 5m or 2h',
      '11:15 apply.batchBytes must be from 1KB to 1GB',
      '12:10 apply.lanes must be a whole number',
      '13:1 cutover.reverse is missing and must be off: this version keeps no way back after the cutover, and a plan has to say that this is accepted (debezium: only checked)',
      '15:13 cutover.switch[0].kind must be one of command, operator',
      '17:12 cutover.switch[1].run must not be empty',
    ]);
  });

  it('takes a way back through Debezium from Oracle only, to be checked', () => {
    const plan = (target: string) => `source: { kind: postgres, url: postgres://s/shop }
target: ${target}
name: back
version: 1
cutover: { reverse: debezium }
`;
    expect(good(plan('{ kind: oracle, url: oracle://u@h/S }')).cutover.reverse).toBe('debezium');
    expect(faults(plan('{ kind: postgres, url: postgres://t/shop }'))).toEqual([
      '5:21 cutover.reverse must be off: a way back through Debezium is prepared for a target of Oracle only',
    ]);
  });

  it('takes the direct path for an Oracle whose tables the run makes only', () => {
    const plan = (target: string, schema = 'create') => `source: { kind: postgres, url: postgres://s/shop }
target: ${target}
name: direct
version: 1
schema: { target: ${schema} }
snapshot: { directPath: true }
cutover: { reverse: off }
`;
    const refused =
      '6:25 snapshot.directPath must be false: the direct path is for a target of Oracle whose tables the run makes';
    const oracle = '{ kind: oracle, url: oracle://u@h/S }';
    expect(good(plan(oracle)).snapshot.directPath).toBe(true);
    expect(good(SMALLEST).snapshot.directPath).toBe(false);
    expect(faults(plan(oracle, 'existing'))).toEqual([refused]);
    expect(faults(plan('{ kind: mysql, url: mysql://u@h }'))).toEqual([refused]);
  });

  it('says that an empty file lacks everything that is required', () => {
    expect(faults('')).toEqual([
      '1:1 version is missing; it must be 1',
      '1:1 source is missing; it must be a section of `key: value` lines',
      '1:1 target is missing; it must be a section of `key: value` lines',
      '1:1 cutover is missing; it needs at least `reverse: off`, which says there is no way back',
    ]);
  });

  it('refuses a plan that is not a mapping', () => {
    expect(faults('- version: 1\n')).toEqual(['1:1 the plan must be a section of `key: value` lines']);
  });

  it('refuses duplicate keys', () => {
    expect(faults(`${SMALLEST}version: 1\n`)).toEqual([expect.stringMatching(/^5:1 .*unique/)]);
  });

  it('refuses anchors and aliases, cyclic ones too', () => {
    expect(faults(`${SMALLEST}tables: {include: &a [x.y], exclude: *a}\n`)).toEqual([
      expect.stringContaining('tables.include uses a YAML anchor or alias'),
      expect.stringContaining('tables.exclude uses a YAML anchor or alias'),
    ]);
    expect(faults(`${SMALLEST}tables: {include: &a [*a]}\n`)).toHaveLength(1);
  });

  it('reports broken YAML without quoting it', () => {
    const broken = faults('version: 1\nsource: {kind: postgres, url: "postgres://u:hunter22@h/d\n');
    expect(broken.length).toBeGreaterThan(0);
    expect(broken.join()).not.toContain('hunter22');
  });

  it('does not let a plan set the prototype of its values', () => {
    expect(faults(`${SMALLEST}__proto__: {name: x}\n`)).toEqual([expect.stringMatching(/^5:1 __proto__ is not known/)]);
  });

  it('asks for a name when that of the file does not serve', () => {
    const reading = readPlan(SMALLEST, 'My Plan.yaml', {});
    expect('faults' in reading && reading.faults[0]?.message).toContain('name is missing');
  });

  it.each([
    'postgres://u:pa/ss@host/db',
    'postgres://u:12/ss@host/db',
    'postgres://u:12#ss@host/db',
    'postgres://u:50%@host/db',
    'postgres://host',
    'mysql://host/db',
    'host/db',
  ])('refuses the url %s without repeating it', (url) => {
    const found = faults(SMALLEST.replace('postgres://u@localhost:5433/shop', url));
    expect(found).toEqual([expect.stringMatching(/^3:\d+ target.url must be postgres:/)]);
    expect(found.join()).not.toContain(url);
  });
});

describe('references', () => {
  it('are replaced after parsing, so that a value cannot change the structure', () => {
    const plan = good(`${SMALLEST}name: \${NAME}\ncontrol:\n  directory: \${DIR}\n`, { NAME: 'x', DIR: 'a: b\nc: #d' });
    expect([plan.name, plan.control.directory]).toEqual(['x', 'a: b\nc: #d']);
  });

  it('use the default for what is unset or empty, and $${ for a literal', () => {
    const text = `${SMALLEST}control: {directory: "\${A:-one}/\${B:-two}/\${C:-three}/$\${D}"}\n`;
    expect(good(text, { B: '', C: 'c' }).control.directory).toBe(`one/two/c/\${D}`);
  });

  it('read an unquoted variable as the number or truth value the field needs', () => {
    const text = `${SMALLEST}name: \${N}\nsnapshot:\n  readers: \${N}\ncontrol:\n  metricsPort: \${PORT}\n`;
    const plan = good(text, { N: '07', PORT: '9000' });
    expect([plan.name, plan.snapshot.readers, plan.control.metricsPort]).toEqual(['07', 7, 9000]);
    expect(faults(text.replace(`readers: \${N}`, `readers: "\${N}"`), { N: '7', PORT: '1' })).toEqual([
      expect.stringContaining('snapshot.readers must be a whole number'),
    ]);
  });

  it('that cannot be followed are faults with a place, and only those', () => {
    const text = `${SMALLEST.replace('postgres://u@', `postgres://u:\${TARGET_PASSWORD}@`)}control:
  directory: \${1x}
tables:
  include: ['\${file:no-such-file}', '\${open']
`;
    expect(faults(text)).toEqual([
      '3:31 target.url needs the environment variable TARGET_PASSWORD, which is not set',
      expect.stringMatching(/^6:14 control.directory has a .* none of/),
      '8:13 tables.include[0] needs the file no-such-file, which cannot be read (ENOENT)',
      expect.stringMatching(/^8:37 tables.include\[1\] has a .* without its/),
    ]);
  });

  it('are secret when they come from a file, stand in a password, or are named so', () => {
    writeFileSync(join(directory, 'password'), 'fr0m file\n');
    const text = `${SMALLEST.replace('postgres://u@localhost', `postgres://u:\${P}@\${HOST}`)}control:
  directory: \${file:password}\${API_TOKEN}\${PLAIN}
`;
    const reading = readPlan(text, file, { P: 'p%40ss', HOST: 'h', API_TOKEN: 't0ken', PLAIN: 'plain' });
    const texts = reading.secrets.map((secret) => secret.text);
    expect(texts).toEqual(expect.arrayContaining(['pa55word', 'p%40ss', 'p@ss', 'fr0m file', 't0ken']));
    expect(texts).not.toContain('plain');
    expect(texts).not.toContain('h');
    expect('plan' in reading && reading.plan.control.directory).toBe('fr0m filet0kenplain');
  });

  it('are secret as the password of any url, also of one that cannot be read', () => {
    const text = `${SMALLEST.replace('{reverse: off}', '')}  reverse: off
  switch: [{kind: command, run: [dns, '--dsn=mysql://u:f1rst@h/d']}]
control: {directory: 'postgres://u:12/s3cond@h/d'}
`;
    const texts = readPlan(text, file, {}).secrets.map((secret) => secret.text);
    expect(texts).toEqual(expect.arrayContaining(['f1rst', '12/s3cond']));
  });

  it('are secret in a plan that is refused, too', () => {
    const reading = readPlan(`${SMALLEST}nonsense: 1\n`, file, {});
    expect(reading.secrets).toContainEqual({ text: 'pa55word', password: true });
  });
});
