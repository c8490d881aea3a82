"""The checks of certificates.py and tongsuo_cms.py on files that other tools wrote, so that what they say can be trusted.

The files are not part of the repository: COSIGN_SAMPLES, or ../shared/data/samples beside it.

    python3 samples.py
"""

import calendar
import os
import pathlib
import shutil
import tempfile

import gmssl_program
import tongsuo
import tongsuo_cms
from certificates import Folder, turned
from der import unarmored
from tongsuo import holds, must_refuse

ROOT = pathlib.Path(__file__).resolve().parents[2]
SAMPLES = pathlib.Path(os.environ.get("COSIGN_SAMPLES", ROOT / ".." / "shared" / "data" / "samples"))
IN_2022, IN_2026 = calendar.timegm((2022, 5, 20, 0, 0, 0)), calendar.timegm((2026, 12, 1, 0, 0, 0))
CFCA, OTHER, NATIONAL, GMSSL = "ca-certs/cfca/CFCA_", "ca-certs/other/", "ca-certs/national-root/", "gmt0010/gmssl/"


def sample(name):
    return (SAMPLES / name).read_bytes()


def chains():
    """Real authorities: who was certified by whom."""
    for name in ("ROOTCA", "Civil_Servant_ROOT", "Device_ROOT"):
        yield f"{NATIONAL}{name}.pem", f"{NATIONAL}{name}.pem"
    for name in ("Taier_CA.pem", "Ant_Financial_Certification_Authority_S1.pem"):
        yield OTHER + name, f"{NATIONAL}ROOTCA.pem"
    yield f"{OTHER}TJCA.pem", f"{NATIONAL}Civil_Servant_ROOT.pem"
    for name in ("ACS_SM2_OCA31", "CS_SM2_OCA11", "SM2_OCA1"):
        yield f"{CFCA}{name}.cer", f"{CFCA}CS_SM2_CA.cer"
    for name in ("OV_SM2_OCA", "EV_SM2_CodeSign_OCA"):
        yield f"{CFCA}{name}.cer", f"{CFCA}EV_SM2_ROOT.cer"
    yield f"{CFCA}GT_SM2_OCA21.cer", f"{CFCA}GT_SM2_CA.cer"


def check_authorities():
    for name, root in chains():
        tongsuo.verify_chain(sample(name), [], sample(root), IN_2022)
        gmssl_program.verify_chain(sample(name), [], sample(root))
        wrong = sample(f"{NATIONAL}Device_ROOT.pem" if "Device" not in root else f"{NATIONAL}ROOTCA.pem")
        must_refuse(tongsuo.verify_chain, sample(name), [], wrong, IN_2022)
        must_refuse(gmssl_program.verify_chain, sample(name), [], wrong)
    must_refuse(tongsuo.verify_chain, sample(f"{CFCA}GT_SM2_OCA21.cer"), [], sample(f"{CFCA}GT_SM2_CA.cer"), IN_2026)
    root, crl = sample(f"{NATIONAL}ROOTCA.pem"), sample("crl/ROOTCA.crl")
    tongsuo.verify_chain(sample(f"{OTHER}Taier_CA.pem"), [], root, IN_2022, [crl])
    for name, revoked in (("ROOTCA", 18), ("Civil_Servant_ROOT", 1), ("Device_ROOT", 1)):
        crl, issuer = sample(f"crl/{name}.crl"), sample(f"{NATIONAL}{name}.pem")
        holds(tongsuo.verify_crl(crl, issuer, IN_2022) == revoked, f"{name}.crl has other entries")
        gmssl_program.verify_crl(crl, issuer, IN_2022)
        for verify in (tongsuo.verify_crl, gmssl_program.verify_crl):
            must_refuse(verify, crl, issuer, IN_2026)
            must_refuse(verify, crl, sample(f"{CFCA}CS_SM2_CA.cer"), IN_2022)
    root, sub = unarmored(sample("tlcp/chain-ca.crt"))
    for name, good in (("server_sign", True), ("client_enc", True), ("server_sign_expire", False), ("server_sign2", False)):
        verify = tongsuo.verify_chain if good else must_refuse_chain
        verify(sample(f"tlcp/{name}.crt"), [sub], root, IN_2026)


