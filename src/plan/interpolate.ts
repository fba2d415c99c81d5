// Replaces ${VAR}, ${VAR:-default} and ${file:path} in one value of a plan; `$${` stands for `${`.
// It works on parsed values, so that what a variable holds can never change the structure of the plan.

import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

export type Environment = Readonly<Record<string, string | undefined>>;

/** A text that must not appear in any output. */
export interface Secret {
  readonly text: string;
  /** Passwords are hidden even when they are so short that they could be part of a word. */
  readonly password: boolean;
}

export interface Interpolated {
  readonly text: string;
  readonly faults: readonly string[];
  readonly secrets: readonly Secret[];
}

const REFERENCE = /\$\$\{|\$\{([^{}]*)\}|\$\{/g;
const VARIABLE = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s;
const SECRET_NAME = /PASS|SECRET|TOKEN|CREDENTIAL|PRIVATE|API_?KEY/i;
// What stands before a password: scheme, user, colon, and no `@` yet.
const BEFORE_PASSWORD = /^[a-z]+:\/\/[^/?#@:]*:[^@]*$/i;

/** `file` is the plan's own path: relative paths in `${file:…}` start at its folder. */
export function interpolate(text: string, file: string, env: Environment): Interpolated {
  const faults: string[] = [];
  const secrets: Secret[] = [];
  let result = '';
  let end = 0;
  for (const match of text.matchAll(REFERENCE)) {
    result += text.slice(end, match.index);
    end = match.index + match[0].length;
    if (match[0] === '$${') {
      result += '${';
      continue;
    }
    const found = lookUp(match[1], file, env);
    if ('fault' in found) {
      faults.push(found.fault);
      continue;
    }
    const password = BEFORE_PASSWORD.test(result);
    if (password || found.secret) secrets.push({ text: found.text, password });
    result += found.text;
  }
  return { text: result + text.slice(end), faults, secrets };
}

type Found = { readonly text: string; readonly secret: boolean } | { readonly fault: string };

function lookUp(reference: string | undefined, file: string, env: Environment): Found {
  if (reference === undefined) return { fault: `has a \${ without its }; write $\${ for a literal \${` };
  if (reference.startsWith('file:')) return readSecret(reference.slice('file:'.length), file);
  const [, name, fallback] = VARIABLE.exec(reference) ?? [];
  if (name === undefined) return { fault: `has a \${…} that is none of \${NAME}, \${NAME:-default} and \${file:path}` };
  const value = env[name];
  const secret = SECRET_NAME.test(name);
  // As in a shell, `:-` also stands in for a variable that is set but empty.
  if (fallback !== undefined && (value === undefined || value === '')) return { text: fallback, secret };
  return value === undefined
    ? { fault: `needs the environment variable ${name}, which is not set` }
    : { text: value, secret };
}

function readSecret(path: string, file: string): Found {
  try {
    const text = readFileSync(resolve(dirname(file), path), 'utf8');
    return { text: text.replace(/\r?\n$/, ''), secret: true };
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    return { fault: `needs the file ${path}, which cannot be read (${reason})` };
  }
}

/** The texts below a value whose own keys say that they are secret, as `password` does. */
export function namedSecrets(value: unknown): readonly Secret[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]): readonly Secret[] => {
    if (typeof inner === 'object') return namedSecrets(inner);
    return SECRET_NAME.test(key) && inner !== undefined ? [{ text: String(inner), password: true }] : [];
  });
}

/** The password of a url, wherever it begins in the text, in the forms it can appear in; none when it has none. */
export function urlSecrets(text: string): readonly Secret[] {
  const written = /[a-z][a-z0-9+.-]*:\/\/.*/is.exec(text)?.[0] ?? '';
  // What was written may differ from what the parser prints: it encodes some characters, and may not read it at all.
  const found = [/^[a-z0-9+.-]+:\/\/[^/?#@:]*:(.*)@/is.exec(written)?.[1] ?? ''];
  if (URL.canParse(written)) {
    const { password, searchParams } = new URL(written);
    found.push(password, searchParams.get('password') ?? '');
  }
  const forms = new Set(found.flatMap((form) => [form, decoded(form)]).filter((form) => form !== ''));
  return [...forms].map((form) => ({ text: form, password: true }));
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
