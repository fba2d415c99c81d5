// A place in a block of bytes that moves on as it is read. Numbers are little-endian unless a name says otherwise.

/** Reading past the block throws; reading past `end` does not: whoever reads a whole thing compares `at` with `end` after it. */
export class Cursor {
  bytes: Buffer = Buffer.alloc(0);
  at = 0;
  end = 0;

  /** Returns itself, so that one cursor serves every event. */
  over(bytes: Buffer, start: number, end: number): this {
    this.bytes = bytes;
    this.at = start;
    this.end = end;
    return this;
  }

  u8(): number {
    this.at += 1;
    return this.bytes.readUInt8(this.at - 1);
  }

  u16(): number {
    this.at += 2;
    return this.bytes.readUInt16LE(this.at - 2);
  }

  u24(): number {
    this.at += 3;
    return this.bytes.readUIntLE(this.at - 3, 3);
  }

  u32(): number {
    this.at += 4;
    return this.bytes.readUInt32LE(this.at - 4);
  }

  u48(): number {
    this.at += 6;
    return this.bytes.readUIntLE(this.at - 6, 6);
  }

  u64(): bigint {
    this.at += 8;
    return this.bytes.readBigUInt64LE(this.at - 8);
  }

  /** `size` bytes, 1 to 6. */
  uint(size: number): number {
    this.at += size;
    return this.bytes.readUIntLE(this.at - size, size);
  }

  /** `size` bytes, 1 to 6, the highest first. */
  uintBE(size: number): number {
    this.at += size;
    return this.bytes.readUIntBE(this.at - size, size);
  }

  /** A count or length as the protocol packs it: one byte, or a mark and two, three or eight bytes. */
  packed(): number {
    const first = this.u8();
    if (first < 0xfb) return first;
    if (first === 0xfc) return this.u16();
    if (first === 0xfd) return this.u24();
    return Number(this.u64());
  }

  latin1(size: number): string {
    this.at += size;
    return this.bytes.toString('latin1', this.at - size, this.at);
  }

  utf8(size: number): string {
    this.at += size;
    return this.bytes.toString('utf8', this.at - size, this.at);
  }

  /** A copy: the block may be large, and does not live on for a value in it. */
  copy(size: number): Buffer {
    if (this.at + size > this.bytes.length) throw new RangeError('a value runs past its block');
    this.at += size;
    return Buffer.from(this.bytes.subarray(this.at - size, this.at));
  }
}
