// Tiles of exact products: 16 rows by 8 columns a warp, 32 terms a step.
//
// Nine products of digits fall into five int32 sums by weight. Of a tile, lane l holds rows l/4 and l/4 + 8, columns 2(l%4) and 2(l%4) + 1, in
// the order in which `mma` has them. Both units below leave the same integers in the same places.
//
// An operand is a function at(plane, row, word) of 16 rows (left) or 8 (right) and the 8 words of four digits of a step.
#pragma once
#include "contract.cuh"

// The middle sum has three products a term, each of at most 2^14: 3 · 2^14 · 32,768 < 2^31.
constexpr int BLOCK_TERMS = 32768;
constexpr int STEP = 32;
// Warps of a block of attention and late interaction.
constexpr int WARPS = 4;

struct Sums {
    int by_weight[5][4];

    __device__ void clear() {
        for (int weight = 0; weight < 5; weight++)
            for (int i = 0; i < 4; i++) by_weight[weight][i] = 0;
    }

    // The i-th of this lane's sums. Unsigned, so that what passes beyond 2^63 on the way is right modulo 2^64.
    __device__ long long join(int i) const {
        Wide sum = (Wide)(long long)by_weight[4][i];
        for (int weight = 3; weight >= 0; weight--) sum = sum * 256 + (Wide)(long long)by_weight[weight][i];
        return (long long)sum;
    }
};

// Row and column, within a tile, of this lane's i-th sum.
__device__ inline int tile_row(int i) { return lane_id() / 4 + 8 * (i / 2); }
__device__ inline int tile_column(int i) { return 2 * (lane_id() % 4) + i % 2; }

#if __CUDA_ARCH__ >= 800
// c += a·b of int8 on tensor cores: m16n8k32, the fragments as the PTX manual lays them out.
__device__ inline void mma(int c[4], const int a[4], const int b[2]) {
#ifdef SNELLEN_EMULATOR
    emulator::mma(c, a, b);
#else
    asm volatile("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#endif
}

// Tensor cores.
struct Tensor {
    struct Left {
        int word[3][4];
    };
    struct Right {
        int word[3][2];
    };

    template <class At>
    __device__ static Left left(At at) {
        const int row = lane_id() / 4, word = lane_id() % 4;
        Left left;
        for (int plane = 0; plane < 3; plane++)
            for (int i = 0; i < 4; i++) left.word[plane][i] = at(plane, row + 8 * (i % 2), word + 4 * (i / 2));
        return left;
    }

    template <class At>
    __device__ static Right right(At at) {
        Right right;
        for (int plane = 0; plane < 3; plane++)
            for (int i = 0; i < 2; i++) right.word[plane][i] = at(plane, lane_id() / 4, lane_id() % 4 + 4 * i);
        return right;
    }

    // All lanes of a warp together.
    __device__ static void multiply(Sums& sums, const Left& a, const Right& b) {
        for (int i = 0; i < 3; i++)
            for (int j = 0; j < 3; j++) mma(sums.by_weight[i + j], a.word[i], b.word[j]);
    }
};
#endif

// c + four products of signed bytes.
__device__ inline int dp4a(int a, int b, int c) {
#ifdef SNELLEN_EMULATOR
    return emulator::dp4a(a, b, c);
#else
    // The intrinsic becomes a call with older compilers.
    asm("dp4a.s32.s32 %0, %1, %2, %0;" : "+r"(c) : "r"(a), "r"(b));
    return c;
#endif
}

// Four products of digits an instruction, each lane for itself: it reads its two rows and two columns word by word.
struct Dp4a {
    template <class At>
    __device__ static At left(At at) { return at; }
    template <class At>
    __device__ static At right(At at) { return at; }

    template <class Left, class Right>
    __device__ static void multiply(Sums& sums, const Left& a, const Right& b) {
#pragma unroll 1
        for (int word = 0; word < STEP / 4; word++) {
            int left[3][2], right[3][2];
            for (int plane = 0; plane < 3; plane++)
                for (int i = 0; i < 2; i++) {
                    left[plane][i] = a(plane, tile_row(2 * i), word);
                    right[plane][i] = b(plane, tile_column(i), word);
                }
            for (int i = 0; i < 3; i++)
                for (int j = 0; j < 3; j++)
                    for (int at = 0; at < 4; at++) {
                        int& sum = sums.by_weight[i + j][at];
                        sum = dp4a(left[i][at / 2], right[j][at % 2], sum);
                    }
        }
    }
};

#if __CUDA_ARCH__ >= 800
using Fastest = Tensor;
#else
using Fastest = Dp4a;
#endif

// Rows of digits in memory: [planes 3][all rows][stride], where rows from `count` on read as zeros. `row` points to plane 0 of the first.
struct Rows {
    const Byte* row;
    long long plane;
    long long stride;
    int count;

    // The step-th 32 terms, as an operand.
    struct Step {
        const Rows& rows;
        int step;

        __device__ int operator()(int plane, int row, int word) const {
            if (row >= rows.count) return 0;
            return ((const int*)(rows.row + plane * rows.plane + row * rows.stride))[step * (STEP / 4) + word];
        }
    };

    __device__ Step at(int step) const { return Step{*this, step}; }
};
