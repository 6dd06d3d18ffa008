"""Compiles the kernels to PTX with NVRTC, for those who change them: users need the driver alone, which compiles the committed PTX for its card.

    ptx.py NVRTC write          writes ptx/*.ptx; NVRTC is the pinned version
    ptx.py NVRTC check          whether ptx/*.ptx are what this NVRTC makes of the kernels
    ptx.py NVRTC scan [ARCH…]   compiles for ARCH (75, 80, …; without any, for all from 75 on) and scans each PTX and the committed ones (scan.py)
    ptx.py NVRTC test           the scan finds what it should in kernels that break the contract

NVRTC is the folder that `pip install --target` made of nvidia-cuda-nvrtc-cu12 (12.0.140 is pinned: its PTX is of version 8.0, which drivers from
525 on accept) or of a newer nvidia-cuda-nvrtc.
"""

import ctypes
import pathlib
import sys

# Tests read everything below src as text.
sys.dont_write_bytecode = True

import scan

HERE = pathlib.Path(__file__).resolve().parent
# What is shipped: int8 tensor cores and asynchronous copies begin with 80.
SHIPPED = [75, 80]
# Nothing fused, nothing flushed, division and square root as IEEE has them.
OPTIONS = ["--fmad=false", "--ftz=false", "--prec-div=true", "--prec-sqrt=true", "--std=c++17"]


class Nvrtc:
    """NVRTC, loaded from a folder."""

    def __init__(self, folder):
        libraries = [path for path in pathlib.Path(folder).resolve().rglob("libnvrtc*.so*") if ".alt." not in path.name]
        builtins = [path for path in libraries if "builtins" in path.name]
        main = [path for path in libraries if "builtins" not in path.name]
        if not main:
            sys.exit(f"no libnvrtc below {folder}")
        for path in builtins:
            ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)
        self.library = ctypes.CDLL(str(main[0]))

    def call(self, name, *arguments):
        status = getattr(self.library, name)(*arguments)
        if status != 0:
            self.library.nvrtcGetErrorString.restype = ctypes.c_char_p
            raise RuntimeError(f"{name}: {self.library.nvrtcGetErrorString(status).decode()}")

    def version(self):
        major, minor = ctypes.c_int(), ctypes.c_int()
        self.call("nvrtcVersion", ctypes.byref(major), ctypes.byref(minor))
        return f"{major.value}.{minor.value}"

    def architectures(self):
        """Those it can compile for, ascending."""
        count = ctypes.c_int()
        self.call("nvrtcGetNumSupportedArchs", ctypes.byref(count))
        found = (ctypes.c_int * count.value)()
        self.call("nvrtcGetSupportedArchs", found)
        return sorted(found)

    def text(self, program, of):
        size = ctypes.c_size_t()
        self.call(f"nvrtcGet{of}Size", program, ctypes.byref(size))
        buffer = ctypes.create_string_buffer(size.value)
        self.call(f"nvrtcGet{of}", program, buffer)
        return buffer.value.decode()

    def compile(self, source, headers, architecture, options):
        """The PTX of a source text whose includes are found in `headers`, by name: no path enters it."""
        program = ctypes.c_void_p()
        texts = (ctypes.c_char_p * len(headers))(*[text.encode() for text in headers.values()])
        names = (ctypes.c_char_p * len(headers))(*[name.encode() for name in headers])
        self.call("nvrtcCreateProgram", ctypes.byref(program), source.encode(), b"kernels.cu", len(headers), texts, names)
        words = [f"--gpu-architecture=compute_{architecture}", *options]
        arguments = (ctypes.c_char_p * len(words))(*[word.encode() for word in words])
        try:
            self.call("nvrtcCompileProgram", program, len(words), arguments)
        except RuntimeError as error:
            sys.exit(f"{error}\n{self.text(program, 'ProgramLog')}")
        return self.text(program, "PTX")


def kernels(nvrtc, architecture):
    headers = {path.name: path.read_text(encoding="utf-8") for path in sorted((HERE / "kernels").iterdir())}
    return nvrtc.compile(headers["all.cu"], headers, architecture, OPTIONS)


def shipped(architecture):
    return HERE / "ptx" / f"compute_{architecture}.ptx"


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    nvrtc, command = Nvrtc(sys.argv[1]), sys.argv[2]
    if command == "test":
        scan.test(lambda source, options: nvrtc.compile(source, {}, 80, options), OPTIONS)
        print(f"NVRTC {nvrtc.version()}: the scan finds what it should")
    elif command == "write":
        for architecture in SHIPPED:
            shipped(architecture).write_text(kernels(nvrtc, architecture), encoding="utf-8")
    elif command == "check":
        for architecture in SHIPPED:
            path = shipped(architecture)
            if path.read_text(encoding="utf-8") != kernels(nvrtc, architecture):
                sys.exit(f"{path.name} is not what NVRTC {nvrtc.version()} makes of the kernels: run ptx.py write")
            print(f"{path.name}: what NVRTC {nvrtc.version()} makes of the kernels")
    elif command == "scan":
        for architecture in SHIPPED:
            scan.report(shipped(architecture).name, shipped(architecture).read_text(encoding="utf-8"))
        known = [architecture for architecture in nvrtc.architectures() if architecture >= 75]
        wanted = [int(word) for word in sys.argv[3:]] or known
        for architecture in wanted:
            scan.report(f"NVRTC {nvrtc.version()} compute_{architecture}", kernels(nvrtc, architecture))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
