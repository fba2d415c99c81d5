// The files of the status page, by path. Its scripts lie beside this file once the program is built; nothing comes from
// elsewhere.

import { readdirSync, readFileSync } from 'node:fs';
import { PAGE_HTML, PAGE_ICON } from './page-html.ts';
import { PAGE_STYLE } from './page-style.ts';

export interface PageFile {
  readonly type: string;
  readonly body: string;
}

const FOLDER = new URL('./page/', import.meta.url);

let files: ReadonlyMap<string, PageFile> | undefined;

/** Read when the first page is opened: most runs are watched from a terminal. */
export function pageFile(path: string): PageFile | undefined {
  files ??= readFiles();
  return files.get(path);
}

function readFiles(): ReadonlyMap<string, PageFile> {
  const scripts = readdirSync(FOLDER)
    .filter((name) => name.endsWith('.js'))
    .map((name): readonly [string, PageFile] => {
      const body = readFileSync(new URL(name, FOLDER), 'utf8');
      return [`/${name}`, { type: 'text/javascript; charset=utf-8', body }];
    });
  return new Map([
    ...scripts,
    ['/', { type: 'text/html; charset=utf-8', body: PAGE_HTML }],
    ['/page.css', { type: 'text/css; charset=utf-8', body: PAGE_STYLE }],
    ['/icon.svg', { type: 'image/svg+xml', body: PAGE_ICON }],
  ]);
}
