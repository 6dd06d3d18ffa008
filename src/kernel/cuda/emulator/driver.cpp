// As much of NVIDIA's driver as src/kernel/cuda/driver.rs calls, before the emulator: with it the way through the driver is tested where there
// is none. Built with machine.cpp as libcuda.so. The numbers are those of cuda.h.
#include <cstddef>
#include <cstring>
#include <mutex>
#include <set>
#include <string>

extern "C" int snellen_emulator_capability();
extern "C" void snellen_emulator_memory(size_t* free, size_t* total);
extern "C" void* snellen_emulator_allocate(size_t bytes);
extern "C" int snellen_emulator_free(void* first);
extern "C" void snellen_emulator_launch(const char* name, const unsigned grid[3], const unsigned block[3], unsigned shared, int order, void** arguments,
                                        const char* kinds, char* message, size_t size);

namespace {

enum Result { Success = 0, InvalidValue = 1, OutOfMemory = 2, NotInitialized = 3, InvalidContext = 201, NotFound = 500, LaunchFailed = 719 };

constexpr int MAJOR = 75, MINOR = 76;

bool initialized;
// One context for all, entered by each thread that uses it.
int context;
thread_local void* entered;
std::string module_text;
std::set<std::string> functions;

// A driver is called from several threads, the emulator is not made for them.
std::mutex turn;

}  // namespace

#define DRIVER extern "C" __attribute__((visibility("default"))) int

DRIVER cuInit(unsigned flags) {
    initialized = true;
    return flags == 0 ? Success : InvalidValue;
}

DRIVER cuGetErrorName(int error, const char** name) {
    *name = error == LaunchFailed ? "CUDA_ERROR_LAUNCH_FAILED" : error == InvalidContext ? "CUDA_ERROR_INVALID_CONTEXT" : nullptr;
    return *name ? Success : InvalidValue;
}

DRIVER cuDeviceGetCount(int* count) {
    *count = 1;
    return initialized ? Success : NotInitialized;
}

DRIVER cuDeviceGet(int* device, int ordinal) {
    *device = 7;
    return ordinal == 0 ? Success : InvalidValue;
}

DRIVER cuDeviceGetName(char* name, int size, int device) {
    std::strncpy(name, "emulated card", (size_t)size);
    return device == 7 ? Success : InvalidValue;
}

DRIVER cuDeviceGetAttribute(int* value, int attribute, int device) {
    const int capability = snellen_emulator_capability();
    *value = attribute == MAJOR ? capability / 10 : capability % 10;
    return device == 7 && (attribute == MAJOR || attribute == MINOR) ? Success : InvalidValue;
}

DRIVER cuDevicePrimaryCtxRetain(void** of, int device) {
    *of = &context;
    return device == 7 ? Success : InvalidValue;
}

DRIVER cuDevicePrimaryCtxRelease_v2(int device) { return device == 7 ? Success : InvalidValue; }

DRIVER cuCtxSetCurrent(void* of) {
    entered = of;
    return of == &context ? Success : InvalidContext;
}

DRIVER cuModuleLoadData(void** module, const char* image) {
    const std::lock_guard<std::mutex> lock(turn);
    module_text = image;
    *module = &module_text;
    return entered ? Success : InvalidContext;
}

DRIVER cuModuleUnload(void* module) { return module == &module_text ? Success : InvalidValue; }

DRIVER cuModuleGetFunction(const void** function, void* module, const char* name) {
    const std::lock_guard<std::mutex> lock(turn);
    if (module != &module_text || module_text.find(".visible .entry " + std::string(name) + "(") == std::string::npos) return NotFound;
    *function = functions.insert(name).first->c_str();
    return Success;
}

DRIVER cuMemGetInfo_v2(size_t* free, size_t* total) {
    const std::lock_guard<std::mutex> lock(turn);
    snellen_emulator_memory(free, total);
    return entered ? Success : InvalidContext;
}

DRIVER cuMemAlloc_v2(void** first, size_t bytes) {
    const std::lock_guard<std::mutex> lock(turn);
    if (!entered) return InvalidContext;
    *first = bytes ? snellen_emulator_allocate(bytes) : nullptr;
    return !bytes ? InvalidValue : *first ? Success : OutOfMemory;
}

DRIVER cuMemFree_v2(void* first) {
    const std::lock_guard<std::mutex> lock(turn);
    if (!entered) return InvalidContext;
    return snellen_emulator_free(first) ? Success : InvalidValue;
}

DRIVER cuMemcpyHtoD_v2(void* to, const void* from, size_t bytes) {
    std::memcpy(to, from, bytes);
    return entered ? Success : InvalidContext;
}

DRIVER cuMemcpyDtoH_v2(void* to, const void* from, size_t bytes) {
    std::memcpy(to, from, bytes);
    return entered ? Success : InvalidContext;
}

DRIVER cuLaunchKernel(const char* name, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared,
                      void* stream, void** arguments, void** extra) {
    const std::lock_guard<std::mutex> lock(turn);
    if (!entered) return InvalidContext;
    if (stream || extra || !functions.count(name)) return InvalidValue;
    const unsigned grid[3] = {gx, gy, gz}, block[3] = {bx, by, bz};
    char message[256];
    snellen_emulator_launch(name, grid, block, shared, 0, arguments, nullptr, message, sizeof message);
    return *message ? LaunchFailed : Success;
}
