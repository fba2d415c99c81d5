import { expect, test } from 'vitest';
import { namesIn } from '../../src/databases/mysql/error-names.ts';
import { translateError } from '../../src/databases/mysql/errors.ts';

test.each([
  [1062, "Duplicate entry 'a' for key 'b.c'-1' for key 'items.PRIMARY'", { constraint: 'items.PRIMARY' }],
  [1062, "Duplicate entry 'cut off", {}],
  [1366, "Incorrect string value: 'x' for column 'y' at row 1' for column 'na'me' at row 12", { column: "na'me" }],
  [1406, "Data too long for column 'name' at row 1", { column: 'name' }],
  [1048, "Column 'name' cannot be null", { column: 'name' }],
  [1364, "Field 'name' doesn't have a default value", { column: 'name' }],
  [3140, 'Invalid JSON text: "secret" at position 0 in value for column \'t.doc\'.', { column: 't.doc' }],
  [3819, "Check constraint 'small' is violated.", { constraint: 'small' }],
  [
    1452,
    'Cannot add a child row: fails (`a`.`b`, CONSTRAINT `fk` FOREIGN KEY (`x`) REFERENCES `c` (`id`))',
    { constraint: 'fk' },
  ],
  [1146, "Table 'secret' doesn't exist", {}],
])('of message %i only the names are taken', (errno, message, names) => {
  expect(namesIn(errno, message)).toEqual(names);
});

test('a certificate that is not accepted is told as such, and not tried again', () => {
  const thrown = Object.assign(new Error('self-signed certificate in certificate chain'), {
    code: 'HANDSHAKE_SSL_ERROR',
    fatal: true,
  });
  expect(translateError('target', thrown, true)).toMatchObject({
    code: 'TARGET.CONNECTION',
    disposition: 'operator',
    fix: expect.stringContaining('sslrootcert in target.url'),
  });
  const broken = Object.assign(new Error('socket hang up'), { code: 'HANDSHAKE_SSL_ERROR', fatal: true });
  expect(translateError('target', broken, true)).toMatchObject({ disposition: 'retry' });
});
