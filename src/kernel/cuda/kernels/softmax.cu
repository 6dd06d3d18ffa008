// softmax: rows::softmax: reference::softmax of each row of x [rows, n] divided by divisor, in place. A warp a row.
#include "softmax.cuh"

extern "C" __global__ void softmax(float* x, long long rows, int n, float divisor) {
    const long long row = warp_row();
    if (row < rows) softmax_row(x + row * n, n, divisor);
}
