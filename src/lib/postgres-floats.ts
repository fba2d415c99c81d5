// Floating-point numbers as PostgreSQL prints them.

/** The fewest digits that are read as the number; PostgreSQL never takes those midway between two numbers. */
interface Precision {
  /** The nearest number of that precision. */
  readonly round: (value: number) => number;
  /** So many digits always do. */
  readonly digits: number;
  /** From this exponent on one is written. */
  readonly exponentFrom: number;
  /** Below it a text midway between two numbers is longer than the shortest one. */
  readonly wholeFrom: number;
}

const DOUBLE: Precision = { round: Number, digits: 17, exponentFrom: 15, wholeFrom: 2 ** 53 };
const REAL: Precision = { round: Math.fround, digits: 9, exponentFrom: 6, wholeFrom: 2 ** 24 };

/** Of any text that means the number. */
export function doubleText(text: string): string {
  return textOf(Number(text), DOUBLE);
}

export function realText(text: string): string {
  return textOf(Math.fround(Number(text)), REAL);
}

/** For whoever keeps no sign of it. */
export function withoutSignOfZero(text: string): string {
  return text === '-0' ? '0' : text;
}

function textOf(value: number, precision: Precision): string {
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  const [digits = '', exponent = ''] = shortest(value, precision).split('e');
  const power = Number(exponent);
  if (power >= -4 && power < precision.exponentFrom) return plain(digits, power);
  return `${digits}e${exponent.slice(0, 1)}${exponent.slice(1).padStart(2, '0')}`;
}

/** In the form d.ddde±n. */
function shortest(value: number, precision: Precision): string {
  // JavaScript finds it, but also takes those midway, which only large whole numbers have.
  const first = precision === DOUBLE ? value.toExponential() : undefined;
  if (first !== undefined && !isMidway(first, value, precision)) return first;
  for (let digits = 0; digits < precision.digits; digits++) {
    const text = value.toExponential(digits);
    if (precision.round(Number(text)) === value && !isMidway(text, value, precision)) return withoutZeros(text);
  }
  return value.toExponential(precision.digits - 1);
}

function withoutZeros(text: string): string {
  return text.replace(/\.?0+e/, (zeros) => (zeros.startsWith('.') ? 'e' : zeros)).replace(/(\.\d*?)0+e/, '$1e');
}

/** True when as far on the other side of the text there is a number, too. */
function isMidway(text: string, value: number, { round, wholeFrom }: Precision): boolean {
  if (Math.abs(value) < wholeFrom) return false;
  const [digits = '', exponent = ''] = text.split('e');
  const [first = '', rest = ''] = digits.split('.');
  const written = BigInt(`${first}${rest.padEnd(Number(exponent), '0')}`);
  const other = 2n * written - BigInt(value);
  return written !== BigInt(value) && BigInt(round(Number(other))) === other;
}

/** Without an exponent. */
function plain(digits: string, power: number): string {
  const sign = digits.startsWith('-') ? '-' : '';
  const written = digits.replace(/[-.]/g, '');
  if (power < 0) return `${sign}0.${'0'.repeat(-power - 1)}${written}`;
  const whole = written.slice(0, power + 1).padEnd(power + 1, '0');
  const fraction = written.slice(power + 1);
  return sign + whole + (fraction === '' ? '' : `.${fraction}`);
}
