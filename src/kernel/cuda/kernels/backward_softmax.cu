// backward_softmax: reference::backward::softmax of rows of probabilities p [rows, n], gradient [rows, n] in place. A warp a row.
#include "contract.cuh"

extern "C" __global__ void backward_softmax(const float* p, float* gradient, long long rows, int n, float divisor) {
    const long long row = warp_row();
    if (row >= rows) return;
    const float* shares = p + row * n;
    float* slopes = gradient + row * n;
    const float mean = lane_sum(n, [=](int i) { return shares[i] * slopes[i]; });
    for (int i = lane_id(); i < n; i += 32) slopes[i] = (shares[i] * (slopes[i] - mean)) / divisor;
}
