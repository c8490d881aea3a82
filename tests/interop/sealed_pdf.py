"""Sealed PDFs: pyHanko reads the file, and says what each signature covers and what changed after it; the values are read
with asn1crypto and verified by others. pyHanko has no SM2, and knows nothing of sealed data.
"""

import hashlib
import io

from asn1crypto import algos, cms, x509
from pyhanko.pdf_utils.generic import parse_pdf_date
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import DiffResult, ModificationLevel
from pyhanko.sign.fields import FieldMDPAction, MDPPerm, enumerate_sig_fields
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature, read_certification_data
from pyhanko.sign.validation.status import SignatureCoverageLevel

import ses
import tongsuo
import tongsuo_cms
from der import read
from tongsuo import Refused, holds

# pyHanko takes the digest of a signature by its name, and has SM3 under this one.
algos.DigestAlgorithmId._map[ses.SM3] = "sm3"
algos.DigestAlgorithmId._reverse_map = None
DATA, TIME_STAMP = "1.2.840.113549.1.7.1", "signature_time_stamp_token"
CERTIFICATE_V2 = "signing_certificate_v2"


class Seal(EmbeddedPdfSignature):
    """What pyHanko knows of a signature, without a CMS in it."""

    def __init__(self, reader, field, name):
        self.reader, self.sig_field, self.fq_name = reader, field, name
        reference = field.raw_get("/V")
        self.sig_object = reference.get_object()
        self.byte_range = self.sig_object.raw_get("/ByteRange")
        self.pkcs7_content = bytes(self.sig_object.raw_get("/Contents"))
        self.signed_revision = reader.xrefs.get_last_change(reference.reference)
        self.external_md_algorithm = "sm3"
        self.coverage = self.diff_result = None
        self.external_digests = {}
        self._docmdp = self._fieldmdp = None
        self._docmdp_queried = self._fieldmdp_queried = self._integrity_checked = False


def signatures(data, strict):
    """Every signature, the oldest first."""
    reader = PdfFileReader(io.BytesIO(data), strict=strict)
    found = []
    for name, value, field in enumerate_sig_fields(reader, filled_status=True):
        kind = Seal if value.get_object()["/SubFilter"] == "/GM.sm2seal" else EmbeddedPdfSignature
        found.append(kind(reader, field.get_object(), name))
    return reader, sorted(found, key=lambda one: one.signed_revision)


def check(data, case, root):
    for strict in (True, False):
        reader, found = signatures(data, strict)
        kinds = case["signatures"]
        holds(len(found) == len(kinds), f"pyHanko finds {len(found)} signatures")
        for index, (one, kind, stamps) in enumerate(zip(found, kinds, case["stamps"])):
            last = index + 1 == len(found)
            _check_place(one, index == 0, last, last and case["finished"])
            widgets = len(one.sig_field["/Kids"]) if "/Kids" in one.sig_field else 1
            holds(widgets == stamps, f"{widgets} widgets for {stamps} stamps")
            if strict:
                _check_value(data, one, kind, root)
        holds(reader.root["/AcroForm"]["/SigFlags"] == 3, "SigFlags is not 3")
        certified = read_certification_data(reader)
        finished_first = case["finished"] and len(found) == 1
        holds((certified is not None) == finished_first, "certified or not")
        holds(certified is None or certified.permission == MDPPerm.NO_CHANGES, "certified for something else")


def _check_place(one, first, last, finished):
    one.compute_integrity_info()
    wanted = SignatureCoverageLevel.ENTIRE_FILE if last else SignatureCoverageLevel.ENTIRE_REVISION
    holds(one.coverage == wanted, f"{one.fq_name} covers {one.coverage}")
    holds(isinstance(one.diff_result, DiffResult), f"after {one.fq_name}: {one.diff_result}")
    allowed = ModificationLevel.NONE if last else ModificationLevel.FORM_FILLING
    level = one.diff_result.modification_level
    holds(level <= allowed, f"after {one.fq_name} came {level}")
    holds(one.summarise_integrity_info()["docmdp_ok"], f"after {one.fq_name} came what it forbids")
    # The first signature certifies; a later one that finishes locks all fields.
    wanted = MDPPerm.NO_CHANGES if finished and first else None
    holds(one.docmdp_level == wanted, f"{one.fq_name} permits {one.docmdp_level}")
    locks = one.fieldmdp is not None and one.fieldmdp.action == FieldMDPAction.ALL
    holds(locks == (finished and not first), f"{one.fq_name} locks {one.fieldmdp}")
    holds(parse_pdf_date(one.sig_object["/M"]) is not None, "there is no time")


