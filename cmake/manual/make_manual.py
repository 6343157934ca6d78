#!/usr/bin/env python3
"""Makes the man page and the completions of one command from what it prints for --help.

Usage: make_manual.py --command NAME --version VERSION --out FOLDER --others NAME,... [--more FILE] [--script] -- PROGRAM...

PROGRAM... prints the help: that of a program of ours (CLI11's layout), or with --script that of a script. --others are all installed
commands: sightline-search is scripts/search.sh. --more is roff that is appended to the page. Writes NAME.1.gz, NAME.bash, _NAME (zsh) and NAME.fish to FOLDER. Fails on a line of
the help that it cannot read, so that no option is missing unnoticed.
"""
import argparse
import gzip
import os
import pathlib
import re
import subprocess
import sys
from dataclasses import dataclass, field

PATH_TYPES = ("FILE", "FOLDER", "F")
PATH_OPTION = re.compile(r"-(file|dir|certificate|key|ca|report|json|html|pictures|attributes|sets|numbers)$|^--(report|json|html|pictures|attributes|sets|files-from)$")


@dataclass
class Option:
    flags: list
    argument: str = ""  # "": a flag
    choices: list = field(default_factory=list)
    default: str = ""
    environment: str = ""
    notes: str = ""  # REQUIRED, Needs: ..., Excludes: ...
    text: str = ""

    @property
    def takes_path(self):
        named = self.argument.split("=")[-1] in PATH_TYPES
        return named or (self.argument == "TEXT" and any(PATH_OPTION.search(flag) for flag in self.flags))

    @property
    def named_value(self):
        return self.argument.startswith("NAME=")

    @property
    def brief(self):
        return re.split(r"(?<!\.)[.;] ", re.sub(r" \(default:? [^)]*\)", "", self.text))[0]


@dataclass
class Help:
    about: str = ""
    synopsis: list = field(default_factory=list)
    groups: list = field(default_factory=list)  # (title, options)
    positionals: list = field(default_factory=list)
    after: str = ""

    @property
    def options(self):
        return [option for _, options in self.groups for option in options]


def option_of(head, text):
    """An option from the left column of CLI11's help: `--port UINT=8080 (Env:SIGHTLINE_PORT)`; since CLI11 2.4 `--port UINT [8080] (Env:...)`."""
    environment = re.search(r" \(Env:(\w+)\)", head)
    head = re.sub(r" \(Env:\w+\)", "", head)
    notes = re.search(r" (REQUIRED|Needs: .*|Excludes: .*)$", head)
    if notes:
        head = head[:notes.start()]
    flags, _, argument = head.strip().partition(" ")
    argument = re.sub(r" ?\.\.\.$", "", argument.strip())
    default = ""
    newer = re.match(r"(.+(?<! in)) \[(.*)\]$", argument)  # `INT in [1 - 64]` is a range
    if newer:
        argument, default = newer[1], newer[2]
    elif "=" in argument and not argument.startswith("NAME="):
        argument, _, default = argument.partition("=")
    choices = re.search(r":\{(.*)\}$", argument)
    argument = argument.split(":")[0].strip()
    return Option(flags.split(","), argument, choices[1].split(",") if choices else [], default.strip("[]\""),
                  environment[1] if environment else "", notes[1] if notes else "", text)


def read_program_help(text, command):
    """CLI11: what it is about, `Usage:`, groups that end in a colon with options in two columns, a footer."""
    page, lines = Help(), text.splitlines()
    usage = next(number for number, line in enumerate(lines) if line.startswith("Usage:"))
    page.about = "\n".join(lines[:usage]).strip()
    page.synopsis = [re.sub(r"^Usage: *\S+", command, lines[usage])]
    column = next(re.match(r" +-h,--help +", line).end() for line in lines if line.strip().startswith("-h,--help"))
    group = None
    for number, line in enumerate(lines[usage + 1:], usage + 1):
        if not line.strip():
            continue
        if re.match(r"[A-Z][\w ]*:$", line) and line != "Examples:":
            group = (line[:-1], [])
            (page.groups.append(group) if line != "Positionals:" else page.positionals.append(group))
        elif line.startswith(" " * column) and group and group[1]:
            option = group[1][-1]
            option.text = (option.text + " " + line.strip()).strip()
        elif line.startswith("  ") and group is not None:
            # The left column may run into the right one's place; its text is then on the next line.
            wide = lines[number + 1:number + 2] and lines[number + 1].startswith(" " * column)
            head, about = (line, "") if wide else (line[:column], line[column:])
            group[1].append(option_of(head.strip(), about.strip()))
        elif not line.startswith(" "):
            page.after = "\n".join(lines[number:]).strip()
            break
        else:
            raise SystemExit(f"make_manual: cannot read this line of the help: {line!r}")
    page.positionals = [option for _, options in page.positionals for option in options]
    for positional in page.positionals:
        positional.argument = ""
    listed = [re.match(r"  (-\S+)", line) for line in lines[usage:]]
    missing = {found[1].split(",")[0] for found in listed if found} - {option.flags[0] for option in page.options}
    if missing:
        raise SystemExit(f"make_manual: {command}: cannot read the options {', '.join(sorted(missing))}")
    if not page.options or any(not option.flags[0].startswith("-") or not option.text for option in page.options):
        raise SystemExit(f"make_manual: {page.synopsis}: options without a name or a text")
    return page