def must_refuse_chain(*arguments):
    must_refuse(tongsuo.verify_chain, *arguments)


def check_folder(folder):
    """A folder as certificates.py reads it."""
    files = {
        "root.pem": f"{GMSSL}root.pem",
        "leaf-sign.pem": f"{GMSSL}sign.pem",
        "leaf-enc.pem": f"{GMSSL}enc.pem",
        "revoked-enc2.pem": f"{GMSSL}enc2.pem",
        "root.crl": "crl/gmssl_test_crl.der",
        "ocsp-sign.der": "ocsp/gmssl_good.der",
        "sign.csr": f"{GMSSL}sign.csr",
        "enc.csr": f"{GMSSL}enc.csr",
    }
    for name, source in files.items():
        shutil.copy(SAMPLES / source, folder / name)
    (folder / "time").write_text(str(IN_2026))
    Folder(folder).check()


def check_ocsp_and_token():
    root, revoked = sample(f"{GMSSL}root.pem"), sample("ocsp/gmssl_revoked.der")
    told = tongsuo.verify_ocsp(revoked, root, sample(f"{GMSSL}sign.pem"), IN_2026)
    holds(told == "revoked", f"the response says {told}")
    must_refuse(tongsuo.verify_ocsp, revoked, sample(f"{CFCA}CS_SM2_CA.cer"), sample(f"{GMSSL}sign.pem"), IN_2026)
    token, authority, content = (sample(f"tsa/{name}") for name in ("tongsuo_sm2_token.der", "tsa.pem", "plain.txt"))
    stamped = tongsuo_cms.verify_timestamp(token, authority, content)
    holds(stamped == "20261121220147Z", f"the token says {stamped}")
    must_refuse(tongsuo_cms.verify_timestamp, token, authority, content + b"!")
    must_refuse(tongsuo_cms.verify_timestamp, turned(token), authority, content)
    must_refuse(tongsuo_cms.verify_timestamp, token, sample(f"{GMSSL}sign.pem"), content)


def check_messages():
    signer = sample("cms-openssl/cms.pem")
    content = tongsuo_cms.cms_verify(sample("cms-openssl/ts_signed_cms.der"), signer)
    holds(tongsuo_cms.verify_signed(sample("cms-openssl/ts_signed_cms.der"), signer)[1] == content, "another content")
    # Tongsuo signs without Z where there are no attributes, and verifies that; its engine by the book does not.
    tongsuo_cms.cms_verify(sample("cms-openssl/ts_signed_noattr.der"), signer)
    must_refuse(tongsuo_cms.verify_signed, sample("cms-openssl/ts_signed_noattr.der"), signer)
    message, plain = sample(f"{GMSSL}env2.p7.pem"), sample(f"{GMSSL}plain.txt")
    for name in ("enc", "enc2"):
        key = gmssl_program.private_key(sample(f"{GMSSL}{name}.key"), "1234")
        holds(gmssl_program.cms_decrypt(message, key, sample(f"{GMSSL}{name}.pem")) == plain, "another plaintext")
        holds(tongsuo_cms.open_enveloped(message, tongsuo.private_key(key)) == plain, "another plaintext")
    holds(gmssl_program.cms_verify(sample(f"{GMSSL}signed.p7.pem")) == plain, "another content")


if __name__ == "__main__":
    if SAMPLES.is_dir():
        check_authorities()
        check_messages()
        check_ocsp_and_token()
        with tempfile.TemporaryDirectory() as scratch:
            check_folder(pathlib.Path(scratch))
        print("interop: the checks agree with what is known of the samples")
    else:
        print(f"interop: no samples in {SAMPLES}, the checks were not tried on them")
