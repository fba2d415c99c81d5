// Text → plan, or every fault in it at once.

import { basename } from 'node:path';
import type { z } from 'zod';
import { type Fault, type Path, PlanDocument, pathText } from './document.ts';
import { type Environment, interpolate, namedSecrets, type Secret, urlSecrets } from './interpolate.ts';
import { NAME_FORM, NAME_RULE, type Plan, planSchema } from './plan.ts';
import { replicaFaults } from './replicas.ts';
import { issueText, knownKeys } from './wording.ts';

/** `secrets` is complete in either case: what must be hidden is known even when the plan is refused. */
export type PlanReading = { readonly secrets: readonly Secret[] } & (
  | { readonly plan: Plan }
  | { readonly faults: readonly Fault[] }
);

/** `file` names the plan in messages, gives its default name, and is where relative `${file:…}` paths start. */
export function readPlan(text: string, file: string, env: Environment): PlanReading {
  const secrets: Secret[] = [];
  const document = new PlanDocument(text, (written) => {
    const resolved = interpolate(written, file, env);
    secrets.push(...resolved.secrets, ...urlSecrets(resolved.text));
    return resolved;
  });
  const { stream } = (document.value ?? {}) as { readonly stream?: unknown };
  secrets.push(...namedSecrets(stream));
  const parsed = document.broken ? undefined : parse(document);
  const name = parsed?.name ?? basename(file).replace(/\.ya?ml$/i, '');
  if (parsed !== undefined && !NAME_FORM.test(name)) {
    document.fault(['name'], `name is missing, and the file's name cannot stand in for it: it ${NAME_RULE}`);
  }
  if (parsed !== undefined) for (const { path, text } of replicaFaults(parsed)) document.fault(path, text);
  if (parsed === undefined || document.faults.length > 0) {
    return { secrets, faults: document.faults.toSorted((a, b) => a.line - b.line || a.column - b.column) };
  }
  return { secrets, plan: deepFreeze({ ...parsed, name }) };
}

function parse(document: PlanDocument): z.output<typeof planSchema> | undefined {
  const check = () => planSchema.safeParse(document.value ?? {}, { error: issueText });
  let checked = check();
  if (!checked.success && checked.error.issues.map((issue) => readAsNumber(document, issue.path)).some(Boolean)) {
    checked = check();
  }
  for (const issue of checked.error?.issues ?? []) report(document, issue);
  return checked.data;
}

/** A variable holds text. Where the plan wants a number or a truth value, an unquoted `${VAR}` is read as one. */
function readAsNumber(document: PlanDocument, path: Path): boolean {
  const field = path.at(-1);
  const parent = path
    .slice(0, -1)
    .reduce<unknown>((value, part) => (value as Record<PropertyKey, unknown>)[part], document.value);
  if (field === undefined || !document.isReplaced(path)) return false;
  const values = parent as Record<PropertyKey, unknown>;
  const text = String(values[field]);
  if (!/^(-?\d{1,15}|true|false)$/.test(text)) return false;
  values[field] = JSON.parse(text.replace(/^(-?)0+(?=\d)/, '$1'));
  return true;
}

function report(document: PlanDocument, issue: z.core.$ZodIssue): void {
  if (document.isFaulty(issue.path)) return;
  if (issue.code !== 'unrecognized_keys') {
    document.fault(issue.path, `${pathText(issue.path)} ${issue.message}`);
    return;
  }
  const known = knownKeys(issue.path);
  const hint = known.length === 0 ? '' : `; known here: ${known.join(', ')}`;
  for (const key of issue.keys) {
    const path = [...issue.path, key];
    document.faultAtKey(path, `${pathText(path)} is not known${hint}`);
  }
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) deepFreeze(inner);
    Object.freeze(value);
  }
  return value;
}
