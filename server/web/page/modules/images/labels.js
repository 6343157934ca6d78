// Zero-shot classification: how well each label of a list fits a picture, for each model that can say.
import { html, useEffect, useMemo, useState } from "/page/vendored/preact-htm.js";
import { Button } from "../parts/button.js";
import { Icon } from "../parts/icon.js";
import { Failure } from "../parts/message.js";
import { roughPercent } from "../parts/numbers.js";
import { fetchPicture, pictureUrl } from "../pictures/picture.js";
import { titleOf } from "../server/collections.js";
import { classify } from "../server/sightline.js";
import { useInstallation } from "../shell/installation.js";
import { keep, kept } from "../shell/kept.js";
import { cutTo } from "../shell/router.js";

const k_first = ["a house", "a kitchen", "a bathroom", "a garden", "a swimming pool"];
const k_least = 2; // that a model compares
const k_most = 40;

function keptLabels() {
  const labels = kept("labels");
  const texts = Array.isArray(labels) ? labels.filter((one) => typeof one === "string" && one !== "").slice(0, k_most) : [];
  return texts.length > 0 ? texts : k_first;
}

function dataUrlOf(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}

/** The stored file of the document as a data URL; {picture} or {error}. */
function usePictureData(document) {
  const [state, setState] = useState({});
  const url = pictureUrl({ index: document.index, id: document.id, field: document.field });
  useEffect(() => {
    const abort = new AbortController();
    fetchPicture(url, abort.signal).then(dataUrlOf).then(
      (picture) => setState({ url, picture }),
      (error) => { if (!abort.signal.aborted) setState({ url, error }); },
    );
    return () => abort.abort();
  }, [url]);
  return state.url === url ? state : {};
}

/** {probabilities: {LABEL: number}} or {error} of a model; {} while it is asked. */
function useProbabilities(model, picture, labels) {
  const [state, setState] = useState({});
  const asked = useMemo(() => ({}), [model, picture, labels]);
  useEffect(() => {
    if (!picture || labels.length < k_least) return undefined;
    const abort = new AbortController();
    classify(model, picture, labels, { signal: abort.signal }).then(
      (list) => setState({ asked, probabilities: Object.fromEntries(list.map((one) => [one.label, one.probability])) }),
      (error) => { if (!abort.signal.aborted) setState({ asked, error }); },
    );
    return () => abort.abort();
  }, [asked]);
  return state.asked === asked ? state : {};
}

function Bars({ model, series, picture, labels }) {
  const { probabilities, error } = useProbabilities(model.id, picture, labels);
  const best = probabilities && labels.reduce((a, b) => (probabilities[b] > probabilities[a] ? b : a), labels[0]);
  return html`<div class="label-model">
    <h4>${titleOf(model.id)} ${model.demo && html`<span class="tag tag-demo">demo model</span>`}</h4>
    ${error ? html`<${Failure} error=${error} />` : html`<ul class="bars" aria-label=${`Probabilities by ${titleOf(model.id)}`} aria-busy=${!probabilities}>
      ${labels.map((label) => {
        const share = probabilities?.[label];
        return html`<li class=${`bar ${label === best ? "bar-best" : ""}`} key=${label}>
          <span class="bar-label cut" title=${label}>${label}</span>
          <span class="bar-track" aria-hidden="true"><span class=${`bar-fill bar-series-${series}`} style=${{ width: `${(share ?? 0) * 100}%` }}></span></span>
          <span class="bar-number number">${share === undefined ? "–" : roughPercent(share)}</span>
        </li>`;
      })}
    </ul>`}
  </div>`;
}

function LabelList({ labels, onChange }) {
  const [text, setText] = useState("");
  const add = (event) => {
    event.preventDefault();
    const label = cutTo(text.trim(), 200);
    if (label && !labels.includes(label) && labels.length < k_most) onChange([...labels, label]);
    setText("");
  };
  return html`<form class="label-list" onSubmit=${add}>
    ${labels.map((label) => html`<button type="button" class="chip facet-chip" key=${label} aria-label=${`Remove the label ${label}`}
      onClick=${() => onChange(labels.filter((one) => one !== label))}><span class="cut">${label}</span><${Icon} name="close" /></button>`)}
    <input class="input label-input" aria-label="Another label" placeholder="Add a label" maxlength="200" value=${text} onInput=${(event) => setText(event.target.value)} />
    <${Button} small type="submit" icon="plus" disabled=${text.trim() === ""}>Add<//>
    ${labels.join("\n") !== k_first.join("\n") && html`<${Button} plain small onClick=${() => onChange(k_first)}>Start over<//>`}
  </form>`;
}

/** document: {index, id, field} with a picture. Nothing where no model can classify. */
export function Labels({ document }) {
  const { models } = useInstallation();
  const [labels, setLabels] = useState(keptLabels);
  const { picture, error } = usePictureData(document);
  const able = models.filter((model) => model.logit_scale !== undefined && model.state === "ready");
  if (able.length === 0) return null;
  const change = (next) => {
    setLabels(next);
    keep("labels", next);
  };
  return html`<section class="detail-section" aria-label="Labels"><h3>Which label fits?</h3>
    <p class="small soft">Each model gives the probability of each label, compared only with these labels.</p>
    <${LabelList} labels=${labels} onChange=${change} />
    ${error && html`<${Failure} title="The picture cannot be classified" error=${error} />`}
    ${labels.length < k_least && html`<p class="small soft" role="status">Add a label: at least ${k_least} are compared.</p>`}
    ${!error && labels.length >= k_least && html`<div class="label-models">
      ${able.map((model, at) => html`<${Bars} key=${model.id} model=${model} series=${(at % 5) + 1} picture=${picture} labels=${labels} />`)}
    </div>`}
  </section>`;
}
