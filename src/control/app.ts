// The control API as one application, served over the Unix socket and over HTTP. JSON in, JSON out.

import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { z } from 'zod';
import { MigrateError, toMigrateError } from '../lib/errors.ts';
import type { Controls } from './controls.ts';
import { COMMANDS, QUERIES } from './routes.ts';

/** Enough for 100,000 ids of dead letters. */
const LONGEST_BODY = 1 << 20;

export interface AppOptions {
  readonly controls: Controls;
  /** Takes secrets out of a text. */
  readonly scrub: (text: string) => string;
}

export function controlApp({ controls, scrub }: AppOptions): Hono {
  const app = new Hono();
  const answer = (context: Context, body: object, status: ContentfulStatusCode = 200): Response =>
    context.body(scrub(JSON.stringify(body)), status, { 'content-type': 'application/json' });
  const refused = (context: Context, message: string, status: ContentfulStatusCode): Response =>
    answer(context, { ok: false, code: 'CONTROL.REFUSED', message }, status);

  app.use(bodyLimit({ maxSize: LONGEST_BODY, onError: (context) => refused(context, 'the body is too long', 413) }));
  // Letters can be listed and settled at one path.
  const taken = (path: string): readonly string[] => [
    ...QUERIES.flatMap((query) => (query.path === path ? ['GET'] : [])),
    ...COMMANDS.flatMap((command) => (command.path === path ? ['POST'] : [])),
  ];
  for (const { path, read } of QUERIES) app.get(path, async (context) => answer(context, await read(controls)));
  for (const { path, body, run } of COMMANDS) {
    app.post(path, async (context) => {
      const type = context.req.header('content-type') ?? '';
      // A form of a web page cannot send this type without asking first, which is never answered.
      if (!/^application\/json\s*(;|$)/i.test(type)) return refused(context, 'the body must be application/json', 415);
      const done = await run(controls, parsedBody(body, await context.req.text()));
      return answer(context, { ok: true, ...done, status: controls.status() });
    });
  }
  for (const { path } of [...QUERIES, ...COMMANDS]) {
    app.all(path, (context) => {
      context.header('allow', taken(path).join(', '));
      return refused(context, `${path} takes ${taken(path).join(' or ')}`, 405);
    });
  }
  app.notFound((context) => refused(context, 'there is no such path', 404));
  app.onError((thrown, context) => {
    const error = toMigrateError(thrown);
    const status = error.code === 'USAGE.ARGUMENT' ? 400 : error.disposition === 'bug' ? 500 : 409;
    return answer(context, { ok: false, code: error.code, message: error.message, fix: error.fix }, status);
  });
  return app;
}

function parsedBody(schema: z.ZodType, text: string): unknown {
  const parsed = schema.safeParse(text.trim() === '' ? {} : jsonOf(text));
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'the body'}: ${message}`);
  throw new MigrateError('USAGE.ARGUMENT', problems.join('; '));
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new MigrateError('USAGE.ARGUMENT', 'the body is not JSON');
  }
}
