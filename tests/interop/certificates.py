"""Certificates, CRLs, requests, OCSP responses and time stamps that we wrote, verified by Tongsuo's library and the program
gmssl, and refused by them when a bit is turned. README.md has the layout of the folder.

    python3 certificates.py check FOLDER
    python3 certificates.py make FOLDER     such a folder by the program gmssl, and Tongsuo where that can not
"""

import pathlib
import sys
import time

import authority
import gmssl_program
import tongsuo
import tongsuo_cms
from der import read, unarmored
from gmssl_program import PASSWORD, gmssl
from tongsuo import holds, must_refuse


def turned(data, at=-1):
    """DER with a bit turned: in its last byte, which is the end of a signature, unless told otherwise."""
    der = bytearray(unarmored(data)[0])
    der[at] ^= 1
    return bytes(der)


def ocsp_turned(response):
    """A response with a bit of its signature turned."""
    der = unarmored(response)[0]
    basic = read(read(read(read(read(der)[0][1])[1][1])[0][1])[1][1])[0][1]
    signature = read(basic)[2][1]
    return turned(der, der.index(signature) + len(signature) - 1)


class Folder:
    def __init__(self, folder):
        self.folder = folder
        self.root = self.read("root.pem")
        self.sub = self.read("sub.pem") if self.has("sub.pem") else None
        self.issuer = self.sub or self.root
        self.intermediates = [self.sub] if self.sub else []
        self.at_time = int(self.read("time")) if self.has("time") else None
        self.count = 0

    def has(self, name):
        return (self.folder / name).exists()

    def read(self, name):
        return (self.folder / name).read_bytes()

    def names(self, pattern):
        return sorted(path.name for path in self.folder.glob(pattern))

    def says(self, tool, name, what="verifies"):
        print(f"{tool} {what} {self.folder.name}/{name}")
        self.count += 1

    def check(self):
        crls = self.check_crls()
        for pattern in ("root.pem", "sub.pem", "leaf-*.pem", "revoked-*.pem", "tsa.pem"):
            for name in self.names(pattern):
                self.check_certificate(name, crls)
        for name in self.names("leaf-*.key") + self.names("leaf-*.pk8"):
            self.check_key(name)
        for name in self.names("*.csr"):
            self.check_request(name)
        for name in self.names("ocsp-*.der"):
            self.check_ocsp(name)
        if self.has("token.der"):
            self.check_token()
        print(f"interop: {self.count} readings of certificates and what belongs to them")

    def check_certificate(self, name, crls):
        certificate, between = self.read(name), [] if name in ("root.pem", "sub.pem") else self.intermediates
        tongsuo.verify_chain(certificate, between, self.root, self.at_time)
        must_refuse(tongsuo.verify_chain, turned(certificate), between, self.root, self.at_time)
        if name != "root.pem" and crls:
            if name.startswith("revoked-"):
                must_refuse(tongsuo.verify_chain, certificate, between, self.root, self.at_time, crls)
                holds(any(tongsuo.is_revoked(crl, certificate) for crl in crls), f"{name} is not revoked")
            else:
                tongsuo.verify_chain(certificate, between, self.root, self.at_time, crls)
        self.says("Tongsuo", name)
        if len(unarmored(certificate)[0]) > gmssl_program.LONGEST:
            print(f"{name} is too long for GmSSL")
            return
        gmssl_program.verify_chain(certificate, between, self.root)
        if name != "root.pem":
            must_refuse(gmssl_program.verify_chain, turned(certificate), between, self.root)
        gmssl_program.parse_certificate(certificate)
        self.says("GmSSL", name)

    def check_key(self, name):
        key, certificate, another = self.read(name), self.read(name[:-4] + ".pem"), self.root
        if name.endswith(".pk8"):
            tongsuo.check_private_key(key, certificate)
            must_refuse(tongsuo.check_private_key, key, another)
            self.says("Tongsuo", name, "reads")
            return
        gmssl_program.check_key_file(key, certificate)
        must_refuse(gmssl_program.check_key_file, key, another)
        must_refuse(gmssl_program.check_key_file, key, certificate, "another")
        self.says("GmSSL", name, "signs with")

    def check_crls(self):
        """The CRLs, if there is one for every issuer."""
        pairs = [("root.crl", self.root)] + ([("sub.crl", self.sub)] if self.sub else [])
        pairs = [(name, issuer) for name, issuer in pairs if self.has(name)]
        for name, issuer in pairs:
            crl = self.read(name)
            tongsuo.verify_crl(crl, issuer, self.at_time)
            must_refuse(tongsuo.verify_crl, turned(crl), issuer, self.at_time)
            self.says("Tongsuo", name)
            gmssl_program.verify_crl(crl, issuer, self.at_time)
            must_refuse(gmssl_program.verify_crl, turned(crl), issuer, self.at_time)
            self.says("GmSSL", name)
        return [self.read(name) for name, _ in pairs] if len(pairs) == 1 + len(self.intermediates) else []

    def check_request(self, name):
        request = self.read(name)
        for tool, verify in (("Tongsuo", tongsuo.verify_csr), ("GmSSL", gmssl_program.verify_csr)):
            verify(request)
            must_refuse(verify, turned(request))
            self.says(tool, name)

    def check_ocsp(self, name):
        response, about = self.read(name), name.removeprefix("ocsp-").removesuffix(".der")
        wanted = "good" if self.has(f"leaf-{about}.pem") else "revoked"
        certificate = self.read(f"leaf-{about}.pem" if wanted == "good" else f"revoked-{about}.pem")
        told = tongsuo.verify_ocsp(response, self.issuer, certificate, self.at_time)
        holds(told == wanted, f"{name} says {told}")
        must_refuse(tongsuo.verify_ocsp, ocsp_turned(response), self.issuer, certificate, self.at_time)
        must_refuse(tongsuo.verify_ocsp, response, self.issuer, self.root, self.at_time)
        self.says("Tongsuo", f"{name}: {told}")

    def check_token(self):
        token, certificate, content = self.read("token.der"), self.read("tsa.pem"), self.read("content")
        context = self.root, self.intermediates, self.at_time
        stamped = tongsuo_cms.verify_timestamp(token, certificate, content, *context)
        must_refuse(tongsuo_cms.verify_timestamp, turned(token), certificate, content, *context)
        must_refuse(tongsuo_cms.verify_timestamp, token, certificate, content + b"!", *context)
        self.says("Tongsuo", f"token.der: {stamped}")


