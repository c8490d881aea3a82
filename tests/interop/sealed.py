"""Sealed PDF and OFD documents of the program sealed-files, judged by others: pyHanko (structure, coverage, what changed after a
signature), asn1crypto (CMS, sealed data), Tongsuo and the Python package gmssl (SM2, chains, time stamps), easyofd, and
what is installed of qpdf, mutool and pdftoppm.

    python3 sealed.py FOLDER
"""

import json
import pathlib
import sys

import sealed_ofd
import sealed_pages
import sealed_pdf


def main():
    folder = pathlib.Path(sys.argv[1])
    root = (folder / "root.cer").read_bytes()
    cases = json.loads((folder / "sealed.json").read_text())
    assert cases, "there is nothing to judge"
    for case in cases:
        path = folder / case["file"]
        judge = {".pdf": sealed_pdf, ".ofd": sealed_ofd}[path.suffix]
        try:
            judge.check(path.read_bytes(), case, root)
            judge.check_changed(path.read_bytes(), case, root)
        except Exception as error:
            raise AssertionError(f"{path.name}: {error}") from error
        print(f"{path.name}: {', '.join(case['signatures'])}")
    sealed_pages.check(folder, cases)


if __name__ == "__main__":
    main()
