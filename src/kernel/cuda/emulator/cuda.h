// What the kernels use of CUDA C++, for a processor: names, types and intrinsics. The rest is in fibers.h.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>

#include "fibers.h"

#define SNELLEN_EMULATOR
#define __device__
#define __global__
#define __constant__ static const
// Blocks run one after the other, so that one copy of a block's memory is enough.
#define __shared__ static
#define __launch_bounds__(threads)
#define DYNAMIC_SHARED(type, name) type* const name = (type*)emulator::dynamic_shared()

struct alignas(16) int4 {
    int x, y, z, w;
};

using emulator::blockDim;
using emulator::blockIdx;
using emulator::gridDim;
using emulator::threadIdx;

template <class To, class From>
inline To bits_as(From from) {
    static_assert(sizeof(To) == sizeof(From), "of one size");
    To to;
    std::memcpy(&to, &from, sizeof to);
    return to;
}

inline float __int_as_float(int bits) { return bits_as<float>(bits); }
inline int __float_as_int(float x) { return bits_as<int>(x); }
inline double __longlong_as_double(long long bits) { return bits_as<double>(bits); }
inline long long __double_as_longlong(double x) { return bits_as<long long>(x); }

// To the nearest, ties to even, which is how processors round unless asked otherwise.
inline int __double2int_rn(double x) { return (int)std::nearbyint(x); }

// Threads take turns, so that nothing comes between.
inline int atomicMin(int* at, int value) {
    const int old = *at;
    if (value < old) *at = value;
    return old;
}

inline int atomicAdd(int* at, int value) {
    const int old = *at;
    *at = old + value;
    return old;
}

inline void __syncthreads() { emulator::block_barrier(); }
inline void __syncwarp() { emulator::warp_barrier(); }

template <class T>
inline T __shfl_xor_sync(unsigned mask, T value, int by) {
    static_assert(sizeof(T) == 4, "values of four bytes");
    return bits_as<T>(emulator::exchange(mask, bits_as<unsigned>(value), (int)(threadIdx.x % 32) ^ by));
}
