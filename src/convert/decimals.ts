// Decimal numbers as texts, of any length: never as numbers of JavaScript.

const DECIMAL = /^([-+]?)(\d*)(?:\.(\d*))?(?:e([+-]?\d+))?$/i;
/** Beyond so many zeros an exponent stays one: a text of three characters must not become one of megabytes. */
const MOST_ZEROS = 400;

interface Decimal {
  readonly negative: boolean;
  /** Without zeros at either end; empty for zero. */
  readonly digits: string;
  /** Of the last digit. */
  readonly exponent: number;
}

function read(text: string): Decimal | undefined {
  const match = DECIMAL.exec(text);
  if (match === null) return undefined;
  const [, sign, whole = '', fraction = '', exponent = '0'] = match;
  const written = `${whole}${fraction}`.replace(/^0+/, '');
  const digits = written.replace(/0+$/, '');
  return {
    negative: sign === '-',
    digits,
    exponent: Number(exponent) - fraction.length + (written.length - digits.length),
  };
}

/** The one form of a number: no plus sign, no zeros that mean nothing, no exponent but a huge one. What is no number stays. */
export function plainDecimal(text: string): string {
  const number = read(text);
  if (number === undefined) return text;
  const { negative, digits, exponent } = number;
  if (digits === '') return '0';
  const sign = negative ? '-' : '';
  const point = digits.length + exponent;
  if (Math.max(point, -exponent) > MOST_ZEROS) return `${sign}${digits}e${exponent}`;
  if (exponent >= 0) return sign + digits + '0'.repeat(exponent);
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}

/** Whether a decimal of so many digits, `scale` of them behind the point, holds the number without a loss. */
export function fitsDecimal(text: string, precision: number, scale: number): boolean {
  const number = read(text);
  if (number === undefined) return false;
  const { digits, exponent } = number;
  return digits === '' || (digits.length + exponent <= precision - scale && exponent >= -scale);
}

const INT64 = { least: -(2n ** 63n), most: 2n ** 64n - 1n };

/** Whether it is written as a whole number and is one of 64 bits, with or without a sign. */
export function isWhole64(text: string): boolean {
  if (!/^-?\d+$/.test(text)) return false;
  const whole = BigInt(text);
  return whole >= INT64.least && whole <= INT64.most;
}

/** Whether MySQL's JSON keeps the number: as a whole one of 64 bits, or as a double that is the same number. */
export function isKeptByJson(text: string): boolean {
  if (isWhole64(text)) return true;
  const double = Number(text);
  return Number.isFinite(double) && plainDecimal(String(double)) === plainDecimal(text);
}
