// The generated pages are what their sources say.

import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const root = new URL('../../', import.meta.url);

describe('the documentation', () => {
  it('is up to date', async () => {
    const tsx = createRequire(import.meta.url).resolve('tsx/cli');
    const { stdout } = await promisify(execFile)(process.execPath, [tsx, 'scripts/docs.ts', '--check'], { cwd: root });
    expect(stdout).toBe('');
  });

  it('says what every dependency is for', () => {
    const text = readFileSync(new URL('docs/dependencies.md', root), 'utf8');
    const { dependencies, optionalDependencies, devDependencies } = JSON.parse(
      readFileSync(new URL('package.json', root), 'utf8'),
    ) as Record<string, Record<string, string>>;
    const names = Object.keys({ ...dependencies, ...optionalDependencies, ...devDependencies });
    const missing = names.filter(
      (name) => !text.includes(`\`${name}\``) && !text.includes(`\`${name.replace(/\/.*/, '/*')}\``),
    );
    expect(missing).toEqual([]);
  });

  it('has no plan field without a description', () => {
    const schema: unknown = JSON.parse(readFileSync(new URL('schema/plan.schema.json', root), 'utf8'));
    expect(undescribed(schema, '')).toEqual([]);
  });

  it('describes every example plan', () => {
    for (const name of readdirSync(new URL('plans/', root))) {
      const text = readFileSync(new URL(`plans/${name}`, root), 'utf8');
      expect(text).toContain('# yaml-language-server: $schema=../schema/plan.schema.json');
    }
  });
});

interface Schema {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: { readonly oneOf?: readonly Schema[] };
}

function undescribed(value: unknown, path: string): readonly string[] {
  const schema = value as Schema;
  const own = path !== '' && schema.description === undefined ? [path] : [];
  const kinds = schema.items?.oneOf ?? [];
  return [
    ...own,
    ...Object.entries(schema.properties ?? {}).flatMap(([name, inner]) => undescribed(inner, `${path}.${name}`)),
    ...kinds.flatMap((kind, index) => undescribed(kind, `${path}[${index}]`)),
  ];
}
