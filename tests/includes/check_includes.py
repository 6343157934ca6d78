#!/usr/bin/env python3
"""Holds each #include of base, models, server, ingest and eval against the tables of docs/architecture.md.

Usage: check_includes.py SOURCE_FOLDER

"Where everything lives": a row names rooms (folders without those below them, or files: `x.h` stands for x.cpp too)
and what they may use directly; what that uses may be used as well. "Libraries with one home": the rooms that may include
a library's headers. Prints each include against the tables, and exits with 1 if there is one.
"""
import pathlib
import re
import sys

K_ROOTS = ("base", "models", "server", "ingest", "eval")


def table_below(text, heading):
    """The rows of the first table after a heading, as lists of cells."""
    section = text.split(heading + "\n", 1)[1]
    lines = re.search(r"^\|.*?(?=\n\n|\Z)", section, re.S | re.M).group().splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def names_in(cell):
    return [name.rstrip("/") for name in re.findall(r"`([^`]+)`", cell)]


class Rooms:
    def __init__(self, rows):
        self.rows = {room: set(names_in(row[0])) for row in rows for room in names_in(row[0])}
        self.uses = {room: self.rows[room] | set(names_in(row[-1])) for row in rows for room in names_in(row[0])}
        unknown = {name for used in self.uses.values() for name in used} - set(self.uses)
        if unknown:
            raise SystemExit(f"docs/architecture.md: rooms without a row: {', '.join(sorted(unknown))}")
        self.reach = {room: self.reached_from(room) for room in self.uses}

    def reached_from(self, room):
        seen, ahead = set(), [room]
        while ahead:
            one = ahead.pop()
            if one not in seen:
                seen.add(one)
                ahead += self.uses[one]
        return seen

    def room_of(self, path):
        """The row of a file: its own, else that of its folder."""
        names = re.sub(r"\.cpp$", ".h", path), str(pathlib.PurePosixPath(path).parent)
        return next((name for name in names if name in self.uses), None)

    def circles(self):
        """Rooms of different rows that use each other."""
        return sorted((a, b) for a in self.uses for b in self.reach[a] if a < b and a in self.reach[b] and b not in self.rows[a])


def faults_in(folder):
    folder = pathlib.Path(folder)
    text = (folder / "docs/architecture.md").read_text()
    rooms = Rooms(table_below(text, "## Where everything lives"))
    homes = [(names_in(row[0]), names_in(row[1])) for row in table_below(text, "### Libraries with one home")]
    faults = [f"docs/architecture.md: {a} and {b} use each other" for a, b in rooms.circles()]
    for source in sorted(path for root in K_ROOTS for path in (folder / root).rglob("*") if path.suffix in (".h", ".cpp")):
        path = source.relative_to(folder).as_posix()
        room = rooms.room_of(path)
        if room is None:
            faults.append(f"{path}: no row of docs/architecture.md is about its folder")
            continue
        for number, line in enumerate(source.read_text().splitlines(), 1):
            include = re.match(r'#\s*include\s*([<"])([^>"]+)[>"]', line)
            if not include:
                continue
            header = include[2]
            for libraries, homes_of in homes:
                if any(header.startswith(library) for library in libraries) and not any(path.startswith(home + "/") for home in homes_of):
                    faults.append(f"{path}:{number}: <{header}> is included in {', '.join(homes_of)} only")
            if include[1] == '"' and header.split("/")[0] in K_ROOTS:
                target = rooms.room_of(header)
                if target not in rooms.reach[room]:
                    faults.append(f"{path}:{number}: {room} may not use {target or header} ({header})")
    return faults


if __name__ == "__main__":
    found = faults_in(sys.argv[1])
    for fault in found:
        print(fault)
    sys.exit(1 if found else 0)
