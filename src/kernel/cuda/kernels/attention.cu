// attention: src/encoder/bert/forward.rs `attend`: softmax(Q·Kᵀ / root)·V of each text and head, keys and values the text's first `attended`
// tokens. A block 16 queries (or fewer, where scores of long texts would not fit shared memory) of a head of a text: blockIdx = tile, head, text.
//
// queries and keys [3, tokens·heads, stride] of grid_rows (row token·heads + head, stride = width rounded up to 32), values of grid_columns over
// the first attended[t] rows of each text (columns head·width …); starts and lengths [texts]; context [tokens, heads·width]. A text with a value
// that is not finite is reported by its first row.
#include "softmax.cuh"
#include "tile.cuh"

// Probabilities of a tile: rows of f32, 16 bytes apart from each other beyond their length so that eight lie in different banks. A row is put on
// its grid in place: of each 32 numbers (128 bytes) the digits are then three runs of 32 bytes.
struct Scores {
    Byte* first;
    int pitch;
    int rows;

    __device__ float* row(int r) const { return (float*)(first + r * pitch); }

    struct Step {
        const Scores& scores;
        int step;

        __device__ int operator()(int plane, int row, int word) const {
            if (row >= scores.rows) return 0;
            return ((const int*)(scores.first + row * scores.pitch + step * 128 + plane * 32))[word];
        }
    };

    __device__ Step at(int step) const { return Step{*this, step}; }
};

// Grids n numbers in place, filled up with zeros to a multiple of 32, and gives their exponent. All lanes of a warp.
__device__ inline int grid_in_place(float* x, int n) {
    unsigned largest = 0;
    for (int i = lane_id(); i < n; i += 32) {
        const unsigned bits = magnitude(x[i]);
        largest = bits > largest ? bits : largest;
    }
    const int e = grid_exponent(lane_max(largest));
    const double scale = grid_scale(e);
    for (int begin = 0; begin < n; begin += 32) {
        const int i = begin + lane_id();
        const int q = i < n ? on_grid(x[i], scale) : 0;
        // All have read before any writes.
        __syncwarp();
        for (int plane = 0; plane < 3; plane++) ((Byte*)(x + begin))[plane * 32 + lane_id()] = digit(q, plane);
    }
    return e;
}

extern "C" __global__ void attention(const Byte* queries, const int* query_exponents, const Byte* keys, const int* key_exponents, const Byte* values,
                                     long long value_plane, const long long* value_offsets, const int* value_exponents, const int* starts,
                                     const int* lengths, const int* attended_of, long long tokens, int heads, int width, int stride, int rows,
                                     float root, float* context, int* fault) {
    DYNAMIC_SHARED(Byte, shared);
    __shared__ int exponents[16];
    const int text = (int)blockIdx.z, head = (int)blockIdx.y, begin = (int)blockIdx.x * rows;
    const int length = lengths[text], attended = attended_of[text], start = starts[text];
    if (begin >= length) return;
    const int padded = (attended + 31) / 32 * 32, count = length - begin < rows ? length - begin : rows;
    const Scores scores{shared, 4 * padded + 16, count};
    const long long plane = tokens * heads * stride, between = (long long)heads * stride;
    const long long query = (long long)(start + begin) * heads + head, key = (long long)start * heads + head;

    const Rows left{queries + query * stride, plane, between, count};
    for (int column = warp_id() * 8; column < attended; column += WARPS * 8) {
        const Rows right{keys + (key + (long long)column * heads) * stride, plane, between, attended - column};
        Sums sums;
        sums.clear();
        for (int step = 0; step < stride / STEP; step++) Fastest::multiply(sums, Fastest::left(left.at(step)), Fastest::right(right.at(step)));
        for (int i = 0; i < 4; i++) {
            const int row = tile_row(i), at = column + tile_column(i);
            if (row >= count || at >= attended) continue;
            scores.row(row)[at] = scaled(sums.join(i), query_exponents[query + (long long)row * heads], key_exponents[key + (long long)at * heads]);
        }
    }
    __syncthreads();

    for (int row = warp_id(); row < count; row += WARPS) {
        softmax_row(scores.row(row), attended, root);
        const int e = grid_in_place(scores.row(row), attended);
        if (lane_id() == 0) {
            exponents[row] = e;
            if (e == NOT_FINITE) report(fault, start);
        }
    }
    __syncthreads();

    const int first = head * width;
    for (int column = warp_id() * 8; column < width; column += WARPS * 8) {
        const Rows right{values + value_offsets[text] + (long long)(first + column) * padded, value_plane, padded, width - column};
        Sums sums;
        sums.clear();
        for (int step = 0; step < padded / STEP; step++) Fastest::multiply(sums, Fastest::left(scores.at(step)), Fastest::right(right.at(step)));
        for (int i = 0; i < 4; i++) {
            const int row = tile_row(i), at = first + column + tile_column(i);
            if (row >= count || at >= first + width) continue;
            context[(long long)(start + begin + row) * heads * width + at] =
                scaled(sums.join(i), exponents[row], value_exponents[(long long)text * heads * width + at]);
        }
    }
}
