"""Whether an assembler fused anything: assembles the committed PTX and looks at the machine code.

    machine_code.py PTXAS NVDISASM ARCH…        75, 80, 90, …

Divisions and roots are made of fused operations that round correctly in the end. Where a kernel's PTX has none of them, its machine code must
have no fused operation at all; where it has none in f64, none in f64.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent


def kernels(text, begin):
    """The parts of a text that begin with a kernel's name."""
    parts = re.split(begin, text, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2]))


def count(pattern, text):
    return len(re.findall(pattern, text, re.M))


def look_at(ptxas, nvdisasm, architecture):
    shipped = HERE / "ptx" / f"compute_{min(architecture, 80)}.ptx"
    with tempfile.TemporaryDirectory() as folder:
        code = pathlib.Path(folder) / "code"
        subprocess.run([ptxas, f"-arch=sm_{architecture}", "-o", code, shipped], check=True)
        listing = subprocess.run([nvdisasm, "-c", code], check=True, capture_output=True, text=True).stdout
    virtual = kernels(shipped.read_text(encoding="utf-8"), r"^\.visible \.entry (\w+)\(")
    real = kernels(listing, r"^\.text\.(\w+):")
    if virtual.keys() != real.keys():
        sys.exit(f"{shipped.name}: sm_{architecture} has {sorted(real)}")
    without = 0
    for name, ptx in virtual.items():
        single, double = (count(rf"(div|sqrt)\.rn\.f{bits}", ptx) for bits in (32, 64))
        if double == 0 and count(r"\bDFMA\b", real[name]) > 0 or single + double == 0 and count(r"\bFFMA\b", real[name]) > 0:
            sys.exit(f"{shipped.name}: {name} has fused operations on sm_{architecture}")
        without += single + double == 0
    print(f"sm_{architecture}: {len(real)} kernels assembled; the {without} without divisions have no fused operation")


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    for architecture in sys.argv[3:]:
        look_at(sys.argv[1], sys.argv[2], int(architecture))


if __name__ == "__main__":
    main()
