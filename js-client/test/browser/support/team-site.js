// A site for teams with added meetings, as a person uses it.

/** Logs in, in a context of its own. */
export async function logIn(browsers, kind, server, { name, password = 'demo' }) {
  const context = await browsers.context(kind);
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  await page.goto(server.url('/login'));
  await page.type('input[name=login]', name);
  await page.type('input[name=password]', password);
  await Promise.all([page.waitForNavigation(), page.keyboard.press('Enter')]);
  return page;
}

/** Another tab with the same login. */
export async function anotherTab(page, url) {
  const tab = await page.browserContext().newPage();
  tab.setDefaultTimeout(30_000);
  await tab.goto(url);
  return tab;
}

/** Waits for this text of an element, also in a background tab. */
export async function reads(page, selector, expected) {
  try {
    await page.waitForFunction((query, text) => {
      return document.querySelector(query)?.textContent.trim() === text;
    }, { polling: 50 }, selector, expected);
  } catch (cause) {
    const text = await page.$eval(selector, ({ textContent }) => textContent).catch(() => 'nothing');
    throw new Error(`${selector} reads ${JSON.stringify(text)}, not ${JSON.stringify(expected)}`, { cause });
  }
}

/** Waits until these are the others in the meeting. */
export async function seesPeople(page, names) {
  const others = (element) => [...element.querySelectorAll('li > span')].map(({ textContent }) => textContent);
  try {
    await page.waitForFunction((expected) => {
      const shown = [...document.querySelectorAll('#people li > span')].map(({ textContent }) => textContent);
      return JSON.stringify(shown.sort()) === expected;
    }, { polling: 50 }, JSON.stringify([...names].sort()));
  } catch (cause) {
    const shown = await page.$eval('#people', others);
    throw new Error(`${JSON.stringify(shown)}, not ${JSON.stringify(names)}`, { cause });
  }
}

/** Name and state of each row of the attendance lists, as a member sees them. */
export async function attendance(page, url) {
  await page.goto(url);
  return page.$$eval('tbody tr', (rows) => rows.map((row) => [
    row.querySelector('th').textContent,
    row.querySelector('td:last-child').textContent,
  ]));
}
