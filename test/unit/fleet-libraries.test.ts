// The names under which the loader asks for a library.

import { expect, test } from 'vitest';
import { libraryNames } from '../../src/demo/embedded-binaries.ts';

test.each([
  ['libpq.so.5.18', ['libpq.so.5', 'libpq.so']],
  ['libicuuc.so.60.2', ['libicuuc.so.60', 'libicuuc.so']],
  ['liblzma.so.5', ['liblzma.so']],
  ['libicudata.77.1.dylib', ['libicudata.77.dylib', 'libicudata.dylib']],
  ['libpq.5.dylib', ['libpq.dylib']],
  ['libpq.so', []],
  ['libpq.a', []],
  ['postgresql', []],
])('%s is also %j', (file, names) => {
  expect(libraryNames(file)).toEqual(names);
});
