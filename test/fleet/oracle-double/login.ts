// How a client of the double logs in: the verifier of 12c, with as few rounds as the client takes.

import { createCipheriv, createDecipheriv, createHash, pbkdf2Sync, randomBytes } from 'node:crypto';
import { type Reader, Writer } from './wire.ts';

const VERIFIER_12C = 0x4815;
/** Of the password: as few as there may be, for tests log in often. */
const ROUNDS = 1;
const MIXING_ROUNDS = 3;
const VERSION_19 = 0x13_00_00_00;

interface Challenge {
  readonly verifier: Buffer;
  readonly half: Buffer;
  readonly salt: Buffer;
}

/** Client and server prove to each other that they know the password. */
export class Login {
  readonly #password: string;
  #challenge: Challenge | undefined;

  constructor(password: string) {
    this.#password = password;
  }

  /** Answers the first call with the challenge. */
  challenge(request: Reader): Buffer {
    userAndPairs(request);
    const salt = randomBytes(16);
    const speedy = pbkdf2Sync(
      this.#password,
      Buffer.concat([salt, Buffer.from('AUTH_PBKDF2_SPEEDY_KEY')]),
      ROUNDS,
      64,
      'sha512',
    );
    const verifier = createHash('sha512').update(speedy).update(salt).digest().subarray(0, 32);
    this.#challenge = { verifier, half: randomBytes(32), salt: randomBytes(16) };
    return parameters([
      ['AUTH_SESSKEY', hex(encrypted(verifier, this.#challenge.half))],
      ['AUTH_VFR_DATA', hex(salt), VERIFIER_12C],
      ['AUTH_PBKDF2_CSK_SALT', hex(this.#challenge.salt)],
      ['AUTH_PBKDF2_VGEN_COUNT', String(ROUNDS)],
      ['AUTH_PBKDF2_SDER_COUNT', String(MIXING_ROUNDS)],
    ]);
  }

  /** Answers the second call; undefined when the password is another one. */
  answer(request: Reader, session: number): Buffer | undefined {
    const said = userAndPairs(request);
    if (this.#challenge === undefined) return undefined;
    const { verifier, half, salt } = this.#challenge;
    const theirs = decrypted(verifier, said.get('AUTH_SESSKEY') ?? '').subarray(0, 32);
    const key = pbkdf2Sync(hex(Buffer.concat([theirs, half])), salt, MIXING_ROUNDS, 32, 'sha512');
    const password = decrypted(key, said.get('AUTH_PASSWORD') ?? '');
    const padding = password.at(-1) ?? 0;
    if (password.subarray(16, password.length - padding).toString() !== this.#password) return undefined;
    return parameters([
      ['AUTH_SVR_RESPONSE', hex(encrypted(key, Buffer.concat([randomBytes(16), Buffer.from('SERVER_TO_CLIENT')])))],
      ['AUTH_VERSION_NO', String(VERSION_19)],
      ['AUTH_SESSION_ID', String(session)],
      ['AUTH_SERIAL_NUM', '1'],
      ['AUTH_SC_SERVICE_NAME', 'DOUBLE'],
      ['AUTH_MAX_IDEN_LENGTH', '128'],
    ]);
  }
}

/** What both sides can do: as a server of 12.1 with texts of 32,767 bytes, which has the fewest fields. */
export function negotiate(): Buffer {
  const compileTime = Buffer.alloc(53);
  compileTime[7] = 7;
  const runTime = Buffer.alloc(11);
  runTime[6] = 4;
  const formats = Buffer.alloc(11);
  formats.writeUInt16BE(2_000, 9);
  return new Writer()
    .byte(1, 6, 0)
    .raw(Buffer.from('double\0'))
    .byte(0x69, 3, 1, 0, 0, 0, formats.length)
    .raw(formats)
    .bytes(compileTime)
    .bytes(runTime)
    .done();
}

function userAndPairs(request: Reader): ReadonlyMap<string, string> {
  request.byte();
  request.numbers(2);
  request.byte();
  const count = request.number();
  request.skip(2);
  request.bytes();
  return request.pairs(count);
}

function parameters(pairs: readonly (readonly [key: string, value: string, flag?: number])[]): Buffer {
  const out = new Writer().byte(8).number(pairs.length);
  for (const pair of pairs) out.pair(...pair);
  return out.byte(9, 0, 0).done();
}

const NO_VECTOR = Buffer.alloc(16);

function encrypted(key: Buffer, bytes: Buffer): Buffer {
  const cipher = createCipheriv('aes-256-cbc', key, NO_VECTOR).setAutoPadding(false);
  return Buffer.concat([cipher.update(bytes), cipher.final()]);
}

function decrypted(key: Buffer, digits: string): Buffer {
  const cipher = createDecipheriv('aes-256-cbc', key, NO_VECTOR).setAutoPadding(false);
  return Buffer.concat([cipher.update(Buffer.from(digits, 'hex')), cipher.final()]);
}

function hex(bytes: Buffer): string {
  return bytes.toString('hex').toUpperCase();
}
