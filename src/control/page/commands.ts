// What can be asked of the run here: each after a question, and answered in a few words.

import type { StatusSnapshot, TableCondition, ThrottleStatus } from '../../observe/status.ts';
import { type Answer, command } from './connection.ts';
import { confirmed, type Field, type Question, type Values } from './dialogs.ts';
import { byId, setText } from './dom.ts';
import { count, duration, lagText } from './format.ts';

const TOAST_MS = 6_000;
const MEGABYTE = 1_048_576;

const PARTS = { run: 'everything', snapshot: 'the copy', apply: 'the apply' } as const;
type Part = keyof typeof PARTS;

type Body = Readonly<Record<string, unknown>>;

let toastTimer: ReturnType<typeof setTimeout> | undefined;
let told: () => void = () => undefined;

/** `done` is called after each command, whatever came of it. */
export function whenAsked(done: () => void): void {
  told = done;
}

/** Undefined when nobody confirmed it, or it was refused. */
async function give(
  path: string,
  question: Question,
  bodyOf: (values: Values) => Body = () => ({}),
): Promise<Answer | undefined> {
  const yes = await confirmed(question);
  if (yes === undefined) return undefined;
  const answer = await command(path, { ...bodyOf(yes.values), by: yes.by });
  tell(answer);
  told();
  return answer.ok ? answer : undefined;
}

function tell({ ok, said, message, fix }: Answer): void {
  clearTimeout(toastTimer);
  const toast = byId('toast', HTMLElement);
  setText(toast, ok ? (said ?? 'done') : `${message ?? 'refused'}${fix === undefined ? '' : ` ${fix}`}`);
  toastTimer = setTimeout(() => setText(toast, ''), TOAST_MS);
}

function partField(parts: readonly Part[]): readonly Field[] {
  return [{ name: 'only', label: 'What', choices: parts.map((part) => [part, PARTS[part]]) }];
}

function partOf({ only }: Values): Body {
  return only === 'snapshot' || only === 'apply' ? { only } : {};
}

export async function askPause({ paused }: StatusSnapshot): Promise<void> {
  const text = 'It holds after the work in hand. Meanwhile the source keeps its log for the run.';
  const parts = (['run', 'snapshot', 'apply'] as const).filter((part) => !paused.includes(part));
  await give('/pause', { title: 'Pause the run?', text, yes: 'Pause', fields: partField(parts) }, partOf);
}

export async function askResume({ paused }: StatusSnapshot): Promise<void> {
  const text = 'It goes on where it stopped.';
  const parts: readonly Part[] = ['run', ...(['snapshot', 'apply'] as const).filter((part) => paused.includes(part))];
  const fields = parts.length > 1 ? partField(parts) : [];
  await give('/resume', { title: 'Resume?', text, yes: 'Resume', fields }, partOf);
}

export async function askCutover({ run, permission, stream, verify }: StatusSnapshot): Promise<void> {
  if (permission.granted) {
    const text = 'The permission to cut over is taken back. That is possible until the freeze has begun.';
    await give('/cutover/cancel', { title: 'Cancel the cutover?', text, yes: 'Cancel the cutover' });
    return;
  }
  const lag = stream.lagSeconds === null ? 'the lag is not known yet' : `the lag is ${lagText(stream.lagSeconds)}`;
  const text =
    `The source is closed to writes for at most ${duration(permission.budgetMs / 1_000)}; then the applications write to ` +
    `the target, and there is no way back. Now ${lag}, and ${count(verify.pendingKeys)} keys have to be compared in the freeze.`;
  await give('/cutover', { title: 'Cut over to the target?', text, yes: 'Cut over', word: run });
}

/** Caps as they are shown: rows, and megabytes, each second; empty where there is none. */
const CAPS: readonly (readonly [part: 'snapshot' | 'apply', cap: 'rowsPerSecond' | 'bytesPerSecond', label: string])[] =
  [
    ['snapshot', 'rowsPerSecond', 'Copy, rows a second'],
    ['snapshot', 'bytesPerSecond', 'Copy, MB a second'],
    ['apply', 'rowsPerSecond', 'Apply, rows a second'],
    ['apply', 'bytesPerSecond', 'Apply, MB a second'],
  ];

