"""A gate: a TCP proxy on loopback that harms what passes through it.

Faults are set for each direction: a delay, a trickle, a cut, a changed byte, silence, a wait for an event. They begin with the connection, or, with `when`, at those bytes of
each request that contains them; so the requests before it on a connection that is kept open pass unharmed.
"""

import contextlib
import dataclasses
import socket
import struct
import threading
import time
import urllib.parse

K_PIECE = 64 << 10  # bytes read at a time
K_PATIENCE = 60  # seconds that a test waits for an event


def other_byte(byte):
    """A byte that differs in one bit."""
    return byte ^ 1


@dataclasses.dataclass(frozen=True)
class Faults:
    """What happens to the bytes of one direction. Positions count from where the faults begin, or from the end of the first `after`."""

    delay: float = 0  # seconds before each piece passes
    trickle: tuple = None  # (bytes, seconds): so many bytes at a time, and the pause between them
    cut: int = None  # the connection ends when so many bytes have passed and more come
    reset: bool = False  # the cut is an RST instead of an orderly end
    half: bool = False  # the cut ends only this direction; the other one stays open
    corrupt: int = None  # position of the byte that is changed
    change: callable = other_byte  # what it becomes
    after: bytes = None  # where positions begin to count
    silent: bool = False  # nothing passes
    until: threading.Event = None  # nothing passes before it is set


K_NONE = Faults()


class Direction:
    """Moves the bytes of one direction from one socket to the other."""

    def __init__(self, passage, source, target):
        self.passage, self.source, self.target = passage, source, target
        self.passed = 0  # bytes that have reached the other side
        self.begin(K_NONE)

    def begin(self, faults):
        self.faults, self.position, self.counts, self.seen = faults, 0, faults.after is None, b""

    def run(self):
        try:
            while piece := self.source.recv(K_PIECE):
                if self.passage.take(self, piece):
                    continue
                if not self.faults.half:
                    return self.passage.close(self.faults.reset)
                break
            self.target.shutdown(socket.SHUT_WR)
            self.passage.ended()
        except OSError:  # one of the two has gone
            self.passage.close()

    def forward(self, piece):
        """False if the connection is to end."""
        faults = self.faults
        if faults.silent:
            return True
        if faults.until:
            faults.until.wait()
        self.passage.closed.wait(faults.delay)
        before, counted = self.split(piece)
        self.send(before)
        at = -1 if faults.corrupt is None else faults.corrupt - self.position
        if 0 <= at < len(counted):
            counted = counted[:at] + bytes([faults.change(counted[at])]) + counted[at + 1:]
        whole = faults.cut is None or self.position + len(counted) <= faults.cut
        counted = counted if whole else counted[:faults.cut - self.position]
        self.position += len(counted)
        return self.send_slowly(counted) and whole

    def split(self, piece):
        """What comes before positions count, and what comes then."""
        if self.counts:
            return b"", piece
        text = self.seen + piece
        at = text.find(self.faults.after)
        if at < 0:
            self.seen = tail(text, self.faults.after)
            return piece, b""
        self.counts = True
        begin = at + len(self.faults.after) - len(self.seen)
        return piece[:begin], piece[begin:]

    def send_slowly(self, piece):
        size, pause = self.faults.trickle or (len(piece), 0)
        for begin in range(0, len(piece), size or 1):
            self.send(piece[begin:begin + size])
            if pause and self.passage.closed.wait(pause):
                return False
        return True

    def send(self, piece):
        self.target.sendall(piece)
        self.passed += len(piece)


def tail(text, wanted):
    """The last bytes, in which `wanted` may begin."""
    return text[max(0, len(text) - len(wanted) + 1):]


class Passage:
    """One connection through the gate."""

    def __init__(self, gate, client, server):
        self.gate, self.sockets = gate, (client, server)
        self.closed, self.mutex, self.open_directions = threading.Event(), threading.Lock(), 2
        self.request, self.answer = Direction(self, client, server), Direction(self, server, client)
        self.seen = b""
        if gate.when is None:
            self.arm()
        for direction in (self.request, self.answer):
            threading.Thread(target=direction.run, daemon=True).start()

    def arm(self):
        request, answer = self.gate.next_faults()
        self.request.begin(request)
        self.answer.begin(answer)

    def take(self, direction, piece):
        """Lets a piece pass, with the faults of its direction. False if the connection is to end."""
        when = self.gate.when
        if direction is self.answer or not when:
            return direction.forward(piece)
        text = self.seen + piece
        at = text.find(when)
        if at < 0:
            self.seen = tail(text, when)
            return direction.forward(piece)
        begin = max(0, at - len(self.seen))
        self.seen = tail(text[at + len(when):], when)
        if not direction.forward(piece[:begin]):
            return False
        self.arm()
        return direction.forward(piece[begin:])

    def ended(self):
        with self.mutex:
            self.open_directions -= 1
            last = self.open_directions == 0
        if last:
            self.close()

    def close(self, reset=False):
        with self.mutex:
            if self.closed.is_set():
                return
            self.closed.set()
        for each in self.sockets:
            if reset:
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            with contextlib.suppress(OSError):  # wakes the thread that reads from it
                each.shutdown(socket.SHUT_RD if reset else socket.SHUT_RDWR)
            each.close()
        self.gate.passage_closed(self)


class Gate:
    """Listens on a free port, and connects each client to the server at `url`."""

    def __init__(self, url):
        parts = urllib.parse.urlsplit(url)
        self.target = (parts.hostname, parts.port)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self.listener.getsockname()[1]
        self.url = f"{parts.scheme}://127.0.0.1:{self.port}"
        self.changed = threading.Condition(threading.RLock())
        self.passages, self.last_closed = [], None
        self.let_pass()
        threading.Thread(target=self.accept, daemon=True).start()

    def set(self, request=K_NONE, answer=K_NONE, when=None, times=None):
        """The faults of `times` connections that are opened from now on (None: of all), or of as many requests that contain `when`. Each may be a function
        that gets how many had faults before."""
        with self.changed:
            self.request_faults, self.answer_faults, self.when, self.left = request, answer, when, times
            self.used = 0

    def let_pass(self):
        self.set()

    def next_faults(self):
        """Those of both directions, for the next connection or request."""
        with self.changed:
            if self.left == 0:
                return K_NONE, K_NONE
            if self.left is not None:
                self.left -= 1
            faults = [each(self.used) if callable(each) else each for each in (self.request_faults, self.answer_faults)]
            self.used += 1
            self.changed.notify_all()
            return faults

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self.target, timeout=K_PATIENCE)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            for each in (client, server):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.changed:
                self.passages.append(Passage(self, client, server))

    def passage_closed(self, passage):
        with self.changed:
            if passage in self.passages:
                self.passages.remove(passage)
            self.last_closed = passage
            self.changed.notify_all()

    def wait(self, condition):
        """Until it is true, looked at whenever a connection closes or a fault begins."""
        with self.changed:
            assert self.changed.wait_for(condition, timeout=K_PATIENCE), "what was to happen at the gate did not"

    def end_passages(self):
        """Ends the connections that are open, so that the faults that are set meet the next requests."""
        for passage in list(self.passages):
            passage.close()

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.end_passages()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def eventually(condition, patience=K_PATIENCE):
    """For what a program does with no event to wait for, as closing its end of a connection."""
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.01)
