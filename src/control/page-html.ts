// The status page as it is before its script has filled it in. Headings, landmarks and live regions stand here; what moves is
// made by page/.

export const PAGE_ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="#2558c9"/><path d="M7 11h13m-4-4 4 4-4 4M25 21H12m4-4-4 4 4 4" fill="none" stroke="#fff" stroke-width="2.6" stroke-linecap="round" stroke-linejoin="round"/></svg>
`;

const chart = (id: string, title: string, unit: string): string => `
<figure class="panel chart" id="${id}">
  <figcaption><span>${title}</span><span class="legend"></span></figcaption>
  <div class="plot"><p class="empty">No values yet.</p></div>
  <p class="reading" data-unit="${unit}"></p>
</figure>`;

export const PAGE_HTML = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>migrate</title>
<link rel="icon" href="/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/page.css">
<script type="module" src="/main.js"></script>
</head>
<body data-link="connecting">
<a class="skip" href="#tables">Skip to the tables</a>
<header>
  <div class="name">
    <img src="/icon.svg" alt="" width="32" height="32">
    <div>
      <h1 id="run">migrate</h1>
      <p class="sub"><span class="link" id="link">connecting</span><span id="writable"></span></p>
    </div>
  </div>
  <div class="actions" role="group" aria-label="Commands">
    <button type="button" id="resume" hidden>Resume…</button>
    <button type="button" id="pause" disabled>Pause…</button>
    <button type="button" id="cutover" disabled>Cut over…</button>
  </div>
</header>
<main>
  <div id="lost" class="note bad" role="alert" hidden></div>
  <div id="wait" class="note" role="status" aria-live="polite" hidden></div>
  <div id="error" class="note bad" hidden></div>
  <div id="next" class="note plain" role="status" aria-live="polite" hidden></div>
  <div id="toast" class="toast" role="status" aria-live="polite"></div>
  <section aria-labelledby="stages-title">
    <h2 id="stages-title" class="visually-hidden">Stages</h2>
    <ol id="stages" class="panel stages"></ol>
    <p id="stage" class="visually-hidden" role="status" aria-live="polite"></p>
  </section>
  <section aria-labelledby="numbers-title">
    <h2 id="numbers-title" class="visually-hidden">How it stands</h2>
    <dl id="numbers" class="numbers"></dl>
  </section>
  <section class="charts" aria-labelledby="charts-title">
    <h2 id="charts-title" class="visually-hidden">The last minutes</h2>
    ${chart('lag', 'Lag', 's')}
    ${chart('rates', 'Throughput', 'rows/s')}
  </section>
  <section class="panel" id="tables" aria-labelledby="tables-title" tabindex="-1">
    <div class="bar">
      <h2 id="tables-title">Tables</h2>
      <label class="filter"><span class="visually-hidden">Show tables whose name has</span>
        <input id="filter" type="search" placeholder="Filter by name" autocomplete="off" spellcheck="false"></label>
    </div>
    <table>
      <caption class="visually-hidden">Every table with how far it is</caption>
      <thead><tr><th scope="col">Table</th><th scope="col">State</th><th scope="col">Copied</th><th scope="col" class="number">Rows</th><th scope="col" class="number">Left</th><th scope="col"><span class="visually-hidden">Commands</span></th></tr></thead>
      <tbody id="rows"></tbody>
    </table>
    <p id="more" class="sub"></p>
  </section>
  <section class="panel beside" id="letters" aria-labelledby="letters-title" hidden>
    <div class="bar">
      <h2 id="letters-title">Dead letters</h2>
      <button type="button" id="retry-all" class="small">Replay all open…</button>
    </div>
    <ul id="letter-list" class="wide"></ul>
    <p id="letters-more" class="sub"></p>
  </section>
  <section class="panel beside" id="speed" aria-labelledby="speed-title">
    <div class="bar">
      <h2 id="speed-title">Speed</h2>
      <button type="button" id="throttle" class="small" disabled>Change…</button>
    </div>
    <ul id="speeds" class="wide"></ul>
  </section>
  <section class="panel beside" id="health" aria-labelledby="health-title" hidden>
    <h2 id="health-title">Health of the servers</h2>
    <ul id="probes"></ul>
  </section>
  <section class="panel beside" id="workers" aria-labelledby="workers-title" hidden>
    <h2 id="workers-title">Workers</h2>
    <ul id="worker-list"></ul>
  </section>
  <section class="panel beside" id="trail" aria-labelledby="trail-title" hidden>
    <h2 id="trail-title">Who did what</h2>
    <ul id="trail-list" class="wide"></ul>
  </section>
</main>
<footer><p id="foot"></p></footer>
<dialog id="confirm" aria-labelledby="confirm-title" aria-describedby="confirm-text">
  <form method="dialog" id="confirm-form">
    <h2 id="confirm-title"></h2>
    <p id="confirm-text"></p>
    <div id="confirm-fields" class="fields"></div>
    <label id="confirm-type">Type <strong id="confirm-word"></strong> to confirm
      <input id="confirm-typed" autocomplete="off" spellcheck="false"></label>
    <label>Your name, for the audit trail
      <input id="confirm-name" autocomplete="name" maxlength="200"></label>
    <div class="actions">
      <button type="button" id="confirm-no">Cancel</button>
      <button type="submit" value="yes" id="confirm-yes" class="primary">Confirm</button>
    </div>
  </form>
</dialog>
<dialog id="ask" aria-labelledby="ask-title">
  <form method="dialog">
    <h2 id="ask-title">Which run is this?</h2>
    <p><code>migrate status</code> prints the whole address of this page, with the token that opens it.</p>
    <label>Token
      <input id="ask-token" type="password" autocomplete="off" spellcheck="false" required></label>
    <div class="actions"><button type="submit" value="yes" class="primary">Open</button></div>
  </form>
</dialog>
</body>
</html>
`;