def _check_value(data, one, kind, root):
    start, first, offset, second = (int(number) for number in one.byte_range)
    covered = data[start : start + first] + data[offset : offset + second]
    digest = one.compute_digest()
    holds(digest == tongsuo.digest("sm3", covered), "pyHanko and Tongsuo find different digests")
    if "sm3" in hashlib.algorithms_available:
        holds(digest == hashlib.new("sm3", covered).digest(), "hashlib finds another digest")
    if kind.startswith("seal"):
        holds(one.sig_object["/SubFilter"] == "/GM.sm2seal", "another SubFilter")
        contents = one.pkcs7_content
        (_, _, value), *_ = _first(contents)
        holds(not contents[len(value) :].strip(b"\0"), "something follows the sealed data")
        property_info = f"[{start} {first} {offset} {second}]"
        signature, token = ses.verify_sealed(value, root, digest, property_info)
    else:
        holds(one.sig_object["/SubFilter"] == "/ETSI.CAdES.detached", "another SubFilter")
        signature, token = _check_cms(one, covered, digest, root)
    holds((token is not None) == kind.endswith("+time"), "a time-stamp token or none")
    if token is not None:
        check_token(token, signature, root)


def _first(contents):
    """The first element; what is behind it is padding."""
    length, head = contents[1], 2
    if length & 0x80:
        head += length & 0x7F
        length = int.from_bytes(contents[2:head], "big")
    return [(contents[0], contents[head : head + length], contents[: head + length])]


def _check_cms(one, covered, digest, root):
    (_, _, message), = _first(one.pkcs7_content)
    info = one.signer_info
    holds(info["digest_algorithm"]["algorithm"].dotted == ses.SM3, "another digest algorithm")
    holds(info["signature_algorithm"]["algorithm"].dotted == ses.SM2_WITH_SM3, "another signature algorithm")
    attributes = {attribute["type"].native: attribute["values"] for attribute in info["signed_attrs"]}
    holds(attributes["content_type"][0].dotted == DATA, "another content type")
    holds(attributes["message_digest"][0].native == digest, "another messageDigest than pyHanko's")
    # PAdES has the time in the dictionary.
    holds("signing_time" not in attributes, "signingTime has no place in PAdES")
    certificate = one.signer_cert.dump()
    named = attributes[CERTIFICATE_V2][0]["certs"][0]
    holds(named["hash_algorithm"]["algorithm"].dotted == ses.SM3, "the certificate is named by another digest")
    holds(named["cert_hash"].native == tongsuo.digest("sm3", certificate), "another certificate is named")
    signature = info["signature"].native
    ses.verify_sm2(certificate, info["signed_attrs"].untag().dump(), signature)
    tongsuo_cms.verify_signed(message, certificate, covered)
    tongsuo_cms.cms_verify(message, certificate, covered)
    tongsuo.verify_chain(certificate, [], root)
    unsigned = info["unsigned_attrs"] if isinstance(info["unsigned_attrs"], cms.CMSAttributes) else []
    tokens = [attribute["values"][0].dump() for attribute in unsigned if attribute["type"].native == TIME_STAMP]
    return signature, tokens[0] if tokens else None


def check_token(token, signature, root):
    """A time-stamp token over a signature, whose authority the root certified."""
    tongsuo_cms.verify_timestamp(token, signer_certificate(token), signature, root)


def signer_certificate(message):
    """That of the first signer, out of what comes along in signedData, whoever's identifiers it has."""
    fields = tongsuo_cms.fields_of(message)[1]
    (_, _, signer), *_ = read(fields[-1][1])
    named = cms.SignerInfo.load(signer)["sid"].chosen
    for tag, body, _ in fields:
        for _, _, certificate in read(body) if tag == 0xA0 else ():
            found = x509.Certificate.load(certificate)
            if (found.issuer, found.serial_number) == (named["issuer"], named["serial_number"].native):
                return certificate
    raise Refused("the certificate of the signer does not come along")


def check_changed(data, case, root):
    """One bit, wherever it is: the first signature covers it."""
    covered = signatures(data, True)[1][0].byte_range
    for at in (int(covered[1]) // 3, int(covered[2]) + int(covered[3]) // 2):
        changed = bytearray(data)
        changed[at] ^= 1
        try:
            check(bytes(changed), case, root)
        except (Refused, PdfError):
            continue
        raise AssertionError(f"a changed bit at {at} is not noticed")
