"""Cut the example data from two public packages: `python make.py molsets-0.3.1-py3-none-any.whl DB.fasta.gz`.

The first comes from PyPI (`pip download --no-deps molsets==0.3.1`), the second from Debian's package mmseqs2-examples
(/usr/share/doc/mmseqs2/example-data). The same inputs give the same bytes; README.md holds their checksums.
"""

import csv
import gzip
import io
import sys
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

MOLECULES_IN_WHEEL = "moses/dataset/data/test.csv.gz"
EVERY_MOLECULE = 7
"""Every seventh of the 176,074 test molecules of MOSES: 25,154."""
EVERY_PROTEIN = 6
"""Every sixth of the 20,000 proteins."""


def molecules(wheel: Path) -> Iterator[str]:
    """Rows of a table with a header; the identifier tells the row of the original."""
    with zipfile.ZipFile(wheel) as archive:
        text = gzip.decompress(archive.read(MOLECULES_IN_WHEEL)).decode()
    yield "smiles\tzinc_id\n"
    for number, row in enumerate(csv.DictReader(io.StringIO(text))):
        if number % EVERY_MOLECULE == 0:
            yield f"{row['SMILES']}\tMOSES{number:06d}\n"


def proteins(fasta: Path) -> Iterator[str]:
    """FASTA records as they stand in the original."""
    number = -1
    with gzip.open(fasta, "rt", encoding="utf-8") as lines:
        for line in lines:
            number += line.startswith(">")
            if number % EVERY_PROTEIN == 0:
                yield line


def write(path: Path, lines: Iterable[str]) -> None:
    """A gzip file without a time or name inside, so that its bytes depend on the lines alone."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(gzip.compress("".join(lines).encode(), compresslevel=9, mtime=0))


if __name__ == "__main__":
    here = Path(__file__).parent
    write(here / "molecules" / "moses.txt.gz", molecules(Path(sys.argv[1])))
    write(here / "proteins" / "uniprot.fasta.gz", proteins(Path(sys.argv[2])))
