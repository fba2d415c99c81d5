// docs/cli.md: the help of every command, as the command line itself prints it.

import { PassThrough } from 'node:stream';
import type { Application } from '../src/cli/application.ts';
import { createProgram } from '../src/cli/program.ts';
import { Secrets } from '../src/observe/secrets.ts';

export function cliPage(): string {
  const out = new PassThrough();
  const io = { stdout: out, stderr: out, env: {}, signal: new AbortController().signal, secrets: new Secrets() };
  // Help asks nothing of the application.
  const program = createProgram({ app: {} as Application, io, done: () => undefined });
  const help = (command: typeof program): string => {
    command.configureHelp({ helpWidth: 110 });
    command.outputHelp();
    return (out.read() as Buffer).toString('utf8').trim();
  };
  const sections = program.commands.map(
    (command) => `## migrate ${command.name()}\n\n\`\`\`text\n${help(command)}\n\`\`\``,
  );
  return [
    '# Commands',
    '<!-- Generated from src/cli by `npm run docs`. Do not edit. -->',
    `\`\`\`text\n${help(program)}\n\`\`\``,
    ...sections,
    '',
  ]
    .join('\n\n')
    .replace(/\n+$/, '\n');
}
