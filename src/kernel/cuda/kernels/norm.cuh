// LayerNorm of a row by a warp. Lane l reads and writes elements l, l + 32, … only, so that rows may be normed in place.
#pragma once
#include "contract.cuh"

struct Moments {
    float mean;
    float deviation;
};

// Mean and √(variance + ε) as reference::layer_norm has them.
__device__ inline Moments moments(const float* x, int n, float epsilon) {
    const float mean = lane_sum(n, [=](int i) { return x[i]; }) / (float)n;
    const float squares = lane_sum(n, [=](int i) { return (x[i] - mean) * (x[i] - mean); });
    return Moments{mean, finite(sqrtf(squares / (float)n + epsilon))};
}

__device__ inline void norm_row(const float* x, int n, const float* weight, const float* bias, float epsilon, float* out) {
    const Moments of = moments(x, n, epsilon);
    for (int i = lane_id(); i < n; i += 32) out[i] = ((x[i] - of.mean) / of.deviation) * weight[i] + bias[i];
}

// No row is divided by a smaller norm: reference::normalize.
constexpr float SMALLEST_NORM = 1e-12f;

// The L2 norm of a row.
__device__ inline float length_of(const float* x, int n) {
    return sqrtf(lane_sum(n, [=](int i) { return x[i] * x[i]; }));
}
