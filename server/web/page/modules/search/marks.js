// Which hits of different columns are the same picture.

/** What two hits of one picture have in common: the id (the loader's are of the bytes), else the name. */
function groups(columns, keyOf) {
  const found = new Map();
  columns.forEach((hits, column) => {
    for (const hit of hits) {
      const key = keyOf(hit);
      if (!found.has(key)) found.set(key, []);
      found.get(key).push({ hit, column });
    }
  });
  return [...found.entries()].filter(([, members]) => new Set(members.map((one) => one.column)).size > 1);
}

const letter = (i) => (i < 26 ? String.fromCharCode(65 + i) : String(i + 1));

/** columns: lists of hits. Gives a Map from hit to {key, letter, count of columns} for those in more than one column. */
export function marksOf(columns) {
  const marks = new Map();
  let next = 0;
  for (const keyOf of [(hit) => "id:" + hit.id, (hit) => "name:" + hit.name]) {
    for (const [key, members] of groups(columns, keyOf)) {
      if (members.some(({ hit }) => marks.has(hit))) continue;
      const mark = { key, letter: letter(next), count: new Set(members.map((one) => one.column)).size };
      next += 1;
      for (const { hit } of members) marks.set(hit, mark);
    }
  }
  return marks;
}
