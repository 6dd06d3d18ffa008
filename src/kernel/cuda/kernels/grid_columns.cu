// grid_columns: reference::grid of columns, as planes of digits whose rows are those columns: the transposed reading. A block 32 columns of a text.
//
// Text t has the rows starts[t] … starts[t] + lengths[t] of x (rows `row_stride` numbers apart) and `columns` columns of them. Its digits are at
// planes + plane·plane_size + offsets[t], a row of round_up(lengths[t], 32) bytes a column; exponents [texts, columns]. A text with a value that
// is not finite is reported by its first row.
#include "contract.cuh"

extern "C" __global__ void grid_columns(const float* x, long long row_stride, int columns, const int* starts, const int* lengths,
                                        const long long* offsets, Byte* planes, long long plane_size, int* exponents, int* fault) {
    __shared__ unsigned largest[8][32];
    __shared__ Byte tile[3][32][36];
    const int text = (int)blockIdx.y, first = (int)blockIdx.x * 32, column = first + lane_id();
    const int start = starts[text], length = lengths[text], stride = (length + 31) / 32 * 32;
    const float* numbers = x + start * row_stride + column;
    unsigned mine = 0;
    if (column < columns)
        for (int i = warp_id(); i < length; i += 8) {
            const unsigned bits = magnitude(numbers[i * row_stride]);
            mine = bits > mine ? bits : mine;
        }
    largest[warp_id()][lane_id()] = mine;
    __syncthreads();
    for (int warp = 0; warp < 8; warp++) mine = largest[warp][lane_id()] > mine ? largest[warp][lane_id()] : mine;
    const int e = grid_exponent(mine);
    if (warp_id() == 0 && column < columns) {
        exponents[(long long)text * columns + column] = e;
        if (e == NOT_FINITE) report(fault, start);
    }
    const double scale = grid_scale(e);
    for (int begin = 0; begin < length; begin += 32) {
        // A tile of 32 x 32, turned around in shared memory, so that both sides of it are read and written side by side.
        for (int i = warp_id(); i < 32; i += 8) {
            const bool valid = begin + i < length && column < columns;
            const int q = valid ? on_grid(numbers[(begin + i) * row_stride], scale) : 0;
            for (int plane = 0; plane < 3; plane++) tile[plane][lane_id()][i] = digit(q, plane);
        }
        __syncthreads();
        for (int i = (int)threadIdx.x; i < 3 * 32 * 8; i += 256) {
            const int plane = i / 256, row = i / 8 % 32, word = i % 8;
            if (first + row < columns)
                ((int*)(planes + plane * plane_size + offsets[text] + (long long)(first + row) * stride + begin))[word] =
                    ((const int*)tile[plane][row])[word];
        }
        __syncthreads();
    }
}
