// Exact products of gridded rows, reference::product, with what follows them. Shared by product.cu and product_dp4a.cu.
//
// a [3, m, stride], b [3, n, stride]: planes of digits (grid.cu) with their exponents; out [m, n], rows `out_stride` apart; bias [n] or null;
// residual [m, n], rows `residual_stride` apart, or null; carry [m, n] where rows are longer than BLOCK_TERMS, else null.
//
// A block of 8 warps makes 128 x 64 outputs, a warp 32 x 32 of them. Steps of 32 terms pass through two stages of shared memory: one is filled
// while the other is multiplied.
#pragma once
#include "activation.cuh"
#include "tile.cuh"

constexpr int TILE_ROWS = 128;
constexpr int TILE_COLUMNS = 64;
constexpr int THREADS = 256;
constexpr int PARTS = 32;

// Digits of a step: rows of two chunks of 16 bytes.
template <int COUNT>
struct Stage {
    int4 chunk[3][COUNT][2];

    // Where chunk c of a row is: swapped in every other four rows, so that eight rows lie in different banks.
    __device__ static int place(int row, int c) { return c ^ ((row >> 2) & 1); }
};

// Begins to copy 16 bytes into shared memory; zeros where the source is not valid.
__device__ inline void copy_chunk(int4* to, const Byte* from, bool valid) {
#if __CUDA_ARCH__ >= 800 && !defined(SNELLEN_EMULATOR)
    const unsigned address = (unsigned)__cvta_generic_to_shared(to);
    const int bytes = valid ? 16 : 0;
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(address), "l"(from), "r"(bytes) : "memory");
#else
    *to = valid ? *(const int4*)from : int4{0, 0, 0, 0};
#endif
}

// Waits for this thread's copies.
__device__ inline void wait_for_copies() {
#if __CUDA_ARCH__ >= 800 && !defined(SNELLEN_EMULATOR)
    asm volatile("cp.async.wait_all;" ::: "memory");
#endif
}

// This thread's part of copying steps of the rows `first` … of a gridded matrix: half a row's step, of one plane or more.
template <int COUNT>
struct Copier {
    static constexpr int HALVES = 2 * COUNT;
    const Byte* from;
    long long plane;
    bool valid;

    __device__ static int half() { return (int)threadIdx.x % HALVES; }

    __device__ Copier(const Byte* planes, long long rows, int stride, long long first) {
        const long long row = first + half() / 2;
        valid = row < rows;
        from = valid ? planes + row * stride + half() % 2 * 16 : planes;
        plane = rows * stride;
    }

    // Begins to.
    __device__ void copy(Stage<COUNT>& stage, int step) const {
        const int row = half() / 2, place = Stage<COUNT>::place(row, half() % 2);
#pragma unroll
        for (int i = 0; i < 3; i += THREADS / HALVES) {
            const int at = i + (int)threadIdx.x / HALVES;
            if (at < 3) copy_chunk(&stage.chunk[at][row][place], from + (valid ? at * plane + step * STEP : 0), valid);
        }
    }
};

// A stage from row `first` on as an operand of a tile.
template <int COUNT>
struct Staged {
    const Stage<COUNT>& stage;
    int first;

    __device__ int operator()(int plane, int row, int word) const {
        const int at = first + row;
        return ((const int*)&stage.chunk[plane][at][Stage<COUNT>::place(at, word / 4)])[word % 4];
    }
};

// What a block holds: the stages, and after them its products, in rows that are a little longer so that fewer lie in one bank.
union Memory {
    struct {
        Stage<TILE_ROWS> left[2];
        Stage<TILE_COLUMNS> right[2];
    } stages;
    float products[TILE_ROWS][TILE_COLUMNS + 8];
};

struct Product {
    const Byte* a;
    const int* a_exponents;
    long long m;
    const Byte* b;
    const int* b_exponents;
    long long n;
    int stride;
    const float* bias;
    int activation;
    const float* residual;
    long long residual_stride;
    float* out;
    long long out_stride;
    long long* carry;

