"""Tongsuo's libcrypto out of the Python package tongsuopy, by ctypes: keys, signatures, SM4, certificates, CRLs,
certificate requests and OCSP, all with the default distinguishing id.

The package exports what its own parts need of libcrypto: no CMS_verify, no OCSP_basic_verify, no TS_*. What those do beside
cryptography stands here. What is allocated stays allocated; the scripts are short.

Inputs are bytes, DER or PEM; times are Unix seconds. A function that returns has verified; otherwise it raises Refused.
"""

import ctypes
import importlib.util
import pathlib
import time

from der import element, unarmored

STRICT, CHECK_SELF_SIGNED, CRL_CHECK, CRL_CHECK_ALL = 0x20, 0x4000, 0x4, 0x8
KEY_SM2 = 1172
OCSP_STATUS = {0: "good", 1: "revoked", 2: "unknown"}
MAY_SIGN_OCSP = 0x20
SET_IV_LENGTH, SET_TAG = 0x9, 0x11
CURVE_ID = bytes.fromhex("06082a811ccf5501822d")
ALGORITHM = element(0x30, bytes.fromhex("06072a8648ce3d0201"), CURVE_ID)


class Refused(Exception):
    """It does not verify, and why."""


def _load():
    package = importlib.util.find_spec("tongsuopy").submodule_search_locations[0]
    library = ctypes.CDLL(str(pathlib.Path(package) / "backends" / "_tongsuo.abi3.so"))
    library.OPENSSL_init_crypto(ctypes.c_uint64(0x0E), None)
    return library


LIBRARY = _load()


def number(name, *arguments):
    """Calls a function that returns an int."""
    function = getattr(LIBRARY, name)
    function.restype = ctypes.c_int
    return function(*arguments)


def pointer(name, *arguments):
    """Calls a function that returns a pointer, which must not be null."""
    value = optional(name, *arguments)
    if not value:
        raise Refused(f"{name}: {errors()}")
    return value


def optional(name, *arguments):
    function = getattr(LIBRARY, name)
    function.restype = ctypes.c_void_p
    return ctypes.c_void_p(function(*arguments))


def require(name, *arguments):
    """Calls a function that returns 1 for success."""
    if number(name, *arguments) != 1:
        raise Refused(f"{name}: {errors()}")


def holds(condition, otherwise):
    if not condition:
        raise Refused(otherwise)


def must_refuse(function, *arguments):
    """A verification that must fail."""
    try:
        function(*arguments)
    except Refused:
        return
    raise AssertionError(f"{function.__name__} takes what it must refuse")


def errors():
    """What the library has to say, emptied."""
    LIBRARY.ERR_get_error.restype = ctypes.c_ulong
    texts = []
    while code := LIBRARY.ERR_get_error():
        text = ctypes.create_string_buffer(256)
        LIBRARY.ERR_error_string_n(ctypes.c_ulong(code), text, ctypes.c_size_t(256))
        texts.append(text.value.decode())
    return "; ".join(texts) or "no"


def parse(kind, data):
    """An object out of DER or PEM; nothing may follow it."""
    der = unarmored(data)[0]
    buffer = ctypes.create_string_buffer(der, len(der))
    at = ctypes.c_void_p(ctypes.addressof(buffer))
    value = pointer(f"d2i_{kind}", None, ctypes.byref(at), ctypes.c_long(len(der)))
    holds(at.value == ctypes.addressof(buffer) + len(der), f"bytes after the {kind}")
    return value


def octets(string):
    """The bytes of an ASN1_STRING."""
    return ctypes.string_at(pointer("ASN1_STRING_get0_data", string), number("ASN1_STRING_length", string))


def digest(name, data):
    out, size = ctypes.create_string_buffer(64), ctypes.c_uint()
    require("EVP_Digest", data, ctypes.c_size_t(len(data)), out, ctypes.byref(size), pointer(f"EVP_{name}"), None)
    return out.raw[: size.value]


# Keys, signatures, ciphers


def private_key(d):
    """A key out of 32 bytes."""
    inner = element(0x30, b"\x02\x01\x01", element(4, d))
    return parse("AutoPrivateKey", element(0x30, b"\x02\x01\x00", ALGORITHM, element(4, inner)))


def check_private_key(key, certificate):
    """A key in PKCS#8 or as ECPrivateKey, without a password, is that of the certificate."""
    require("X509_check_private_key", parse("X509", certificate), parse("AutoPrivateKey", key))


def private_key_info(d):
    """A key of 32 bytes in PKCS#8, without its public key."""
    info = pointer("EVP_PKEY2PKCS8", private_key(d))
    out = ctypes.create_string_buffer(number("i2d_PKCS8_PRIV_KEY_INFO", info, None))
    number("i2d_PKCS8_PRIV_KEY_INFO", info, ctypes.byref(ctypes.c_void_p(ctypes.addressof(out))))
    return out.raw


