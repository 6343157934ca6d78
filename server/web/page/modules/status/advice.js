// What is not set up, and the command that does it. Nothing here needs a browser.

const k_loopback = /^(?:localhost|.*\.localhost|127(?:\.\d+){3}|\[?::1\]?)$/;
const isLocal = (model) => model.architecture !== "cohere";
const k_repositories = { clip: "siglip2-b16", "jina-clip": "jina-clip-v1", siglip: "siglip2-b16" };

function aboutElasticsearch({ page, elasticsearchError }) {
  const kind = page.elasticsearch?.kind ?? "none";
  if (kind === "none") {
    return [{
      id: "no-elasticsearch", title: "No Elasticsearch side",
      text: "Pictures cannot be searched here. Start the server with an embedded store, or as a gateway in front of a cluster.",
      commands: ["sightline-server --model clip=FOLDER --embedded-elasticsearch", "sightline-server --model clip=FOLDER --elasticsearch-gateway https://my-cluster:9200"],
    }];
  }
  if (elasticsearchError) {
    const refused = elasticsearchError.isClusterRefusal;
    return [{
      id: "elasticsearch-refuses", title: refused ? "The cluster requires credentials" : "The Elasticsearch side does not answer",
      text: refused ? "Enter yours with the key button at the top of the page." : `${elasticsearchError.message}. Is the cluster running, and can this machine reach it?`,
      commands: kind === "gateway" && !refused ? ["curl -sS https://my-cluster:9200"] : [],
    }];
  }
  if (kind === "gateway") {
    return [{
      id: "gateway", kind: "note", title: "This server is a gateway",
      text: "It does the inference that the cluster's licence or version lacks, and forwards everything else with your credentials. For all inference in the gateway:",
      commands: ["sightline-server --elasticsearch-gateway URL --gateway-mode always"],
    }];
  }
  return [];
}

function aboutMissing({ page, models, missing, elasticsearchError }) {
  if (elasticsearchError || (page.elasticsearch?.kind ?? "none") === "none") return [];
  return missing.map(({ model }) => {
    if (model === "cohere") {
      const enabled = page.cohere?.enabled !== false;
      return {
        id: "missing-cohere", title: "Cohere is not set up",
        text: `${enabled ? "" : "The server does not forward requests to Cohere yet: start it with --cohere. "}Then put your key into .env and register its endpoints.`,
        commands: [...(enabled ? [] : ["sightline-server --model clip=FOLDER --cohere"]), "echo 'COHERE_API_KEY=YOUR_KEY' >> .env", "scripts/register_endpoints.sh --models cohere"],
      };
    }
    const served = models.some((one) => one.id === model);
    return {
      id: `missing-${model}`, title: `No index for ${model} yet`,
      text: served ? "The model is loaded. Register its endpoints, pipeline and index, then load pictures." : "The server has no model of that name. Download it and start the server with it.",
      commands: [...(served ? [] : [`scripts/download_model.sh ${k_repositories[model]}`, `sightline-server --model ${model}=checkpoints/${k_repositories[model]}`]), `scripts/register_endpoints.sh --models ${model}`],
    };
  });
}

function aboutModels({ models }) {
  const local = models.filter(isLocal);
  const found = [];
  if (local.length > 0 && local.every((model) => model.demo)) {
    found.push({
      id: "demo-only", title: "Only demo models are loaded",
      text: "They are trained only on the drawings of the demo. For photographs, use a real model, such as SigLIP2 (multilingual):",
      commands: ["scripts/download_model.sh siglip2-b16", "sightline-server --model clip=checkpoints/siglip2-b16 --embedded-elasticsearch"],
    });
  }
  const elsewhere = models.find((model) => !isLocal(model) && /not Cohere's own address/.test(model.description ?? ""));
  if (elsewhere) {
    found.push({ id: "cohere-stand-in", title: "Requests for Cohere's models do not go to Cohere", text: `They are ${elsewhere.description}. For Cohere's own, start the server without --cohere-url.`, commands: [] });
  }
  return found;
}

function aboutFingerprints({ collections }) {
  return collections.filter((one) => one.fingerprint && one.served?.fingerprint && one.fingerprint !== one.served.fingerprint).map((one) => ({
    id: `fingerprint-${one.id}`, title: `${one.index} has vectors of another ${one.served.id}`,
    text: `Its vectors in ${one.field} are of the model with fingerprint ${one.fingerprint}; the one served now has ${one.served.fingerprint}. They are not comparable: create the index again, then load the pictures.`,
    commands: [`scripts/register_endpoints.sh --models ${one.model} --remove --with-data`, `scripts/register_endpoints.sh --models ${one.model}`],
  }));
}

function aboutKeys({ page, hostname }) {
  if (page.api_keys || k_loopback.test(hostname)) return [];
  return [{
    id: "no-key", title: "Anyone who can reach this server can use it",
    text: `You opened it as ${hostname}, not on its own machine, and it requires no key. Start it with a file of keys:`,
    commands: ["scripts/make_api_key.sh --file keys NAME", "sightline-server --api-key-file keys"],
  }];
}

/**
 * What to do, most important first: [{id, kind ("warn" if absent), title, text, commands}]. facts: {page, models,
 * collections, missing, elasticsearchError, hostname}.
 */
export function adviceFor(facts) {
  return [...aboutKeys(facts), ...aboutElasticsearch(facts), ...aboutFingerprints(facts), ...aboutMissing(facts), ...aboutModels(facts)]
    .sort((a, b) => Number(a.kind === "note") - Number(b.kind === "note"));
}
