// Softmax of a row by a warp, in place. Lane l reads and writes elements l, l + 32, … only.
#pragma once
#include "math.cuh"

// reference::softmax of x / divisor.
__device__ inline void softmax_row(float* x, int n, float divisor) {
    float largest = -infinity();
    for (int i = lane_id(); i < n; i += 32) {
        x[i] = x[i] / divisor;
        largest = larger(largest, x[i]);
    }
    largest = lane_max(largest);
    const float total = lane_sum(n, [=](int i) { return x[i] = contract_exp(x[i] - largest); });
    for (int i = lane_id(); i < n; i += 32) x[i] = x[i] / total;
}