def public_point(d):
    """04 || X || Y of a key of 32 bytes."""
    out = ctypes.c_void_p()
    key = pointer("EVP_PKEY_get0_EC_KEY", private_key(d))
    size = number("EC_KEY_key2buf", key, 4, ctypes.byref(out), None)
    holds(size == 65, "no public key")
    return ctypes.string_at(out, size)


def public_key(certificate):
    key = pointer("X509_get0_pubkey", parse("X509", certificate))
    holds(number("EVP_PKEY_id", key) == KEY_SM2, "the key is not SM2")
    return key


def verify_signature(key, message, signature):
    """SM2 with SM3; the signature is DER."""
    context = pointer("EVP_MD_CTX_new")
    require("EVP_DigestVerifyInit", context, None, pointer("EVP_sm3"), None, key)
    size = ctypes.c_size_t
    require("EVP_DigestVerify", context, signature, size(len(signature)), message, size(len(message)))


def sign(key, message):
    """SM2 with SM3; the signature in DER."""
    context = pointer("EVP_MD_CTX_new")
    require("EVP_DigestSignInit", context, None, pointer("EVP_sm3"), None, key)
    out, size = ctypes.create_string_buffer(128), ctypes.c_size_t(128)
    require("EVP_DigestSign", context, out, ctypes.byref(size), message, ctypes.c_size_t(len(message)))
    return out.raw[: size.value]


def verify_digest(key, e, signature):
    """SM2 of 32 bytes as they are: what is signed without Z."""
    context = pointer("EVP_PKEY_CTX_new", key, None)
    require("EVP_PKEY_verify_init", context)
    require("EVP_PKEY_verify", context, signature, ctypes.c_size_t(len(signature)), e, ctypes.c_size_t(len(e)))


def sm2_decrypt(key, ciphertext):
    """A ciphertext in the DER of GM/T 0009."""
    context = pointer("EVP_PKEY_CTX_new", key, None)
    require("EVP_PKEY_decrypt_init", context)
    size = ctypes.c_size_t(len(ciphertext))
    out = ctypes.create_string_buffer(size.value)
    require("EVP_PKEY_decrypt", context, out, ctypes.byref(size), ciphertext, ctypes.c_size_t(len(ciphertext)))
    return out.raw[: size.value]


def sm4_decrypt(mode, key, iv, ciphertext, tag=None, padding=True):
    """`mode`: cbc, ecb or gcm, the last with its tag."""
    return _sm4("Decrypt", mode, key, iv, ciphertext, tag, padding)


def sm4_encrypt(mode, key, iv, plaintext, padding=True):
    """`mode`: cbc or ecb."""
    return _sm4("Encrypt", mode, key, iv, plaintext, None, padding)


def _sm4(way, mode, key, iv, data, tag, padding):
    context = pointer("EVP_CIPHER_CTX_new")
    require(f"EVP_{way}Init_ex", context, pointer(f"EVP_sm4_{mode}"), None, None, None)
    if tag is not None:
        require("EVP_CIPHER_CTX_ctrl", context, SET_IV_LENGTH, len(iv), None)
        require("EVP_CIPHER_CTX_ctrl", context, SET_TAG, len(tag), tag)
    require(f"EVP_{way}Init_ex", context, None, None, key, iv)
    require("EVP_CIPHER_CTX_set_padding", context, int(padding))
    out, size, last = ctypes.create_string_buffer(len(data) + 16), ctypes.c_int(), ctypes.c_int()
    require(f"EVP_{way}Update", context, out, ctypes.byref(size), data, len(data))
    end = ctypes.c_void_p(ctypes.addressof(out) + size.value)
    require(f"EVP_{way}Final_ex", context, end, ctypes.byref(last))
    return out.raw[: size.value + last.value]


# Certificates


def verify_chain(leaf, intermediates, root, at_time=None, crls=()):
    """A certificate up to a root, strictly; with CRLs, those of the whole chain."""
    store, others = pointer("X509_STORE_new"), pointer("OPENSSL_sk_new_null")
    require("X509_STORE_add_cert", store, parse("X509", root))
    for certificate in intermediates:
        number("OPENSSL_sk_push", others, parse("X509", certificate))
    for crl in crls:
        require("X509_STORE_add_crl", store, parse("X509_CRL", crl))
    flags = STRICT | CHECK_SELF_SIGNED | (CRL_CHECK | CRL_CHECK_ALL if crls else 0)
    require("X509_STORE_set_flags", store, ctypes.c_ulong(flags))
    context = pointer("X509_STORE_CTX_new")
    require("X509_STORE_CTX_init", context, store, parse("X509", leaf), others)
    if at_time is not None:
        optional("X509_STORE_CTX_set_time", context, ctypes.c_ulong(0), ctypes.c_long(at_time))
    if number("X509_verify_cert", context) != 1:
        reason = optional("X509_verify_cert_error_string", ctypes.c_long(number("X509_STORE_CTX_get_error", context)))
        depth = number("X509_STORE_CTX_get_error_depth", context)
        raise Refused(f"{ctypes.string_at(reason).decode()} (depth {depth}; {errors()})")


