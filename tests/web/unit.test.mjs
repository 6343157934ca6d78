// The page's modules that need no browser, under node: node --test tests/web
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import test from "node:test";
import consoleCases from "./console_cases.mjs";
import exactJsonCases from "./exact_json_cases.mjs";
import statusCases from "./status_cases.mjs";

const folder = new URL("../../es_config/console/", import.meta.url);
consoleCases(test, assert, Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(new URL(name, folder), "utf8")])));
statusCases(test, assert);
exactJsonCases(test, assert);
globalThis.sessionStorage ??= { getItem: () => null }; // browsers keep keys there
(await import("./collections_cases.mjs")).default(test, assert);
