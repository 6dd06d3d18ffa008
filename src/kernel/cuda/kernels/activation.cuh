// Activations and their derivatives: reference::{gelu, gelu_new, relu} and reference::backward's.
#pragma once
#include "math.cuh"

// As the wrappers number them.
constexpr int GELU = 1;
constexpr int GELU_NEW = 2;
constexpr int RELU = 3;

constexpr float ROOT_HALF = 0.707106781186547524400844362104849039f;
// 1/√(2π) and √(2/π).
constexpr float DENSITY = 0.3989423f;
constexpr float ROOT = 0.7978846f;

// Of another kind: x itself.
__device__ inline float activated(int kind, float x) {
    if (kind == GELU) return (0.5f * x) * (1.0f + contract_erf(x * ROOT_HALF));
    if (kind == GELU_NEW) return (0.5f * x) * (1.0f + contract_tanh(ROOT * (x + 0.044715f * ((x * x) * x))));
    if (kind == RELU) return x > 0.0f ? x : 0.0f;
    return x;
}

// From the gradient at an activation's output to that at its input x.
__device__ inline float activation_slope(int kind, float x, float gradient) {
    if (kind == GELU) {
        const float below = 0.5f * (1.0f + contract_erf(x * ROOT_HALF));
        const float density = contract_exp(-0.5f * (x * x)) * DENSITY;
        return gradient * (below + x * density);
    }
    if (kind == GELU_NEW) {
        float held = x > 16.0f ? 16.0f : x;
        held = held < -16.0f ? -16.0f : held;
        const float t = contract_tanh(ROOT * (held + 0.044715f * ((held * held) * held)));
        const float inner = ROOT * (1.0f + 0.134145f * (held * held));
        return gradient * (0.5f * (1.0f + t) + ((0.5f * held) * (1.0f - t * t)) * inner);
    }
    if (kind == RELU) return x > 0.0f ? gradient : 0.0f;
    return gradient;
}
