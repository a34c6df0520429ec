// Whether OpenAPI 3.1 documents are valid: node validate.mjs DOCUMENT...
//
// By the schema that the specification publishes (https://spec.openapis.org/oas/3.1/schema-base), which
// knows the JSON Schemas inside as well, and by what the specification says and no schema can. A
// validator that finds no fault says little, so it has to find those that are made here, too.
import { readFileSync } from "node:fs";
import { BASIC } from "@hyperjump/json-schema/experimental";
import { validate } from "@hyperjump/json-schema/openapi-3-1";

const schema = "https://spec.openapis.org/oas/3.1/schema-base";
const methods = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

function* valuesIn(value, at = "#") {
  yield [at, value];
  if (value === null || typeof value !== "object") return;
  for (const [key, each] of Object.entries(value)) yield* valuesIn(each, `${at}/${key}`);
}

function resolve(document, reference) {
  if (!reference.startsWith("#/")) return undefined;
  return reference
    .slice(2)
    .split("/")
    .map((step) => decodeURIComponent(step).replaceAll("~1", "/").replaceAll("~0", "~"))
    .reduce((value, step) => value?.[step], document);
}

function* faultsBeyondSchema(document) {
  for (const [at, value] of valuesIn(document)) {
    const examples = /\/(default|examples|const|enum)(\/|$)/.test(at);
    if (examples || value === null || typeof value !== "object") continue;
    const named = typeof value.$ref === "string" ? [value.$ref] : [];
    if (value.discriminator?.mapping) named.push(...Object.values(value.discriminator.mapping));
    for (const reference of named) {
      if (resolve(document, reference) === undefined) yield `${at}: there is no ${reference}`;
    }
  }
  const ids = new Set();
  const shapes = new Set();
  for (const [path, item] of Object.entries(document.paths)) {
    const shape = path.replaceAll(/\{[^}]*\}/g, "{}");
    if (shapes.has(shape)) yield `${path}: another path is the same but for names`;
    shapes.add(shape);
    for (const method of methods.filter((each) => each in item)) {
      const operation = item[method];
      const where = `${method} ${path}`;
      if (ids.has(operation.operationId)) yield `${where}: a second ${operation.operationId}`;
      ids.add(operation.operationId);
      const parameters = operation.parameters ?? [];
      const names = parameters.map((parameter) => `${parameter.in} ${parameter.name}`);
      if (new Set(names).size !== names.length) yield `${where}: a parameter is there twice`;
      const inPath = new Set(parameters.filter((each) => each.in === "path").map((each) => each.name));
      const inTemplate = new Set([...path.matchAll(/\{([^}]*)\}/g)].map((match) => match[1]));
      for (const name of inTemplate) if (!inPath.has(name)) yield `${where}: says nothing of {${name}}`;
      for (const name of inPath) if (!inTemplate.has(name)) yield `${where}: has no {${name}}`;
      for (const requirement of operation.security ?? []) {
        for (const name of Object.keys(requirement)) {
          if (!document.components?.securitySchemes?.[name]) yield `${where}: there is no ${name}`;
        }
      }
    }
  }
}

async function faultsOf(document) {
  const result = await validate(schema, document, BASIC);
  const faults = (result.errors ?? []).map(
    (error) => `${decodeURIComponent(error.instanceLocation)}: against ${error.absoluteKeywordLocation}`,
  );
  if (!result.valid && faults.length === 0) faults.push("not valid");
  return [...faults, ...faultsBeyondSchema(document)];
}

const operations = (document) =>
  Object.values(document.paths).flatMap((item) => methods.filter((each) => each in item).map((each) => item[each]));
const withPath = (document) => operations(document).find((each) => each.parameters?.some((one) => one.in === "path"));
const model = (document) =>
  Object.values(document.components.schemas).find((each) => Object.values(each.properties ?? {}).some((one) => one.type));
const member = (document) => Object.values(model(document).properties).find((one) => one.type);

/// Each makes a valid document invalid.
const mistakes = {
  "no title": (document) => delete document.info.title,
  "another version": (document) => (document.openapi = "3.0.0"),
  "a place that is none": (document) => (withPath(document).parameters[0].in = "somewhere"),
  "a path's parameter that need not be there": (document) => {
    withPath(document).parameters.find((each) => each.in === "path").required = false;
  },
  "a path's parameter that nobody takes": (document) => (withPath(document).parameters = []),
  "a response without a description": (document) =>
    delete Object.values(operations(document)[0].responses)[0].description,
  "two operations of one id": (document) =>
    (operations(document)[0].operationId = operations(document)[1].operationId),
  "a type that is none": (document) => (member(document).type = "text"),
  "a length that is none": (document) => (member(document).minLength = -1),
  "what is required is no list": (document) => (model(document).required = true),
  "a reference to nothing": (document) => (member(document).$ref = "#/components/schemas/Nothing"),
  "a name that components cannot have": (document) => (document.components.schemas["a b"] = {}),
  "a scheme that nobody has said": (document) => (operations(document)[0].security = [{ Nobody: [] }]),
};

let failed = false;
const files = process.argv.slice(2);
if (files.length === 0) throw new Error("usage: node validate.mjs DOCUMENT...");
for (const file of files) {
  const text = readFileSync(file, "utf8");
  const faults = await faultsOf(JSON.parse(text));
  for (const fault of faults) console.error(`${file}: ${fault}`);
  const document = JSON.parse(text);
  const { length: count } = operations(document);
  if (faults.length === 0) console.log(`${file}: valid, ${count} operations`);
  failed ||= faults.length > 0;
  for (const [name, make] of Object.entries(mistakes)) {
    const broken = JSON.parse(text);
    make(broken);
    if ((await faultsOf(broken)).length > 0) continue;
    console.error(`${file}: the validator does not find ${name}`);
    failed = true;
  }
}
process.exit(failed ? 1 : 0);