def _within(start, end, at_time, what):
    """Compares ASN.1 times; `end` may be absent."""
    at = ctypes.c_long(int(time.time()) if at_time is None else at_time)
    holds(number("X509_cmp_time", start, ctypes.byref(at)) < 0, f"{what} is not valid yet")
    holds(not end or number("X509_cmp_time", end, ctypes.byref(at)) > 0, f"{what} is no longer valid")


def verify_crl(crl, issuer, at_time=None):
    """Signature, issuer and times of a CRL; the number of certificates that it revokes."""
    crl, issuer = parse("X509_CRL", crl), parse("X509", issuer)
    names = pointer("X509_CRL_get_issuer", crl), pointer("X509_get_subject_name", issuer)
    holds(number("X509_NAME_cmp", *names) == 0, "the CRL is of another issuer")
    require("X509_CRL_verify", crl, pointer("X509_get0_pubkey", issuer))
    _within(pointer("X509_CRL_get0_lastUpdate", crl), optional("X509_CRL_get0_nextUpdate", crl), at_time, "the CRL")
    revoked = optional("X509_CRL_get_REVOKED", crl)
    return number("OPENSSL_sk_num", revoked) if revoked else 0


def is_revoked(crl, certificate):
    entry = ctypes.c_void_p()
    return number("X509_CRL_get0_by_cert", parse("X509_CRL", crl), ctypes.byref(entry), parse("X509", certificate)) == 1


def verify_csr(csr):
    """A PKCS#10 request is signed with the key in it."""
    request = parse("X509_REQ", csr)
    require("X509_REQ_verify", request, pointer("X509_REQ_get0_pubkey", request))


def verify_ocsp(response, issuer, certificate, at_time=None):
    """What a response of the issuer, or of a responder that it certified, says: good, revoked or unknown."""
    answer = parse("OCSP_RESPONSE", response)
    status = number("OCSP_response_status", answer)
    holds(status == 0, f"the response is an error: {status}")
    basic = pointer("OCSP_response_get1_basic", answer)
    issuer, certificate = parse("X509", issuer), parse("X509", certificate)
    _verify_responder(basic, issuer, at_time)
    ids = [pointer("OCSP_cert_to_id", pointer(f"EVP_{name}"), certificate, issuer) for name in ("sm3", "sha1", "sha256")]
    for index in range(number("OCSP_resp_count", basic)):
        single = pointer("OCSP_resp_get0", basic, index)
        told = pointer("OCSP_SINGLERESP_get0_id", single)
        if any(number("OCSP_id_cmp", told, wanted) == 0 for wanted in ids):
            reason, revoked, this, following = ctypes.c_int(), ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_void_p()
            out = [ctypes.byref(value) for value in (reason, revoked, this, following)]
            state = number("OCSP_single_get0_status", single, *out)
            _within(this, following, at_time, "the response")
            return OCSP_STATUS[state]
    raise Refused("the response is about another certificate")


def _verify_responder(basic, issuer, at_time):
    stack, candidates = optional("OCSP_resp_get0_certs", basic), [issuer]
    for index in range(max(0, number("OPENSSL_sk_num", stack))):
        candidates.append(pointer("OPENSSL_sk_value", stack, index))
    named, by_name = ctypes.c_void_p(), ctypes.c_void_p()
    require("OCSP_resp_get0_id", basic, ctypes.byref(named), ctypes.byref(by_name))
    responder = next((candidate for candidate in candidates if _is_named(candidate, named, by_name)), None)
    holds(responder, "the responder's certificate is not there")
    if number("X509_cmp", responder, issuer) != 0:
        require("X509_verify", responder, pointer("X509_get0_pubkey", issuer))
        times = pointer("X509_get0_notBefore", responder), pointer("X509_get0_notAfter", responder)
        _within(*times, at_time, "the responder's certificate")
        usage = number("X509_get_extended_key_usage", responder)
        holds(usage != -1 and usage & MAY_SIGN_OCSP, "the responder may not sign responses")
    item = ctypes.c_void_p(ctypes.addressof(ctypes.c_char.in_dll(LIBRARY, "OCSP_RESPDATA_it")))
    parts = [pointer(f"OCSP_resp_get0_{part}", basic) for part in ("tbs_sigalg", "signature", "respdata")]
    require("ASN1_item_verify", item, *parts, pointer("X509_get0_pubkey", responder))


def _is_named(certificate, key_hash, name):
    if name:
        return number("X509_NAME_cmp", name, pointer("X509_get_subject_name", certificate)) == 0
    key = octets(pointer("X509_get0_pubkey_bitstr", certificate))
    # SHA-1 by RFC 6960; SM3 where there is no SHA-1.
    return octets(key_hash) in (digest("sha1", key), digest("sm3", key))
