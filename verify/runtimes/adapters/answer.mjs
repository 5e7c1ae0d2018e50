// Answer calls in Node with onnxruntime-node or onnxruntime-web (WebAssembly): node answer.mjs FOLDER_OF_NODE_MODULES
// PACKAGE. The version on the first line, then a line for each call whose path stands on a line of standard input; see
// verify/runtimes/process.py.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { endianness } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const ARRAYS = { float64: Float64Array, float32: Float32Array, int64: BigInt64Array };

const [modules, packageName] = process.argv.slice(2);
const require = createRequire(pathToFileURL(join(modules, "here.js")));

function read(file, dtype) {
  const bytes = readFileSync(file);
  if (dtype === "string") return texts(bytes);
  return new ARRAYS[dtype](bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}

function texts(bytes) {
  const found = [];
  for (let at = 0; at < bytes.length; ) {
    const length = endianness() === "LE" ? bytes.readInt32LE(at) : bytes.readInt32BE(at);
    found.push(bytes.toString("utf-8", at + 4, at + 4 + length));
    at += 4 + length;
  }
  return found;
}

function packed(texts) {
  return Buffer.concat(
    texts.flatMap((text) => {
      const bytes = Buffer.from(text, "utf-8");
      return [Buffer.from(Int32Array.of(bytes.length).buffer), bytes];
    }),
  );
}

const ort = require(packageName);
ort.env.logLevel = "error";
if (ort.env.wasm) ort.env.wasm.numThreads = 1;
const sessions = new Map();

async function opened(graph) {
  if (!sessions.has(graph)) {
    const session = await ort.InferenceSession.create(new Uint8Array(readFileSync(graph)), {
      executionProviders: [packageName.startsWith("onnxruntime-node") ? "cpu" : "wasm"],
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      executionMode: "sequential",
      logSeverityLevel: 3,
    });
    sessions.set(graph, session);
  }
  return sessions.get(graph);
}

async function answer(call) {
  const session = await opened(call.graph);
  const feeds = {};
  for (const t of call.inputs) {
    feeds[t.name] = new ort.Tensor(t.dtype, read(t.file, t.dtype), [call.rows, ...t.shape]);
  }
  const found = await session.run(feeds, call.outputs.map((t) => t.name));
  for (const t of call.outputs) {
    const { data, type } = found[t.name];
    if (type !== t.dtype) throw new Error(`output ${t.name} is ${type}, not ${t.dtype}`);
    const bytes = type === "string" ? packed(data) : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    writeFileSync(t.file, bytes);
  }
}

console.log(JSON.parse(readFileSync(join(modules, "node_modules", packageName, "package.json"), "utf-8")).version);
for await (const line of createInterface({ input: process.stdin })) {
  try {
    await answer(JSON.parse(readFileSync(line, "utf-8")));
    console.log("ok");
  } catch (error) {
    console.log(`error: ${String(error?.message ?? error).split("\n")[0]}`);
  }
}
process.exit(0);
