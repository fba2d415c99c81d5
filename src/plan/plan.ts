// The plan: one schema gives the type, the defaults, docs/plan.md and the JSON Schema for editors.

import { z } from 'zod';
import { applySchema } from './apply.ts';
import { controlSchema } from './control.ts';
import { convertSchema } from './convert.ts';
import { cutoverSchema } from './cutover.ts';
import { sourceSchema, targetSchema } from './endpoint.ts';
import { healthSchema } from './health.ts';
import { limitsSchema } from './limits.ts';
import { notifySchema } from './notify.ts';
import { schemaSchema } from './schema.ts';
import { snapshotSchema } from './snapshot.ts';
import { streamSchema } from './stream.ts';
import { tablesSchema } from './tables.ts';
import { verifySchema } from './verify.ts';

export const NAME_FORM = /^[a-z0-9_-]{1,40}$/;
export const NAME_RULE = 'must be 1 to 40 of a-z, 0-9, _ and -';

export const planSchema = z
  .strictObject({
    version: z.literal(1).describe('The version of this format: 1.'),
    name: z
      .string()
      .regex(NAME_FORM, { error: NAME_RULE })
      .optional()
      .describe("The run's name, 1 to 40 of a-z, 0-9, _ and -. Without it: the plan file's name without its ending."),
    source: sourceSchema,
    target: targetSchema,
    tables: tablesSchema,
    schema: schemaSchema,
    convert: convertSchema,
    stream: streamSchema,
    snapshot: snapshotSchema,
    apply: applySchema,
    verify: verifySchema,
    cutover: cutoverSchema,
    health: healthSchema,
    limits: limitsSchema,
    control: controlSchema,
    notify: notifySchema,
  })
  .superRefine(({ target, cutover }, context) => {
    if (cutover.reverse === 'off' || target.kind === 'oracle') return;
    context.addIssue({
      code: 'custom',
      path: ['cutover', 'reverse'],
      message: 'must be off: a way back through Debezium is prepared for a target of Oracle only',
    });
  })
  .superRefine(({ target, schema, snapshot }, context) => {
    if (!snapshot.directPath || (target.kind === 'oracle' && schema.target === 'create')) return;
    context.addIssue({
      code: 'custom',
      path: ['snapshot', 'directPath'],
      message: 'must be false: the direct path is for a target of Oracle whose tables the run makes',
    });
  });

type Frozen<T> = T extends readonly (infer Item)[]
  ? readonly Frozen<Item>[]
  : T extends object
    ? { readonly [Field in keyof T]: Frozen<T[Field]> }
    : T;

/** Complete and frozen: every default filled in, durations in ms, sizes in bytes. */
export type Plan = Frozen<Omit<z.output<typeof planSchema>, 'name'>> & { readonly name: string };

/** One entry of `cutover.switch`. */
export type SwitchPlan = Plan['cutover']['switch'][number];

/** The JSON Schema of a plan file, before defaults and units are applied. */
export function planJsonSchema(): z.core.JSONSchema.BaseSchema {
  return z.toJSONSchema(planSchema, { io: 'input', target: 'draft-7' });
}
