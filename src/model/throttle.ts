// How fast the parts of a run may be that load a server, as the plan says or as an operator has changed it.

/** On the average; null: as fast as it goes. */
export interface Caps {
  readonly rowsPerSecond: number | null;
  readonly bytesPerSecond: number | null;
  /** After each batch, or chunk, in ms; null: none. */
  readonly batchPauseMs: number | null;
}

/** What is not named stays. */
export type CapsChange = { readonly [K in keyof Caps]?: Caps[K] | undefined };

export const THROTTLED = ['snapshot', 'apply'] as const;

/** What an operator set in place of what the plan says, by part; what is not named is as in the plan. */
export type Throttling = Readonly<Partial<Record<(typeof THROTTLED)[number], CapsChange>>>;

export interface ThrottleRequest extends Partial<Record<(typeof THROTTLED)[number], CapsChange | undefined>> {
  /** First back to what the plan says. Default false. */
  readonly asPlanned?: boolean | undefined;
}

/** What is set when `request` is granted, too. */
export function throttling(before: Throttling, { asPlanned = false, ...parts }: ThrottleRequest): Throttling {
  const left: Throttling = asPlanned ? {} : before;
  return Object.fromEntries(
    THROTTLED.flatMap((part) => {
      const caps = named({ ...left[part], ...named(parts[part] ?? {}) });
      return Object.keys(caps).length === 0 ? [] : [[part, caps]];
    }),
  );
}

function named(caps: CapsChange): CapsChange {
  return Object.fromEntries(Object.entries(caps).filter(([, cap]) => cap !== undefined));
}

/** As a journal keeps it; null when all is as in the plan. */
export function throttleText(set: Throttling): string | null {
  return Object.keys(set).length === 0 ? null : JSON.stringify(set);
}

export function readThrottle(text: string | null | undefined): Throttling {
  return text ? (JSON.parse(text) as Throttling) : {};
}
