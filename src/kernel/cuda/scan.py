"""Scans PTX for arithmetic outside the contract. Every instruction on floats must be one of a short list; whatever is not is a fault."""

import re
import sys

FLOAT = re.compile(r"\.(f16|f16x2|bf16|bf16x2|tf32|f32|f32x2|f64|e4m3|e5m2)\b")
# What moves or compares floats, or does to them exactly what IEEE 754 says, to the nearest. Maxima are what the compiler makes of comparisons with
# +0, for NaN and zeros too. Conversions: widening is exact, all others round.
ALLOWED = re.compile(
    r"""(ld|st)\.(param|global|shared|local|const)(\.(nc|v2|v4))*\.f(32|64)
      | (mov|selp|abs|neg)\.f(32|64)
      | setp(\.(eq|ne|lt|le|gt|ge|equ|neu|ltu|leu|gtu|geu|num|nan))(\.(and|or|xor))?\.f(32|64)
      | (add|sub|mul|div|sqrt)\.rn\.f(32|64)
      | (max|min|copysign)\.f32
      | cvt\.f64\.f32
      | cvt\.rn\.f32\.f64
      | cvt\.rn\.f(32|64)\.[su](32|64)
      | cvt\.rni\.s32\.f64""",
    re.X,
)
# Whatever its types are: calls could hide anything, atomics and matrix products are those that the kernels mean.
SUSPICIOUS = re.compile(r"(call|atom|red|mma|wmma|wgmma|ex2|lg2|sin|cos|tanh|rcp|rsqrt|fma)\b")
MEANT = re.compile(
    r"""(atom|red)(\.relaxed\.gpu)?\.(global|shared)\.(min|add)\.[su]32
      | mma\.sync\.aligned\.m16n8k32\.row\.col\.s32\.s8\.s8\.s32""",
    re.X,
)
# Approximations and flushing, on any instruction.
NEVER = re.compile(r"\.(approx|ftz|full|tf32)\b")


def instructions(ptx):
    """Every instruction: its name without operands, and its line."""
    for number, line in enumerate(ptx.splitlines(), 1):
        line = line.split("//")[0].strip().lstrip("{").strip()
        line = re.sub(r"^@!?%\w+\s+", "", line)
        name = re.match(r"[a-z][\w.:]*", line)
        if name and not line.endswith(":"):
            yield number, name[0]


def faults(ptx):
    """What is outside the contract, with its line."""
    found = []
    for number, name in instructions(ptx):
        floats = FLOAT.search(name) and not ALLOWED.fullmatch(name)
        suspicious = SUSPICIOUS.match(name) and not MEANT.fullmatch(name)
        if floats or suspicious or NEVER.search(name):
            found.append((number, name))
    return found


def report(what, ptx):
    """Prints what was scanned; ends the program where something is outside the contract."""
    found = faults(ptx)
    for number, name in found:
        print(f"{what}:{number}: {name} is outside the contract", file=sys.stderr)
    if found:
        sys.exit(1)
    entries = len(re.findall(r"^\.visible \.entry", ptx, re.M))
    names = [name for _, name in instructions(ptx)]
    floats = sum(1 for name in names if FLOAT.search(name))
    print(f"{what}: {entries} kernels, {len(ptx)} bytes, {len(names)} instructions, {floats} of them on floats, none outside the contract")


# Kernels that break the contract: what is wrong, its source, options in place of ours, and an instruction that the scan must find.
BROKEN = [
    ("fused", "y[0] = y[0] * y[1] + y[2];", {"--fmad=false": "--fmad=true"}, "fma.rn.f32"),
    ("fused by hand", "y[0] = __fmaf_rn(y[0], y[1], y[2]);", {}, "fma.rn.f32"),
    ("fused in f64", "d[0] = d[0] * d[1] + d[2];", {"--fmad=false": "--fmad=true"}, "fma.rn.f64"),
    ("left to be fused later", "y[0] = y[0] * y[1];", {"--fmad=false": "--fmad=true"}, "mul.f32"),
    ("division", "y[0] = y[0] / y[1];", {"--prec-div=true": "--prec-div=false"}, "div.full.f32"),
    ("square root", "y[0] = sqrtf(y[0]);", {"--prec-sqrt=true": "--prec-sqrt=false"}, "sqrt.approx.f32"),
    ("flushed", "y[0] = y[0] + y[1];", {"--ftz=false": "--ftz=true"}, "add.rn.ftz.f32"),
    ("exp of the library", "y[0] = expf(y[0]);", {}, "ex2.approx.ftz.f32"),
    ("exp by hardware", "y[0] = __expf(y[0]);", {}, "ex2.approx.f32"),
    ("logarithm by hardware", "y[0] = __logf(y[0]);", {}, "lg2.approx.f32"),
    ("sine by hardware", "y[0] = __sinf(y[0]);", {}, "sin.approx.f32"),
    ("reciprocal root", "y[0] = rsqrtf(y[0]);", {}, "rsqrt.approx.f32"),
    ("atomic on f32", "atomicAdd(y, 1.0f);", {}, "atom.global.add.f32"),
    ("atomic on f64", "atomicAdd(d, 1.0);", {}, "atom.global.add.f64"),
    ("rounded down", "y[0] = __fadd_rd(y[0], y[1]);", {}, "add.rm.f32"),
    ("cut", "y[0] = __double2float_rz(d[0]);", {}, "cvt.rz.f32.f64"),
    (
        "TF32",
        'unsigned t; asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(t) : "f"(y[0])); i[0] = t;',
        {},
        "cvt.rna.tf32.f32",
    ),
]
SOUND = "y[0] = y[0] * y[1] + y[2] / sqrtf(y[3]); d[0] = d[0] * d[1] + (double)i[0]; atomicMin(i, 3);"


def test(compile, options):
    """Holds the scan against kernels that break the contract, and one that does not. `compile` makes PTX of a source with options."""
    kernel = 'extern "C" __global__ void broken(float* y, double* d, int* i) {{ {} }}'.format
    for what, body, changes, expected in BROKEN:
        found = [name for _, name in faults(compile(kernel(body), [changes.get(option, option) for option in options]))]
        if not any(name.startswith(expected) for name in found):
            sys.exit(f"the scan finds {found} in what is {what}, and not {expected}")
    found = faults(compile(kernel(SOUND), options))
    if found:
        sys.exit(f"the scan finds {found} in what is sound")