export async function askThrottle({ throttle }: StatusSnapshot): Promise<void> {
  const before = CAPS.map(([part, cap]) => capText(throttle[part], cap));
  const fields = CAPS.map(([part, cap, label], index): Field => {
    return { name: `${part}-${cap}`, label, number: true, value: before[index] ?? '' };
  });
  const text = 'At most so much; empty: as fast as it goes. It holds until it is changed again, also after a restart.';
  await give('/throttle', { title: 'How fast may it be?', text, yes: 'Set', fields }, (values) => {
    const changed = CAPS.flatMap(([part, cap], index) => {
      const value = values[`${part}-${cap}`] ?? '';
      return value === before[index] ? [] : [{ part, cap, value: capOf(cap, value) }];
    });
    const of = (part: string): Body =>
      Object.fromEntries(changed.flatMap((change) => (change.part === part ? [[change.cap, change.value]] : [])));
    return { snapshot: of('snapshot'), apply: of('apply') };
  });
}

function capText(status: ThrottleStatus, cap: 'rowsPerSecond' | 'bytesPerSecond'): string {
  const value = status[cap];
  if (value === null) return '';
  return String(cap === 'rowsPerSecond' ? value : Math.round((value / MEGABYTE) * 100) / 100);
}

function capOf(cap: 'rowsPerSecond' | 'bytesPerSecond', text: string): number | null {
  const value = Number(text);
  if (text === '' || !(value > 0)) return null;
  return cap === 'rowsPerSecond' ? value : value * MEGABYTE;
}

const REASON: Field = { name: 'reason', label: 'Why, for the report', required: () => true };

const TABLE_VERBS: readonly (readonly [string, string])[] = [
  ['copy', 'copy it again: it is emptied on the target first'],
  ['skip', 'leave it out: its copy is emptied, the run ends with a waiver'],
];
const BACK: readonly (readonly [string, string])[] = [['retry', 'take it back: it is copied']];

export async function askTable(table: string, condition: TableCondition | undefined): Promise<void> {
  const choices = condition === 'skipped' ? BACK : TABLE_VERBS;
  const fields: readonly Field[] = [
    { name: 'verb', label: 'What', choices },
    { ...REASON, label: 'Why, for the report, where it is left out', required: ({ verb }) => verb === 'skip' },
  ];
  const text = 'The other tables are followed meanwhile; all of them hold for a moment.';
  const question = { title: table, text, yes: 'Do it', fields: condition === 'skipped' ? fields.slice(0, 1) : fields };
  await give('/table', question, ({ verb, reason }) => ({ verb, table, ...(verb === 'skip' ? { reason } : {}) }));
}

/** Without ids all that are open. */
export async function askRetry(ids: readonly number[] | undefined): Promise<void> {
  const title = ids === undefined ? 'Replay all open dead letters?' : `Replay dead letter ${ids.join(', ')}?`;
  const text = 'The target takes them if what it refused them for was corrected; else they stay open.';
  await give('/letters', { title, text, yes: 'Replay' }, () => ({
    verb: 'retry',
    ...(ids === undefined ? {} : { ids }),
  }));
}

export async function askWaive(ids: readonly number[]): Promise<void> {
  const text = 'The row stays on the target as it is and is not compared; the run ends as complete with waivers.';
  const question = { title: `Waive dead letter ${ids.join(', ')}?`, text, yes: 'Waive', fields: [REASON] };
  await give('/letters', question, (values) => ({ verb: 'waive', ids, ...values }));
}

/** What a letter holds; undefined when it was not to be told. */
export async function askValues(id: number): Promise<unknown> {
  const text = 'They are shown here and nowhere kept; that you have looked at them is.';
  const question = { title: `Show the values of dead letter ${id}?`, text, yes: 'Show' };
  const answer = await give('/letters/show', question, () => ({ ids: [id] }));
  return (answer?.answer as { readonly letters?: readonly unknown[] } | undefined)?.letters?.[0];
}
