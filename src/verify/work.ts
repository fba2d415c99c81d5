// Runs a list of jobs a few at a time, and leaves none behind.

import pLimit from 'p-limit';

/** Rejects with the first failure, after every job that had begun has ended; later ones are not begun. */
export async function eachOf<T>(items: readonly T[], limit: number, work: (item: T) => Promise<void>): Promise<void> {
  const slot = pLimit(limit);
  let failed = false;
  const results = await Promise.allSettled(
    items.map((item) =>
      slot(async () => {
        if (failed) return;
        await work(item).catch((error: unknown) => {
          failed = true;
          throw error;
        });
      }),
    ),
  );
  const failure = results.find((result) => result.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
}