def make(folder):
    folder.mkdir(exist_ok=True)
    for name in ("root", "sub", "leaf-sign", "leaf-enc", "revoked-gone"):
        gmssl("sm2keygen", "-pass", PASSWORD, "-out", folder / f"{name}.key", "-pubout", folder / f"{name}.pub")
    key = lambda name: ("-key", folder / f"{name}.key", "-pass", PASSWORD)
    subject = lambda name: ("-C", "CN", "-O", "Example", "-CN", f"interop {name}")
    ca = "-ca", "-key_usage", "keyCertSign", "-key_usage", "cRLSign"
    new = "-serial_len", 12, "-days", 365, "-gen_authority_key_id"
    gmssl("certgen", *subject("root"), *new, *ca, "-gen_subject_key_id", *key("root"), "-out", folder / "root.pem")
    # No -gen_subject_key_id: reqsign writes the identifier of the issuer's key there.
    sign = "-key_usage", "digitalSignature", "-key_usage", "nonRepudiation"
    seal = "-key_usage", "keyEncipherment", "-key_usage", "dataEncipherment"
    for name, issuer, options in (
        ("sub", "root", (*ca, "-path_len_constraint", 0)),
        ("leaf-sign", "sub", sign),
        ("leaf-enc", "sub", seal),
        ("revoked-gone", "sub", sign),
    ):
        request = folder / f"{name}.csr"
        gmssl("reqgen", *subject(name), *key(name), "-out", request)
        by = "-cacert", folder / f"{issuer}.pem", *key(issuer)
        gmssl("reqsign", "-in", request, *new, *by, *options, "-out", folder / f"{name}.pem")
    for issuer in ("root", "sub"):
        entries = folder / f"{issuer}.entries"
        entries.touch()
        if issuer == "sub":
            gmssl("certrevoke", "-in", folder / "revoked-gone.pem", "-reason", "keyCompromise", "-out", entries)
        following = time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + 30 * 86400))
        by = "-cacert", folder / f"{issuer}.pem", *key(issuer)
        number = "-crl_num", 1, "-gen_authority_key_id"
        gmssl("crlgen", "-in", entries, *by, "-next_update", following, *number, "-out", folder / f"{issuer}.crl")
    for name in ("leaf-sign", "leaf-enc"):
        d = gmssl_program.private_key((folder / f"{name}.key").read_bytes())
        (folder / f"{name}.pk8").write_bytes(tongsuo.private_key_info(d))
    add_responders(folder)


def add_responders(folder):
    """An authority for time stamps and a responder below the sub, and what they say; GmSSL has neither."""
    sub, sub_key = (folder / "sub.pem").read_bytes(), gmssl_program.private_key((folder / "sub.key").read_bytes())
    keys = {"tsa": b"\x03" * 32, "responder": b"\x04" * 32}
    tsa = authority.certificate(keys["tsa"], "interop tsa", authority.STAMPING, sub, sub_key)
    (folder / "tsa.pem").write_bytes(gmssl_program.pem("CERTIFICATE", tsa))
    (folder / "content").write_bytes(b"interop")
    (folder / "token.der").write_bytes(authority.token(b"interop", tsa, keys["tsa"]))
    responder = authority.certificate(keys["responder"], "interop responder", authority.OCSP_SIGNING, sub, sub_key)
    for name in ("leaf-sign", "revoked-gone"):
        about, revoked = (folder / f"{name}.pem").read_bytes(), name.startswith("revoked")
        response = authority.ocsp_response(about, sub, responder, keys["responder"], revoked)
        (folder / f"ocsp-{name.partition('-')[2]}.der").write_bytes(response)
    check_refusals(folder, sub, sub_key, tsa, keys["tsa"])


def check_refusals(folder, sub, sub_key, tsa, key):
    """Whoever is not certified for it gives neither time nor status."""
    about = (folder / "leaf-sign.pem").read_bytes()
    must_refuse(tongsuo.verify_ocsp, authority.ocsp_response(about, sub, tsa, key), sub, about)
    certificate = lambda name, **options: authority.certificate(key, name, authority.STAMPING, sub, sub_key, **options)
    loose, other = certificate("loose", critical=False), certificate("other")
    must_refuse(tongsuo_cms.verify_timestamp, authority.token(b"interop", loose, key), loose, b"interop")
    must_refuse(tongsuo_cms.verify_timestamp, (folder / "token.der").read_bytes(), other, b"interop")


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[2])
    if sys.argv[1] == "make":
        make(folder)
    else:
        Folder(folder).check()