def read_script_help(text, command):
    """What a script prints: a sentence, lines that call it, and text with a list of its options."""
    page, text = Help(), text.strip()
    kept, in_synopsis = [], False
    for line in text.splitlines():
        call = re.match(rf"(?:  |Usage: )({re.escape(command)}\b.*)", line)
        in_synopsis = bool(call) or (in_synopsis and bool(line.strip()))
        if call:
            page.synopsis.append(call[1])
        elif in_synopsis:
            page.synopsis[-1] += " " + line.strip()
        else:
            kept.append(line)
    page.about = "\n".join(kept).strip()
    options = []
    for line in kept:
        if options and options[-1].text and re.match(r"\s{15}\s*[a-z]\S* [a-z]", line):
            options[-1].text += " " + line.strip()
        for flag, argument, about in re.findall(r"(?:^\s+|, )(--[a-z][a-z-]*)(?: ([A-Z]+))?(?:\s{2,}(.*)|(?=, --))", line):
            options.append(Option([flag], argument or "", text=about))
    options.append(Option(["-h", "--help"], text="Print this help"))
    page.groups = [("Options", options)]
    if not page.synopsis:
        raise SystemExit(f"make_manual: the help of {command} does not say how it is called")
    named = set(re.findall(r"--[a-z][a-z-]*", " ".join(page.synopsis)))
    missing = named - {flag for option in options for flag in option.flags}
    if missing:
        raise SystemExit(f"make_manual: {command}: no text for {', '.join(sorted(missing))}")
    return page


def with_commands(text, others):
    """Scripts that are installed as commands get the names of these."""
    def name(script):
        command = "sightline-" + script[1].replace("_", "-")
        return command if command in others else script[0]
    return re.sub(r"scripts/(\w+)\.sh", name, text)


# ---- the page

def roff(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join(("\\&" + line) if line[:1] in (".", "'") else line for line in text.splitlines())


def paragraphs(text):
    """Lines that are laid out keep their breaks. A sentence that begins a line begins a paragraph."""
    out = []
    for block in re.split(r"\n\s*\n|(?<=\.)\n(?=[A-Z])", text):
        laid_out = any(line.startswith("  ") for line in block.splitlines())
        out.append(".PP\n" + (f".nf\n{roff(block)}\n.fi" if laid_out else roff(block)))
    return "\n".join(out)


def option_entry(option):
    head = ", ".join(f"\\fB{roff(flag)}\\fR" for flag in option.flags) + (f" \\fI{roff(option.argument)}\\fR" if option.argument else "")
    facts = [option.text if option.text.endswith(".") else option.text + "."]
    if option.choices:
        facts.append(f"One of: {', '.join(option.choices)}.")
    if option.default:
        facts.append(f"Default: {option.default}.")
    if option.notes:
        facts.append(option.notes.replace("REQUIRED", "Required").rstrip(".") + ".")
    if option.environment:
        facts.append(f"Environment: {option.environment}.")
    return f".TP\n{head}\n{roff(' '.join(facts))}"


def man_page(command, version, page, from_script, more, others):
    first = re.split(r"(?<=[a-z)])[.:](?:\s|$)", page.about)[0].replace("\n", " ")
    title = first[0].lower() + first[1:]
    parts = [f'.TH {command.upper()} 1 "" "Sightline {version}" "User Commands"', ".SH NAME", f"{roff(command)} \\- {roff(title)}", ".SH SYNOPSIS", ".nf",
             *[roff(line) for line in page.synopsis], ".fi", ".SH DESCRIPTION", paragraphs(page.about)]
    if not from_script:
        if page.positionals:
            parts += [".SH ARGUMENTS", *[option_entry(option) for option in page.positionals]]
        parts.append(".SH OPTIONS")
        for title, options in page.groups:
            parts += [*([f".SS {roff(title)}"] if title != "Options" else []), *[option_entry(option) for option in options]]
    if page.after:
        heading, _, rest = page.after.partition(":\n")
        parts += [f".SH {roff(heading.upper())}", f".nf\n{roff(rest)}\n.fi"]
    if more:
        parts.append(more.strip())
    parts += [".SH SEE ALSO", ",\n".join(f"\\fB{roff(other)}\\fR(1)" for other in others if other != command)]
    return "\n".join(parts) + "\n"


# ---- completions

def bash_completion(command, page):
    function = "_" + command.replace("-", "_")
    flags = " ".join(flag for option in page.options for flag in option.flags)
    arms = []
    for option in page.options:
        if not option.argument:
            continue
        if option.choices:
            act = f"COMPREPLY=($(compgen -W '{' '.join(option.choices)}' -- \"$cur\"))"
        elif option.named_value:
            act = '[ "$value_begun" = 2 ] && _files' if option.takes_path else ":"
        else:
            act = "_files" if option.takes_path else ":"
        arms.append(f"    {'|'.join(option.flags)}) {act.replace('_files', function + '_files')}; return ;;")
    return f"""# bash completion for {command}, made from its --help
{function}_files() {{
  compopt -o filenames 2>/dev/null
  mapfile -t COMPREPLY < <(compgen -f -- "$cur")
}}
{function}() {{
  local cur=${{COMP_WORDS[COMP_CWORD]}} at=$((COMP_CWORD - 1)) value_begun=0 option
  COMPREPLY=()
  # bash splits --option=value and NAME=FOLDER at the equals sign.
  if [ "$cur" = = ]; then cur= value_begun=1; elif [ "${{COMP_WORDS[at]}}" = = ]; then value_begun=1 at=$((at - 1)); fi
  option=${{COMP_WORDS[at]}}
  if [ "$value_begun" = 1 ] && [[ $option != -* ]]; then
    value_begun=2 at=$((at - 1))
    [ "${{COMP_WORDS[at]}}" != = ] || at=$((at - 1))
    option=${{COMP_WORDS[at]}}
  fi
  case $option in
{chr(10).join(arms)}
  esac
  if [[ $cur = -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W '{flags}' -- "$cur")
  else
    {function}_files
  fi
}}
complete -F {function} {command}
"""


def zsh_text(text):
    return text.replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]").replace(":", "\\:").replace("'", "'\\''")


