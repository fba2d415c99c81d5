// Every command and every question of the control API, once: what it takes and what it does. The Unix socket, the HTTP server
// and the OpenAPI document are made from these tables.

import { z } from 'zod';
import type { LetterState } from '../journal/dead-letters.ts';
import type { Controls, Effect } from './controls.ts';
import { withoutKey, withValues } from './letter-view.ts';

const MOST_ENTRIES = 1_000;
const MOST_LETTERS = 1_000;
/** Nobody has said who asks. */
const UNNAMED = 'unknown';

const by = z.string().trim().min(1).max(200).optional().describe('Who asks, for the audit trail.');
const ids = z
  .array(z.int().min(1))
  .min(1)
  .max(100_000)
  .describe('Of dead letters, as `migrate dead-letters list` has them.');
const table = z.string().min(1).max(500).describe('As `migrate table list` has it.');
const reason = z.string().trim().min(1).max(2_000).describe('Kept in the report.');

const cap = z.number().positive().nullable().optional();
const caps = z
  .strictObject({ rowsPerSecond: cap, bytesPerSecond: cap, batchPauseMs: cap.describe('After each batch, or chunk.') })
  .optional()
  .describe('At most; null takes a limit away, what is not named stays.');
const throttle = z.strictObject({
  apply: caps,
  snapshot: caps,
  asPlanned: z.boolean().optional().describe('First back to what the plan says.'),
  by,
});

const nothing = z.strictObject({ by });
const pause = z.strictObject({
  only: z.enum(['snapshot', 'apply']).optional().describe('The copy, or the apply, instead of both.'),
  by,
});
const cutover = z.strictObject({
  by,
  decision: z
    .enum(['switched', 'undo'])
    .optional()
    .describe('Settles an ambiguous switch: where the applications write. It is no permission to cut over.'),
});
const tableRequest = z.discriminatedUnion('verb', [
  z.strictObject({ verb: z.literal('skip'), table, reason, by }).describe('Leaves the table out.'),
  z.strictObject({ verb: z.literal('add'), table, by }).describe('Adds a table of the source to the run.'),
  z.strictObject({ verb: z.literal('copy'), table, by }).describe('Copies it again.'),
  z.strictObject({ verb: z.literal('retry'), table, by }).describe('Takes back what `skip` left out.'),
]);
const letterRequest = z.discriminatedUnion('verb', [
  z
    .strictObject({ verb: z.literal('retry'), ids: ids.optional(), table: table.optional(), by })
    .describe('Replays letters; without `ids` and `table` all that are open.'),
  z.strictObject({ verb: z.literal('waive'), ids, reason, by }).describe('Lets the run end without these changes.'),
]);

/** What a command has done; `answer` is what it tells besides. */
export interface Done extends Effect {
  readonly answer?: object;
}

export interface Command {
  /** Below the root of the Unix socket, and below /api over HTTP. */
  readonly path: string;
  readonly summary: string;
  readonly body: z.ZodType;
  /** Rejects with what the run refuses it with. `body` has the form that `body` says. */
  readonly run: (controls: Controls, body: unknown) => Promise<Done>;
}

/** Tells how it stands; changes nothing. */
export interface Query {
  readonly path: string;
  readonly summary: string;
  readonly read: (controls: Controls) => Promise<object> | object;
}

export const QUERIES: readonly Query[] = [
  { path: '/status', summary: 'What the run is doing.', read: (controls) => controls.status() },
  {
    path: '/audit',
    summary: 'Who has asked what of the run, when, and what came of it: the latest 1,000, the newest first.',
    read: async (controls) => ({ entries: await controls.audit(MOST_ENTRIES) }),
  },
  {
    path: '/letters',
    summary: 'Dead letters without their values, by id: those that are open or waived first, 1,000 at most.',
    read: async (controls) => {
      const { letters } = await controls.readLetters([], UNNAMED);
      const isSettled = ({ state }: { readonly state: LetterState }) => Number(!['open', 'waived'].includes(state));
      const shown = letters.toSorted((one, other) => isSettled(one) - isSettled(other)).slice(0, MOST_LETTERS);
      return { total: letters.length, letters: shown.map(withoutKey) };
    },
  },
];

export const COMMANDS: readonly Command[] = [
  command('/pause', 'Hold copy and apply after the work in hand; survives restarts.', pause, (controls, body) =>
    controls.pause(body.only ?? 'run', nameOf(body)),
  ),
  command('/resume', 'Go on after a pause; without `only` everything.', pause, (controls, body) =>
    controls.resume(body.only ?? 'run', nameOf(body)),
  ),
  command(
    '/throttle',
    'Change how fast the copy and the apply may be; survives restarts, and holds for workers, too.',
    throttle,
    (controls, { by, ...request }) => controls.throttle(request, nameOf({ by })),
  ),
  command('/cutover', 'Allow the cutover to begin as soon as it can.', cutover, (controls, body) =>
    controls.cutover(nameOf(body), body.decision),
  ),
  command(
    '/cutover/cancel',
    'Take back the permission to cut over; refused once the freeze has begun.',
    nothing,
    (controls, body) => controls.cancelCutover(nameOf(body)),
  ),
  command(
    '/table',
    'Add a table, leave one out, take it back or copy it again.',
    tableRequest,
    async (controls, body) => {
      const answer = await controls.table({ ...body, by: nameOf(body) });
      return { changed: answer.changed, said: `${body.verb} of ${body.table} is recorded`, answer };
    },
  ),
  command(
    '/letters',
    'Replay or waive dead letters; answered when it is done.',
    letterRequest,
    async (controls, body) => {
      const answer = await controls.letters({ ...body, by: nameOf(body) });
      return { changed: true, said: `dead letters: ${body.verb} is done`, answer };
    },
  ),
  command(
    '/letters/show',
    'Tell the values of dead letters; who has asked for them is in the audit trail.',
    z.strictObject({ ids: ids.max(MOST_LETTERS), by }),
    async (controls, body) => {
      const view = await controls.readLetters(body.ids, nameOf(body));
      const letters = view.letters.filter(({ id }) => body.ids.includes(id)).map((letter) => withValues(letter, view));
      return { changed: false, said: `${letters.length} dead letters`, answer: { letters } };
    },
  ),
  command('/stop', 'Begin to end the process, as Ctrl-C would; the run can go on later.', nothing, (controls, body) =>
    controls.stop(nameOf(body)),
  ),
];

function command<Body>(
  path: string,
  summary: string,
  body: z.ZodType<Body>,
  run: (controls: Controls, body: Body) => Promise<Done>,
): Command {
  return { path, summary, body, run: (controls, parsed) => run(controls, parsed as Body) };
}

function nameOf(body: { readonly by?: string | undefined }): string {
  return body.by ?? UNNAMED;
}
