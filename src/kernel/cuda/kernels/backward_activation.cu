// backward_activation: reference::backward::{gelu, gelu_new, relu} at each of n numbers x, from gradients to gradients in place.
#include "activation.cuh"

extern "C" __global__ void backward_activation(int kind, const float* x, float* gradient, long long n) {
    const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) gradient[i] = activation_slope(kind, x[i], gradient[i]);
}
