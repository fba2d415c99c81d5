// Members found in the bytes of a message are what JSON.parse finds in its text.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { JsonError, JsonMembers, jsonText } from '../../src/stream/kafka/json.ts';

/** Every text, with quotes, backslashes, other planes and halves of pairs. */
const text = fc.string({
  unit: fc.oneof(
    fc.constantFrom('"', '\\', '\n', '}', ']', ',', 'é', '𝄞', '\u2028'),
    fc.constantFrom('a', '1', ' ', '\ud834'),
  ),
});
const name = fc.stringMatching(/^[a-z_]{1,8}$/);

function check(found: JsonMembers, parsed: Readonly<Record<string, unknown>>): void {
  for (const [key, value] of Object.entries(parsed)) {
    const index = found.find(key);
    expect(found.nameOf(index)).toBe(key);
    if (value === null) expect([found.text(key), found.object(key)]).toEqual([null, undefined]);
    else if (typeof value === 'object' && !Array.isArray(value))
      check(found.object(key)!, value as Readonly<Record<string, unknown>>);
    else if (typeof value === 'string') expect(found.text(key)).toBe(value);
    else expect(JSON.parse(found.text(key)!)).toEqual(value);
  }
  expect(found.count).toBe(Object.keys(parsed).length);
}

test('every object is found as it was written, with and without white space, alone and among other bytes', () => {
  const value = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      text,
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie('value'), { maxLength: 3 }),
      tie('object'),
    ),
    object: fc.dictionary(name, tie('value'), { maxKeys: 6 }),
  })).object as fc.Arbitrary<Readonly<Record<string, unknown>>>;
  fc.assert(
    fc.property(value, fc.constantFrom(undefined, 1, '\t'), text, (object, space, around) => {
      const written = Buffer.from(JSON.stringify(object, undefined, space));
      const parsed = JSON.parse(written.toString()) as Readonly<Record<string, unknown>>;
      check(new JsonMembers().over(written, 0, written.length), parsed);
      const front = Buffer.from(around);
      const among = Buffer.concat([front, written, Buffer.from(around)]);
      check(new JsonMembers().over(among, front.length, front.length + written.length), parsed);
      const objects = Object.entries(parsed).filter(([, one]) => typeof one === 'object' && !Array.isArray(one) && one);
      const inner = objects.map(([key]) => ({ name: Buffer.from(key), members: new JsonMembers() }));
      check(new JsonMembers().over(among, front.length, front.length + written.length, inner), parsed);
      for (const [index, [, one]] of objects.entries()) check(inner[index]!.members, one as typeof parsed);
    }),
    { numRuns: 500 },
  );
});

test('an object that is cut off is none, wherever it is cut and whatever follows in the buffer', () => {
  const whole = Buffer.from('{"a":{"b":[1,"x\\"y"]},"c":null,"d":"e"}');
  const inner = [{ name: Buffer.from('a'), members: new JsonMembers() }];
  for (let length = 0; length < whole.length; length++) {
    expect(() => new JsonMembers().over(whole, 0, length, inner)).toThrow(JsonError);
    expect(() => new JsonMembers().over(whole, 0, length)).toThrow(JsonError);
    expect(() => new JsonMembers().over(whole.subarray(0, length), 0, length)).toThrow(JsonError);
  }
  const after = Buffer.concat([whole, Buffer.from('}')]);
  expect(() => new JsonMembers().over(after, 0, after.length)).toThrow(JsonError);
});

test.each(['[]', '"a"', '1', '', '{a:1}', '{"a"}', '{"a":}', '{"a":1,}', '{"a":1 "b":2}', '{,}', '{"a":"\n'])(
  'what is no object is refused: %s',
  (written) => {
    expect(() => new JsonMembers().over(Buffer.from(written), 0, Buffer.byteLength(written))).toThrow(JsonError);
  },
);

test('numbers stay the text they are', () => {
  const written = Buffer.from('{"a":12345678901234567890.10,"b":-0,"c":1E400}');
  const found = new JsonMembers().over(written, 0, written.length);
  expect([found.text('a'), found.text('b'), found.text('c')]).toEqual(['12345678901234567890.10', '-0', '1E400']);
  expect(found.countAt(found.find('a'))).toBe(-1);
});

test('escapes are decoded as JSON.parse decodes them, and wrong ones are refused without their text', () => {
  const decode = (written: string) => jsonText(Buffer.from(written), 0, Buffer.byteLength(written));
  expect(decode('"\\ud834\\udd1e \\u00e9 \\/ \\n"')).toBe('𝄞 é / \n');
  expect(decode(`"${'é'.repeat(500)}\\t"`)).toBe(`${'é'.repeat(500)}\t`);
  expect(() => decode('"secret \\x"')).toThrow(/^no JSON at byte 0$/);
});

test('an object may have any number of members', () => {
  const many = Object.fromEntries(Array.from({ length: 1_600 }, (_, index) => [`c${index}`, index]));
  const written = Buffer.from(JSON.stringify(many));
  check(new JsonMembers().over(written, 0, written.length), many);
});

test('a member is a text only as the whole of that string', () => {
  const written = Buffer.from('{"a":"7:12","b":"7:1","c":7,"d":"","e":"é"}');
  const found = new JsonMembers().over(written, 0, written.length);
  const members = ['a', 'b', 'c', 'd', 'e', 'none'];
  const are = (text: string) => members.filter((name) => found.isText(found.find(name), text));
  expect([are('7:12'), are('7:1'), are('7'), are(''), are('é')]).toEqual([['a'], ['b'], [], ['d'], []]);
});
