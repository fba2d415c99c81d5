// Messages are the same however the network cuts them.

import { EventEmitter } from 'node:events';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { takeFrames } from '../../src/databases/postgres/log/frames.ts';

interface Message {
  readonly kind: string;
  readonly content: Buffer;
}

function encode({ kind, content }: Message): Buffer {
  const header = Buffer.alloc(5);
  header.write(kind, 0, 'latin1');
  header.writeUInt32BE(content.length + 4, 1);
  return Buffer.concat([header, content]);
}

/** What the two sides get of a byte stream that arrives in the given blocks. */
function deliver(blocks: readonly Buffer[]): { copied: string[]; others: string[]; blocks: number } {
  const stream = new EventEmitter();
  const got = { copied: [] as string[], others: [] as string[], blocks: 0 };
  stream.on('data', (bytes: Buffer) => got.others.push(bytes.toString('hex')));
  takeFrames(stream, {
    block: () => {
      got.blocks++;
    },
    copyData: (bytes, start, end) => got.copied.push(bytes.toString('hex', start, end)),
  });
  for (const block of blocks) stream.emit('data', block);
  return got;
}

const message = fc.record({
  kind: fc.constantFrom('d', 'd', 'd', 'c', 'N', 'Z'),
  content: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
});

test('every message arrives once, whole and in order, however it is cut', () => {
  fc.assert(
    fc.property(fc.array(message, { maxLength: 20 }), fc.array(fc.nat(400), { maxLength: 30 }), (messages, cuts) => {
      const bytes = Buffer.concat(messages.map(encode));
      const edges = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
      const blocks = edges.slice(1).map((edge, index) => bytes.subarray(edges[index], edge));
      expect(deliver(blocks)).toEqual({
        copied: messages.filter(({ kind }) => kind === 'd').map(({ content }) => content.toString('hex')),
        others: messages.filter(({ kind }) => kind !== 'd').map((other) => encode(other).toString('hex')),
        blocks: blocks.length,
      });
    }),
    { numRuns: 500 },
  );
});
