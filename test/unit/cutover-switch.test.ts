// Switch drivers, and which side is writable.

import { describe, expect, it } from 'vitest';
import { CommandSwitch, type CommandSwitchOptions } from '../../src/cutover/switch/command.ts';
import { OperatorSwitch } from '../../src/cutover/switch/operator.ts';
import { writableSide } from '../../src/cutover/writable.ts';

const context = { run: 'orders', epoch: 7, idempotencyKey: 'orders-1', signal: new AbortController().signal };

function command(run: readonly string[], options: Partial<CommandSwitchOptions> = {}): CommandSwitch {
  return new CommandSwitch({ run, timeoutMs: 20_000, idempotent: false, scrub: (text) => text, ...options });
}

describe('a command switch', () => {
  it('runs the program without a shell, with the run, the epoch and a key, and without our environment', async () => {
    process.env.SECRET_URL = 'postgres://user:hunter2@db/x';
    const script = `
      const { MIGRATE_RUN, MIGRATE_EPOCH, MIGRATE_IDEMPOTENCY_KEY, SECRET_URL } = process.env;
      console.log(JSON.stringify([MIGRATE_RUN, MIGRATE_EPOCH, MIGRATE_IDEMPOTENCY_KEY, SECRET_URL ?? null, process.argv[1]]));
      process.exit(3);`;
    await expect(command([process.execPath, '-e', script, '$(id) *']).do(context)).rejects.toMatchObject({
      code: 'CUTOVER.SWITCH',
      message: expect.stringContaining('failed with exit code 3: ["orders","7","orders-1",null,"$(id) *"]'),
    });
    await command([process.execPath, '-e', '']).do(context);
  });

  it('keeps only the end of the output, without secrets', async () => {
    const script = `process.stderr.write('x'.repeat(100000) + 'hunter2 end', () => process.exit(1))`;
    const failed = command([process.execPath, '-e', script], { scrub: (text) => text.replaceAll('hunter2', '***') });
    const error = await failed.do(context).catch((thrown: Error) => thrown);
    expect((error as Error).message).toMatch(/x\*\*\* end$/);
    expect((error as Error).message.length).toBeLessThan(4_300);
  });

  it('has certainly failed when it could not be started', async () => {
    await expect(command(['/no/such/program']).do(context)).rejects.toMatchObject({ code: 'CUTOVER.SWITCH' });
  });

  it('has an unknown outcome when it was killed or ran out of time, with everything it started', async () => {
    const suicide = `process.kill(process.pid, 'SIGKILL')`;
    await expect(command([process.execPath, '-e', suicide]).do(context)).rejects.toMatchObject({
      code: 'CUTOVER.AMBIGUOUS',
    });
    const slow = command(['/bin/sh', '-c', 'sleep 600 & wait'], { timeoutMs: 50 });
    await expect(slow.do(context)).rejects.toMatchObject({
      code: 'CUTOVER.AMBIGUOUS',
      message: expect.stringContaining('was ended after 50 ms'),
    });
  });

  it('does not wait for what the program left running', async () => {
    await command(['/bin/sh', '-c', 'sleep 3 & exit 0']).do(context);
  });

  it('has an undo only when the plan gives one', async () => {
    expect(command(['true']).undo).toBeUndefined();
    const undo = command(['true'], { undo: [process.execPath, '-e', 'process.exit(4)'] }).undo;
    await expect(undo?.(context)).rejects.toMatchObject({ message: expect.stringContaining('exit code 4') });
  });
});

describe('an operator switch', () => {
  it('waits for a person and fails when the person says no', async () => {
    const asked: string[] = [];
    const answer = (yes: boolean) =>
      new OperatorSwitch('move the pools', (message) => {
        asked.push(message);
        return Promise.resolve(yes);
      });
    await answer(true).do(context);
    await expect(answer(false).do(context)).rejects.toMatchObject({ code: 'CUTOVER.SWITCH' });
    await answer(true).undo(context);
    await expect(answer(false).undo(context)).rejects.toMatchObject({ code: 'CUTOVER.AMBIGUOUS' });
    expect(asked[2]).toBe('Take this back: move the pools');
  });
});

describe('the writable side', () => {
  it('is never both, and the source as long as it is not closed for good', () => {
    const states = [
      { kind: 'absent' },
      { kind: 'open' },
      { kind: 'closed', expired: true, remainingMs: 0 },
      { kind: 'closed', expired: false, remainingMs: 5 },
      { kind: 'permanent' },
    ] as const;
    const table = states.map((source) => states.map((target) => writableSide(source, target)));
    const source = Array(5).fill('source');
    expect(table).toEqual([
      source,
      source,
      source,
      Array(5).fill('none'),
      ['target', 'target', 'none', 'none', 'none'],
    ]);
  });
});
