"""What Tongsuo's library writes: signedData by its CMS functions, and by its signatures over DER from here what GmSSL does not
have: certificates for time stamps and for OCSP, time-stamp tokens, OCSP responses.
"""

import ctypes
import time

import tongsuo
from der import element, read, unarmored
from tongsuo import number, pointer, require

BINARY, NO_ATTRIBUTES, NO_CAPABILITIES, PARTIAL = 0x80, 0x100, 0x200, 0x4000
SM2_SM3, SM3 = bytes.fromhex("300a06082a811ccf55018375"), bytes.fromhex("300a06082a811ccf55018311")
STAMPING, OCSP_SIGNING = bytes.fromhex("06082b06010505070308"), bytes.fromhex("06082b06010505070309")
KEY_USAGE, EXTENDED_KEY_USAGE = bytes.fromhex("0603551d0f"), bytes.fromhex("0603551d25")
OCSP_BASIC = bytes.fromhex("06092b0601050507300101")
CRITICAL = bytes.fromhex("0101ff")


def cms_sign(content, certificate, d, attributes=True, detached=False, kind="1.2.840.113549.1.7.1", extra=()):
    """A signedData of RFC 5652. `extra`: signed attributes, identifier and DER of a SEQUENCE."""
    cms = pointer("CMS_ContentInfo_new")
    require("CMS_SignedData_init", cms)
    require("CMS_set1_eContentType", cms, pointer("OBJ_txt2obj", kind.encode(), 1))
    require("CMS_set_detached", cms, int(detached))
    flags = BINARY | PARTIAL | NO_CAPABILITIES | (0 if attributes else NO_ATTRIBUTES)
    signer = tongsuo.parse("X509", certificate), tongsuo.private_key(d), pointer("EVP_sm3")
    info = pointer("CMS_add1_signer", cms, *signer, ctypes.c_uint(flags))
    for name, value in extra:
        require("CMS_signed_add1_attr_by_txt", info, name.encode(), 0x10, value, len(value))
    chain = pointer("CMS_dataInit", cms, None)
    tongsuo.holds(number("BIO_write", chain, content, len(content)) == len(content), "BIO_write")
    require("CMS_dataFinal", cms, chain)
    out = ctypes.create_string_buffer(number("i2d_CMS_ContentInfo", cms, None))
    number("i2d_CMS_ContentInfo", cms, ctypes.byref(ctypes.c_void_p(ctypes.addressof(out))))
    return out.raw


def signed(tbs, d, *more):
    """SEQUENCE of what is signed, algorithm and signature."""
    return element(0x30, tbs, SM2_SM3, element(3, b"\0", tongsuo.sign(tongsuo.private_key(d), tbs)), *more)


def certificate(d, name, purpose, issuer, issuer_key, critical=True):
    """A certificate with one extended key usage, for a year."""
    subject = element(0x30, element(0x31, element(0x30, bytes.fromhex("0603550403"), element(0x0C, name.encode()))))
    now = int(time.time())
    validity = element(0x30, utc_time(now - 60), utc_time(now + 365 * 86400))
    key = element(0x30, tongsuo.ALGORITHM, element(3, b"\0", tongsuo.public_point(d)))
    usage = element(0x30, KEY_USAGE, CRITICAL, element(4, bytes.fromhex("03020780")))
    purposes = element(0x30, EXTENDED_KEY_USAGE, CRITICAL if critical else b"", element(4, element(0x30, purpose)))
    extensions = element(0xA3, element(0x30, usage, purposes))
    serial = element(2, b"\x01", tongsuo.digest("sm3", key)[:8])
    tbs = element(0x30, bytes.fromhex("a003020102"), serial, SM2_SM3, subject_of(issuer), validity, subject, key, extensions)
    return signed(tbs, issuer_key)


def token(content, certificate, d):
    """A time-stamp token of now."""
    imprint = element(0x30, SM3, element(4, tongsuo.digest("sm3", content)))
    stamp = time.strftime("%Y%m%d%H%M%SZ", time.gmtime()).encode()
    info = element(0x30, b"\x02\x01\x01", bytes.fromhex("06032a0304"), imprint, b"\x02\x01\x09", element(0x18, stamp))
    identity = element(0x30, SM3, element(4, tongsuo.digest("sm3", unarmored(certificate)[0])))
    named = element(0x30, element(0x30, identity))
    attribute = ("1.2.840.113549.1.9.16.2.47", named)
    return cms_sign(info, certificate, d, kind="1.2.840.113549.1.9.16.1.4", extra=[attribute])


def ocsp_response(about, issuer, responder, d, revoked=False):
    """A response of now, by a responder whose certificate is inside."""
    issuer_fields, now = fields_of(issuer), int(time.time())
    key = read(issuer_fields[6][1])[1][1][1:]
    hashes = (element(4, tongsuo.digest("sm3", part)) for part in (subject_of(issuer), key))
    wanted = element(0x30, SM3, *hashes, fields_of(about)[1][2])
    state = element(0xA1, general_time(now)) if revoked else element(0x80)
    single = element(0x30, wanted, state, general_time(now), element(0xA0, general_time(now + 86400)))
    data = element(0x30, element(0xA1, subject_of(responder)), general_time(now), element(0x30, single))
    basic = signed(data, d, element(0xA0, element(0x30, unarmored(responder)[0])))
    return element(0x30, b"\x0a\x01\x00", element(0xA0, element(0x30, OCSP_BASIC, element(4, basic))))


def fields_of(certificate):
    """The fields of the TBSCertificate of a version 3 certificate."""
    return read(read(read(unarmored(certificate)[0])[0][1])[0][1])


def subject_of(certificate):
    return fields_of(certificate)[5][2]


def utc_time(seconds):
    return element(0x17, time.strftime("%y%m%d%H%M%SZ", time.gmtime(seconds)).encode())


def general_time(seconds):
    return element(0x18, time.strftime("%Y%m%d%H%M%SZ", time.gmtime(seconds)).encode())
