// grid_rows: reference::grid of rows, as three planes of digits. A warp a row.
//
// Row r begins at x + (r / inner)·outer + (r % inner)·between (in numbers) and has k of them; inner = 1 and outer = k read a matrix [rows, k].
// planes [3, rows, stride] (digit 0 first; stride a multiple of 32, filled up with zeros), exponents [rows]. The first row that is not finite is
// reported divided by inner.
#include "contract.cuh"

extern "C" __global__ void grid_rows(const float* x, long long rows, int k, int inner, long long outer, long long between, Byte* planes,
                                     int stride, int* exponents, int* fault) {
    const long long row = warp_row();
    if (row >= rows) return;
    const float* numbers = x + row / inner * outer + row % inner * between;
    unsigned largest = 0;
    for (int i = lane_id(); i < k; i += 32) {
        const unsigned bits = magnitude(numbers[i]);
        largest = bits > largest ? bits : largest;
    }
    const int e = grid_exponent(lane_max(largest));
    if (lane_id() == 0) {
        exponents[row] = e;
        if (e == NOT_FINITE) report(fault, row / inner);
    }
    const double scale = grid_scale(e);
    for (int i = 4 * lane_id(); i < stride; i += 128) {
        int q[4];
        for (int j = 0; j < 4; j++) q[j] = i + j < k ? on_grid(numbers[i + j], scale) : 0;
        for (int plane = 0; plane < 3; plane++) *(int*)(planes + (plane * rows + row) * stride + i) = digits(q, plane);
    }
}
