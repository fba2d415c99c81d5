// migrate completion: scripts for shells, made from the commands themselves.

import { type Command, Option } from 'commander';
import { defineCommand, type Wiring } from './command.ts';
import { printJson } from './io.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof SHELLS)[number];

/** What a shell needs to know of a command. */
interface Completed {
  readonly name: string;
  readonly summary: string;
  readonly options: readonly CompletedOption[];
  /** Words that may stand in place of the argument. */
  readonly words: readonly string[];
  /** True when the argument is a plan file. */
  readonly plan: boolean;
}

interface CompletedOption {
  readonly flags: readonly string[];
  readonly summary: string;
  readonly choices: readonly string[];
  /** True when a value follows. */
  readonly value: boolean;
}

/** `program` is asked when the command runs: it holds this command, too. */
export const completionCommand = (wiring: Wiring, program: () => Command) =>
  defineCommand<object>(
    {
      name: 'completion',
      summary: 'print the script that completes commands, options and plan files in a shell',
      examples: [
        'migrate completion bash > ~/.local/share/bash-completion/completions/migrate',
        'migrate completion zsh > ~/.zfunc/_migrate',
        'migrate completion fish > ~/.config/fish/completions/migrate.fish',
      ],
      takesPlan: false,
      configure: (command) => command.addArgument(command.createArgument('<shell>', 'the shell').choices([...SHELLS])),
      action: async ({ io, options, argument }) => {
        const shell = SHELLS.find((each) => each === argument) ?? 'bash';
        const script = SCRIPTS[shell](program().commands.map(completed));
        if (options.json === true) printJson(io, { result: 'ok', shell, script, next: [] });
        else io.stdout.write(script);
        return 0;
      },
    },
    wiring,
  );

function completed(command: Command): Completed {
  const [argument] = command.registeredArguments;
  return {
    name: command.name(),
    summary: command.description(),
    options: [...command.options, new Option('-h, --help', 'display help')]
      .filter(({ hidden }) => !hidden)
      .map(({ short, long, description, argChoices, required }) => ({
        flags: [short, long].filter((flag) => flag !== undefined),
        summary: description,
        choices: argChoices ?? [],
        value: required,
      })),
    words: argument?.argChoices ?? [],
    plan: argument?.name() === 'plan',
  };
}

const SCRIPTS: Readonly<Record<Shell, (commands: readonly Completed[]) => string>> = { bash, zsh, fish };

const PLANS = '_files -g "*.(yaml|yml)"';

function bash(commands: readonly Completed[]): string {
  const cases = commands.map(({ name, options, words, plan }) => {
    const values = options.filter(({ value }) => value).map(({ flags, choices }) => bashValue(flags, choices));
    const flags = options.flatMap((option) => option.flags).join(' ');
    return `    ${name})
      case "$prev" in
${values.join('\n')}
        *) words=${quoted(`${flags} ${words.join(' ')}`.trim())} plans=${plan ? 1 : 0} ;;
      esac ;;`;
  });
  return `# migrate completion bash
_migrate() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}" command="" words="" plans=0 i
  for ((i = 1; i < COMP_CWORD; i++)); do
    if [[ "\${COMP_WORDS[i]}" != -* ]]; then command="\${COMP_WORDS[i]}"; break; fi
  done
  case "$command" in
    "") words=${quoted([...commands.map(({ name }) => name), 'help', '--help', '--version'].join(' '))} ;;
${cases.join('\n')}
  esac
  COMPREPLY=()
  local IFS=$'\\n'
  [[ -n "$words" ]] && COMPREPLY=($(IFS=' '; compgen -W "$words" -- "$cur"))
  if [[ "$plans" == 1 && "$cur" != -* ]]; then
    COMPREPLY+=($(compgen -f -- "$cur" | while read -r i; do
      case "$i" in *.yaml | *.yml) printf '%s\\n' "$i" ;; *) [[ -d "$i" ]] && printf '%s/\\n' "$i" ;; esac
    done))
  elif [[ "$plans" == 2 ]]; then
    COMPREPLY+=($(compgen -f -- "$cur"))
  fi
}
complete -o filenames -F _migrate migrate
`;
}

function bashValue(flags: readonly string[], choices: readonly string[]): string {
  const does =
    choices.length > 0 ? `words=${quoted(choices.join(' '))}` : flags.includes('--plan') ? 'plans=1' : 'plans=2';
  return `        ${flags.join(' | ')}) ${does} ;;`;
}

function zsh(commands: readonly Completed[]): string {
  const list = commands.map(({ name, summary }) => `    ${quoted(`${name}:${zshText(summary)}`)}`);
  const cases = commands.map(({ name, options, words, plan }) => {
    const specs = options.map(({ flags, summary, value, choices }) => {
      const names = flags.length > 1 ? `(${flags.join(' ')})'{${flags.join(',')}}'` : (flags[0] ?? '');
      const values = choices.length > 0 ? `(${choices.join(' ')})` : flags.includes('--plan') ? PLANS : '_files';
      return `'${names}[${zshText(summary)}]${value ? `:value:${values}` : ''}'`;
    });
    const rest = plan ? [`'1:plan:${PLANS}'`] : words.length > 0 ? [`'1:word:(${words.join(' ')})'`] : [];
    return `    ${name}) _arguments ${[...specs, ...rest].join(' ')} ;;`;
  });
  return `#compdef migrate
# migrate completion zsh
_migrate() {
  local -a commands
  commands=(
${list.join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  shift words
  (( CURRENT-- ))
  case "$words[1]" in
${cases.join('\n')}
  esac
}
if [ "$funcstack[1]" = "_migrate" ]; then _migrate "$@"; else compdef _migrate migrate; fi
`;
}

function fish(commands: readonly Completed[]): string {
  const within = (name: string): string => `-n '__fish_seen_subcommand_from ${name}'`;
  const lines = commands.flatMap(({ name, summary, options, words, plan }) => [
    `complete -c migrate -n __fish_use_subcommand -a ${name} -d ${quoted(summary)}`,
    ...options.map(({ flags, summary: about, value, choices }) => {
      const names = flags.map((flag) => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`));
      const values = choices.length > 0 ? ` -x -a ${quoted(choices.join(' '))}` : value ? ' -r -F' : '';
      return `complete -c migrate ${within(name)} ${names.join(' ')}${values} -d ${quoted(about)}`;
    }),
    ...(words.length > 0 ? [`complete -c migrate ${within(name)} -a ${quoted(words.join(' '))}`] : []),
    ...(plan
      ? [`complete -c migrate ${within(name)} -k -a '(__fish_complete_suffix .yaml; __fish_complete_suffix .yml)'`]
      : []),
  ]);
  return `# migrate completion fish\ncomplete -c migrate -f\n${lines.join('\n')}\n`;
}

/** For the shells alike: a single quote cannot stand between single quotes. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", '’')}'`;
}

function zshText(text: string): string {
  return text.replaceAll("'", '’').replaceAll(/[[\]:\\]/g, '\\$&');
}
