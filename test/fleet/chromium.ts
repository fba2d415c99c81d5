// A headless Chromium for tests, driven over the DevTools protocol through two pipes: one page a browser, with a profile of
// its own. It takes no fonts of the machine's, so that a picture is the same everywhere.

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fleetCache, unpacked } from './debian.ts';

const PROGRAM = 'usr/lib/chromium/chromium-headless-shell';
const LIBRARY_FOLDERS = ['usr/lib/x86_64-linux-gnu', 'usr/lib/x86_64-linux-gnu/pulseaudio', 'lib/x86_64-linux-gnu'];
// The machine's own: a program runs with the C library of the loader that starts it, and Chromium starts itself again.
const C_LIBRARY =
  /^(ld-linux|lib(c|m|mvec|dl|rt|pthread|util|anl|nsl|resolv|thread_db|BrokenLocale|c_malloc_debug|memusage|pcprofile|nss_\w+)\.so)/;
const LIMIT_MS = 15_000;

interface Answer {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly message: string };
}

interface Evaluated {
  readonly result: { readonly value?: unknown };
  readonly exceptionDetails?: { readonly text: string; readonly exception?: { readonly description?: string } };
}

export interface Look {
  readonly width: number;
  readonly height: number;
  readonly scheme?: 'light' | 'dark';
  readonly reducedMotion?: boolean;
}

export class Chromium {
  /** What the page logged as an error, and what it could not load. */
  readonly complaints: string[] = [];
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  readonly #ended: Promise<void>;
  #session: string | undefined;
  #sent = 0;

  constructor(child: ChildProcess, folder: string) {
    this.#child = child;
    this.#folder = folder;
    this.#ended = new Promise((resolve) => child.once('exit', () => resolve()));
    let text = '';
    const output = child.stdio[4] as NodeJS.ReadableStream;
    // A browser that has ended is told of by what is asked of it.
    const input = child.stdio[3] as NodeJS.WritableStream;
    input.on('error', () => undefined);
    output.on('error', () => undefined);
    output.setEncoding('utf8');
    output.on('data', (part: string) => {
      const messages = (text + part).split('\0');
      text = messages.pop() ?? '';
      for (const message of messages) this.#receive(JSON.parse(message) as Answer);
    });
  }

