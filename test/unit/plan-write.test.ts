import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { withFields, writePlanFields } from '../../src/plan/write.ts';

const FIELDS = { lanes: 4, batchRows: 5_000 };

describe('fields written into a plan', () => {
  it('take the place of the values that are there, and nothing else of the file changes', () => {
    const before = `# ours\nname: x   # the name\nsource: { url: "\${S}" }\n\napply:\n  # how many\n  lanes: 2      # two\n\n  batchRows: \${ROWS}\ntables:\n    include: ["a.*",   'b.*']\n`;
    const after = before.replace('lanes: 2 ', 'lanes: 4 ').replace(/\$\{ROWS\}/, '5000');
    expect(withFields(before, 'apply', FIELDS)).toBe(after);
  });

  it.each([
    ['behind the others of the section', 'apply:\n    lanes: 2 # two\n\n# next\nname: x\n'],
    ['in a section of comments only', 'apply:\n  # lanes: 2\nname: x\n'],
    ['in a section that is not there', 'name: x'],
    ['in an empty section', 'apply: {}\nname: x\n'],
    ['beside a key without a value', 'apply:\n  lanes:\n  batchWait: 20ms\nname: x\n'],
    ['on one line', 'apply: { lanes: 2, batchWait: 20ms } # short\nname: x\n'],
    ['in a plan that is JSON', '{\n  "name": "x",\n  "apply": {\n    "batchWait": "20ms"\n  }\n}\n'],
    ['in a plan that is JSON without the section', '{ "name": "x", "tables": { "include": ["a"] } }'],
  ])('are added %s', (_, before) => {
    const after = withFields(before, 'apply', FIELDS);
    const { apply, ...rest } = parse(after) as { readonly apply: object };
    const { apply: old, ...other } = parse(before) as { readonly apply?: object };
    expect(apply).toEqual({ ...old, ...FIELDS });
    expect(rest).toEqual(other);
    for (const [comment] of before.matchAll(/#.*/g)) expect(after).toContain(comment);
  });

  it('are found again in each plan that comes with the program', () => {
    const folder = new URL('../../plans/', import.meta.url);
    for (const name of readdirSync(folder)) {
      const before = readFileSync(new URL(name, folder), 'utf8');
      const after = withFields(before, 'apply', FIELDS);
      const { apply } = parse(before) as { readonly apply?: object };
      expect(parse(after), name).toEqual({ ...parse(before), apply: { ...apply, ...FIELDS } });
      const lines = new Set(after.split('\n'));
      const lost = before.split('\n').filter((line) => !lines.has(line) && !/lanes|batchRows/.test(line));
      expect(lost, name).toEqual([]);
    }
  });

  it('are refused for a file that cannot be written', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'migrate-write-'));
    const writing = writePlanFields(join(folder, 'none', 'plan.yaml'), 'apply', FIELDS);
    await expect(writing).rejects.toMatchObject({ code: 'USAGE.FILE' });
    rmSync(folder, { recursive: true });
  });
});
