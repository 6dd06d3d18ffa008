// pool: src/encoder/pooling.rs: the mean (0), the first (1) or the largest (2) of each column of each text's states. A thread a column of a text.
//
// states [tokens, n]; text blockIdx.y has the rows starts[text] … starts[text + 1], at least one; out [texts, n].
#include "contract.cuh"

constexpr int MEAN = 0;
constexpr int MAX = 2;

extern "C" __global__ void pool(int kind, const float* states, const int* starts, int n, float* out) {
    const int column = (int)(blockIdx.x * blockDim.x + threadIdx.x), text = (int)blockIdx.y;
    if (column >= n) return;
    const int start = starts[text], tokens = starts[text + 1] - start;
    const float* state = states + (long long)start * n + column;
    float pooled = state[0];
    if (kind == MEAN) {
        for (int i = 1; i < tokens; i++) pooled += state[(long long)i * n];
        pooled /= (float)tokens;
    }
    if (kind == MAX)
        for (int i = 1; i < tokens; i++) pooled = larger(pooled, state[(long long)i * n]);
    out[(long long)text * n + column] = pooled;
}
