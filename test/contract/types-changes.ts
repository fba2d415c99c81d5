// Changes of values of every type on the source, followed on the target in each way that there is.

import { quoteLiteral } from '../../src/databases/postgres/sql.ts';
import { nameOf, type TypesWorld, type Way } from './types-world.ts';

const WAYS: readonly Way[] = ['sets', 'row by row'];

/** Rows 101… are written as sets and 201… one by one: inserted, changed to the next value, the first one deleted. */
export async function changeValues(world: TypesWorld): Promise<void> {
  const each = (sql: (name: string, count: number) => string): Promise<void> =>
    world.onSource(
      world.entries.map((entry, index) => sql(nameOf('t', index), world.literals(entry).length)).join(';'),
    );
  for (const first of [100, 200]) {
    await each((name) => `INSERT INTO ${name} SELECT id + ${first}, v FROM ${name} WHERE id < 100`);
  }
  for (const first of [100, 200]) {
    await each(
      (name, count) => `UPDATE ${name} t SET v = o.v FROM ${name} o
        WHERE o.id = (t.id - ${first}) % ${count} + 1 AND t.id BETWEEN ${first + 1} AND ${first + 99}`,
    );
  }
  for (const first of [100, 200]) await each((name) => `DELETE FROM ${name} WHERE id = ${first + 1}`);
  await world.follow([...WAYS, ...WAYS, ...WAYS]);
}

/** A value beside each key is changed; the first key is deleted, inserted, changed to one that was not there, and back. */
export async function changeKeys(world: TypesWorld): Promise<void> {
  for (const way of WAYS) {
    const each = (sql: (name: string, first: string, last: string) => string): Promise<void> =>
      world.onSource(
        world.entries
          .map(({ key, type, values }, index) => {
            const [first, last] = [values[0], values.at(-1)].map((value) => `${quoteLiteral(value ?? '')}::${type}`);
            return key ? sql(nameOf('k', index), first ?? '', last ?? '') : '';
          })
          .join(';'),
      );
    await each((name) => `UPDATE ${name} SET n = n + 1`);
    await each((name, first) => `DELETE FROM ${name} WHERE k = ${first}`);
    await each((name, first) => `INSERT INTO ${name} VALUES (${first}, 9)`);
    await each((name, first, last) => `UPDATE ${name} SET k = ${last} WHERE k = ${first}`);
    await each((name, first, last) => `UPDATE ${name} SET k = ${first} WHERE k = ${last}`);
    await world.follow([way, way, way, way, way]);
  }
}
