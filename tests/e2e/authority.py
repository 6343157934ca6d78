"""A CA for tests, and the certificates that it signs."""

import subprocess
import time


class Authority:
    """A CA in a folder, and what it signs."""

    def __init__(self, folder, name="ca"):
        self.folder, self.name = folder, name
        self.certificate = folder / f"{name}.crt"
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                     "-keyout", folder / f"{name}.key", "-out", self.certificate)

    @staticmethod
    def openssl(*arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, timeout=60)

    def sign(self, name, serial, expired=False):
        """A certificate of 127.0.0.1; gives its two files."""
        key, request, certificate = (self.folder / f"{name}.{ending}" for ending in ("key", "csr", "crt"))
        self.openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}", "-keyout", key, "-out", request)
        extensions = self.folder / "extensions"
        extensions.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
        self.openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.folder / f"{self.name}.key", "-set_serial", serial,
                     "-extfile", extensions, "-out", certificate, "-days", 0 if expired else 2)
        if expired:
            time.sleep(1.5)  # the end is in the second of the beginning: OpenSSL 3.5 signs nothing that ends earlier
        return certificate, key


def put_in_place(certificate, key, folder):
    """As an operator or a renewing program does it: each file is moved over the old one."""
    for source, name in ((key, "server.key"), (certificate, "server.crt")):
        copy = folder / f"{name}.new"
        copy.write_bytes(source.read_bytes())
        copy.chmod(0o600)
        copy.rename(folder / name)
