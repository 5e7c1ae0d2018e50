// Answer one call with onnxruntime-web in a headless Chromium. Nothing leaves the machine: every request that the page
// makes is answered here from files, any other is refused.
// Called as node browser.mjs FOLDER_OF_NODE_MODULES CHROMIUM; speaks as verify/runtimes/process.py says.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const [modules, chromium] = process.argv.slice(2);
const require = createRequire(pathToFileURL(join(modules, "here.js")));
const web = join(modules, "node_modules", "onnxruntime-web");
const PAGE = "https://page.test/";
const TYPES = { mjs: "text/javascript", js: "text/javascript", wasm: "application/wasm", html: "text/html" };

// Runs inside the page.
async function inPage(call) {
  const ort = await import("/dist/ort.wasm.min.mjs");
  const arrays = { float64: Float64Array, float32: Float32Array, int64: BigInt64Array };
  ort.env.logLevel = "error";
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmPaths = "/dist/";
  const bytes = async (path) => (await fetch(path)).arrayBuffer();
  globalThis.session ??= await ort.InferenceSession.create(new Uint8Array(await bytes("/graph")), {
    executionProviders: ["wasm"],
    executionMode: "sequential",
    logSeverityLevel: 3,
  });
  const session = globalThis.session;
  const feeds = {};
  const texts = (buffer) => {
    const view = new DataView(buffer);
    const found = [];
    for (let at = 0; at < buffer.byteLength; ) {
      const length = view.getInt32(at, true);
      found.push(new TextDecoder("utf-8", { ignoreBOM: true }).decode(new Uint8Array(buffer, at + 4, length)));
      at += 4 + length;
    }
    return found;
  };
  const packed = (texts) =>
    new Blob(
      texts.flatMap((text) => {
        const bytes = new TextEncoder().encode(text);
        return [Int32Array.of(bytes.length), bytes];
      }),
    ).arrayBuffer();
  for (const [i, t] of call.inputs.entries()) {
    const given = await bytes(`/input/${i}`);
    const values = t.dtype === "string" ? texts(given) : new arrays[t.dtype](given);
    feeds[t.name] = new ort.Tensor(t.dtype, values, [call.rows, ...t.shape]);
  }
  const found = await session.run(feeds, call.outputs.map((t) => t.name));
  for (const [i, t] of call.outputs.entries()) {
    const { data, type } = found[t.name];
    if (type !== t.dtype) throw new Error(`output ${t.name} is ${type}, not ${t.dtype}`);
    const body =
      type === "string" ? await packed(data) : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    await fetch(`/output/${i}`, { method: "POST", body });
  }
}

let call;

async function serve(route) {
  const url = new URL(route.request().url());
  const [kind, which] = url.pathname.slice(1).split("/");
  const send = (path) =>
    route.fulfill({ body: readFileSync(path), contentType: TYPES[path.split(".").pop()] ?? "application/octet-stream" });
  if (url.origin + "/" !== PAGE) return route.abort();
  if (kind === "") return route.fulfill({ body: "<!doctype html><title>parity</title>", contentType: "text/html" });
  if (kind === "graph") return send(call.graph);
  if (kind === "input") return send(call.inputs[Number(which)].file);
  if (kind === "dist") return send(join(web, "dist", basename(which)));
  if (kind === "output") {
    writeFileSync(call.outputs[Number(which)].file, route.request().postDataBuffer());
    return route.fulfill({ status: 204 });
  }
  return route.fulfill({ status: 404 });
}

function open() {
  const { chromium: engine } = require("playwright-core");
  // As root, Chromium runs only without its sandbox; it sees no page but ours.
  return engine.launch({ executablePath: chromium, headless: true, args: ["--no-sandbox", "--disable-gpu"] });
}

const browser = await open();
try {
  console.log(`${JSON.parse(readFileSync(join(web, "package.json"), "utf-8")).version} (Chromium ${browser.version()})`);
  const page = await browser.newPage();
  await page.route("**/*", serve);
  let graph = "";
  for await (const line of createInterface({ input: process.stdin })) {
    try {
      call = JSON.parse(readFileSync(line, "utf-8"));
      if (call.graph !== graph) await page.goto(PAGE);
      graph = call.graph;
      await page.evaluate(inPage, call);
      console.log("ok");
    } catch (error) {
      console.log(`error: ${String(error?.message ?? error).split("\n")[0]}`);
    }
  }
} finally {
  await browser.close();
}
process.exit(0);
