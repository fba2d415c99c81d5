// What errors of Oracle and of its driver become: who acts next, and nothing of what is in the rows.

import { expect, test } from 'vitest';
import { isFatal, oraCode, translateError } from '../../src/databases/oracle/errors.ts';
import { MigrateError } from '../../src/lib/errors.ts';

const thrown = (message: string, fields: object = {}): Error => Object.assign(new Error(message), fields);
const ora = (number: number, text = 'x'): Error =>
  thrown(`ORA-${String(number).padStart(5, '0')}: ${text}`, {
    errorNum: number,
    code: `ORA-${String(number).padStart(5, '0')}`,
  });

test.each([
  [ora(60), 'TARGET.TRANSIENT'],
  [ora(54), 'TARGET.TRANSIENT'],
  [ora(1555), 'TARGET.TRANSIENT'],
  [ora(30036), 'TARGET.TRANSIENT'],
  [ora(8177), 'TARGET.TRANSIENT'],
  // No room, until somebody makes some.
  [ora(1653), 'TARGET.FULL'],
  [ora(1536), 'TARGET.FULL'],
  [ora(257), 'TARGET.FULL'],
  [thrown('NJS-123: call timeout of 5 ms exceeded', { code: 'NJS-123' }), 'TARGET.TRANSIENT'],
  [
    thrown('NJS-500: connection closed\nORA-03113: end-of-file', { code: 'NJS-500', errorNum: 3113 }),
    'TARGET.CONNECTION',
  ],
  [thrown('NJS-503: connection could not be established', { code: 'NJS-503' }), 'TARGET.CONNECTION'],
  // What the driver cannot read any more: another session can.
  [thrown('NJS-112: internal error: read integer of length 119', { code: 'NJS-112' }), 'TARGET.CONNECTION'],
  [ora(12514), 'TARGET.CONNECTION'],
  [ora(1089), 'TARGET.CONNECTION'],
  [ora(18), 'TARGET.CONNECTION'],
  [ora(1017), 'TARGET.AUTHENTICATION'],
  [ora(28000), 'TARGET.AUTHENTICATION'],
  [ora(942, 'table or view does not exist'), 'TARGET.REFUSED'],
  [ora(1950), 'TARGET.REFUSED'],
  [ora(1), 'TARGET.REFUSED'],
  [ora(1000), 'TARGET.TRANSIENT'],
  [ora(16000), 'TARGET.CONNECTION'],
  [ora(65114), 'TARGET.FULL'],
  [thrown('NJS-012: encountered invalid bind data type', { code: 'NJS-012' }), 'INTERNAL.BUG'],
  [new TypeError('undefined is not a function'), 'INTERNAL.BUG'],
] as const)('%s is %s', (error, code) => {
  expect(translateError('target', error).code).toBe(code);
});

test('what only a person can correct in an url, or on an old server, is not tried again', () => {
  const of = (text: string) => translateError('target', thrown(text, { code: text.slice(0, 7) }), true);
  expect(of('NJS-517: cannot find alias SHOP in tnsnames.ora')).toMatchObject({
    code: 'TARGET.URL',
    disposition: 'operator',
    fix: expect.stringContaining('tnsnames.ora'),
  });
  expect(of('NJS-138: connections to this database server version are not supported')).toMatchObject({
    code: 'TARGET.CONNECTION',
    disposition: 'operator',
    fix: 'Oracle 12.1 or later is needed.',
  });
});

test('an error that the driver numbers, and one that it only words, have the same number, also translated', () => {
  const batch = new Error('ORA-12899: value too large for column "SHOP"."T"."C" (actual: 60, maximum: 50)');
  expect([oraCode(batch), oraCode(translateError('target', batch)), oraCode(ora(12899))]).toEqual([
    12899, 12899, 12899,
  ]);
  expect(oraCode(new Error('NJS-503'))).toBeUndefined();
});

