// What a fault says. Never the value that is wrong: it may be a secret.

import type { z } from 'zod';
import { planJsonSchema } from './plan.ts';

const EXPECTED: Readonly<Record<string, string>> = {
  string: 'text',
  int: 'a whole number',
  // No field holds a fraction.
  number: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a section of `key: value` lines',
  record: 'a section of `key: value` lines',
};

/** The message of an issue, to stand after the path. Fields with wording of their own keep it. */
export function issueText(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `${missing(issue.input)}must be ${EXPECTED[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return `${missing(issue.input)}must be ${issue.values.map(String).join(' or ')}`;
    case 'invalid_union':
      return `must be one of ${(Array.isArray(issue.options) ? issue.options : []).map(String).join(', ')}`;
    case 'too_small':
      return issue.origin === 'number' ? `must be at least ${issue.minimum}` : 'must not be empty';
    case 'too_big':
      return `must be at most ${issue.maximum}`;
    default:
      return issue.message ?? 'is wrong';
  }
}

/** The keys a section may have; none when that depends on its kind. */
export function knownKeys(path: readonly PropertyKey[]): readonly string[] {
  let schema: z.core.JSONSchema.BaseSchema | undefined = planJsonSchema();
  for (const part of path) {
    const inner: unknown = typeof part === 'number' ? schema?.items : schema?.properties?.[String(part)];
    schema = inner as z.core.JSONSchema.BaseSchema | undefined;
  }
  return Object.keys(schema?.properties ?? {});
}

function missing(input: unknown): string {
  return input === undefined ? 'is missing; it ' : '';
}
