// The OpenAPI document of the control API, made from the table of its commands.

import { z } from 'zod';
import { VERSION } from '../lib/version.ts';
import { COMMANDS, QUERIES } from './routes.ts';
import { statusSchema } from './status-schema.ts';

type Json = Readonly<Record<string, unknown>>;

const REFERENCE = { $ref: '#/components/schemas/Status' };
const ERROR = { $ref: '#/components/schemas/Error' };

const REFUSALS: Readonly<Record<string, string>> = {
  '400': 'The body is not what the path takes.',
  '401': 'Over HTTP: the token is missing or wrong.',
  '403': 'Over HTTP: another Host or Origin than that of this machine.',
  '409': 'The run refuses it; `code` and `fix` say why and what to do.',
  '413': 'The body is longer than 1 MiB.',
  '415': 'The body is not application/json.',
};

export function openApiDocument(): Json {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Control API of migrate',
      version: VERSION,
      description:
        'Served by every `migrate run`: on a Unix socket that only its owner can open, below /, without a token; and on ' +
        '127.0.0.1, below /api, with the token of the file beside the socket. There is no CORS: a web page of another ' +
        'origin is refused.',
    },
    servers: [{ url: 'http://127.0.0.1:{port}/api', variables: { port: { default: '0' } } }],
    security: [{ token: [] }],
    paths: {
      '/events': get(
        'The status twice a second, as server-sent events, over HTTP only. `status` has all of it and the samples of the ' +
          'last quarter of an hour (`history`); `change` has only those tables that have changed.',
        { 'text/event-stream': { schema: { type: 'string' } } },
      ),
      ...pathsOf(),
    },
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
      schemas: { Status: schemaOf(statusSchema), Error: errorSchema() },
    },
  };
}

/** A path may be asked, and given a command. */
function pathsOf(): Json {
  const paths: Record<string, Json> = {};
  for (const { path, summary } of QUERIES) {
    const schema = path === '/status' ? REFERENCE : { type: 'object' };
    paths[path] = get(summary, { 'application/json': { schema } });
  }
  for (const command of COMMANDS) paths[command.path] = { ...paths[command.path], ...post(command) };
  return paths;
}

function get(summary: string, content: Json): Json {
  return { get: { summary, responses: { '200': { description: 'Done.', content }, ...refusals('401', '403') } } };
}

function post({ path, summary, body }: (typeof COMMANDS)[number]): Json {
  return {
    post: {
      operationId: path.slice(1).replace(/\/(\w)/g, (_, letter: string) => letter.toUpperCase()),
      summary,
      requestBody: { content: { 'application/json': { schema: schemaOf(body) } } },
      responses: {
        '200': { description: 'Done.', content: { 'application/json': { schema: doneSchema() } } },
        ...refusals('400', '401', '403', '409', '413', '415'),
      },
    },
  };
}

function refusals(...codes: readonly string[]): Json {
  const content = { 'application/json': { schema: ERROR } };
  return Object.fromEntries(codes.map((code) => [code, { description: REFUSALS[code], content }]));
}

function doneSchema(): Json {
  return {
    type: 'object',
    required: ['ok', 'changed', 'said', 'status'],
    properties: {
      ok: { const: true },
      changed: { type: 'boolean', description: 'False when everything was as wished before.' },
      said: { type: 'string', description: 'What was done, for people.' },
      answer: { type: 'object', description: 'What the command tells besides.' },
      status: REFERENCE,
    },
  };
}

function errorSchema(): Json {
  return {
    type: 'object',
    required: ['ok', 'code', 'message'],
    properties: {
      ok: { const: false },
      code: { type: 'string', description: 'As `migrate explain` has it.' },
      message: { type: 'string' },
      fix: { type: 'string' },
    },
  };
}

function schemaOf(schema: z.ZodType): Json {
  const { $schema, ...body } = z.toJSONSchema(schema, { io: 'input', target: 'draft-2020-12' });
  return body;
}
