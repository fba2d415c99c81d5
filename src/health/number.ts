// A number out of what was answered, and answers that are none.

/** An answer that is no reading. */
export class NoNumber extends Error {}

export function numberOf(text: string | null): number {
  const value = text === null || text.trim() === '' ? Number.NaN : Number(text);
  if (!Number.isFinite(value)) throw new NoNumber(text === null ? 'it has no value' : 'it is no number');
  return value;
}

/** No number is longer; what is, is not read to its end. */
const LONGEST_BYTES = 100;

/** What a service answers to GET. Messages do not have the url, which may hold a secret. */
export async function fetched(url: string, timeoutMs: number): Promise<string> {
  const signal = AbortSignal.timeout(timeoutMs);
  const answer = await fetch(url, { signal, redirect: 'manual' }).catch(() => undefined);
  if (answer === undefined) throw new Error(signal.aborted ? `no answer for ${timeoutMs} ms` : 'nobody answers');
  if (answer.status !== 200) {
    await answer.body?.cancel();
    throw new Error(`it answers ${answer.status}`);
  }
  const reader = answer.body?.getReader();
  if (reader === undefined) return '';
  try {
    let bytes = Buffer.alloc(0);
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return bytes.toString('utf8');
      bytes = Buffer.concat([bytes, value]);
      if (bytes.length > LONGEST_BYTES) throw new NoNumber('it is no number');
    }
  } catch (error) {
    if (error instanceof NoNumber) throw error;
    throw new Error('its answer broke off');
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
