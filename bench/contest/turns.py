"""Programs that take turns: each is a process that loads once and answers each line with a line. Programs without the turn
are stopped (SIGSTOP), so that threads that spin while they wait do not slow down the others."""

import collections
import contextlib
import ctypes
import json
import os
import pathlib
import select
import signal
import statistics
import subprocess
import time

import machine

LOAD_LIMIT = 600  # seconds until a program must be ready
ANSWER_LIMIT = 300  # seconds for an answer, in addition to 20 per requested second
LONGEST_REASON = 160  # characters
PR_SET_PDEATHSIG = 1


class Failed(Exception):
    """A program answered with an error; the text is its reason."""


class Ended(Failed):
    """A program ended, or took too long: it gets no more commands."""


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def environment(threads):
    """The same for all: the number of threads, and no settings that slow OpenBLAS or oneDNN down."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OPENBLAS_", "GOMP_", "OMP_", "DNNL_", "ONEDNN_", "SIGHTLINE_"))}
    counts = {name: str(threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    return {**kept, **counts, "TOKENIZERS_PARALLELISM": "false", "PYTHONDONTWRITEBYTECODE": "1", "HF_HUB_OFFLINE": "1"}


# sightline-server sets this itself at its start (server/openmp.cpp).
SIGHTLINE_SETTINGS = {"GOMP_SPINCOUNT": "5000"}


class Program:
    """A running program. `ready` is its first line. It runs in `folder`, which has the files of its commands."""

    def __init__(self, command, env, log, folder):
        self.log, self.held = log, b""
        with open(log, "wb") as errors:
            self.process = subprocess.Popen([str(word) for word in command], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            stderr=errors, cwd=folder, preexec_fn=die_with_parent, start_new_session=True)  # fmt: skip
        try:
            started = time.monotonic()
            self.ready = self._answer(LOAD_LIMIT)
            self.ready["started_s"] = time.monotonic() - started
            self._signal(signal.SIGSTOP)
        except BaseException:
            self.end()
            raise

    def _answer(self, seconds):
        until = time.monotonic() + seconds
        pipe = self.process.stdout.fileno()
        while b"\n" not in self.held:
            left = until - time.monotonic()
            if left <= 0 or not select.select([pipe], [], [], left)[0]:
                raise Ended(f"no answer within {seconds:.0f} s")
            piece = os.read(pipe, 65536)
            if not piece:
                raise Ended(self._last_words())
            self.held += piece
        line, self.held = self.held.split(b"\n", 1)
        return json.loads(line)

    def _last_words(self):
        code = self.process.wait()
        said = [line for line in open(self.log, errors="replace").read().splitlines() if line.strip()]
        return said[-1][:LONGEST_REASON] if said else f"ended with exit code {code}"

    def _signal(self, number):
        if self.process.poll() is None:
            os.killpg(self.process.pid, number)

    def ask(self, line, seconds=0):
        """One turn of about that many seconds."""
        self._signal(signal.SIGCONT)
        try:
            self.process.stdin.write(line.encode() + b"\n")
            self.process.stdin.flush()
            answer = self._answer(ANSWER_LIMIT + 20 * seconds)
        except BrokenPipeError:
            raise Ended(self._last_words()) from None
        finally:
            self._signal(signal.SIGSTOP)
        if "error" in answer:
            raise Failed(answer["error"])
        return answer

    def end(self):
        self._signal(signal.SIGKILL)
        self.process.wait()
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.stdout.close()


@contextlib.contextmanager
def running(commands, options, say, memory_mib=0):
    """Starts the programs one after the other, each if `memory_mib` are free; yields ({key: Program}, {key: why it is missing}).
    Ends all at the end."""
    programs, missing = {}, {}
    try:
        for key, command in commands.items():
            try:
                if (free := machine.available_mib()) < memory_mib:
                    raise Failed(f"not enough memory: {free:.0f} MiB of {memory_mib:.0f}")
                settings = SIGHTLINE_SETTINGS if pathlib.Path(command[0]).name.startswith("sightline-") else {}
                programs[key] = Program(command, {**options.environment, **settings}, options.logs / f"{key.replace(' ', '-')}.log", options.work)
                say(f"  {key}: ready in {programs[key].ready['started_s']:.1f} s")
            except Failed as why:
                missing[key] = str(why)
                say(f"  {key}: not measured: {why}")
        yield programs, missing
    finally:
        for program in programs.values():
            program.end()


def in_turns(programs, groups, rounds, say, is_late):
    """Runs the commands of `groups`, `rounds` times: ({(key, question): [answer]}, {(key, question): why}).

    A group is a list of (key, question, seconds) that are compared. The first one changes from round to round, so that none
    always follows the same one. A program that ends, or does not answer, is left out from then on; `is_late` ends the rounds early."""
    answers, failed, ended = collections.defaultdict(list), {}, {}
    for turn in range(rounds):
        for group in groups:
            first = turn % len(group)
            for key, question, seconds in group[first:] + group[:first]:
                if is_late():
                    return answers, failed
                if (key, question) in failed or key not in programs:
                    continue
                if key in ended:
                    failed[key, question] = ended[key]
                    continue
                try:
                    answers[key, question].append(programs[key].ask(f"{question} {seconds:g}", seconds))
                except Failed as why:
                    failed[key, question] = str(why)
                    say(f'  {key} failed at "{question}": {why}')
                    if isinstance(why, Ended):
                        ended[key] = str(why)
                        programs[key].end()
        say(f"  round {turn + 1} of {rounds}")
    return answers, failed


def middle_of(answers, name="median_s"):
    """The median, the minimum and the maximum of the rounds' values."""
    values = [answer[name] for answer in answers]
    return {"median": statistics.median(values), "least": min(values), "most": max(values), "rounds": len(values)}
