// backward_normalize: reference::backward::normalize of each row of x [rows, n], gradient [rows, n] in place. A warp a row.
#include "norm.cuh"

extern "C" __global__ void backward_normalize(const float* x, float* gradient, long long rows, int n) {
    const long long row = warp_row();
    if (row >= rows) return;
    const float* numbers = x + row * n;
    float* slopes = gradient + row * n;
    const float length = length_of(numbers, n);
    if (length > SMALLEST_NORM) {
        const float norm = finite(length);
        const float along = lane_sum(n, [=](int i) { return (numbers[i] / norm) * slopes[i]; });
        for (int i = lane_id(); i < n; i += 32) slopes[i] = (slopes[i] - (numbers[i] / norm) * along) / norm;
    } else {
        for (int i = lane_id(); i < n; i += 32) slopes[i] = slopes[i] / SMALLEST_NORM;
    }
}
