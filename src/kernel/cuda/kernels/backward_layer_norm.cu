// backward_layer_norm: reference::backward::layer_norm of each row of x [rows, n], gradient [rows, n] in place, weight [n]. A warp a row.
#include "norm.cuh"

extern "C" __global__ void backward_layer_norm(const float* x, float* gradient, long long rows, int n, const float* weight, float epsilon) {
    const long long row = warp_row();
    if (row >= rows) return;
    const float* numbers = x + row * n;
    float* slopes = gradient + row * n;
    const Moments of = moments(numbers, n, epsilon);
    for (int i = lane_id(); i < n; i += 32) slopes[i] = slopes[i] * weight[i];
    const float mean = lane_sum(n, [=](int i) { return slopes[i]; }) / (float)n;
    const float slope = lane_sum(n, [=](int i) { return slopes[i] * ((numbers[i] - of.mean) / of.deviation); }) / (float)n;
    for (int i = lane_id(); i < n; i += 32) {
        const float normal = (numbers[i] - of.mean) / of.deviation;
        slopes[i] = ((slopes[i] - mean) - normal * slope) / of.deviation;
    }
}