    // A finished output, or nothing where the sum is left to the next block of terms, which adds to it.
    __device__ void scale(long long row, long long column, long long sum, bool first, bool last, float& out) const {
        if (row >= m || column >= n) return;
        if (!first) sum += carry[row * n + column];
        if (last)
            out = scaled(sum, a_exponents[row], b_exponents[column]);
        else
            carry[row * n + column] = sum;
    }

    // What follows the product, each rounded separately.
    __device__ void finish(long long row, long long column, float value) const {
        if (bias != nullptr) value += bias[column];
        value = activated(activation, value);
        if (residual != nullptr) value += residual[row * residual_stride + column];
        out[row * out_stride + column] = value;
    }

    template <class Unit>
    __device__ void tile() const {
        __shared__ Memory memory;
        auto& left = memory.stages.left;
        auto& right = memory.stages.right;
        const long long tiles = (m + TILE_ROWS - 1) / TILE_ROWS;
        const long long row = (long long)blockIdx.x % tiles * TILE_ROWS, column = (long long)blockIdx.x / tiles * TILE_COLUMNS;
        const int top = warp_id() % 4 * PARTS, side = warp_id() / 4 * PARTS;
        const bool idle = row + top >= m || column + side >= n;
        const int steps = stride / STEP;
        const Copier<TILE_ROWS> rows(a, m, stride, row);
        const Copier<TILE_COLUMNS> columns(b, n, stride, column);

        for (int begin = 0; begin < steps || begin == 0; begin += BLOCK_TERMS / STEP) {
            const int end = steps - begin > BLOCK_TERMS / STEP ? begin + BLOCK_TERMS / STEP : steps;
            Sums sums[2][4];
#pragma unroll
            for (int i = 0; i < 2; i++)
#pragma unroll
                for (int j = 0; j < 4; j++) sums[i][j].clear();

            __syncthreads();
            if (begin < end) {
                rows.copy(left[0], begin);
                columns.copy(right[0], begin);
            }
#pragma unroll 1
            for (int step = begin; step < end; step++) {
                const int now = (step - begin) % 2;
                wait_for_copies();
                // Everybody's copies are there, and nobody still reads the other stage.
                __syncthreads();
                if (step + 1 < end) {
                    rows.copy(left[1 - now], step + 1);
                    columns.copy(right[1 - now], step + 1);
                }
                if (idle) continue;
                const auto upper = Unit::left(Staged<TILE_ROWS>{left[now], top});
                const auto lower = Unit::left(Staged<TILE_ROWS>{left[now], top + 16});
#pragma unroll
                for (int j = 0; j < 4; j++) {
                    const auto eight = Unit::right(Staged<TILE_COLUMNS>{right[now], side + 8 * j});
                    Unit::multiply(sums[0][j], upper, eight);
                    Unit::multiply(sums[1][j], lower, eight);
                }
            }
            // Nobody reads the stages any more.
            __syncthreads();
            if (idle) continue;
#pragma unroll
            for (int i = 0; i < 2; i++)
#pragma unroll
                for (int j = 0; j < 4; j++)
#pragma unroll
                    for (int at = 0; at < 4; at++) {
                        const int r = top + 16 * i + tile_row(at), c = side + 8 * j + tile_column(at);
                        scale(row + r, column + c, sums[i][j].join(at), begin == 0, end == steps, memory.products[r][c]);
                    }
        }
        __syncthreads();
        // Outputs side by side belong to threads side by side.
#pragma unroll 1
        for (int i = (int)threadIdx.x; i < TILE_ROWS * TILE_COLUMNS; i += THREADS) {
            const int r = i / TILE_COLUMNS, c = i % TILE_COLUMNS;
            if (row + r < m && column + c < n) finish(row + r, column + c, memory.products[r][c]);
        }
    }
};
