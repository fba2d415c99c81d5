// The forms of plan values that carry a unit, and bounded whole numbers. Parsed values are plain numbers: ms and bytes.

import { z } from 'zod';

const DURATION = /^(\d{1,9})(ms|s|m|h)$/;
const DURATION_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const;
const DURATION_FORM = 'must be a duration such as 500ms, 30s, 5m or 2h';

const SIZE = /^(\d{1,9})(KB|MB|GB)$/;
const SIZE_BYTES = { KB: 1_024, MB: 1_048_576, GB: 1_073_741_824 } as const;
const SIZE_FORM = 'must be a size such as 64KB, 8MB or 1GB';

/** A field with a default, its limits and what it means. Limits and default are in the form the plan uses. */
interface Bounded<T> {
  readonly about: string;
  readonly default: T;
  readonly min: T;
  readonly max: T;
}

/** `500ms`, `30s`, `5m`, `2h` → milliseconds. */
function durationMs(text: string): number {
  const [, amount, unit] = DURATION.exec(text) ?? [];
  return Number(amount) * DURATION_MS[unit as keyof typeof DURATION_MS];
}

/** `64KB`, `8MB`, `1GB` → bytes; 1KB is 1024. */
function sizeBytes(text: string): number {
  const [, amount, unit] = SIZE.exec(text) ?? [];
  return Number(amount) * SIZE_BYTES[unit as keyof typeof SIZE_BYTES];
}

export const duration = (field: Bounded<string>) =>
  z
    .string({ error: DURATION_FORM })
    .regex(DURATION, { error: DURATION_FORM })
    .transform(durationMs)
    .refine((ms) => ms >= durationMs(field.min) && ms <= durationMs(field.max), { error: range(field) })
    .prefault(field.default)
    .describe(`${field.about} Duration, ${field.min} to ${field.max}.`);

export const size = (field: Bounded<string>) =>
  z
    .string({ error: SIZE_FORM })
    .regex(SIZE, { error: SIZE_FORM })
    .transform(sizeBytes)
    .refine((bytes) => bytes >= sizeBytes(field.min) && bytes <= sizeBytes(field.max), { error: range(field) })
    .prefault(field.default)
    .describe(`${field.about} Size, ${field.min} to ${field.max}.`);

export const count = (field: Bounded<number>) =>
  z
    .int()
    .min(field.min)
    .max(field.max)
    .prefault(field.default)
    .describe(`${field.about} Whole number, ${field.min} to ${field.max}.`);

/** A field whose value may be `off`: no limit. */
interface Limited<T> extends Omit<Bounded<T>, 'default'> {
  readonly default: T | 'off';
}

export const limit = (field: Limited<number>) =>
  z
    .union([z.literal('off'), z.int().min(field.min).max(field.max)], {
      error: `must be off or a whole number ${from(field)}`,
    })
    .prefault(field.default)
    .describe(`${field.about} Whole number, ${field.min} to ${field.max}, or \`off\`.`);

export const durationLimit = (field: Limited<string>) =>
  measured(field, { form: DURATION, unit: 'duration', read: durationMs });

export const sizeLimit = (field: Limited<string>) => measured(field, { form: SIZE, unit: 'size', read: sizeBytes });

interface Measure {
  readonly form: RegExp;
  readonly unit: 'duration' | 'size';
  readonly read: (text: string) => number;
}

function measured(field: Limited<string>, { form, unit, read }: Measure) {
  const isWithin = (value: number): boolean => value >= read(field.min) && value <= read(field.max);
  return z
    .union([z.literal('off'), z.string().regex(form).transform(read).refine(isWithin)], {
      error: `must be off or a ${unit} ${from(field)}`,
    })
    .prefault(field.default)
    .describe(`${field.about} ${unit === 'size' ? 'Size' : 'Duration'}, ${field.min} to ${field.max}, or \`off\`.`);
}

function from(field: { readonly min: string | number; readonly max: string | number }): string {
  return `from ${field.min} to ${field.max}`;
}

function range(field: Bounded<string>): string {
  return `must be ${from(field)}`;
}