  #receive(answer: Answer): void {
    if (answer.id !== undefined) this.#waiting.get(answer.id)?.(answer);
    if (answer.method === 'Log.entryAdded') this.complaints.push(JSON.stringify(answer.params?.entry));
    if (answer.method === 'Runtime.exceptionThrown') this.complaints.push(JSON.stringify(answer.params));
  }

  async send(method: string, params: object = {}): Promise<Readonly<Record<string, unknown>>> {
    const id = ++this.#sent;
    const session = this.#session === undefined ? {} : { sessionId: this.#session };
    const answered = new Promise<Answer>((resolve) => this.#waiting.set(id, resolve));
    (this.#child.stdio[3] as NodeJS.WritableStream).write(`${JSON.stringify({ id, method, params, ...session })}\0`);
    const gone = this.#ended.then(() => ({ error: { message: 'the browser has ended' } }) as Answer);
    const answer = await Promise.race([answered, gone]);
    this.#waiting.delete(id);
    if (answer.error !== undefined) throw new Error(`${method}: ${answer.error.message}`);
    return answer.result ?? {};
  }

  async attach(): Promise<void> {
    const { targetId } = await this.send('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true });
    this.#session = String(sessionId);
    for (const domain of ['Page', 'Runtime', 'Log']) await this.send(`${domain}.enable`);
  }

  async open(url: string): Promise<void> {
    await this.send('Page.navigate', { url });
    await this.until('document.readyState === "complete"');
  }

  /** The value of an expression in the page, as JSON has it; promises are waited for. */
  async evaluate<T>(expression: string): Promise<T> {
    const answer = (await this.send('Runtime.evaluate', {
      ...{ expression, returnByValue: true, awaitPromise: true },
      userGesture: true,
    })) as unknown as Evaluated;
    if (answer.exceptionDetails !== undefined) {
      throw new Error(answer.exceptionDetails.exception?.description ?? answer.exceptionDetails.text);
    }
    return answer.result.value as T;
  }

  /** Resolves when the expression is true. */
  async until(expression: string): Promise<void> {
    const deadline = performance.now() + LIMIT_MS;
    while (!(await this.evaluate<boolean>(`Boolean(${expression})`).catch(() => false))) {
      if (performance.now() > deadline) {
        const shown = await this.evaluate<string>('document.body.innerText').catch(String);
        throw new Error(`never became true: ${expression}\n${shown.slice(0, 2_000)}\n${this.complaints.join('\n')}`);
      }
      await sleep(20);
    }
  }

  async look({ width, height, scheme = 'light', reducedMotion = true }: Look): Promise<void> {
    const size = { width, height, deviceScaleFactor: 1, mobile: false };
    await this.send('Emulation.setDeviceMetricsOverride', size);
    const features = [
      { name: 'prefers-color-scheme', value: scheme },
      { name: 'prefers-reduced-motion', value: reducedMotion ? 'reduce' : 'no-preference' },
    ];
    await this.send('Emulation.setEmulatedMedia', { features });
  }

  /** Presses and releases one key, by the name of DOM events: `Tab`, `Enter`. */
  async press(key: string): Promise<void> {
    const code = { Tab: 9, Enter: 13, Escape: 27 }[key] ?? 0;
    const text = key === 'Enter' ? { text: '\r' } : {};
    const event = { key, code: key, windowsVirtualKeyCode: code };
    await this.send('Input.dispatchKeyEvent', { type: 'keyDown', ...event, ...text });
    await this.send('Input.dispatchKeyEvent', { type: 'keyUp', ...event });
  }

  async picture(): Promise<Buffer> {
    const { data } = await this.send('Page.captureScreenshot', { format: 'png' });
    return Buffer.from(String(data), 'base64');
  }

  async close(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Fetches it through apt the first time. */
export async function startChromium(): Promise<Chromium> {
  const root = await unpacked(
    { label: 'Chromium', suite: 'bookworm', name: 'chromium-headless-shell' },
    fleetCache('chromium'),
  );
  const fonts = await unpacked({ label: 'Fonts', suite: 'bookworm', name: 'fonts-inter' }, fleetCache('fonts'));
  const libraries = await libraryFolder(root);
  const folder = await mkdtemp(join(tmpdir(), 'migrate-chromium-'));
  await writeFile(join(folder, 'fonts.conf'), fontConfiguration(fonts, folder));
  const flags = [
    '--remote-debugging-pipe',
    // Tests run as root where nothing else is on the machine; the pages are our own.
    '--no-sandbox',
    '--disable-gpu',
    '--disable-dev-shm-usage',
    '--no-first-run',
    '--hide-scrollbars',
    '--font-render-hinting=none',
    `--user-data-dir=${join(folder, 'profile')}`,
  ];
  // Should this process be killed, the browser goes with it.
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', join(root, PROGRAM), ...flags], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    env: { ...process.env, LD_LIBRARY_PATH: libraries, FONTCONFIG_FILE: join(folder, 'fonts.conf') },
  });
  const chromium = new Chromium(child, folder);
  try {
    await chromium.attach();
    return chromium;
  } catch (error) {
    await chromium.close();
    throw error;
  }
}

/** What came along, but for the C library, as links in one folder. */
async function libraryFolder(root: string): Promise<string> {
  const folder = join(root, '..', 'libraries');
  if (existsSync(folder)) return folder;
  const draft = `${folder}.${process.pid}`;
  await mkdir(draft, { recursive: true });
  for (const from of LIBRARY_FOLDERS.map((each) => join(root, each))) {
    for (const name of await readdir(from)) {
      if (name.includes('.so') && !C_LIBRARY.test(name))
        await symlink(join(from, name), join(draft, name)).catch(() => undefined);
    }
  }
  await rename(draft, folder).catch(() => rm(draft, { recursive: true, force: true }));
  return folder;
}

function fontConfiguration(root: string, cache: string): string {
  const prefer = (family: string): string =>
    `<alias><family>${family}</family><prefer><family>Inter</family></prefer></alias>`;
  return `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
<dir>${join(root, 'usr/share/fonts')}</dir>
<cachedir>${join(cache, 'fonts')}</cachedir>
${['system-ui', 'sans-serif', 'monospace'].map(prefer).join('\n')}
</fontconfig>
`;
}
