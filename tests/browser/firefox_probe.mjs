// Open a page in Firefox over WebDriver BiDi, evaluate expressions in it one after the other, and print what came out
// together with what the page logged and requested.
// usage: node firefox_probe.mjs '<json>' with {firefox, url, expressions}
import { launch } from "puppeteer-core";

const { firefox, url, expressions } = JSON.parse(process.argv[2]);
const browser = await launch({ browser: "firefox", executablePath: firefox, headless: true });
const report = { console: [], errors: [], requests: [], results: [] };
try {
  const page = await browser.newPage();
  page.on("console", (message) => report.console.push(`${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => report.errors.push(String(error)));
  page.on("request", (request) => report.requests.push(request.url()));
  await page.goto(url);
  for (const expression of expressions) report.results.push(await page.evaluate(expression));
} finally {
  await browser.close();
}
process.stdout.write(JSON.stringify(report));
process.exit(0);
