// activation: reference::gelu (1), gelu_new (2) or relu (3) of each of n numbers, in place.
#include "activation.cuh"

extern "C" __global__ void activation(int kind, float* x, long long n) {
    const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) x[i] = activated(kind, x[i]);
}
