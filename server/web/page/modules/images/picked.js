// The files that a user drops or chooses, those in folders too: [{file, name}], where name is the path below the folder.

const k_most = 100000;

const isHidden = (path) => path.split("/").some((part) => part.startsWith("."));
const read = (entry) => new Promise((resolve, reject) => { entry.file(resolve, reject); });

/** All entries of a folder: readEntries gives at most a hundred at a time. */
async function entriesOf(folder) {
  const reader = folder.createReader();
  const all = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => { reader.readEntries(resolve, reject); });
    if (some.length === 0) return all;
    all.push(...some);
  }
}

async function walk(entry, prefix, into, unread) {
  if (into.length >= k_most || entry.name.startsWith(".")) return;
  const name = prefix + entry.name;
  try {
    if (entry.isFile) into.push({ file: await read(entry), name });
    else for (const inner of await entriesOf(entry)) await walk(inner, name + "/", into, unread);
  } catch (error) {
    unread.push({ name, reason: `cannot be read: ${error.message}` });
  }
}

/** Of a drop. Gives {files, unread: [{name, reason}]}. Must be called within the event; the rest goes on after it. */
export async function filesOfDrop(transfer) {
  const entries = [...transfer.items].filter((item) => item.kind === "file").map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile());
  const files = [];
  const unread = [];
  for (const entry of entries) {
    if (entry instanceof File) files.push({ file: entry, name: entry.name });
    else if (entry?.isDirectory) for (const inner of await entriesOf(entry)) await walk(inner, "", files, unread);
    else if (entry) await walk(entry, "", files, unread);
  }
  return { files: byName(files), unread };
}

/** Of an <input type="file">, with or without a folder. */
export function filesOfInput(input) {
  const files = [...input.files].slice(0, k_most).map((file) => ({ file, name: file.webkitRelativePath ? file.webkitRelativePath.replace(/^[^/]*\//, "") : file.name }));
  return { files: byName(files.filter(({ name }) => !isHidden(name))), unread: [] };
}

const byName = (files) => files.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