def zsh_completion(command, page):
    function = "_" + command.replace("-", "_")
    specs = []
    for option in page.options:
        for flag in option.flags:
            spec = f"*{flag}" + ("=" if option.argument and flag.startswith("--") else "") + f"[{zsh_text(option.brief)}]"
            if option.argument:
                if option.choices:
                    act = f"({' '.join(option.choices)})"
                elif option.takes_path:
                    act = "{compset -P \"*=\"; _files}" if option.named_value else "_files"
                else:
                    act = " "
                spec += f":{zsh_text(option.argument)}:{act}"
            specs.append(f"    '{spec}'")
    lines = " \\\n".join(specs + ["    '*:file:_files'"])
    return f"#compdef {command}\n# zsh completion for {command}, made from its --help\n{function}() {{\n  _arguments \\\n{lines}\n}}\n{function} \"$@\"\n"


def fish_completion(command, page):
    out = [f"# fish completion for {command}, made from its --help"]
    for option in page.options:
        names = " ".join(f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" for flag in option.flags)
        value = ""
        if option.choices:
            value = f" -x -a '{' '.join(option.choices)}'"
        elif option.argument:
            value = " -r -F" if option.takes_path else " -x"
        brief = option.brief.replace("\\", "\\\\").replace("'", "\\'")
        out.append(f"complete -c {command} {names}{value} -d '{brief}'")
    return "\n".join(out) + "\n"


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--command", required=True)
    arguments.add_argument("--version", required=True)
    arguments.add_argument("--out", type=pathlib.Path, required=True)
    arguments.add_argument("--more", type=pathlib.Path)
    arguments.add_argument("--script", action="store_true")
    arguments.add_argument("--others", required=True)
    arguments.add_argument("program", nargs="+")
    options = arguments.parse_args()
    # Settings of the caller must not show as defaults.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SIGHTLINE_")}
    done = subprocess.run([*options.program, "--help"], env=environment, capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        raise SystemExit(f"make_manual: {' '.join(options.program)} --help ended with {done.returncode}: {done.stderr[-2000:]}")
    others = options.others.split(",")
    shown = with_commands(done.stdout, others)
    page = read_script_help(shown, options.command) if options.script else read_program_help(shown, options.command)
    more = options.more.read_text() if options.more else ""
    text = man_page(options.command, options.version, page, options.script, more, others)
    options.out.mkdir(parents=True, exist_ok=True)
    # Without a time stamp: the same sources give the same file.
    (options.out / f"{options.command}.1.gz").write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    (options.out / f"{options.command}.bash").write_text(bash_completion(options.command, page))
    (options.out / f"_{options.command}").write_text(zsh_completion(options.command, page))
    (options.out / f"{options.command}.fish").write_text(fish_completion(options.command, page))


if __name__ == "__main__":
    sys.exit(main())
