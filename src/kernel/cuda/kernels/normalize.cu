// normalize: reference::normalize of each row of x [rows, n], in place. A warp a row.
#include "norm.cuh"

extern "C" __global__ void normalize(float* x, long long rows, int n) {
    const long long row = warp_row();
    if (row >= rows) return;
    float* numbers = x + row * n;
    const float norm = length_of(numbers, n);
    const float divisor = norm > SMALLEST_NORM ? finite(norm) : SMALLEST_NORM;
    for (int i = lane_id(); i < n; i += 32) numbers[i] = numbers[i] / divisor;
}
