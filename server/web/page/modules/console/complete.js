// What is offered while a request is typed: methods, paths, URL parameters, members of bodies and their values.
import { snippet } from "/page/vendored/codemirror.js";
import { k_tasks, parameterValues, parametersOf, pathsThatFit } from "./apis.js";
import { bodyType, membersOf, templateOf, typeAt, valuesOf } from "./body_members.js";
import { k_methods, requestAt } from "./parse.js";
import { placeIn } from "./place.js";

const k_max_body = 200000; // characters before the cursor that are looked at

function methodOptions() {
  return k_methods.filter((one) => one !== "PATCH").map((label) => ({ label, type: "keyword", apply: label + " " }));
}

function namesFor(template, catalog, typedBefore) {
  if (template === "{index}") return catalog.indices.map((label) => ({ label, detail: "index" }));
  if (template === "{pipeline}") return catalog.pipelines.map((label) => ({ label, detail: "pipeline" }));
  if (template === "{task}") return k_tasks.map((label) => ({ label, detail: "task" }));
  if (template !== "{endpoint}") return template.startsWith("{") ? [] : [{ label: template }];
  const task = typedBefore.at(-1);
  return catalog.endpoints.filter((one) => !k_tasks.includes(task) || one.task_type === task).map((one) => ({ label: one.inference_id, detail: one.service }));
}

function pathOptions(method, path, catalog) {
  const segments = path.replace(/^\/+/, "").split("/");
  const before = segments.slice(0, -1);
  const seen = new Map();
  for (const { segments: template } of pathsThatFit(method, segments, catalog.cluster)) {
    for (const option of namesFor(template[before.length], catalog, before)) {
      if (option.label === "") continue;
      const more = template.length > segments.length;
      const known = seen.get(option.label);
      seen.set(option.label, { ...option, detail: option.detail ?? (known?.whole || !more ? "" : "…"), whole: known?.whole || !more });
    }
  }
  return [...seen.values()].map(({ whole, ...option }) => ({ ...option, type: option.detail ? "variable" : "function", boost: option.label.startsWith("_") ? 0 : 1 }));
}

function parameterOptions(method, path, typed, cluster) {
  const mark = typed.indexOf("=");
  if (mark >= 0) return parameterValues(typed.slice(0, mark)).map((label) => ({ label, type: "constant" }));
  return parametersOf(method, path, cluster).map((label) => ({ label, type: "property", apply: parameterValues(label).includes("true") && label !== "refresh" ? label : label + "=" }));
}

function completePath(line, method, typed, from, catalog) {
  const mark = typed.indexOf("?");
  if (mark < 0) {
    const start = typed.lastIndexOf("/") + 1;
    return { from: from + start, options: pathOptions(method, typed, catalog), validFor: /^[^/?\s]*$/ };
  }
  const query = typed.slice(mark + 1);
  const start = query.lastIndexOf("&") + 1;
  const last = query.slice(start);
  const value = last.indexOf("=") + 1;
  return { from: from + mark + 1 + start + value, options: parameterOptions(method, typed.slice(0, mark), last, catalog.cluster), validFor: /^[^=&\s]*$/ };
}

/** Puts in `name` with quotes and what follows it, taking over quotes and a colon that are there already. */
function applyMember(name, template) {
  return (view, completion, from, to) => {
    const doc = view.state.doc;
    const behind = doc.sliceString(to, Math.min(doc.length, to + 40));
    const quote = behind.startsWith('"') ? 1 : 0;
    const colon = /^\s*:/.test(behind.slice(quote));
    const text = JSON.stringify(name).replace(/[{}]/g, "\\$&") + (colon ? "" : ": " + template);
    snippet(text)(view, completion, from, to + quote);
  };
}

function applyValue(text) {
  return (view, completion, from, to) => {
    const behind = view.state.doc.sliceString(to, to + 1);
    const end = text.endsWith('"') && behind === '"' ? to + 1 : to;
    view.dispatch({ changes: { from, to: end, insert: text }, selection: { anchor: from + text.length }, userEvent: "input.complete" });
  };
}

const fieldsOf = (catalog, path, type) => catalog.fieldsOf(path).filter((one) => !type || one.type === type);

function memberOptions(type, request, catalog) {
  const { members, fields } = membersOf(type);
  const options = members.map(([name, member]) => ({ label: `"${name}"`, displayLabel: name, type: "property", apply: applyMember(name, templateOf(member)) }));
  if (!fields) return options;
  const template = templateOf(typeAt(type, ["*"]) ?? '"#{}"');
  return options.concat(fieldsOf(catalog, request.path).map((one) => ({
    label: `"${one.path}"`, displayLabel: one.path, detail: one.type, type: "variable",
    apply: applyMember(one.path, ["match", "term"].includes(type) ? '"#{}"' : type === "terms" ? '["#{}"]' : template),
  })));
}

function valueOptions(type, request, catalog) {
  const { values, fieldType, name } = valuesOf(type);
  const option = (text, detail) => ({ label: text, displayLabel: text.replaceAll('"', ""), detail, type: "constant", apply: applyValue(text) });
  if (fieldType !== undefined) return fieldsOf(catalog, request.path, fieldType).map((one) => option(JSON.stringify(one.path), one.type));
  if (name === "endpoint") return catalog.endpoints.map((one) => option(JSON.stringify(one.inference_id), one.task_type));
  if (name === "pipeline") return catalog.pipelines.map((one) => option(JSON.stringify(one)));
  if (name === "index") return catalog.indices.map((one) => option(JSON.stringify(one)));
  return values.map((one) => option(one));
}

function completeBody(context, request, catalog) {
  const value = request.values.findLast((one) => one.from < context.pos);
  const type = bodyType(request.method, request.path);
  if (!value || !type || context.pos - value.from > k_max_body) return null;
  const place = placeIn(context.state.doc.sliceString(value.from, context.pos));
  if (place.at === "none" || (place.prefix === "" && !context.explicit)) return null;
  const here = typeAt(type, place.keys);
  const options = place.at === "key" ? memberOptions(here, request, catalog) : valueOptions(here, request, catalog);
  return options.length === 0 ? null : { from: context.pos - place.prefix.length, options, validFor: /^"?[\w.-]*$/ };
}

/** A CodeMirror completion source. parsed(state): of parseConsole(); catalog(): of loadCatalog(). */
export function completion(parsed, catalog) {
  return (context) => {
    const line = context.state.doc.lineAt(context.pos);
    const before = line.text.slice(0, context.pos - line.from);
    const head = /^\s*([A-Za-z]+)[ \t]+(\S*)$/.exec(before);
    if (head && k_methods.includes(head[1].toUpperCase())) {
      return completePath(line, head[1].toUpperCase(), head[2], context.pos - head[2].length, catalog());
    }
    const { requests } = parsed(context.state);
    const request = requestAt(requests, context.pos);
    const inBody = request && request.values.some((one) => one.from < context.pos && (context.pos < one.to || one.compact === undefined));
    if (inBody) return completeBody(context, request, catalog());
    const word = /^\s*([A-Za-z]*)$/.exec(before);
    if (!word || (word[1] === "" && !context.explicit)) return null;
    return { from: context.pos - word[1].length, options: methodOptions(), validFor: /^[A-Za-z]*$/ };
  };
}
