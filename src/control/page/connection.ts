// The line to the runner: the token, the stream of events with its repair, and the commands.

import { EventParser, type ServerEvent } from './events.ts';

const TOKEN_KEY = 'migrate-token';
const PAUSES_MS = [250, 500, 1_000, 2_000, 4_000];
/** Events come twice a second: a line that is silent for so long is dead. */
const SILENCE_MS = 8_000;

export interface Listener {
  event(event: ServerEvent): void;
  /** The line broke, or could not be made again. */
  lost(): void;
  /** The token is missing or wrong. */
  refused(): void;
}

export interface Answer {
  readonly ok: boolean;
  readonly said?: string;
  readonly message?: string;
  readonly fix?: string;
  /** What the command tells besides. */
  readonly answer?: unknown;
}

/** Takes the token out of the address, where it would be seen and bookmarked. */
export function takeToken(): void {
  const given = location.hash.slice(1);
  if (given === '') return;
  setToken(given);
  history.replaceState(null, '', location.pathname);
}

export function setToken(token: string): void {
  sessionStorage.setItem(TOKEN_KEY, token.trim());
}

function headers(): Record<string, string> {
  return { authorization: `Bearer ${sessionStorage.getItem(TOKEN_KEY) ?? ''}` };
}

/** Follows the events for good: each time the line breaks it is made again, more slowly every time it fails. */
export async function follow(listener: Listener): Promise<void> {
  let failures = 0;
  const counted: Listener = {
    ...listener,
    event: (event) => {
      failures = 0;
      listener.event(event);
    },
  };
  for (;;) {
    try {
      if (!(await listen(counted))) return;
    } catch {
      // Which of many reasons there is for a line to break makes no difference here.
    }
    listener.lost();
    await new Promise((resolve) => setTimeout(resolve, PAUSES_MS[Math.min(failures, PAUSES_MS.length - 1)]));
    failures++;
  }
}

/** Resolves false when the token is refused. */
async function listen(listener: Listener): Promise<boolean> {
  const stop = new AbortController();
  let timer = setTimeout(() => stop.abort(), SILENCE_MS);
  try {
    const response = await fetch('/api/events', { headers: headers(), signal: stop.signal, cache: 'no-store' });
    if (response.status === 401) {
      listener.refused();
      return false;
    }
    if (!response.ok || response.body === null) throw new Error(`status ${response.status}`);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    const parser = new EventParser();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return true;
      clearTimeout(timer);
      timer = setTimeout(() => stop.abort(), SILENCE_MS);
      for (const event of parser.push(value)) listener.event(event);
    }
  } finally {
    clearTimeout(timer);
  }
}

/** What a path tells; undefined when it does not, for whatever reason. */
export async function read(path: string): Promise<unknown> {
  try {
    const response = await fetch(`/api${path}`, { headers: headers(), cache: 'no-store' });
    return response.ok ? await response.json() : undefined;
  } catch {
    return undefined;
  }
}

/** Gives a command. What it answers is for people; whether it worked is in `ok`. */
export async function command(path: string, body: Readonly<Record<string, unknown>>): Promise<Answer> {
  try {
    const response = await fetch(`/api${path}`, {
      method: 'POST',
      headers: { ...headers(), 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return (await response.json()) as Answer;
  } catch {
    return {
      ok: false,
      message: 'The runner did not answer. Whether it has taken the command shows here once it does.',
    };
  }
}
