// Record batches unpacked in one piece. The client library's own way takes sixteen kilobytes at a time, each a turn of the loop
// and of a thread, and puts them together afterwards: for a backlog that is more work than reading the records.

import { gzip, type InputType, unzip, type ZlibOptions } from 'node:zlib';

/** What the client library asks of a codec. */
export interface Codec {
  compress(encoder: { readonly buffer: Buffer }): Promise<Buffer>;
  decompress(packed: Buffer): Promise<Buffer>;
}

/** At least as much as an empty stream takes. */
const SHORTEST = 18;
const LEAST_CHUNK = 64;
/** Larger ones are put together of several: what a stream says of its size need not be true. */
const MOST_CHUNK = 32 * 1024 * 1024;

export const gzipCodec: Codec = {
  compress: ({ buffer }) => settled(gzip, buffer, {}),
  // One byte more than is needed: a chunk that is full asks for another.
  decompress: (packed) => settled(unzip, packed, { chunkSize: Math.min(unpackedSize(packed) + 1, MOST_CHUNK) }),
};

/** As the end of the stream says: its size modulo 2^32. */
function unpackedSize(packed: Buffer): number {
  if (packed.length < SHORTEST) return LEAST_CHUNK;
  return Math.max(LEAST_CHUNK, packed.readUInt32LE(packed.length - 4));
}

type Work = (bytes: InputType, options: ZlibOptions, done: (error: Error | null, result: Buffer) => void) => void;

function settled(work: Work, bytes: Buffer, options: ZlibOptions): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    work(bytes, options, (error, result) => {
      if (error === null) resolve(result);
      else reject(error);
    });
  });
}
