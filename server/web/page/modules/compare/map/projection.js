// Where the pictures of an index lie in the plane: GET /v1/projections/INDEX.
import { request } from "../../server/request.js";

const k_patience_ms = 300000; // the first answer for an index is computed when it is asked for

/**
 * The points of a collection: {ids, names, xs, ys, placeOf: Map of id to its number, total: documents of which they may be a
 * sample}. x and y are any finite
 * numbers; points without them are left out.
 */
export async function loadProjection(collection, signal) {
  const path = `/v1/projections/${encodeURIComponent(collection.index)}?field=${encodeURIComponent(collection.field)}`;
  const { data } = await request(path, { signal, timeout: k_patience_ms });
  const points = (data.points ?? []).filter(({ x, y }) => Number.isFinite(x) && Number.isFinite(y));
  return {
    ids: points.map((point) => point.id),
    names: points.map((point) => point.name || point.id),
    xs: Float64Array.from(points, (point) => point.x),
    ys: Float64Array.from(points, (point) => point.y),
    placeOf: new Map(points.map((point, i) => [point.id, i])),
    total: data.documents ?? points.length,
  };
}