test('a commit that a deferred constraint stops, and a trigger that fails, are what they say last', () => {
  const commit = thrown('ORA-02091: transaction rolled back\nORA-02291: integrity constraint (SHOP.FK) violated', {
    errorNum: 2091,
  });
  expect(oraCode(commit)).toBe(2291);
  expect(translateError('target', commit).message).toBe('target: constraint SHOP.FK was violated (ORA-02291)');
  const parallel = thrown('ORA-12801: error signaled in parallel query server P001\nORA-01652: no room', {
    errorNum: 12801,
  });
  expect([oraCode(parallel), translateError('target', parallel).code]).toEqual([1652, 'TARGET.FULL']);
  const trigger = thrown('ORA-20901: writes are stopped\nORA-06512: at "MIGRATE.T", line 3\nORA-04088: error', {
    errorNum: 20901,
  });
  expect(oraCode(trigger)).toBe(20901);
});

test('no value of a row is in a message or a cause', () => {
  const secret = 's3cret';
  const errors = [
    ora(
      1,
      `unique constraint (SHOP.T_PK) violated on table SHOP.T columns (ID)\nORA-03301: (ORA-00001 details) row with column values (ID:${secret}) already exists`,
    ),
    ora(1722, `unable to convert string value containing "${secret}" to a number: ID`),
    ora(1438, `value ${secret} greater than specified precision (3, 0) for column`),
    ora(1861, `literal "${secret}" does not match format string`),
    ora(2290, `check constraint (SHOP.T_CK) violated\nHelp: ${secret}`),
  ];
  for (const error of errors) {
    const translated = translateError('target', error);
    expect(translated.message).not.toContain(secret);
    expect(JSON.stringify(translated.cause, Object.getOwnPropertyNames(translated.cause))).not.toContain(secret);
  }
  const names = translateError('target', errors[0]);
  expect([names.message, names.cause]).toEqual([
    'target: constraint SHOP.T_PK was violated (ORA-00001)',
    expect.objectContaining({ constraint: 'SHOP.T_PK', errorNum: 1 }),
  ]);
});

test('what only a person can end says what to do', () => {
  expect(translateError('target', ora(1653)).fix).toContain('ADD DATAFILE');
  expect(translateError('target', ora(1536)).fix).toContain('QUOTA');
  expect(translateError('target', ora(257)).fix).toContain('BACKUP ARCHIVELOG');
  expect(translateError('target', ora(30036)).fix).toContain('apply.batchRows');
  expect(translateError('target', thrown('NJS-508: tls', { code: 'NJS-508' }))).toMatchObject({
    code: 'TARGET.CONNECTION',
    disposition: 'operator',
  });
});

test('of handshakes only those that a certificate ended, and of answers none, are left to a person', () => {
  const of = (text: string, login = true) => {
    const { code, disposition } = translateError('target', thrown(text, { code: text.slice(0, 7) }), login);
    return [code, disposition];
  };
  const again = ['TARGET.CONNECTION', 'retry'];
  expect(of('NJS-506: TLS connection failed\nunable to verify the first certificate')).toEqual([again[0], 'operator']);
  expect(of('NJS-506: TLS connection failed\nread ECONNRESET')).toEqual(again);
  expect(of('NJS-509: invalid packet received')).toEqual(again);
  expect(of('NJS-103: unexpected message type 77 received')).toEqual(again);
  expect(of('NJS-101: no credentials')).toEqual(['TARGET.AUTHENTICATION', 'operator']);
});

test('why a connection could not be made is told, and the id of the try is not', () => {
  const refused = 'NJS-511: the listener at host a port 1 refused. (CONNECTION_ID=abc==)\nCause: ORA-12516';
  expect(translateError('target', thrown(refused, { code: 'NJS-511' }), true).message).toBe(
    'target: NJS-511: the listener at host a port 1 refused. Cause: ORA-12516',
  );
  const bug = thrown('NJS-012: invalid bind data type\nsecond', { code: 'NJS-012' });
  expect(translateError('target', bug).message).toBe('NJS-012: invalid bind data type');
});

test('an error that was translated stays what it is, and a lost connection is fatal', () => {
  const own = new MigrateError('LEASE.LOST', 'x');
  expect(translateError('target', own)).toBe(own);
  expect([isFatal(ora(3113)), isFatal(translateError('target', ora(3113))), isFatal(ora(60))]).toEqual([
    true,
    true,
    false,
  ]);
});
