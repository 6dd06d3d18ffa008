// column_sums: reference::backward::column_sums of matrix [rows, n] into out [n]. A block 16 columns, with the 32 lanes of each.
#include "contract.cuh"

constexpr int COLUMNS = 16;

extern "C" __global__ void column_sums(const float* matrix, long long rows, int n, float* out) {
    __shared__ float lanes[32][COLUMNS];
    const int at = (int)threadIdx.x % COLUMNS, lane = (int)threadIdx.x / COLUMNS;
    const int column = (int)blockIdx.x * COLUMNS + at;
    float sum = 0.0f;
    if (column < n)
        for (long long i = lane; i < rows; i += 32) sum += matrix[i * n + column];
    lanes[lane][at] = sum;
    for (int width = 16; width > 0; width /= 2) {
        __syncthreads();
        if (lane < width) lanes[lane][at] += lanes[lane + width][at];
    }
    if (lane == 0 && column < n) out[column] = lanes[0][at];
}
