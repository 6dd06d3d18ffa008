// The contract's building blocks on a GPU: sums in 32 lanes, grids, digits, joins. A warp is the 32 lanes of a row sum.
//
// Multiplications and additions of floats are written as operators and compiled with --fmad=false, which makes them mul.rn and add.rn; the
// scan of the PTX (scan.py) refuses every other kind. There are no atomics on floats and no approximations.
#pragma once

using Byte = signed char;
using Wide = unsigned long long;

#ifndef SNELLEN_EMULATOR
// The shared memory whose size the launch says.
extern __shared__ int4 dynamic_shared[];
#define DYNAMIC_SHARED(type, name) type* const name = (type*)dynamic_shared
#endif

constexpr unsigned ALL = 0xffffffffu;
// The largest magnitude on the grid: reference::GRID_MAX.
constexpr int GRID_MAX = 8355711;
// The exponent of a row that has no grid, as a value in it is not finite.
constexpr int NOT_FINITE = -2147483647 - 1;
constexpr unsigned INFINITE_BITS = 0x7f800000u;

__device__ inline float not_a_number() { return __int_as_float(0x7fc00000); }
__device__ inline float infinity() { return __int_as_float((int)INFINITE_BITS); }

__device__ inline int lane_id() { return (int)(threadIdx.x % 32); }
__device__ inline int warp_id() { return (int)(threadIdx.x / 32); }

// This warp's row, where each warp of a grid in x has one.
__device__ inline long long warp_row() { return (long long)blockIdx.x * (blockDim.x / 32) + warp_id(); }

// Notes the first row that has a value that is not finite; `fault` may be null. A minimum of integers: free of order.
__device__ inline void report(int* fault, long long row) {
    if (fault != nullptr) atomicMin(fault, (int)row);
}

// The larger of two, the first where the second is NaN.
__device__ inline float larger(float peak, float x) { return x > peak ? x : peak; }

// reference::sum of term(0), …, term(n - 1); term is called by the lane that adds it. All lanes of the warp call this and get the sum.
template <class Term>
__device__ inline float lane_sum(int n, Term term) {
    float lane = 0.0f;
    for (int i = lane_id(); i < n; i += 32) lane += term(i);
    // Each lane adds the same pairs: a + b is b + a.
    for (int width = 16; width > 0; width /= 2) lane += __shfl_xor_sync(ALL, lane, width);
    return lane;
}

// The largest of a value of each lane, NaN left out.
__device__ inline float lane_max(float value) {
    for (int width = 16; width > 0; width /= 2) value = larger(value, __shfl_xor_sync(ALL, value, width));
    return value;
}

// The largest of a bit pattern of each lane.
__device__ inline unsigned lane_max(unsigned value) {
    for (int width = 16; width > 0; width /= 2) {
        const unsigned other = __shfl_xor_sync(ALL, value, width);
        value = other > value ? other : value;
    }
    return value;
}

// reference::finite.
__device__ inline float finite(float divisor) { return divisor == infinity() ? not_a_number() : divisor; }

// reference::power_of_two.
__device__ inline double power_of_two(int e) { return __longlong_as_double((long long)(1023 + e) << 52); }

// The bits of a magnitude, which compare as magnitudes do; those of what is not finite are above all others.
__device__ inline unsigned magnitude(float x) { return (unsigned)__float_as_int(x) & 0x7fffffffu; }

// The e of a grid from the bits of its row's largest magnitude, or NOT_FINITE: product::grid::exponent.
__device__ inline int grid_exponent(unsigned largest) {
    if (largest >= INFINITE_BITS) return NOT_FINITE;
    if (largest == 0) return 0;
    const double m = (double)__int_as_float((int)largest);
    const int e = (int)(__double_as_longlong(m) >> 52) - 1023 - 22;
    return __double2int_rn(m * power_of_two(-e)) > GRID_MAX ? e + 1 : e;
}

// 2^-e of a row's grid; of a row without one 0, so that its digits are those of 0 and nothing overflows.
__device__ inline double grid_scale(int e) { return e == NOT_FINITE ? 0.0 : power_of_two(-e); }

// x on a grid; 0 where x is not finite.
__device__ inline int on_grid(float x, double scale) {
    return magnitude(x) >= INFINITE_BITS ? 0 : __double2int_rn((double)x * scale);
}

// The digit of weight 256^plane of q = d2·2^16 + d1·2^8 + d0, digits in -128 … 127.
__device__ inline Byte digit(int q, int plane) {
    const int d0 = (Byte)(q & 255);
    if (plane == 0) return (Byte)d0;
    const int rest = (q - d0) >> 8;
    const int d1 = (Byte)(rest & 255);
    return plane == 1 ? (Byte)d1 : (Byte)((rest - d1) >> 8);
}

// One digit of four numbers, the first in the lowest byte.
__device__ inline int digits(const int q[4], int plane) {
    unsigned word = 0;
    for (int i = 0; i < 4; i++) word |= (unsigned)(unsigned char)digit(q[i], plane) << (8 * i);
    return (int)word;
}

// reference::scaled; NaN where either exponent is NOT_FINITE, which is reported elsewhere.
__device__ inline float scaled(long long sum, int ea, int eb) {
    if (ea == NOT_FINITE || eb == NOT_FINITE) return not_a_number();
    return (float)((double)(float)sum * power_of_two(ea + eb));
}
