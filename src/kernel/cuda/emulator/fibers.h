// Thread blocks on a processor: a fiber a thread, each running until it waits for others. Meeting points of a warp (shuffles, mma) happen when
// all 32 lanes have come; a lane or a thread that cannot come any more is a fault of the kernel and is reported as one.
#pragma once
#include <functional>
#include <string>

namespace emulator {

struct Index {
    unsigned x, y, z;
};

extern Index threadIdx, blockIdx, blockDim, gridDim;

// In which order blocks, warps and lanes run. What a kernel computes must not depend on it.
enum class Order { Ascending, Descending, Scattered };

// Runs `body` for every thread of every block. Gives what went wrong, or nothing.
std::string run(Index grid, Index block, unsigned shared, Order order, const std::function<void()>& body);

// For threads:
void* dynamic_shared();
void block_barrier();
void warp_barrier();
unsigned exchange(unsigned mask, unsigned value, int source);
void mma(int c[4], const int a[4], const int b[2]);

// c + four products of signed bytes, modulo 2^32.
inline int dp4a(int a, int b, int c) {
    unsigned sum = (unsigned)c;
    for (int byte = 0; byte < 32; byte += 8) sum += (unsigned)((int)(signed char)(a >> byte) * (int)(signed char)(b >> byte));
    return (int)sum;
}

}  // namespace emulator
