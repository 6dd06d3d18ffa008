// The kernels on a processor, behind the few functions that src/kernel/cuda/emulator.rs calls.
//
// Memory is given out so that its end (rounded up to 16 bytes, as kernels may read that much at once) is followed by a page that nobody may
// touch, and is filled with bytes that are neither a number nor a count.
#include "cuda.h"

#include <sys/mman.h>
#include <unistd.h>

#include <map>
#include <tuple>
#include <utility>

#include "../kernels/all.cu"

namespace {

constexpr size_t TOTAL = (size_t)1 << 30;

struct Block {
    void* pages;
    size_t size;
    size_t asked;
};

std::map<void*, Block> memory;
size_t used;

template <class T>
constexpr char KIND = 'p';
template <>
constexpr char KIND<int> = 'i';
template <>
constexpr char KIND<long long> = 'l';
template <>
constexpr char KIND<float> = 'f';

using Launch = std::string (*)(void** arguments, const char* kinds, const std::function<std::string(const std::function<void()>&)>& run);

// Calls a kernel with arguments of exactly the kinds that it has. A driver is not told them.
template <auto kernel>
struct Entry;

template <class... P, void (*kernel)(P...)>
struct Entry<kernel> {
    template <size_t... I>
    static void call(void** arguments, std::index_sequence<I...>) {
        kernel(*(P*)arguments[I]...);
    }

    static std::string launch(void** arguments, const char* kinds, const std::function<std::string(const std::function<void()>&)>& run) {
        const std::string expected{KIND<P>...};
        if (kinds && kinds != expected) return "arguments " + std::string(kinds) + " where the kernel has " + expected;
        return run([=] { call(arguments, std::make_index_sequence<sizeof...(P)>()); });
    }
};

#define ENTRY(name) {#name, Entry<name>::launch}
const std::map<std::string, Launch> kernels = {
    ENTRY(grid_rows),
    ENTRY(grid_columns),
#if __CUDA_ARCH__ >= 800
    ENTRY(product),
#endif
    ENTRY(product_dp4a),
    ENTRY(layer_norm),
    ENTRY(embed),
    ENTRY(softmax),
    ENTRY(attention),
    ENTRY(activation),
    ENTRY(pool),
    ENTRY(normalize),
    ENTRY(select_best),
    ENTRY(max_sim),
    ENTRY(functions),
    ENTRY(column_sums),
    ENTRY(backward_layer_norm),
    ENTRY(backward_softmax),
    ENTRY(backward_activation),
    ENTRY(backward_normalize),
    ENTRY(backward_pool),
};

}  // namespace

#define EXPORT extern "C" __attribute__((visibility("default")))

// The compute capability whose code this is, times ten.
EXPORT int snellen_emulator_capability() { return __CUDA_ARCH__ / 10; }

EXPORT void snellen_emulator_memory(size_t* free, size_t* total) {
    *free = TOTAL - used;
    *total = TOTAL;
}

EXPORT void* snellen_emulator_allocate(size_t bytes) {
    if (bytes > TOTAL - used) return nullptr;
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), rounded = (bytes + 15) / 16 * 16;
    const size_t size = (rounded + page - 1) / page * page + page;
    char* const pages = (char*)mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) return nullptr;
    mprotect(pages + size - page, page, PROT_NONE);
    char* const first = pages + size - page - rounded;
    std::memset(pages, 0xff, size - page);
    memory[first] = Block{pages, size, bytes};
    used += bytes;
    return first;
}

// Gives whether nobody wrote beyond the block's ends.
EXPORT int snellen_emulator_free(void* first) {
    const auto found = memory.find(first);
    if (found == memory.end()) return 0;
    const Block block = found->second;
    int intact = 1;
    const char* const end = (const char*)block.pages + block.size - (size_t)sysconf(_SC_PAGESIZE);
    for (const char* at = (const char*)block.pages; at < end; at++)
        if ((at < (const char*)first || at >= (const char*)first + block.asked) && *at != (char)0xff) intact = 0;
    munmap(block.pages, block.size);
    memory.erase(found);
    used -= block.asked;
    return intact;
}

// Runs a kernel; what went wrong is left in `message`, which is empty otherwise.
EXPORT void snellen_emulator_launch(const char* name, const unsigned grid[3], const unsigned block[3], unsigned shared, int order, void** arguments,
                                    const char* kinds, char* message, size_t size) {
    const auto found = kernels.find(name);
    const auto run = [&](const std::function<void()>& body) {
        return emulator::run({grid[0], grid[1], grid[2]}, {block[0], block[1], block[2]}, shared, (emulator::Order)order, body);
    };
    const std::string fault = found == kernels.end() ? "no such kernel" : found->second(arguments, kinds, run);
    std::strncpy(message, fault.c_str(), size - 1);
    message[size - 1] = 0;
}
